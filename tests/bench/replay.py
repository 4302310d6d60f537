"""How long the replay of a quarter takes, and whether it gives again what was recorded: on the sample company.

``python -m tests.bench.replay [--days 90] [--seed 7] [--keep FOLDER]``. First the quarter is recorded: every day
the bills as they stood that morning are read and the daily round runs; people decide what waits for two days.
``--keep`` keeps the recording, and takes one that is there already.
"""

import argparse
import resource
import shutil
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as hour
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from guardrails.replay import Report
from handlers import catalog as _catalog  # noqa: F401  (registers the handlers)
from handlers.daily import daily_round
from handlers.deadlines import run_due
from handlers.replay.message import reproduced
from handlers.replay.run import replay
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy, load_policy
from storage.sample import write_sample
from storage.tables.budgets import Overrun
from tests.conftest import Clock
from tests.handlers.alerting import places
from tests.handlers.sandboxing import Sand

#: The day after the last of the sample's bill, and days of bills before the first round.
UNTIL = date(2026, 11, 23)
HISTORY = 110
FORM = {
    "hypothesis": "a smaller model is as good",
    "metric": "accuracy",
    "target": ">= 0.8",
    "feature": "recommendations-v2",
    "workload": "training",
    "stage": "exploration",
    "team": "ml-recommendations",
    "owner": "engineer@example.com",
    "data_class": "internal",
    "risk_class": "minimal",
}
HEADER = (
    "BilledCost,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodStart,ServiceName,"
    "ServiceCategory,Tags"
)


class Company(Sand):
    """The sample company's bot, day by day."""

    def decide(self) -> None:
        """Everybody who may agrees to what has waited for two days; every fifth is declined."""
        old = self.clock.now - timedelta(days=2)
        for row in self.rows(Overrun):
            if row.state not in ("open", "review") or row.opened_at > old:
                continue
            if row.opened_at.day % 5 == 0:
                self.submit("decline", row, "product", why="not now")
                continue
            for who in (
                "lead",
                "search-lead",
                "assistant-lead",
                "finance",
                "product",
                "compliance",
            ):
                self.press("approve", self.row(row.id), who)


def record(source: Path, folder: Path, days: int) -> None:
    """The bot's database after so many daily rounds, in ``folder``."""
    loaded = load_policy(folder / "app.yaml")
    database = Database(f"sqlite:///{folder / 'bot.db'}")
    upgrade(database)
    clock = Clock()
    desk = Company(database, loaded, clock)
    first = UNTIL - timedelta(days=days - 1)
    spends: dict[str, tuple[date, int]] = {}
    began = time.monotonic()
    for n in range(days):
        day = first + timedelta(days=n)
        grow(source, folder / "sample", day, whole=n == 0, spends=spends)
        clock.now = at(loaded, day, 6)
        daily_round(database, loaded, places, clock)
        for later in (9, 11, 15, 20):
            clock.now = at(loaded, day, later)
            run_due(database, loaded, places, clock)
            if later == 9 and n % 9 == 2:
                name = f"try-{n:03}"
                until = day + timedelta(days=14)
                estimate = str(400 * (1 + n % 8))
                desk.ask(name=name, estimate=estimate, until=until.isoformat(), **FORM)
                spends[name] = (day, 12 * (1 + n % 8))
            if later == 11:
                desk.decide()
            desk.carry_out()
        if n % 10 == 9:
            print(f"recorded {n + 1} of {days} days, {time.monotonic() - began:.0f} s", flush=True)
    database.close()


def grow(
    source: Path, target: Path, day: date, *, whole: bool, spends: dict[str, tuple[date, int]]
) -> None:
    """The bills and metrics as they stood on a morning: charges up to the day before; at first all months, then
    those that still change."""
    shutil.rmtree(target, ignore_errors=True)
    (target / "bill").mkdir(parents=True)
    (target / "metrics").mkdir()
    months = {f"{d:%Y-%m}" for d in (day - timedelta(days=1), day - timedelta(days=4))}
    con = duckdb.connect()
    for file in sorted((source / "bill").iterdir()):
        name = file.name
        month = name.split(".")[0][-7:]
        if month > max(months) or not (whole or month in months):
            continue
        if month < f"{day - timedelta(days=1):%Y-%m}":
            shutil.copy(file, target / "bill" / name)
            continue
        parquet = name.endswith("parquet")
        read = f"read_parquet('{file}')" if parquet else f"read_csv('{file}', all_varchar = true)"
        how = "FORMAT parquet" if parquet else "FORMAT csv, HEADER"
        out = target / "bill" / name.removesuffix(".gz")
        con.execute(
            f"COPY (SELECT * FROM {read} WHERE CAST(ChargePeriodStart AS VARCHAR) < '{day}') "
            f"TO '{out}' ({how})"
        )
    for file in sorted((source / "metrics").iterdir()):
        con.execute(
            f"COPY (SELECT * FROM read_csv('{file}', all_varchar = true) WHERE day < '{day}') "
            f"TO '{target / 'metrics' / file.name}' (FORMAT csv, HEADER)"
        )
    con.close()
    for month in sorted(months):
        lines = [
            f'{money},USD,{month}-01,Usage,{d},Compute,AI and Machine Learning,"{{""experiment"": ""{name}"", '
            f'""team"": ""ml-recommendations"", ""feature"": ""recommendations-v2""}}"'
            for name, (since, money) in sorted(spends.items())
            for k in range(14)
            if f"{(d := since + timedelta(days=k)):%Y-%m}" == month and d < day
        ]
        if lines:
            (target / "bill" / f"boxes-{month}.csv").write_text("\n".join([HEADER, *lines]) + "\n")


def at(loaded: LoadedPolicy, day: date, o_clock: int) -> datetime:
    """An hour of a day of the workspace, in UTC."""
    return datetime.combine(day, hour(o_clock), loaded.policy.workspace.zone).astimezone(UTC)


def measure(title: str, folder: Path, new: LoadedPolicy, days: int) -> Report:
    """Replays the recorded quarter and prints what it took."""
    now = load_policy(folder / "app.yaml")
    database = Database(f"sqlite:///{folder / 'bot.db'}")
    wall, cpu = time.monotonic(), time.process_time()
    report = replay(database, now, new, UNTIL - timedelta(days=days - 1), UNTIL)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    database.close()
    print(f"\n{title}: {wall:.1f} s, {cpu:.1f} s of one core, at most {most:.0f} MB")
    return report


def main(arguments: list[str] | None = None) -> None:
    """Records a quarter, replays the policy that it was recorded under and a changed one, and prints what came."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args(arguments)
    with TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        if not (folder / "bot.db").exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_sample(folder / "source", seed=given.seed, days=given.days + HISTORY, until=UNTIL)
            shutil.copy("app.yaml", folder)
            shutil.copytree("runbooks", folder / "runbooks", dirs_exist_ok=True)
            record(folder / "source", folder, given.days)
        now = load_policy(folder / "app.yaml")
        same = measure("The same policy over the quarter", folder, now, given.days)
        print("\n".join(reproduced(same)))
        print(f"differs: {same.differs}")
        text = (folder / "app.yaml").read_text()
        looser = folder / "looser.yaml"
        looser.write_text(text.replace("up_to: 1000, percent: 10,", "up_to: 5000, percent: 25,"))
        report = measure("A looser ladder", folder, load_policy(looser), given.days)
        print(f"{sum(d.differs for d in report.decided)} of {len(report.decided)} requests differ")


if __name__ == "__main__":
    main()
