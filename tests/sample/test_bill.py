"""The sample's bill: real money, real dirt, and what was planted can be seen in it."""

import json
import statistics
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from guardrails.focus import COLUMNS, REQUIRED
from storage.sample.company import EXPERIMENT, EXPERIMENTS, FEATURES, TEAMS
from storage.sample.lines import RULED
from tests.sample.conftest import UNTIL, Sample


def test_totals_and_rows_read_back_as_the_report_says(sample: Sample) -> None:
    found = sample.rows(
        "SELECT BillingCurrency, count(*), sum(BilledCost::DECIMAL(28, 10)) FROM bill GROUP BY 1"
    )
    assert {currency: total for currency, _, total in found} == sample.report.totals
    assert sum(n for _, n, _ in found) == sample.report.rows
    for file in sample.report.files:
        [(rows, total)] = sample.rows(
            "SELECT count(*), sum(BilledCost::DECIMAL(28, 10)) FROM bill WHERE file = ?",
            Path(file.path).name,
        )
        assert (rows, total) == (file.rows, file.total)


def test_it_is_as_big_as_it_should_be(sample: Sample) -> None:
    report = sample.report
    assert 40_000 <= report.rows <= 60_000
    a_month = float(report.totals["USD"]) / 120 * 30
    assert 600_000 < a_month < 1_000_000
    assert report.last_day == UNTIL
    assert (report.last_day - report.first_day).days == 119


def test_sixty_experiments_in_teams_and_features(sample: Sample) -> None:
    assert len(EXPERIMENTS) >= 60
    assert 6 <= len(TEAMS) <= 8
    assert len(FEATURES) >= 15
    [(names,)] = sample.rows("SELECT list(DISTINCT trim(experiment)) FROM bill WHERE Tags <> '{}'")
    found = {name for name in names if name}
    assert found == {e.name for e in EXPERIMENTS} - set(RULED)


def test_thirty_percent_of_the_rows_have_no_tags(sample: Sample) -> None:
    [(bare,)] = sample.rows("SELECT count(*) FROM bill WHERE coalesce(Tags, '{}') = '{}'")
    assert bare == sample.report.untagged_rows
    assert bare / sample.report.rows == pytest.approx(0.30, abs=0.01)


def test_every_file_has_the_columns_that_make_it_focus(sample: Sample) -> None:
    for path in (sample.report.out / "bill").iterdir():
        if path.suffix == ".parquet":
            columns = pq.read_schema(path).names
        else:
            query = f"DESCRIBE SELECT * FROM read_csv('{path}', all_varchar = true)"
            columns = [name for name, *_ in sample.rows(query)]
        assert not {*REQUIRED, "BilledCost", "EffectiveCost"} - set(columns), path.name
        assert {c for c in columns if not c.startswith("x_")} <= set(COLUMNS), path.name


def test_providers_differ_as_real_ones_do(sample: Sample) -> None:
    bill = sample.report.out / "bill"
    aws = (bill / "aws-2026-10.csv").read_text().splitlines()
    assert ",NULL," in aws[1]
    assert "SkuMeter" not in (bill / "azure-2026-10.csv").read_text().splitlines()[0]
    assert "ProviderName" not in (
        (bill / "solora-2026-10.csv").read_text().splitlines()[0].split(",")
    )
    google = pq.read_schema(bill / "google-2026-10.parquet")
    assert str(google.field("Tags").type).startswith("list<")
    assert (bill / "aurelia-2026-10.csv.gz").read_bytes()[:2] == b"\x1f\x8b"
    [(rounded,)] = sample.rows(
        "SELECT count(*) FROM bill WHERE EffectiveCost::DECIMAL(28, 10) <> BilledCost::DECIMAL(28, 10)"
        " AND file LIKE 'google%'"
    )
    assert rounded > 0
    assert {c for (c,) in sample.rows("SELECT DISTINCT BillingCurrency FROM bill")} == {
        "USD",
        "EUR",
    }


def test_credits_refunds_and_corrections_are_negative(sample: Sample) -> None:
    found = dict(
        sample.rows(
            "SELECT CASE WHEN ChargeClass = 'Correction' THEN 'Correction' ELSE ChargeCategory END,"
            " max(BilledCost::DOUBLE) FROM bill WHERE ChargeCategory <> 'Purchase' GROUP BY 1"
        )
    )
    assert found["Credit"] <= 0
    assert found["Correction"] < 0
    assert found["Usage"] > 0
    late = sample.rows(
        "SELECT ChargePeriodStart, BillingPeriodStart FROM bill"
        " WHERE ChargeClass = 'Correction' AND ChargePeriodStart < BillingPeriodStart"
    )
    assert late  # one is billed in a later month than it was used in


