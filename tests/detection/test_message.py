"""What an alert says of a finding: nothing that contradicts itself, and each unit once."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from guardrails.alerts import words
from guardrails.alerts.routing import matches
from guardrails.detection.found import DayPoint, Driver, Found, Scope, UnitChange
from guardrails.policy.alerts import When
from handlers.alerts.message import alert_message, group_message
from handlers.alerts.record import to_json
from handlers.conversation import Mention, Message
from handlers.runbooks import runbook_message
from tests.conftest import runbook
from tests.detection.company import policy

POLICY = policy()
RUNBOOK = runbook("spend", "Spikes", ("Look.", "Stop it."))
SPIKE = Found(
    signal="spend",
    scope=Scope("experiment", "ranker"),
    direction="up",
    started_on=date(2026, 11, 16),
    last_on=date(2026, 11, 21),
    ongoing=True,
    unit="USD",
    observed=1500.0,
    expected=600.0,
    lower=500.0,
    upper=700.0,
    score=20.0,
    severity="medium",
    impact=Decimal(5238),
    impact_by_month_end=Decimal(12328),
    currency="USD",
    history=(
        DayPoint(date(2026, 11, 21), 1500.0, 600.0, 500.0, 700.0, 20.0, anomalous=True),
        DayPoint(
            date(2026, 11, 22), 587.0, 298.0, 188.0, 408.0, 9.0, anomalous=True, complete=False
        ),
    ),
    allocation={"team": "search", "owner": "ann@example.com"},
    growing_on=date(2026, 11, 22),
)
UNIT = replace(
    SPIKE,
    signal="cost-per-unit",
    scope=Scope("feature", "takeover"),
    unit="USD per 1,000 inferences",
    observed=0.895,
    expected=0.471,
    lower=0.422,
    upper=0.519,
    growing_on=None,
)
MIX = replace(
    SPIKE,
    signal="resource-mix",
    scope=Scope("team", "forecasting"),
    unit="share of spend moved",
    observed=0.281,
    expected=0.0735,
    lower=-0.02,
    upper=0.176,
    impact=Decimal(0),
    impact_by_month_end=Decimal(0),
    moved=Decimal(2389),
    growing_on=None,
)
QUALITY = replace(
    SPIKE,
    signal="quality",
    direction="down",
    unit="ndcg_at_10",
    observed=0.592,
    expected=0.6655,
    lower=0.6188,
    upper=0.7122,
    impact=Decimal(0),
    impact_by_month_end=Decimal(0),
    growing_on=None,
)


def row_of(found: Found, **changes: Any) -> Any:
    """The anomaly's row that a finding becomes."""
    plain = {
        "id": "a1",
        "version": 1,
        "severity": found.severity,
        "currency": found.currency,
        "state": "open",
        "ended_on": None,
        "owner": "ann@example.com",
        "found": to_json(found),
        "decided_by": "",
        "decided_at": None,
        "quiet_until": None,
        "cause": "",
        "reason": "",
    }
    return SimpleNamespace(**{**plain, **changes})


def plain(spans: Any) -> str:
    return "".join(getattr(s, "text", "") or getattr(s, "name", "") for s in spans)


def facts_of(message: Message) -> dict[str, str]:
    (facts,) = [b for b in message.blocks if b.kind == "facts"]
    return {f.label: plain(f.value) for f in facts.facts}


def said(found: Found, *, short: bool = False, **changes: Any) -> dict[str, str]:
    return facts_of(alert_message(POLICY, row_of(found, **changes), short=short))


def test_a_day_that_still_grows_is_told_beside_the_complete_ones() -> None:
    facts = said(SPIKE)
    assert facts["Observed"] == "$1,500 (+150 %)"
    assert facts["Since"] == "Mon 16 Nov (6 days, and Sun 22 Nov so far)"
    assert facts["More than expected so far"] == "$5,238"
    assert "$1,500 on Sat 21 Nov, $600 expected" in words.headline(SPIKE)
    (band,) = [b for b in alert_message(POLICY, row_of(SPIKE)).blocks if b.kind == "band"]
    assert "On Sat 21 Nov it was $1,500; $500 to $700 was expected." in band.alt


def test_a_day_that_is_all_there_is_says_so_far() -> None:
    first = replace(
        SPIKE, started_on=date(2026, 11, 22), last_on=date(2026, 11, 22), complete=False
    )
    first = replace(first, growing_on=None, observed=2587.0)
    assert words.headline(first).endswith("$2,587 so far on Sun 22 Nov, $600 expected")
    facts = said(first)
    assert facts["Observed"] == "$2,587 so far (+331 %)"
    assert facts["Since"] == "Sun 22 Nov (not all charges are in yet)"


@pytest.mark.parametrize(
    ("found", "headline", "observed", "expected"),
    [
        (
            UNIT,
            "Unit cost of feature takeover: $0.895 per 1,000 inferences on Sat 21 Nov, $0.471 expected",
            "$0.895 per 1,000 inferences (+90 %)",
            "$0.471 per 1,000 inferences ($0.422 to $0.519)",
        ),
        (
            MIX,
            "Resource mix of team forecasting: 28 % of spend moved on Sat 21 Nov, 7 % expected",
            "28 % of spend moved",
            "7 % (0 % to 18 %)",
        ),
        (
            QUALITY,
            "Quality (ndcg_at_10) of experiment ranker: 0.592 on Sat 21 Nov, 0.665 expected",
            "0.592 (−11 %)",
            "0.665 (0.619 to 0.712)",
        ),
    ],
)
def test_a_unit_is_said_once(found: Found, headline: str, observed: str, expected: str) -> None:
    """“28 % of spend that moved, 7 % expected (0 % of spend that moved to 18 % of spend that moved)”."""
    assert words.headline(found) == headline
    facts = said(found)
    assert (facts["Observed"], facts["Expected"]) == (observed, expected)


