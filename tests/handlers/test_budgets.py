"""Budgets: the ledger follows the policy, people hear of shares once, limits of every kind."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event

from guardrails.budgets import tightest
from handlers.budgets.standing import find_budget, inside, standing
from handlers.conversation import Message
from handlers.turn import Turn
from storage.database import Database
from storage.tables.budgets import BudgetEntry, BudgetNudge, Overrun
from tests.conftest import Clock
from tests.handlers.overrunning import BUDGET, LADDER, Desk, overrun_policy

NUDGES = """nudges:
  actual:
    - {at: 50}
    - {at: 90, to: [team, finops], mention: [owner]}
    - {at: 120, to: [leadership]}
  forecast:
    - {at: 100, mention: [owner]}
"""


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, overrun_policy(), clock)


def nudged(desk: Desk) -> list[tuple[str, str]]:
    """(where, what) of each nudge, in order."""
    return [
        (r.place["channel"], Message.model_validate(r.content).summary.split(".")[0])
        for r in desk.posts("budget:")
    ]


def test_the_first_look_sets_the_ledger_and_the_second_changes_nothing(desk: Desk) -> None:
    desk.bill(60)
    desk.look()
    (entry,) = desk.rows(BudgetEntry)
    assert (entry.kind, entry.amount_micros, entry.period) == ("set", 3_000_000_000, "2026-11")
    assert entry.policy_hash == desk.loaded.hash
    said = len(desk.posts("budget:"))
    desk.look()
    assert len(desk.rows(BudgetEntry)) == 1
    assert len(desk.posts("budget:")) == said


def test_another_limit_is_a_correction_and_the_old_entry_stays(desk: Desk) -> None:
    desk.bill(60)
    desk.look()
    for limit in (4000, 2500, 2500, 3000):
        desk.loaded = overrun_policy(("limit: 3000", f"limit: {limit}"))
        desk.look()
        assert desk.limit() == limit
    amounts = [(e.kind, e.amount_micros // 10**6) for e in desk.rows(BudgetEntry)]
    assert amounts == [
        ("set", 3000),
        ("correction", 1000),
        ("correction", -1500),
        ("correction", 500),
    ]
    assert len(desk.audited("budget.moved")) == 4


def test_a_budget_in_another_currency_is_worth_its_rate(desk: Desk) -> None:
    desk.loaded = overrun_policy(
        ("currency: USD", "currency: USD, rates: {EUR: 1.1}"),
        ("limit: 3000", "limit: 3000, currency: EUR"),
    )
    desk.bill(112)  # 3,360 dollars of 3,300
    desk.look()
    assert desk.limit() == 3300
    (row,) = desk.rows(Overrun) or [None]
    assert row is None  # 60 are less than the 2 % that nobody has to decide
    desk.bill(120)
    desk.look()
    assert desk.waiting().amount_micros == 300_000_000


def test_spend_in_another_currency_counts_by_its_rate(desk: Desk) -> None:
    desk.loaded = overrun_policy(("currency: USD", "currency: USD, rates: {EUR: 2}"))
    desk.bill(57, currency="EUR")
    desk.look()
    assert desk.waiting().amount_micros == 420_000_000


def test_a_month_without_spend_is_quiet(desk: Desk) -> None:
    desk.bill(100, last=date(2026, 9, 30))
    desk.bill(100, experiment="another")  # the bill goes on, for others
    assert desk.look().overruns == 0
    assert nudged(desk) == []
    assert desk.limit() == 3000


def test_before_the_first_bill_nothing_is_said(desk: Desk) -> None:
    assert desk.look().nudges == 0
    assert desk.ask("10").reason == "stale"


def test_each_share_is_told_once_and_only_the_greatest(desk: Desk) -> None:
    """A budget that goes from nothing to 128 % over a weekend: one message, to all who were to hear of a step."""
    desk.loaded = overrun_policy(more=LADDER + NUDGES)
    desk.clock.now = datetime(2026, 11, 16, 9, tzinfo=UTC)
    desk.bill(60)
    desk.look()
    assert nudged(desk) == []  # 15 days of 60 are 30 %
    desk.bill(250, date(2026, 11, 13))
    desk.next_day(60)
    assert [w for w, _ in nudged(desk)] == ["ml-search"]  # 51 %
    desk.clock.now += timedelta(days=4)
    desk.bill(60, date(2026, 11, 20))
    desk.bill(800, date(2026, 11, 17), date(2026, 11, 19))
    desk.look()
    assert {r.percent for r in desk.rows(BudgetNudge)} == {50, 90, 120}
    later = nudged(desk)[1:]
    # the team's channel has the overrun's own card
    assert [where for where, _ in later] == ["finops", "leadership"]
    assert len({what for _, what in later}) == 1
    said = desk.posts("budget:")[-1].content
    assert "Experiment owner" in Message.model_validate(said).model_dump_json()
    desk.look()
    assert nudged(desk)[1:] == later


def test_a_forecast_is_told_before_the_money_is_spent(desk: Desk) -> None:
    desk.loaded = overrun_policy(more=LADDER + "  least_percent: 20\n")
    desk.clock.now = datetime(2026, 11, 12, 9, tzinfo=UTC)
    desk.bill(107)
    assert desk.look().overruns == 0
    assert nudged(desk) == [("ml-search", "Budget ranker: the forecast is 107 % of it")]


def test_a_limit_per_unit_follows_what_is_made(desk: Desk) -> None:
    """100 outputs a day at a dollar: 3,000 a month. Percent of the ladder had no limit to count from, and every
    overrun went to finance and product."""
    desk.loaded = overrun_policy(("limit: 3000", "per_unit: {metric: outputs, limit: 1}"))
    desk.outputs(100)
    desk.bill(107)
    desk.look()
    row = desk.waiting()
    assert (row.amount_micros, row.rung_name) == (210_000_000, "own")
    desk.press("approve", row, "engineer")
    assert desk.limit() == 210
    assert desk.look().overruns == 0


def test_a_limit_per_unit_waits_for_units_instead_of_crying(desk: Desk) -> None:
    """On the first days of the month no output is counted yet: the limit was 0 and all of the spend beyond it."""
    desk.loaded = overrun_policy(("limit: 3000", "per_unit: {metric: outputs, limit: 1}"))
    desk.bill(90)
    assert desk.look().overruns == 0
    desk.outputs(100, last=date(2026, 11, 30))
    desk.clock.now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    desk.bill(90)
    assert desk.look().overruns == 0
    budget = find_budget(desk.turn(lambda t: t), "ranker")
    assert budget is not None
    found = desk.turn(lambda turn: standing(turn, budget))
    assert found is not None
    assert found.limit == 3100


def test_a_limit_that_becomes_one_per_unit_is_taken_out_of_the_ledger(desk: Desk) -> None:
    desk.bill(60)
    desk.look()
    desk.loaded = overrun_policy(("limit: 3000", "per_unit: {metric: outputs, limit: 1}"))
    desk.look()
    assert desk.limit() == 0


def test_quarters_and_fixed_terms_have_periods_of_their_own(desk: Desk) -> None:
    desk.loaded = overrun_policy(
        budgets=BUDGET.replace("limit: 3000", "limit: 9200, period: quarter")
        + BUDGET.replace("name: ranker", "name: term").replace(
            "limit: 3000", "limit: 500, period: {from: 2026-11-20, to: 2026-12-10}"
        )
    )
    desk.bill(107)
    assert desk.look().overruns == 2
    rows = {r.budget: r for r in desk.rows(Overrun)}
    assert (rows["ranker"].period, rows["ranker"].until) == ("2026-Q4", date(2026, 12, 31))
    assert rows["ranker"].amount_micros == 644_000_000  # 92 days of 107 are 9,844
    assert (rows["term"].period, rows["term"].until) == (
        "from 2026-11-20",
        date(2026, 12, 10),
    )
    assert rows["term"].amount_micros == 1747_000_000  # 21 days
    # after its term a budget is silent, and what waited has ended
    desk.next_day(107, days=18)
    assert {r.budget: r.state for r in desk.rows(Overrun)}["term"] == "expired"


def test_a_new_month_begins_with_a_new_ledger(desk: Desk) -> None:
    row = desk.begin(107)
    desk.press("approve", row, "engineer")
    desk.clock.now = datetime(2026, 12, 2, 9, tzinfo=UTC)
    desk.bill(60)
    desk.look()
    sums: dict[str, int] = {}
    for entry in desk.rows(BudgetEntry):
        sums[entry.period] = sums.get(entry.period, 0) + entry.amount_micros // 10**6
    assert sums == {"2026-11": 3210, "2026-12": 3000}


def test_an_experiment_is_inside_the_budgets_around_it_and_the_tightest_is_named(
    desk: Desk,
) -> None:
    desk.loaded = overrun_policy(
        budgets=BUDGET
        + "  - {name: team, scope: {team: search}, limit: 6000}\n"
        + "  - {name: others, scope: {team: vision}, limit: 10}\n"
        + "  - {name: safe, scope: {workload: training, stage: pilot}, limit: 2000}\n"
    )
    desk.bill(90, workload="training", stage="pilot")
    desk.bill(100, experiment="another")
    both = desk.turn(lambda turn: inside(turn, "experiment", ("ranker", "another")))
    found = both["ranker"]
    assert {s.budget.name for s in both["another"]} == {"team"}
    assert {s.budget.name for s in found} == {"ranker", "team", "safe"}
    narrow = tightest(found)
    assert narrow is not None
    assert narrow.budget.name == "safe"
    assert narrow.over == Decimal(700)


def test_what_several_experiments_spend_of_is_worked_out_once(desk: Desk) -> None:
    """The home tab read the bill's last day, and the ledger twice, for each budget of each experiment."""
    scopes = ("{experiment: ranker}", "{experiment: another}", "{team: search}", "{team: vision}")
    desk.loaded = overrun_policy(
        budgets="".join(f"  - {{name: b{n}, scope: {s}, limit: 9}}\n" for n, s in enumerate(scopes))
    )
    desk.bill(90)
    desk.bill(100, experiment="another")

    def look(turn: Turn) -> list[str]:
        asked: list[str] = []
        event.listen(turn.connection, "before_cursor_execute", lambda *a: asked.append(a[2]))
        inside(turn, "experiment", ("ranker", "another"))
        return asked

    asked = desk.turn(look)
    assert sum("max(cost_rollup.day)" in statement for statement in asked) == 1
    assert (
        sum("FROM budget_entry" in statement for statement in asked) == 3
    )  # vision's is not theirs


def test_the_look_is_the_same_at_any_hour(desk: Desk) -> None:
    row = desk.begin(115)
    before = desk.row(row.id)
    desk.clock.now += timedelta(hours=3)
    desk.look()
    assert desk.row(row.id) == before
