"""A person's own page and the /spend commands, on rolled-up spend."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from guardrails.periods import Period
from handlers.alerts.publish import publish
from handlers.conversation import Private, Refused
from handlers.home import sparkline
from storage.tables.spend import BillPeriod, CostRollup
from tests.conftest import NOW
from tests.handlers.alerting import Bot, finding


def spent(bot: Bot, *rows: dict[str, Any]) -> None:
    with bot.database.write() as connection:
        for row in rows:
            values = {
                **CostRollup(
                    bill="main",
                    period=date(2026, 11, 1),
                    day=date(2026, 11, 20),
                    currency="USD",
                    cost_micros=0,
                ).model_dump(exclude={"id"}),
                **row,
            }
            connection.execute(insert(CostRollup.__table__).values(**values))  # type: ignore[attr-defined]
        connection.execute(
            insert(BillPeriod.__table__).values(  # type: ignore[attr-defined]
                bill="main",
                period=date(2026, 11, 1),
                currency="USD",
                rows=1,
                rollups=1,
                money_in_micros=0,
                money_out_micros=0,
                ingested_at=NOW,
            )
        )


@pytest.fixture
def busy(bot: Bot) -> Bot:
    mine = {"owner": "engineer@example.com", "team": "search", "allocated_by": "tags"}
    spent(
        bot,
        *[
            {
                **mine,
                "experiment": "ranker",
                "feature": "semantic-search",
                "workload": "training",
                "day": date(2026, 11, 1) + timedelta(days=n),
                "cost_micros": (n + 1) * 10_000_000,
            }
            for n in range(22)
        ],
        {**mine, "experiment": "reranker", "cost_micros": 5_250_000},
        {
            "team": "vision",
            "experiment": "other",
            "owner": "x@example.com",
            "cost_micros": 10**9,
            "allocated_by": "rules",
        },
        {"account": "legacy", "cost_micros": 7_000_000},
    )
    return bot


def words(reply: Any) -> str:
    assert isinstance(reply, Private), reply
    return reply.message.model_dump_json()


def test_my_page_has_my_experiments_and_what_waits_for_me(busy: Bot) -> None:
    busy.turn(lambda turn: publish(turn, [finding()]))
    said = words(busy.act("home", "home"))
    assert "ranker" in said
    assert "$2,530 in 30 days" in said
    assert "$190 a day in the last week" in said
    assert "$5.25" in said
    assert "other" not in said
    assert "Critical" in said
    assert "anomaly.investigate" in said
    assert words(busy.act("command", "spend", text="mine")) == said


def test_trap_38_the_page_is_of_the_one_who_looks_with_the_roles_of_now(busy: Bot) -> None:
    busy.turn(lambda turn: publish(turn, [finding()]))
    lead = words(busy.act("home", "home", who="lead@example.com"))
    assert "anomaly.investigate" in lead  # the lead's team
    assert "No experiment with the owner lead@example.com" in lead
    executive = words(busy.act("home", "home", who="executive@example.com"))
    assert "Nothing. The bill is watched up to Sun 22 Nov." in executive
    assert "anomaly.investigate" not in executive
    assert isinstance(busy.act("home", "home", who="nobody@example.net"), Refused)


def test_an_empty_company_has_an_empty_page(bot: Bot) -> None:
    said = words(bot.act("home", "home"))
    assert "Nothing. No bill has been read yet, so nothing is watched." in said


def test_spend_of_all_by_team(busy: Bot) -> None:
    said = words(busy.act("command", "spend", text=""))
    assert "$3,542 in the 30 days to Sun 22 Nov" in said
    assert "no team" in said
    assert '"vision","$1,000","28 %"' in said
    assert (
        "The bill begins on Sun 1 Nov: earlier days are not known, so 10 days are compared." in said
    )


def test_spend_of_one_name_as_people_type_it(busy: Bot) -> None:
    for typed in ("ranker last 7d", "RANKER  last 7 days", "experiment ranker last 7d"):
        said = words(busy.act("command", "spend", text=typed))
        assert "Experiment ranker: $1,330 in the 7 days" in said
        assert "training" in said
        assert said.index("A day") < said.index("No budget is set for it, so there is no runway")
    assert "Feature semantic-search" in words(busy.act("command", "spend", text="semantic-search"))
    wrong = busy.act("command", "spend", text="rankr last 7d")
    assert isinstance(wrong, Refused)
    assert "did you mean ranker?" in wrong.sentence
    old = words(busy.act("command", "spend", text="ranker since 2025-12-01"))
    assert "$2,530" in old


def test_unclaimed_and_alerts_when_there_are_none(busy: Bot) -> None:
    assert "No AI spend is unclaimed" in words(busy.act("command", "spend", text="unclaimed"))
    assert "No anomaly is open" in words(busy.act("command", "spend", text="alerts"))
    busy.turn(lambda turn: publish(turn, [finding()]))
    assert "1 anomaly is open" in words(busy.act("command", "spend", text="alerts"))


def test_a_mistyped_command_is_near_another(bot: Bot) -> None:
    near = bot.act("command", "sandbx", text="")
    assert isinstance(near, Refused)
    assert "/sandbox" in near.sentence


def test_the_sparkline_is_as_tall_as_its_highest_day() -> None:
    period = Period(date(2026, 11, 1), date(2026, 11, 4))
    days = {date(2026, 11, 1): Decimal(1), date(2026, 11, 3): Decimal(8)}
    assert sparkline(days, period) == "▂▁█▁"
    assert sparkline({}, period) == "▁▁▁▁"
