"""What people see of maturity, from the bill to the answer; and the record of what they overrule."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from guardrails.money import MICROS
from handlers.conversation import Items, Table
from handlers.maturity import level_of, levels, look_at_maturity
from storage import audit
from storage.database import Database
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.spend import CostRollup, MetricPoint
from tests.conftest import POLICY, Clock
from tests.handlers.alerting import Bot

LAST = date(2026, 11, 22)
MORE = """
watch:
  units: [{metric: outputs, label: output}]
  quality: [ndcg]
budgets:
  - {name: find, scope: {feature: find}, limit: 3000}
"""
WHOLE = {
    "experiment": "ranker",
    "feature": "find",
    "workload": "training",
    "owner": "lead@example.com",
}


def made(more: str = MORE, *edits: tuple[str, str]) -> LoadedPolicy:
    text = POLICY + more
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    policy = parse_policy(text)
    return LoadedPolicy(policy, policy_hash(policy), Path())


class Desk(Bot):
    def spend(self, cost: float, day: date = LAST, **values: Any) -> None:
        row: dict[str, Any] = {
            "currency": "USD",
            "team": "search",
            "allocated_by": "tags",
            **values,
        }
        made_row = CostRollup(
            bill="main",
            period=day.replace(day=1),
            day=day,
            cost_micros=int(cost * MICROS),
            **row,
        )
        with self.database.write() as connection:
            connection.execute(
                insert(CostRollup.__table__),  # type: ignore[attr-defined]
                made_row.model_dump(exclude={"id"}),
            )

    def metric(self, metric: str, day: date = LAST, **values: Any) -> None:
        point = MetricPoint(source="m", metric=metric, day=day, value=1.0, **values)
        with self.database.write() as connection:
            connection.execute(
                insert(MetricPoint.__table__),  # type: ignore[attr-defined]
                point.model_dump(exclude={"id"}),
            )

    def level(self, team: str = "search") -> int:
        judged = self.turn(lambda turn: level_of(turn, team))
        every = {j.team.casefold(): j for j in self.turn(levels)}
        if team.casefold() in every:  # both ways of asking say the same
            assert replace(every[team.casefold()], team="") == replace(judged, team="")
        return judged.level

    def entries(self) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            assert isinstance(audit.verify(connection), int)
            return list(audit.entries(connection))


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, made(), clock)


def test_a_team_climbs_with_what_is_known_of_its_spend(desk: Desk) -> None:
    assert desk.level() == 0
    desk.spend(100, feature="find")
    assert desk.level() == 0
    desk.spend(100, **WHOLE)
    assert desk.level() == 1
    desk.spend(500, **WHOLE)
    assert desk.level() == 2
    desk.spend(1300, **WHOLE)
    assert desk.level() == 2  # no metric yet
    desk.metric("ndcg", feature="find")
    assert desk.level() == 3


@pytest.mark.parametrize(
    ("point", "level"),
    [
        ({"metric": "ndcg", "team": "search"}, 3),
        ({"metric": "outputs", "experiment": "ranker"}, 3),
        ({"metric": "outputs", "experiment": "other"}, 2),
        ({"metric": "visitors", "team": "search"}, 2),
        ({"metric": "ndcg", "team": "search", "day": date(2026, 10, 23)}, 2),
        ({"metric": "ndcg", "team": "search", "day": date(2026, 10, 24)}, 3),
        ({"metric": "ndcg", "team": "search", "day": date(2026, 11, 23)}, 2),
    ],
)
def test_only_watched_metrics_of_the_team_in_the_window_count(
    sqlite: Database, clock: Clock, point: dict[str, Any], level: int
) -> None:
    desk = Desk(sqlite, made(), clock)
    desk.spend(100, **WHOLE)
    desk.metric(**point)
    assert desk.level() == level


def test_shared_costs_old_days_and_other_teams_say_nothing_of_a_team(desk: Desk) -> None:
    desk.spend(100, **WHOLE)
    desk.spend(900, allocated_by="shared")
    desk.spend(900, day=LAST - timedelta(days=30))
    desk.spend(900, day=LAST + timedelta(days=1))
    desk.spend(900, team="fraud")
    assert desk.level() == 2
    assert desk.level("fraud") == 0


def test_other_currencies_count_by_their_rate(sqlite: Database, clock: Clock) -> None:
    rates = ("currency: USD", "currency: USD, rates: {EUR: 4}")
    desk = Desk(sqlite, made(MORE, rates), clock)
    desk.spend(30, currency="EUR", **WHOLE)
    desk.spend(120)
    assert desk.level() == 1
    desk.spend(1)
    assert desk.level() == 0


def test_names_are_known_without_case_and_nobody_is_level_0(desk: Desk) -> None:
    desk.spend(100, **WHOLE)
    assert desk.level("  SEARCH ") == desk.level("search") == 2
    for name in ("nobody", "", " "):
        judged = desk.turn(lambda turn, name=name: level_of(turn, name))
        assert judged.level == 0
        assert judged.why == ("nothing was spent under this name in the last 30 days",)


def _override(level: int, because: str = "its bill is clean") -> str:
    return MORE + f"maturity: {{override: {{search: {{level: {level}, because: {because}}}}}}}\n"


def test_an_override_counts_and_each_change_of_it_is_recorded_once(
    database: Database, clock: Clock
) -> None:
    desk = Desk(database, made(), clock)
    assert desk.turn(look_at_maturity) == 0
    story = [
        (_override(2), "maturity.overruled", 2, None),
        (_override(3), "maturity.overruled", 3, 2),
        (_override(3, "agreed with finance"), "maturity.overruled", 3, 3),
        (MORE, "maturity.override-ended", None, 3),
        (_override(1), "maturity.overruled", 1, None),
    ]
    for number, (more, action, level, was) in enumerate(story, start=1):
        desk.loaded = made(more)
        assert [desk.turn(look_at_maturity) for _ in range(2)] == [1, 0]
        entry = desk.entries()[-1]
        assert len(desk.entries()) == number
        assert (entry["action"], entry["subject"]) == (action, "maturity:search")
        assert (entry["detail"].get("level"), entry["detail"]["was"]) == (level, was)
        assert entry["policy_hash"] == desk.loaded.hash
    judged = desk.turn(lambda turn: level_of(turn, "search"))
    assert (judged.level, judged.computed, judged.overruled) == (1, 0, True)
    assert desk.entries()[2]["reason"] == "agreed with finance"


def _table(reply: Any) -> tuple[Table, list[str]]:
    (table,) = [b for b in reply.message.blocks if isinstance(b, Table)]
    lists = [b for b in reply.message.blocks if isinstance(b, Items)]
    return table, ["".join(s.text for s in item) for b in lists for item in b.items]


def test_the_command_shows_levels_reasons_and_the_next_step(desk: Desk) -> None:
    desk.loaded = made(_override(3).replace("search:", "vision:"))
    desk.spend(160, **WHOLE)
    desk.spend(30, experiment="x")
    desk.metric("ndcg", team="search")
    table, needs = _table(desk.act("command", "spend", text="maturity"))
    assert table.header == ("Team", "Level", "Allocated", "With an owner", "Budgets", "Metrics")
    assert table.rows == (
        ("search", "2 approve", "84.2 %", "84.2 %", "find", "ndcg"),
        ("vision", "3 stop (set by people)", "–", "–", "none", "none"),
    )
    assert needs == [
        "search: 84.2 % of spend has experiment, feature and workload; level 3 needs 90 %; 84.2 % of spend has an "
        "owner; level 3 needs 95 %.",
        "vision: nothing to judge by; level 1 needs spend in 30 days.",
    ]
    one = desk.act("command", "spend", text="maturity Vision")
    assert one.message.summary == "Team vision: level 3, stop"
    assert "people set level 3 (stop): its bill is clean" in one.message.model_dump_json()
    missing = desk.act("command", "spend", text="maturity serach")
    assert (missing.kind, missing.reason) == ("refused", "not-found")
    assert "did you mean search?" in missing.sentence


def test_without_any_team_the_command_says_so(sqlite: Database, clock: Clock) -> None:
    teams = ("teams:\n  search: {channel: ml-search, lead: lead@example.com}\n", "")
    desk = Desk(sqlite, made(MORE, teams, (", team: search}", "}")), clock)
    reply = desk.act("command", "spend", text="maturity")
    assert "No team has spent anything" in reply.message.summary