def test_tokens_come_as_input_cached_and_output(sample: Sample) -> None:
    meters = {
        meter
        for (meter,) in sample.rows("SELECT DISTINCT SkuMeter FROM bill WHERE file LIKE 'solora%'")
    }
    for kind in ("Atlas 5.5 Input", "Atlas 5.5 Cached Input", "Atlas 5.5 Output"):
        assert f"{kind} Tokens" in meters
    [(whole, most)] = sample.rows(
        "SELECT bool_and(ConsumedQuantity::DOUBLE % 1 = 0), max(ConsumedQuantity::DOUBLE) FROM bill"
        " WHERE ConsumedUnit = 'Tokens'"
    )
    assert whole
    assert most > 10_000_000


def test_the_newest_day_of_one_provider_is_incomplete(sample: Sample) -> None:
    def spent(day: date) -> float:
        [(total,)] = sample.rows(
            "SELECT sum(BilledCost::DOUBLE) FROM bill WHERE file LIKE 'azure%'"
            " AND ChargePeriodStart LIKE ?",
            f"{day}%",
        )
        return float(total)

    assert spent(UNTIL) < 0.75 * spent(UNTIL - timedelta(days=7))


def _spend_of(
    sample: Sample, dimension: str, value: str, cost: str = "BilledCost"
) -> dict[date, float]:
    """Money by day. Experiments and features are known by tags or by how resources are called."""
    names = [value]
    if dimension == "feature":
        names = [e.name for e in EXPERIMENTS if e.feature == value]
    if dimension == "account":
        where, values = "SubAccountName = ?", [value]
    else:
        where = " OR ".join("trim(experiment) = ? OR ResourceName LIKE ?" for _ in names)
        values = [v for name in names for v in (name, f"{name}-%")]
    found = sample.rows(
        f"SELECT ChargePeriodStart[:10], sum({cost}::DOUBLE) FROM bill WHERE ({where})"
        " AND ChargeCategory = 'Usage' GROUP BY 1",
        *values,
    )
    return {date.fromisoformat(day): float(total) for day, total in found}


def _same_weekdays_before(series: dict[date, float], first: date, day: date) -> float:
    before = [series.get(day - timedelta(days=7 * k), 0.0) for k in range(1, 9)]
    days = [day - timedelta(days=7 * k) for k in range(1, 9)]
    return statistics.median(
        v
        for d, v in zip(days, before, strict=True)
        if d < first and d >= UNTIL - timedelta(days=119)
    )


def _metric(sample: Sample, name: str, experiment: str) -> dict[date, float]:
    found: dict[date, float] = defaultdict(float)
    for file in ("usage", "quality"):
        for line in (sample.report.out / f"metrics/{file}.csv").read_text().splitlines()[1:]:
            day, metric, value, _, whose, *_ = line.split(",")
            if whose == experiment and metric == name:
                found[date.fromisoformat(day)] += float(value)
    return dict(found)


def _planted(sample: Sample) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((sample.report.out / "planted.json").read_text())
    return found


def test_incidents_of_every_kind_are_planted(sample: Sample) -> None:
    planted = _planted(sample)
    assert {p["kind"] for p in planted} >= {
        "spike", "slow-leak", "idle-gpus", "retry-loop", "price-change", "quality-drop",
        "cost-per-unit", "resource-mix", "shadow", "hidden-by-credit", "drop", "benign",
    }  # fmt: skip
    assert {p["signal"] for p in planted} == {
        "spend", "gpu-usage", "cost-per-unit", "quality", "resource-mix",
    }  # fmt: skip
    week = (UNTIL - timedelta(days=6)).isoformat()
    recent = [p for p in planted if p["starts_on"] >= week and p["kind"] != "benign"]
    assert 5 <= len(recent) <= 7
    teams = {EXPERIMENT[v].team for p in recent if (v := p["scope"]["value"]) in EXPERIMENT}
    assert len(teams) >= 5
    for p in planted:
        assert p["starts_on"] <= p["ends_on"] <= UNTIL.isoformat()
        assert p["ongoing"] == (p["ends_on"] == UNTIL.isoformat()) or p["kind"] == "benign"


