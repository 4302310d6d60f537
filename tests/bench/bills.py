"""Reading and rolling up a bill against DuckDB alone, in one run: ``python -m tests.bench.bills``.

Makes its own data. Each measurement is a process of its own, the ways alternate, and the best of the
runs counts, so that what else the machine does weighs as little as it can. Ways:

``group by``   the plainest: day × service, money added up as doubles
``same rows``  a GROUP BY by hand with the same rollup rows (resource, sku, tags …), nothing cleaned
``by hand``    ``same rows`` plus tags read and the same 20 rules applied, written in SQL
``sandrail``   cleaning, exact money, tags, rules, quarantine check: what ``sandrail ingest`` does
               before it stores
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guardrails.focus import COLUMNS

WAYS = ("group by", "same rows", "by hand", "sandrail")
RESOURCES = 1_400  # with 24 hours and 30 days: a million rows a month
RULES = 20

#: The 57 columns of FOCUS 1.2.
NAMES = list(COLUMNS)[:57]
_TAGS = (
    'case when r % 10 < 3 then \'{}\' else \'{"Team": "team-\' || (r % 8) || \'", "feature": '
    '"feature-\' || (r % 20) || \'", "experiment": "exp-\' || (r % 60) || \'", "env": "prod", '
    "\"stage\": \"' || ['pilot', 'scaled', 'production'][1 + r % 3] || '\", \"Name\": \"node-' || r "
    '|| \'", "cost-center": "\' || (r % 9) || \'"}\' end'
)
_TIME = "strftime({}, '%Y-%m-%dT%H:%M:%SZ')"
_MADE: dict[str, str] = {
    "AvailabilityZone": "'us-east-1' || chr((97 + r % 3)::int)",
    "BilledCost": "cost",
    "EffectiveCost": "cost",
    "ContractedCost": "cost",
    "ListCost": "cost * 2",
    "BillingAccountId": "'1234567890' || (r % 3)",
    "BillingAccountName": "'Acme ' || (r % 3)",
    "BillingCurrency": "case when r % 14 = 0 then 'EUR' else 'USD' end",
    "BillingPeriodStart": _TIME.format("date_trunc('month', t)"),
    "BillingPeriodEnd": _TIME.format("date_trunc('month', t) + interval 1 month"),
    "ChargePeriodStart": _TIME.format("t"),
    "ChargePeriodEnd": _TIME.format("t + interval 1 hour"),
    "ChargeCategory": "case when i % 997 = 0 then 'Credit' else 'Usage' end",
    "ChargeDescription": "'Charge for sku ' || (r % 60) || ' in region ' || (r % 5)",
    "ChargeFrequency": "'Usage-Based'",
    "ConsumedQuantity": "(i % 24 + 1)::varchar",
    "ConsumedUnit": "case when r % 4 = 0 then 'Tokens' else 'Hours' end",
    "InvoiceIssuerName": "'Issuer'",
    "ListUnitPrice": "'0.12'",
    "PricingCategory": "'Standard'",
    "PricingQuantity": "(i % 24 + 1)::varchar",
    "PricingUnit": "'Hours'",
    "ProviderName": "['AWS', 'Microsoft', 'Google Cloud'][1 + r % 3]",
    "PublisherName": "'Publisher'",
    "RegionId": "'region-' || (r % 5)",
    "RegionName": "'Region ' || (r % 5)",
    "ResourceId": "'arn:aws:ec2:region-' || (r % 5) || ':123456789:instance/i-' || md5(r::varchar)",
    "ResourceName": "'node-' || r",
    "ResourceType": "'Instance'",
    "ServiceCategory": "['AI and Machine Learning', 'Compute', 'Storage'][1 + r % 3]",
    "ServiceName": "'Service ' || (r % 25)",
    "SkuId": "'sku-' || (r % 60)",
    "SkuPriceId": "'sku-' || (r % 60) || '.p1'",
    "SubAccountId": "'acct-' || (r % 20)",
    "SubAccountName": "'Team account ' || (r % 20)",
    "SkuMeter": "case when r % 7 = 0 then 'GPU hours' else 'Meter ' || (r % 60) end",
    "ServiceSubcategory": "'Sub'",
    "SkuPriceDetails": "'{\"CoreCount\": 4}'",
    "PricingCurrency": "'USD'",
    "Tags": _TAGS,
}


def make(folder: Path, rows: int) -> tuple[Path, Path]:
    """Writes the same bill as CSV (all text) and Parquet (times, decimals and doubles typed)."""
    # In a process of its own: the peak memory of a process counts for those that it starts.
    _run("--make", str(folder), str(rows))
    return folder / f"bill-{rows}.csv", folder / f"bill-{rows}.parquet"


def _make(folder: Path, rows: int) -> None:
    import duckdb

    csv, parquet = folder / f"bill-{rows}.csv", folder / f"bill-{rows}.parquet"
    columns = ", ".join(f'{_MADE.get(name, "NULL::varchar")} AS "{name}"' for name in NAMES)
    connection = duckdb.connect()
    connection.execute(
        f"""COPY (WITH b AS (SELECT i, i % {RESOURCES} AS r,
            timestamp '2026-01-01' + interval 1 hour * (i // {RESOURCES}) AS t,
            ((hash(i) % 1000000) / 37000.0)::decimal(20, 8) AS cost FROM range({rows}) x(i))
        SELECT {columns} FROM b) TO '{csv}' (HEADER)"""
    )
    connection.execute(
        f"""COPY (SELECT * REPLACE (BillingPeriodStart::timestamp AS BillingPeriodStart,
            ChargePeriodStart::timestamp AS ChargePeriodStart,
            BilledCost::decimal(20, 8) AS BilledCost,
            ConsumedQuantity::double AS ConsumedQuantity)
        FROM read_csv('{csv}', all_varchar = true)) TO '{parquet}'"""
    )


def _rules() -> list[dict[str, Any]]:
    return [
        {
            "name": f"rule {i}",
            "when": {
                "ServiceName": f"Service {i}",
                "SubAccountName": {"regex": f"(?i)team account {i % 5}"},
            },
            "set": {"team": f"team-{i}", "feature": f"feature-{i}"},
        }
        for i in range(RULES)
    ]


_ROWS = (
    "ChargePeriodStart::date AS day, BillingPeriodStart::date AS period, BillingCurrency, "
    "ChargeCategory, ProviderName, SubAccountName, RegionId, ServiceName, SkuMeter, SkuId, "
    "ResourceId, ConsumedUnit, ServiceCategory"
)
_SUMS = "sum(BilledCost::double), sum(ConsumedQuantity::double), count(*)"


def _by_hand(file: Path) -> str:
    holds = [
        f"ServiceName = 'Service {i}' AND regexp_matches(SubAccountName, '(?i)team account {i % 5}')"
        for i in range(RULES)
    ]
    team = " ".join(f"WHEN {rule} THEN 'team-{i}'" for i, rule in enumerate(holds))
    feature = team.replace("'team-", "'feature-")
    return (
        f"SELECT {_ROWS}, tags[3] AS experiment, tags[4] AS stage, "
        f"coalesce(tags[1], CASE {team} END) AS team, "
        f"coalesce(tags[2], CASE {feature} END) AS feature, {_SUMS} FROM (SELECT *, "
        "json_extract_string(Tags, ['$.Team', '$.feature', '$.experiment', '$.stage']) AS tags "
        f"FROM (SELECT * FROM '{file}')) GROUP BY ALL"
    ).replace("SELECT *, json", "SELECT * EXCLUDE (Tags), json")


def _work(way: str, file: Path) -> Callable[[], int]:
    """What is measured; imports are done before, connections are not."""
    import duckdb

    if way == "sandrail":
        return _sandrail(file)
    queries = {
        "group by": f"SELECT ChargePeriodStart::date AS day, ServiceName, sum(BilledCost::double) "
        f"FROM '{file}' GROUP BY ALL",
        "same rows": f"SELECT {_ROWS}, Tags, {_SUMS} FROM '{file}' GROUP BY ALL",
        "by hand": _by_hand(file),
    }

    def run() -> int:
        connection = duckdb.connect()
        connection.execute(f"CREATE TEMP TABLE rollup AS {queries[way]}")
        found = connection.execute("SELECT count(*) FROM rollup").fetchone()
        return int(found[0]) if found else 0

    return run


def _sandrail(file: Path) -> Callable[[], int]:
    import ibis.backends.duckdb  # noqa: F401

    from storage.bills.engine import local_engine
    from storage.bills.files import open_files
    from storage.bills.rollup import CHARGES, FACTS, check_patterns, roll_up
    from storage.policy_file import parse_policy

    policy = parse_policy(
        json.dumps(
            {
                "version": 1,
                "workspace": {"name": "Bench", "rates": {"EUR": "1.1"}},
                "channels": {"a": {}},
                "alerts": {"default": "a"},
                "bills": [{"name": "bench", "files": str(file)}],
                "tags": {
                    name: {"keys": [name]} for name in ("team", "feature", "experiment", "stage")
                },
                "allocation": {"rules": _rules()},
            }
        )
    )

    def run() -> int:
        with local_engine() as local:
            check_patterns(local, policy)
            source = open_files(local, policy.bills[0], file.parent)
            roll_up(local, source, policy.bills[0], policy)
            bad = local.con.execute(
                f"SELECT count(*) FROM {CHARGES} WHERE NOT cost_read"
            ).fetchone()
            assert bad[0] == 0
            return int(local.con.execute(f"SELECT count(*) FROM {FACTS}").fetchone()[0])

    return run


def _measure(way: str, file: Path) -> dict[str, float]:
    """One measurement in a process of its own: seconds, processor seconds, peak memory in MiB."""
    measured: dict[str, float] = json.loads(_run("--one", way, str(file)))
    return measured


def _run(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.bench.bills", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def _one(way: str, file: Path) -> None:
    work = _work(way, file)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    rows = work()
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    print(json.dumps({"seconds": seconds, "busy": busy, "peak": peak, "rows": rows}))


def main(rows: int = 1_000_000, grown: int = 4, runs: int = 3) -> None:
    """Prints seconds, ratios and peak memory for CSV and Parquet, then memory as rows grow."""
    with tempfile.TemporaryDirectory(prefix="sandrail-bench-") as name:
        folder = Path(name)
        print(f"Reading and rolling up {rows:,} FOCUS rows ({len(NAMES)} columns, {RULES} rules)")
        print(f"{'':9}{'way':11}{'seconds':>8}{'busy':>7}{'rollup rows':>13}{'MiB':>6}", end="")
        print("   sandrail's time ÷ this (busy)")
        peaks: dict[str, float] = {}
        for file in make(folder, rows):
            best = {way: _measure(way, file) for way in WAYS}
            for _ in range(runs - 1):
                for way in WAYS:
                    again = _measure(way, file)
                    best[way] = {
                        key: (max if key == "peak" else min)(best[way][key], again[key])
                        for key in again
                    }
            ours = best["sandrail"]
            for way in WAYS:
                found = best[way]
                print(
                    f"{file.suffix[1:]:9}{way:11}{found['seconds']:8.2f}{found['busy']:7.2f}"
                    f"{found['rows']:13,.0f}{found['peak']:6.0f}"
                    f"   {ours['seconds'] / found['seconds']:.2f}× ({ours['busy'] / found['busy']:.2f}×)"
                )
            peaks[file.suffix] = ours["peak"]
            file.unlink()
        for file in make(folder, rows * grown):
            found = _measure("sandrail", file)
            print(
                f"{file.suffix[1:]:9}{grown} times the rows: {found['seconds']:.2f} s, "
                f"{found['peak']:.0f} MiB ({found['peak'] / peaks[file.suffix]:.2f}× the memory)"
            )
            file.unlink()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--grown", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=2, metavar=("FOLDER", "ROWS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        _make(Path(given.make[0]), int(given.make[1]))
    elif given.one:
        _one(given.one[0], Path(given.one[1]))
    else:
        main(given.rows, given.grown, given.runs)
