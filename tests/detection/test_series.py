"""From rollups and metrics in a database to matrices and findings, on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection

from guardrails.detection.found import Found, Scope
from guardrails.detection.series import SeriesMatrix
from handlers.find_anomalies import find_anomalies
from storage.database import Database
from storage.series import MissingRateError, read_parts, read_series
from tests.detection.company import FIRST, charge, fill, metric, policy
from tests.detection.test_bands import weekly

DAYS = 80
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as connection:
        yield connection


def by_signal(matrices: list[SeriesMatrix], signal: str) -> SeriesMatrix:
    (one,) = [m for m in matrices if m.signal == signal]
    return one


def mixed_bill() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for day, money in enumerate(weekly(DAYS)):
        rows += [
            charge(day, money, experiment="ranker", feature="search", team="search"),
            charge(day, 0.3 * money, feature="search", team="search"),
            charge(day, 0.2 * money, team="search"),
            charge(day, 0.1 * money, account="lab", service="Storage"),
            charge(day, 0.1 * money, account="lab", service="Compute", is_gpu=True, quantity=7),
            charge(day, 100, bill="euro", currency="EUR", experiment="ranker", team="search"),
        ]
    return rows


def test_the_series_of_spend_add_up_to_the_bill(connection: Connection) -> None:
    rows = mixed_bill()
    fill(connection, rows)
    spend = by_signal(
        read_series(connection, policy(workspace={"name": "T", "rates": {"EUR": "1.5"}}), LAST),
        "spend",
    )
    assert spend.scopes == (
        Scope("account", "lab / Compute"),
        Scope("account", "lab / Storage"),
        Scope("experiment", "ranker"),
        Scope("feature", "search"),
        Scope("team", "search"),
    )
    dollars = sum(r["cost_micros"] for r in rows if r["currency"] == "USD") / 1e6
    assert spend.values.sum() == pytest.approx(dollars + 1.5 * 100 * DAYS)
    assert spend.allocations[2] == {"experiment": "ranker", "feature": "search", "team": "search"}
    assert spend.allocations[0] == {}
    assert spend.days[0] == FIRST
    assert spend.days[-1] == LAST


def test_a_currency_without_a_rate_is_refused(connection: Connection) -> None:
    fill(connection, mixed_bill())
    with pytest.raises(MissingRateError, match=r"workspace\.rates\.EUR"):
        read_series(connection, policy(), LAST)


def test_nothing_read_is_nothing_found(connection: Connection) -> None:
    assert read_series(connection, policy(), LAST) == []
    assert find_anomalies(connection, policy(), LAST) == []


def test_days_without_charges_and_days_without_a_bill(connection: Connection) -> None:
    rows = [charge(d, 50, experiment="steady") for d in range(DAYS) if d != 40]
    rows += [charge(d, 500, experiment="seldom") for d in range(0, DAYS, 20) if d != 40]
    fill(connection, rows, complete_through={"cloud": DAYS - 3})
    spend = by_signal(read_series(connection, policy(), LAST), "spend")
    seldom, steady = spend.values
    assert np.isnan(steady[40])  # the bill has nothing at all of that day
    assert np.isnan(seldom[40])
    assert seldom[41] == 0
    assert not spend.complete[:, -2:].any()
    assert spend.complete[:, :-2].all()
    assert np.isnan(seldom[-1])  # nothing yet, of a day that still grows
    assert steady[-1] == 50


def test_a_bill_of_one_row_a_month_does_not_hide_the_others(connection: Connection) -> None:
    rows = [charge(d, 50, experiment="steady") for d in range(DAYS)]
    rows += [charge(d, 300, bill="support", experiment="steady") for d in (0, 31, 60)]
    fill(connection, rows, complete_through={"cloud": DAYS - 1, "support": DAYS - 1})
    spend = by_signal(read_series(connection, policy(), LAST), "spend")
    assert spend.values[0, 31] == 350
    assert spend.values[0, 32] == 50


def test_parts_are_those_of_the_scope(connection: Connection) -> None:
    fill(connection, mixed_bill())
    one = policy(workspace={"name": "T", "rates": {"EUR": "1.5"}})
    day = LAST - timedelta(days=1)

    def money(scope: Scope, signal: Any = "spend") -> float:
        return float(read_parts(connection, one, scope, day, day, signal).money.sum())

    base = weekly(DAYS)[DAYS - 2]
    assert money(Scope("experiment", "ranker")) == pytest.approx(base + 150, rel=1e-6)
    assert money(Scope("feature", "search")) == pytest.approx(0.3 * base, rel=1e-6)
    assert money(Scope("team", "search")) == pytest.approx(0.2 * base, rel=1e-6)
    assert money(Scope("account", "lab / Storage")) == pytest.approx(0.1 * base, rel=1e-6)
    assert money(Scope("feature", "search"), "cost-per-unit") == pytest.approx(1.3 * base, rel=1e-6)
    assert money(Scope("team", "search"), "resource-mix") == pytest.approx(
        1.5 * base + 150, rel=1e-6
    )
    gpu = read_parts(connection, one, Scope("account", "lab / Compute"), day, LAST, "gpu-usage")
    assert gpu.quantity.tolist() == [7, 7]
    assert set(gpu.days) == {day, LAST}


def everything(connection: Connection) -> list[Found]:
    """A company in which each signal moves once, on its own."""
    rows: list[dict[str, Any]] = []
    metrics: list[dict[str, Any]] = []
    for d, money in enumerate(weekly(DAYS, noise=0.02)):
        late = d >= DAYS - 3
        compute = {"service": "Compute", "sku": "a100", "unit": "Hours"}
        rows += [
            charge(d, money, experiment="spiky", team="one", quantity=money, **compute),
            charge(d, 2 * money, feature="dear", team="two", service="Model API", sku="large"),
            charge(
                d,
                money,
                experiment="busy",
                team="three",
                is_gpu=True,
                quantity=money * (3 if late else 1),
                **compute,
            ),
            charge(d, money * (0.4 if late else 1), team="mixer", service="Compute", sku="a100"),
            charge(d, money * (0.6 if late else 0) + 5, team="mixer", service="Disk", sku="ssd"),
        ]
        metrics += [
            metric(d, "answers", (0.4 if late else 1) * 1000 * money, feature="dear"),
            metric(d, "accuracy", 0.8 if late else 0.92 + 0.001 * (d % 5), experiment="busy"),
        ]
    rows.append(
        charge(
            DAYS - 1,
            30_000,
            experiment="spiky",
            team="one",
            quantity=30_000,
            resource="runaway",
            service="Compute",
            sku="a100",
            unit="Hours",
        )
    )
    fill(connection, rows, metrics)
    watch = {
        "units": [{"metric": "answers", "per": 1000, "label": "answers"}],
        "quality": ["accuracy"],
    }
    return find_anomalies(connection, policy(watch=watch), LAST)


def test_every_signal_is_found_with_its_drivers(connection: Connection) -> None:
    found = {f.signal: f for f in everything(connection)}
    assert set(found) == {"spend", "gpu-usage", "cost-per-unit", "quality", "resource-mix"}
    spike = found["spend"]
    assert str(spike.scope) == "experiment:spiky"
    assert spike.severity == "critical"
    assert spike.impact == pytest.approx(Decimal(30_000), rel=Decimal("0.01"))
    assert (spike.drivers[0].facet, spike.drivers[0].value) == ("resource", "runaway")
    assert spike.drivers[0].is_new
    assert str(found["gpu-usage"].scope) == "experiment:busy"
    assert found["gpu-usage"].unit == "GPU hours"
    unit = found["cost-per-unit"]
    assert str(unit.scope) == "feature:dear"
    assert unit.unit == "USD per 1,000 answers"
    assert unit.observed == pytest.approx(5, rel=0.05)
    assert unit.expected == pytest.approx(2, rel=0.05)
    assert unit.units is not None
    assert unit.units.units == pytest.approx(-0.6, abs=0.03)
    assert unit.units.spend == pytest.approx(0, abs=0.05)
    assert unit.drivers == ()
    assert str(found["quality"].scope) == "experiment:busy"
    assert found["quality"].allocation["team"] == "three"
    assert found["quality"].drivers == ()
    mix = found["resource-mix"]
    assert str(mix.scope) == "team:mixer"
    assert {d.value for d in mix.drivers} <= {"ssd", "Disk", "a100", "Compute"}
    assert mix.impact == 0
    assert mix.moved > 500


def test_a_unit_cost_names_only_bill_parts_that_grew(connection: Connection) -> None:
    """When the outputs of a feature halved, its alert named two SKUs with +$211 and +$79 a day: what
    they should have shrunk by. Nobody had spent a dollar more."""
    rows, metrics = [], []
    for d in range(DAYS):
        late = d >= DAYS - 3
        rows += [
            charge(d, 600 if late else 400, feature="dear", sku="large", quantity=9),
            charge(d, 600, feature="dear", sku="small", quantity=9),
        ]
        metrics.append(metric(d, "answers", 0.6e6 if late else 1e6, feature="dear"))
    fill(connection, rows, metrics)
    watch = {"units": [{"metric": "answers", "per": 1000, "label": "answers"}]}
    one = policy(watch=watch, detection={"signals": ["cost-per-unit"]})
    (found,) = find_anomalies(connection, one, LAST)
    assert found.units is not None
    assert found.units.units == pytest.approx(-0.4)
    assert found.units.spend == pytest.approx(0.2)
    assert [(d.value, float(d.change)) for d in found.drivers] == [("large", 200)]
    assert found.observed / found.expected == pytest.approx(1.2 / 0.6)
    quiet = {"units": [{"metric": "answers", "per": 1000, "label": "answers", "alert": False}]}
    shown = policy(watch=quiet, detection={"signals": ["cost-per-unit"]})
    assert find_anomalies(connection, shown, LAST) == [], "it is shown only"


def test_the_worst_is_first_and_only_watched_signals_count(connection: Connection) -> None:
    found = everything(connection)
    assert found[0].signal == "spend"
    only = policy(detection={"signals": ["spend"]})
    assert [f.signal for f in find_anomalies(connection, only, LAST)] == ["spend"]
    assert find_anomalies(connection, only, LAST - timedelta(days=1)) == []


def test_more_gpu_hours_of_a_spike_are_one_finding(connection: Connection) -> None:
    rows = []
    for d, money in enumerate(weekly(DAYS)):
        factor = 4 if d >= DAYS - 2 else 1
        rows.append(
            charge(
                d,
                factor * money,
                experiment="e",
                team="t",
                is_gpu=True,
                quantity=factor * money,
                unit="Hours",
            )
        )
    fill(connection, rows)
    assert [f.signal for f in find_anomalies(connection, policy(), LAST)] == ["spend"]