def test_the_spike_is_about_thirty_thousand_and_still_going_on(sample: Sample) -> None:
    [spike] = [p for p in _planted(sample) if p["kind"] == "spike" and p["ongoing"]]
    days = (date.fromisoformat(spike["ends_on"]) - date.fromisoformat(spike["starts_on"])).days + 1
    assert 27_000 < spike["daily_impact"] * days < 33_000
    series = _spend_of(sample, "experiment", spike["scope"]["value"])
    first = date.fromisoformat(spike["starts_on"])
    extra = sum(
        series[first + timedelta(days=k)]
        - _same_weekdays_before(series, first, first + timedelta(days=k))
        for k in range(days)
    )
    assert 27_000 < extra < 33_000


def test_planted_incidents_can_be_seen_in_the_data(sample: Sample) -> None:
    # kind → the day's spend over that of the same weekdays before: at least or at most
    more = {
        "spike": 1.8,
        "retry-loop": 1.5,
        "slow-leak": 1.5,
        "idle-gpus": 1.6,
        "hidden-by-credit": 1.6,
    }
    for p in _planted(sample):
        kind, scope = p["kind"], p["scope"]
        first, last = date.fromisoformat(p["starts_on"]), date.fromisoformat(p["ends_on"])
        if kind not in (*more, "drop", "shadow", "price-change"):
            continue
        shown = last if last < UNTIL else last - timedelta(days=1)
        series = _spend_of(sample, scope["dimension"], scope["value"])
        usual = _same_weekdays_before(series, first, shown)
        if kind == "shadow":
            assert usual == 0
            assert series[shown] > 1_000
        elif kind == "drop":
            assert series[shown] < 0.3 * usual
        elif kind == "price-change":
            assert series[first] / _same_weekdays_before(series, first, first) > 1.3
        else:
            assert series[shown] > more[kind] * usual, p


def test_a_credit_hides_its_incident_from_net_spend(sample: Sample) -> None:
    [hidden] = [p for p in _planted(sample) if p["kind"] == "hidden-by-credit"]
    first = date.fromisoformat(hidden["starts_on"])
    net = dict(
        sample.rows(
            "SELECT ChargePeriodStart[:10], sum(BilledCost::DOUBLE) FROM bill"
            " WHERE trim(experiment) = 'long-context' GROUP BY 1"
        )
    )
    by_day = {date.fromisoformat(day): total for day, total in net.items()}
    day = first + timedelta(days=2)
    assert by_day[day] == pytest.approx(_same_weekdays_before(by_day, first, day), rel=0.25)


def test_resource_mix_moves_to_the_dearer_accelerator(sample: Sample) -> None:
    [mix] = [p for p in _planted(sample) if p["kind"] == "resource-mix"]
    shares = dict(
        sample.rows(
            "SELECT ChargePeriodStart[:10], sum(BilledCost::DOUBLE) FILTER (SkuMeter LIKE '%H100%')"
            " / sum(BilledCost::DOUBLE) FROM bill WHERE trim(experiment) = ?"
            " AND ChargeCategory = 'Usage' GROUP BY 1",
            mix["scope"]["value"],
        )
    )
    first = date.fromisoformat(mix["starts_on"])
    assert not shares[str(first - timedelta(days=1))]
    assert shares[str(first)] > 0.5


def test_quality_and_cost_per_unit_incidents_are_in_the_metrics(sample: Sample) -> None:
    for p in _planted(sample):
        first = date.fromisoformat(p["starts_on"])
        if p["kind"] == "quality-drop":
            name = p["scope"]["value"]
            metric = "ndcg_at_10" if EXPERIMENT[name].team == "ml-search" else "accuracy"
            series = _metric(sample, metric, name)
            assert series[first] < 0.95 * _same_weekdays_before(series, first, first)
        if p["kind"] == "cost-per-unit":
            units = _metric(sample, "inferences", "account-takeover-alerts")
            spend = _spend_of(sample, "feature", p["scope"]["value"])
            cost = {day: spend[day] / units[day] for day in units}
            assert cost[first] > 1.5 * _same_weekdays_before(cost, first, first)


def test_money_is_exact_text(sample: Sample) -> None:
    [(scientific,)] = sample.rows("SELECT count(*) FROM bill WHERE BilledCost LIKE '%E%'")
    assert scientific == 0
    [(finest,)] = sample.rows("SELECT max(length(split_part(BilledCost, '.', 2))) FROM bill")
    assert finest == 10
    assert all(isinstance(total, Decimal) for total in sample.report.totals.values())