def test_money_that_moved_is_not_called_more_than_expected() -> None:
    facts = said(MIX)
    assert facts["Spend that moved to other resources"] == "$2,389"
    assert not [label for label in facts if "xpected" in label and label != "Expected"]
    group = group_message("g", [row_of(MIX), row_of(SPIKE)], 10, date(2026, 11, 23))
    assert group.summary == "2 anomalies at once, $5,238 beyond what was expected"
    (items,) = [b for b in group.blocks if b.kind == "items"]
    assert "($2,389 moved so far, " in plain(items.items[0])
    assert not matches(When(impact_at_least=Decimal(1000)), MIX)
    assert matches(When(impact_at_least=Decimal(1000)), SPIKE)


def test_what_it_costs_by_month_end_is_beyond_expected_and_only_while_it_goes_on() -> None:
    label = "Beyond expected by month end, if it goes on"
    assert said(SPIKE)[label] == "$12,328"
    less = replace(SPIKE, impact=Decimal(-500), impact_by_month_end=Decimal(-900))
    assert said(less)["Below expected by month end, if it goes on"] == "$900"
    decided = {
        "decided_by": "Ann <ann@example.com>",
        "decided_at": datetime(2026, 11, 23, tzinfo=UTC),
    }
    for over in ({"ended_on": date(2026, 11, 22)}, {"state": "resolved", **decided}):
        assert label not in said(SPIKE, **over)
        message = alert_message(POLICY, row_of(SPIKE, **over), RUNBOOK)
        assert not [b for b in message.blocks if b.kind == "small"]


def test_the_runbook_of_one_in_a_groups_thread_is_a_press_away() -> None:
    """It said that the steps were in the thread, where those of a whole group would bury the alerts."""
    (alone,) = [
        b for b in alert_message(POLICY, row_of(SPIKE), RUNBOOK).blocks if b.kind == "small"
    ]
    assert plain(alone.text) == "Runbook “Spikes”: the steps are in the thread."
    message = alert_message(POLICY, row_of(SPIKE), RUNBOOK, short=True)
    (grouped,) = [b for b in message.blocks if b.kind == "small"]
    assert plain(grouped.text) == "Runbook “Spikes”: press Runbook for the checklist."
    (controls,) = [b for b in message.blocks if b.kind == "controls"]
    assert controls.controls[-1].action == "anomaly.runbook"


def test_an_owner_is_who_the_bill_names() -> None:
    """Spend that nobody had claimed had the lead of some team as its “Owner”."""
    assert said(SPIKE)["Owner"] == "ann@example.com"
    assert "Asked" not in said(SPIKE, owner="ANN@example.com")
    by_lead = said(SPIKE, owner="lead@example.com")
    assert (by_lead["Owner"], by_lead["Asked"]) == ("ann@example.com", "lead@example.com")
    no_owner = said(replace(SPIKE, allocation={"team": "search"}), owner="lead@example.com")
    assert "Owner" not in no_owner
    assert no_owner["Asked"] == "lead@example.com"
    nobody = said(replace(SPIKE, scope=Scope("account", "lab / GPU"), allocation={}), owner="")
    assert nobody["Owner"] == "nobody yet. Nobody has claimed this spend."
    assert "Asked" not in nobody


def test_those_who_are_asked_are_not_told_that_they_know_best() -> None:
    asked = (Mention(person="lead@example.com", name="Lead"),)
    message = runbook_message(RUNBOOK, (), asked)
    (paragraph,) = [b for b in message.blocks if b.kind == "paragraph"]
    assert plain(paragraph.text) == "Lead please have a look."


def test_what_drives_it_says_units_and_parts_that_are_alike() -> None:
    told = replace(UNIT, units=UnitChange(spend=0.04, units=-0.49))
    assert words.driven_by(told) == ["Inferences fell 49 %, spend about unchanged"]
    told = replace(UNIT, unit="USD per output", units=UnitChange(spend=0.2, units=0.1))
    assert words.driven_by(told) == ["Output rose 10 %, spend rose 20 %"]
    parts = (
        Driver("resource", "/a/train-2", Decimal(2711), 0.27, alike=4, alike_share=0.99),
        Driver("sku", "p5", Decimal(10177), 1.0, price_share=0.0, volume_share=1.0),
    )
    assert words.driven_by(replace(SPIKE, drivers=parts)) == [
        "SKU: p5 +$10,177 a day (100 % of the change, more volume)",
        "Resource: 4 resources, about 25 % each; most train-2 +$2,711 a day",
    ]


@pytest.mark.parametrize(
    ("observed", "shown"),
    [(17.0, "17 × the expected value"), (1.97, "+97 %"), (0.6, "−40 %"), (0.996, "−0.4 %")],
)
def test_changes_in_one_style(observed: float, shown: str) -> None:
    """A fall of 0.4 % was “−under 1 %”."""
    assert words.change(replace(SPIKE, observed=observed, expected=1.0)) == shown


def test_shares_are_never_nothing_for_something() -> None:
    assert [words.percent(s) for s in (0, 0.0001, 0.004, 0.0099, 0.94, -0.004)] == [
        "0 %",
        "under 0.1 %",
        "0.4 %",
        "1 %",
        "94 %",
        "-0.4 %",
    ]


def test_a_new_series_says_that_nothing_was_before() -> None:
    new = replace(SPIKE, is_new_series=True, expected=0.0, lower=0.0, upper=0.0)
    assert said(new)["Expected"] == "nothing: it has no past"
    (band,) = [b for b in alert_message(POLICY, row_of(new)).blocks if b.kind == "band"]
    assert "nothing before Mon 16 Nov, so nothing was expected." in band.alt
