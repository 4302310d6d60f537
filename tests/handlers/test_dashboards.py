"""Whose dashboard is whose, and what each of them says."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from guardrails.money import Money
from handlers.alerts.publish import publish
from handlers.ask.unit_prices import price_said
from handlers.conversation import (
    Band,
    Block,
    Chart,
    Code,
    Facts,
    Heading,
    Items,
    Message,
    Multiples,
    Plain,
    Private,
    Scatter,
    Small,
    Table,
    Waterfall,
)
from handlers.dashboards.engineers import engineers
from handlers.dashboards.executives import executives, waited
from handlers.dashboards.finance import finance
from handlers.dashboards.finops import finops
from handlers.dashboards.product import product
from handlers.dashboards.showing import DASHBOARDS, default_for, show
from handlers.sandboxes.control import halt, resume
from storage import budgets, sandboxes
from storage.database import Database
from storage.tables.spend import MetricPoint
from tests.conftest import NOW, Clock
from tests.handlers.alerting import finding
from tests.handlers.dashboarding import (
    YESTERDAY,
    Desk,
    actor,
    anomaly,
    facts,
    gate,
    made,
    money,
    overrun,
    rows,
    sandbox,
    tables,
    words,
)


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, made(), clock)


# --- whose dashboard ------------------------------------------------------------------------------


def test_each_role_has_its_own(desk: Desk) -> None:
    desk.daily(10, team="search", experiment="ranker", allocated_by="tags")
    expected = {
        "engineer@example.com": "Engineers",
        "lead@example.com": "Engineers",
        "finops@example.com": "FinOps",
        "executive@example.com": "Executives",
    }
    for person, title in expected.items():
        reply = desk.act("command", "spend dashboard", who=person)
        assert isinstance(reply, Private), reply
        assert reply.message.summary.startswith(title)
    for typed, title in {
        "engineer": "Engineers",
        "PRODUCT ": "Product",
        "finance": "Finance",
        "executives": "Executives",
        "finops": "FinOps",
    }.items():
        reply = desk.act("command", "spend", who="lead@example.com", text=f"dashboard {typed}")
        assert reply.message.summary.startswith(title)


def test_roles_of_now_decide_and_several_roles_have_an_order() -> None:
    assert default_for(frozenset({"engineer", "finops"})) == "finops"
    assert default_for({"product", "lead"}) == "product"
    assert default_for({"compliance"}) == "finops"
    assert default_for({"operator"}) == "engineer"
    assert default_for(()) == "engineer"


def test_a_word_that_is_no_dashboard_is_refused_with_the_nearest(desk: Desk) -> None:
    reply = desk.act("command", "spend dashboard", text="finanze")
    assert reply.kind == "refused"
    assert "finance" in reply.sentence
    nobody = desk.act("command", "spend dashboard", who="stranger@example.com")
    assert nobody.kind == "refused"


def test_before_the_first_bill_there_is_a_sentence(desk: Desk) -> None:
    for name in DASHBOARDS:
        reply = desk.act("command", "spend dashboard", text=name)
        assert "sandrail ingest" in words(reply.message)


def test_a_page_gets_the_blocks_of_the_role(desk: Desk) -> None:
    desk.daily(10, team="search")
    someone = actor("x@example.com", "executive")
    heading, *_ = desk.turn(lambda turn: show(turn, someone, default_for(someone.roles))).blocks
    assert isinstance(heading, Heading)
    assert heading.text.startswith("Executives")


def busy(desk: Desk) -> None:
    """What gives every dashboard all of its sections."""
    named = {"team": "search", "feature": "find", "segment": "big", "is_ai": True}
    desk.daily(10, experiment="ranker", stage="pilot", is_gpu=True, quantity=2.0, **named)
    desk.daily(25, last=date(2026, 11, 19), days=20, experiment="chat", **named)
    desk.daily(5, is_ai=True, service="Bedrock")
    for experiment in ("ranker", "chat"):
        desk.measure("outputs", 5, experiment=experiment, feature="find", segment="big")
        desk.measure("ndcg", 0.4, experiment=experiment)
    desk.measure("gpu_hours_busy", 1, experiment="ranker")
    desk.measure("revenue", 90, segment="big")
    desk.turn(lambda turn: publish(turn, [finding()]))


def test_every_figure_says_where_its_parts_are_and_they_are_there(desk: Desk) -> None:
    """A dashboard named the engineers' dashboard as the source of idle GPUs, which does not show them."""
    busy(desk)
    typed: set[str] = set()
    for name, which in DASHBOARDS.items():
        sections: list[list[Block]] = []
        for block in desk.show(which).blocks:
            if isinstance(block, Heading) or not sections:
                sections.append([])
            sections[-1].append(block)
        for i, section in enumerate(sections):
            figures = any(isinstance(b, Table | Facts | Items | Chart) for b in section)
            commands = {*named(section, "Its parts: "), *named(section, "Look further: ")}
            # tables of unit costs follow each other and have one line below the last
            whole = commands or "Cost per" in words(Message(summary="", blocks=tuple(section[:1])))
            assert not figures or whole, f"{name}, part {i}"
            typed |= commands
    assert len(typed) > 12
    for command in sorted(typed):
        assert answer(desk, command)


def named(blocks: Iterable[Block], begins: str) -> list[str]:
    """The commands of the lines that begin so."""
    return [
        span.text
        for b in blocks
        if isinstance(b, Small) and b.text[0] == Plain(text=begins)
        for span in b.text
        if isinstance(span, Code)
    ]


def answer(desk: Desk, command: str) -> str:
    """What a command says, as it stands in a message."""
    first, _, rest = command.removeprefix("/").partition(" ")
    reply = desk.act("command", first, text=rest)
    assert reply.kind == "private", (command, reply)
    return words(reply.message)


ALL = "2026-10-24 to 2026-11-22"
MONTH = "2026-11-01 to 2026-11-22"
WEEK = "2026-11-15 to 2026-11-21"
#: What each command that a dashboard names has of it: sums, and how they changed.
FIGURES = {
    "company": {
        f"/spend {ALL}": ["$1,410"],
        f"/spend why {WEEK}": ["+50 %"],
        f"/spend top experiments {WEEK}": ["+200 %", "+50 %"],
        f"/spend experiment chat {ALL}": ["$3.45 per output", "+25 %", "0.400 ndcg"],
        "/spend alerts": ["Spend of experiment ranker"],
        "/spend budgets": ["search-month", "3 %"],
    },
    "engineer": {
        f"/spend team search {ALL}": ["$1,260"],
        f"/spend why team search {WEEK}": ["+57 %"],
        f"/spend experiment chat {ALL}": ["$3.45 per output", "+25 %", "0.400 ndcg"],
        "/spend alerts": ["Spend of experiment ranker"],
        "/spend budgets": ["search-month", "3 %"],
    },
    "product": {
        f"/spend {MONTH}": ["$1,090"],
        f"/spend feature talk {MONTH}": ["$600"],
        "/spend forecast feature talk": ["$800"],
        f"/spend unit feature talk {ALL}": ["$3.45", "+25 %"],
    },
    "finance": {
        f"/spend {ALL}": ["$1,410"],
        f"/spend segment big {ALL}": ["$1,260"],
        f"/spend why {ALL}": ["$1,300", "$1,015", "+28 %"],
        f"/spend top teams {ALL}": ["$1,300"],
        f"/spend unit {ALL}": ["$2.75", "+33 %"],
        "/spend budgets": ["search-month"],
    },
    "executive": {
        f"/spend {ALL}": ["$1,410"],
        f"/spend unit {ALL}": ["$2.75", "+33 %"],
    },
    "finops": {
        f"/spend {ALL}": ["$1,410", "89 % by tags"],
        f"/spend unclaimed {ALL}": ["$150", "Bedrock"],
        "/spend maturity search": ["search"],
    },
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_commands_that_a_dashboard_names_have_its_figures(
    sqlite: Database, clock: Clock, name: str
) -> None:
    """A dashboard compared with the days directly before, its commands with those of the period before."""
    desk = Desk(sqlite, made(), clock)
    mine: dict[str, Any] = {
        "team": "search",
        "segment": "big",
        "is_ai": True,
        "allocated_by": "tags",
    }
    ranker, chat = (
        {"experiment": "ranker", "feature": "find"},
        {"experiment": "chat", "feature": "talk"},
    )
    desk.daily(10, **ranker, **mine)
    desk.daily(20, days=8, **ranker, **mine)
    desk.daily(20, **chat, **mine)
    desk.daily(5, days=30, **chat, **mine)
    desk.daily(
        50, last=date(2026, 11, 22), days=1, **chat, **mine
    )  # not complete: in no comparison
    desk.daily(
        90, last=date(2026, 10, 23), days=1, **chat, **mine
    )  # between the days that are compared
    desk.daily(5, is_ai=True, service="Bedrock", account="sales", allocated_by="none")
    for served in (ranker, chat):
        desk.measure("outputs", 7.25, segment="big", **served)
        desk.measure("ndcg", 0.4, **served)
    desk.turn(lambda turn: publish(turn, [finding()]))
    which = DASHBOARDS.get(name, engineers)
    shown = desk.show(which, "engineer@example.com" if name == "engineer" else "finops@example.com")
    assert sorted({*named(shown.blocks, "Its parts: ")}) == sorted(FIGURES[name])
    for command, figures in FIGURES[name].items():
        for figure in figures:
            assert figure in answer(desk, command), command
            assert any(
                part in words(shown) for part in (figure, figure.removesuffix(" by tags"))
            ), figure


# --- what they say --------------------------------------------------------------------------------


def test_an_engineer_sees_the_own_team_with_trend_quality_and_runway(desk: Desk) -> None:
    mine = {"team": "Search", "experiment": "ranker", "feature": "find", "allocated_by": "tags"}
    desk.daily(100, **mine)
    desk.daily(100, days=8, **mine)  # seven complete days and the one that grows
    desk.daily(50, team="search", experiment="old")
    desk.daily(700, team="other", experiment="foreign")
    desk.measure("inferences", 400_000, experiment="ranker")
    desk.measure("ndcg", 0.5, experiment="ranker")
    shown = desk.show(engineers, "engineer@example.com")
    first, quality, runway = tables(shown)
    assert shown.summary == "Engineers: $5,300 of team search in 30 days"
    assert rows(first)["ranker"] == ("$3,800", "+100 %")
    assert rows(first)["old"][1] == "no change"
    assert "foreign" not in words(shown)
    # 29 complete days: 36 × $100 for 29 × 400,000 inferences.
    assert rows(quality)["ranker"] == (
        "$0.31 per 1,000 inferences",
        "0.500 ndcg",
        "cost +24 %",
    )
    assert list(rows(runway)) == ["search-month"]
    (chart,) = (b for b in shown.blocks if isinstance(b, Multiples))
    assert chart.alt == (
        "Spend of team search by experiment, 7 days to Sat 21 Nov, against the 7 to Sat 14 Nov: "
        "ranker $200 a day, +100 %; old $50.00 a day, no change."
    )
    assert [p.name for p in chart.panels] == ["ranker", "old"]
    assert chart.days[-1] == date(2026, 11, 21), "complete days only"
    everything = desk.show(engineers, "finops@example.com")
    assert "foreign" in words(everything)
    assert list(rows(tables(everything)[-1])) == ["other-month", "search-month"]


def test_the_smaller_ones_have_a_trend_too(desk: Desk) -> None:
    for n in range(10):
        desk.daily(40 - n if n < 8 else 1, experiment=f"e{n}")
    desk.daily(2, days=8, experiment="e9")
    shown = rows(tables(desk.show(engineers))[0])
    assert shown["2 smaller ones"] == ("$76", "+100 %")


def test_a_sandbox_that_has_not_spent_yet_is_the_teams_all_the_same(desk: Desk) -> None:
    desk.daily(10, team="search", experiment="ranker")
    for name, team in (("tiny-ranker", "search"), ("foreign", "other")):
        sandbox(desk, name, team=team)
        desk.turn(
            lambda turn, name=name: budgets.move(
                turn.connection,
                budget=f"sandbox/{name}",
                period="from 2026-11-20",
                key="set",
                kind="set",
                amount=Money(Decimal(2000), "USD"),
                until=None,
                actor="",
                reason="",
                policy_hash="",
                now=NOW,
            )
        )
    runway = rows(tables(desk.show(engineers, "engineer@example.com"))[-1])
    assert runway["sandbox/tiny-ranker"] == ("$0.00 of $2,000", "0 %", "the whole period")
    assert "sandbox/foreign" not in runway


def test_an_engineer_sees_the_anomalies_of_the_own_team(desk: Desk) -> None:
    desk.daily(10, team="search", experiment="ranker")
    other = finding("foreign", allocation={"team": "vision", "feature": "", "owner": ""})
    desk.turn(lambda turn: publish(turn, [finding(), other]))
    mine = desk.show(engineers, "engineer@example.com")
    (queue,) = (b for b in mine.blocks if isinstance(b, Items) and b.numbered)
    assert len(queue.items) == 1
    assert "experiment ranker" in words(mine)
    every = desk.show(engineers)
    (queue,) = (b for b in every.blocks if isinstance(b, Items) and b.numbered)
    assert len(queue.items) == 2


def test_what_is_not_open_says_how_far_the_bill_is_watched(desk: Desk, clock: Clock) -> None:
    """Without a signal, or with a late bill, all that was watched was said to be inside its band."""
    desk.daily(10, team="search", experiment="ranker")

    def said() -> set[str]:
        shown = (
            desk.show(engineers),
            *(desk.act("command", "spend", text=t).message for t in ("alerts", "mine")),
        )
        found = [re.search(r"(?:None|Nothing|is open)\. ([^\"]*)", words(m)) for m in shown]
        return {match[1] for match in found if match}

    assert said() == {"The bill is watched up to Sun 22 Nov."}
    clock.now += timedelta(days=3)
    assert said() == {"The bill is watched up to Sun 22 Nov; later days have not come yet."}
    desk.loaded = made("detection: {signals: []}\n")
    assert said() == {"Nothing is watched: detection.signals in the policy is empty."}


def test_a_feature_goes_on_to_the_end_of_the_month(desk: Desk) -> None:
    desk.daily(100, feature="find")
    desk.daily(40, feature="chat")
    desk.daily(10)
    desk.measure("outputs", 50, feature="find")
    shown = desk.show(product)
    first, prices = tables(shown)
    assert shown.summary == "Product: $3,300 in November so far, forecast $4,500"
    found = rows(first)
    assert found["find"][:2] == ("$2,200", "$3,000")
    assert found["no feature"][0] == "$220"
    assert found["All"][1] == "$4,500"
    assert [money(found[n][1]) for n in ("find", "chat", "no feature")] == [3000, 1200, 300]
    assert "Cost per output" in words(shown)
    assert rows(prices)["find"][0] == "$2.00"
    (many,) = (b for b in shown.blocks if isinstance(b, Multiples))
    assert [(p.name, p.note) for p in many.panels] == [
        ("find", "$100 a day, no change"),
        ("chat", "$40.00 a day, no change"),
        ("no feature", "$10.00 a day, no change"),
    ]
    (chart,) = (b for b in shown.blocks if isinstance(b, Band))
    assert chart.ahead, "its interval is no usual range"
    assert chart.days[-1] == date(2026, 11, 30)
    assert chart.expected[-1] == pytest.approx(4500)


def test_what_serves_grows_with_usage_and_the_rest_of_a_feature_stays(desk: Desk) -> None:
    served = {"feature": "find", "experiment": "ranker"}
    desk.daily(70, feature="find", experiment="training")
    desk.daily(500, feature="silent", experiment="other")  # nothing is counted for it
    for n in range(70):
        day = YESTERDAY - timedelta(days=n)
        units = 1000 * (1 + n % 5)
        desk.spend({"day": day, "cost_micros": units * 10_000, **served})
        desk.add(MetricPoint, source="m", metric="outputs", day=day, value=units, unit="", team="",
                 workload="", stage="", owner="", segment="", **served)  # fmt: skip
    shown = desk.show(product)
    table = next(t for t in tables(shown) if t.header[1] == "Usage")
    served_cost = sum(10 * (1 + n % 5) for n in range(1, 30))
    assert [row[:2] for row in table.rows] == [("find", f"{n} × outputs") for n in (2, 5, 10)]
    for row, times in zip(table.rows, (2, 5, 10), strict=True):
        assert money(row[2]) == 70 * 29 + times * served_cost
    assert "1.00 % in find" in words(shown)


def test_usage_that_hardly_varies_says_nothing_of_more(desk: Desk) -> None:
    desk.daily(70, feature="find", experiment="ranker")
    desk.measure("outputs", 50, feature="find", experiment="ranker")
    assert "At more usage" not in words(desk.show(product))


def test_the_month_is_that_of_yesterday(desk: Desk, clock: Clock) -> None:
    desk.daily(100, feature="find")
    clock.now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    shown = desk.show(product)
    assert shown.summary.startswith("Product: $2,200 in November so far")
    november = "2026-11-01 to 2026-11-30"
    # no forecast: it would be of December
    assert {*named(shown.blocks, "Its parts: ")} == {
        f"/spend {november}",
        f"/spend feature find {november}",
    }
    clock.now += timedelta(days=1)
    desk.daily(100, last=date(2026, 12, 1), days=1, feature="find")
    assert "/spend forecast feature find" in named(desk.show(product).blocks, "Its parts: ")


def test_a_segment_s_unit_costs_what_the_features_cost_that_make_it(desk: Desk) -> None:
    """Chat makes 1,000 outputs for $100 a day; ranking for the same segment costs $900 and made outputs dearer."""
    desk.daily(100, feature="chat", segment="big")
    desk.daily(900, feature="ranking", segment="big")
    desk.measure("outputs", 1_000, feature="chat", segment="big")
    shown = words(desk.show(finance))
    assert "$0.10" in shown
    assert "$1.00" not in shown


def test_finance_sees_margin_and_what_is_not_billed_yet(desk: Desk) -> None:
    """What is no AI, 50 a day, is spend, and no part of a margin after AI."""
    desk.daily(100, last=date(2026, 11, 21), segment="big", is_ai=True)
    desk.daily(30, days=1, segment="big", is_ai=True)  # yesterday is not billed whole
    desk.daily(50, last=date(2026, 11, 21), segment="big")
    desk.daily(20, last=date(2026, 11, 21), is_ai=True)
    desk.measure("revenue", 400, segment="big", unit="USD")
    desk.measure("revenue", 100, segment="small", unit="EUR")
    desk.measure("revenue", 100, segment="else", unit="CHF")
    desk.measure("outputs", 10, segment="big")
    shown = desk.show(finance)
    segments = rows(tables(shown)[0])
    assert segments["big"] == ("$4,380", "$11,600", "75 %")
    assert segments["small"] == ("$0", "$3,143", "–")
    assert segments["no segment"] == ("$580", "–", "–")
    assert segments["All"] == ("$4,960", "$14,743", "76 %")
    assert "CHF is left out" in words(shown)
    (chart,) = (b for b in shown.blocks if isinstance(b, Multiples))
    got, cost = chart.panels
    assert (got.name, got.note, set(got.values)) == ("Revenue", "$508 a day, no change", {508.37})
    assert (cost.name, set(cost.values)) == ("AI spend", {120.0})
    assert "Revenue $508 a day, no change; AI spend $120 a day, no change." in chart.alt
    assert "17 % of AI spend has no segment" in words(shown)
    said = facts(shown)
    assert said["Revenue"] == "$14,743, no change"
    assert said["AI spend"] == "$3,480, no change"
    assert said["Margin after AI"] == "$11,263 (76 %)"
    assert said["AI spend of revenue"] == "24 %"
    accrued = next(t for t in tables(shown) if t.header[-1] == "To accrue")
    assert accrued.rows == (
        ("main, Sun 22 Nov", "$170", "$30", "$140"),
        ("All", "$170", "$30", "$140"),
    )
    assert "To accrue: $140 that" in words(shown)


@pytest.mark.parametrize(
    ("last", "days", "which", "revenue"),
    [
        (date(2026, 11, 13), 70, "20 days to Thu 12 Nov", "$2,000"),  # billed to ten days ago
        (YESTERDAY, 10, "9 days to Sat 21 Nov", "$900"),  # the bill begins ten days ago
    ],
)
def test_margins_set_ai_spend_against_the_revenue_of_the_same_days(
    desk: Desk, last: date, days: int, which: str, revenue: str
) -> None:
    """$50 a day of AI against $100 a day of revenue was a margin of 70 % while ten days were not billed."""
    desk.daily(50, last=last, days=days, segment="big", is_ai=True)
    desk.measure("revenue", 100, segment="big", unit="USD")
    shown = desk.show(finance)
    said = facts(shown)
    assert said["AI spend of revenue"] == "50 %"
    assert said["Margin after AI"].endswith("(50 %)")
    assert said["Revenue"].startswith(revenue)
    for name in ("big", "All"):
        assert rows(tables(shown)[0])[name][1:] == (revenue, "50 %")
    assert f"All three are of complete days only: {which}." in words(shown)
    (chart,) = (b for b in shown.blocks if isinstance(b, Multiples))
    assert [{v for v in p.values if v} for p in chart.panels] == [{100.0}, {50.0}]
    assert len({tuple(bool(v) for v in p.values) for p in chart.panels}) == 1, "the same days"


def test_without_a_complete_day_there_is_no_margin(desk: Desk) -> None:
    desk.daily(50, days=1, segment="big", is_ai=True)
    desk.measure("revenue", 100, segment="big", unit="USD")
    shown = desk.show(finance)
    assert "Margin" not in words(shown)
    assert rows(tables(shown)[0])["All"] == ("$50.00", "100 %")


def test_the_revenue_of_segments_adds_up_as_shown(desk: Desk) -> None:
    """Ten segments earn $100.40 each: rounded, they were $4 less than their sum, and the smaller ones had none."""
    for n in range(10):
        desk.daily(2 + n / 10, days=30, segment=f"s{n}", is_ai=True)
        desk.measure("revenue", 100.4 / 29, days=30, segment=f"s{n}", unit="USD")
    *parts, whole = tables(desk.show(finance))[0].rows
    assert [row[0] for row in parts][-1] == "2 smaller ones"
    assert whole[:3] == ("All", "$735", "$1,004")
    for column in (1, 2):
        assert sum(money(row[column]) for row in parts) == money(whole[column])
    assert parts[-1][3] != "–"


def test_finance_sees_what_changed_spend(desk: Desk) -> None:
    desk.daily(100, team="search")
    desk.daily(50, last=date(2026, 11, 21), days=10, team="search")
    desk.daily(30, last=date(2026, 10, 23), days=29, team="vision")
    desk.daily(2.005, last=date(2026, 11, 21), days=1)
    (chart,) = (b for b in desk.show(finance).blocks if isinstance(b, Waterfall))
    assert [(s.name, s.amount) for s in (chart.start, *chart.steps, chart.end)] == [
        ("29 days to Thu 22 Oct", 3740),
        ("vision", -840),
        ("search", 500),
        ("no team", 2),
        ("29 days to Sat 21 Nov", 3402),
    ]
    assert chart.alt == (
        "29 days to Thu 22 Oct $3,740, 29 days to Sat 21 Nov $3,402 (−9 %): "
        "vision −$840, search +$500 and no team +$2."
    )


def test_what_a_waterfall_says_adds_up_as_its_table_does(desk: Desk) -> None:
    """Each amount was rounded by itself: +$101 and +$101 were said of $201.20 more."""
    for team in ("a", "b"):
        desk.daily(1000, last=date(2026, 9, 30), days=1, team=team)
        desk.daily(1000, last=date(2026, 10, 30), days=1, team=team)
        desk.daily(100.6, last=date(2026, 10, 31), days=1, team=team)
    desk.daily(0.001, team="a")
    (chart,) = (b for b in desk.show(finance).blocks if isinstance(b, Waterfall))
    assert [int(s.amount) for s in (chart.start, *chart.steps, chart.end)] == [2000, 101, 100, 2201]
    assert chart.alt.endswith("$2,000, 29 days to Sat 21 Nov $2,201 (+10 %): a +$101 and b +$100.")
    table = tables(
        Message(summary="", blocks=desk.act("command", "spend", text=f"why {ALL}").message.blocks)
    )[0]
    assert [row[-1] for row in table.rows] == ["+$101", "+$100", "+$201"]


def test_what_has_no_before_has_no_waterfall(desk: Desk) -> None:
    desk.daily(100, days=20, team="search")
    assert not any(isinstance(b, Waterfall) for b in desk.show(finance).blocks)


def test_cost_against_quality_marks_what_is_dearer_and_no_better(desk: Desk) -> None:
    for name, cost, score in (("ranker", 100, 0.5), ("chat", 20, 0.7), ("old", 5, 0.4)):
        desk.daily(cost, experiment=name)
        desk.measure("inferences", 100_000, experiment=name)
        desk.measure("ndcg", score, experiment=name)
    desk.daily(50, last=date(2026, 11, 21), days=10, experiment="ranker")
    desk.daily(900, experiment="no-score")
    desk.measure("inferences", 100_000, experiment="no-score")
    (chart,) = (b for b in desk.show(engineers).blocks if isinstance(b, Scatter))
    assert chart.title == "Cost against quality, 3 of 4 experiments"
    assert chart.marks == "dearer, hardly better"
    assert (chart.x_label, chart.y_unit) == ("Cost per 1,000 inferences", "ndcg")
    assert {p.name: (round(p.x, 2), p.y, p.marked) for p in chart.points} == {
        "ranker": (1.17, 0.5, True),
        "chat": (0.2, pytest.approx(0.7), False),
        "old": (0.05, pytest.approx(0.4), False),
    }
    assert chart.alt == (
        "Cost against quality of 3 of 4 experiments; the others have no quality, or another unit or score. "
        "Best is chat: 0.700 ndcg at $0.20 per 1,000 inferences. "
        "Cheapest is old: 0.400 at $0.05 per 1,000 inferences. "
        "Dearer than before and hardly any better: ranker (+17 %)."
    )


def test_an_open_anomaly_stands_out_among_the_small_charts(desk: Desk) -> None:
    busy(desk)
    (chart,) = (b for b in desk.show(engineers).blocks if isinstance(b, Multiples))
    assert {p.name for p in chart.panels if p.marked} == {"ranker"}
    assert "ranker $10.00 a day, no change and an open anomaly" in chart.alt


def test_executives_see_research_velocity_and_efficiency(desk: Desk) -> None:
    ai = {"is_ai": True, "experiment": "ranker", "feature": "find"}
    desk.daily(10, stage="exploration", **ai)
    desk.daily(20, stage="pilot", is_gpu=True, experiment="gpus", quantity=4.0)
    desk.daily(70, stage="production", **ai)
    desk.daily(100, stage="production")
    desk.measure("gpu_hours_busy", 3, experiment="gpus")
    desk.measure("outputs", 40, experiment="ranker", feature="find")
    sandbox(desk, "one", zone="exploring")
    sandbox(desk, "two", overrun_id="o2")
    august = datetime(2026, 8, 1, tzinfo=UTC)
    sandbox(desk, "old", asked_at=august, active_at=august, starts_on=date(2026, 8, 1))
    sandbox(desk, "done", state="closed", ended_at=NOW, overrun_id="o3")
    overrun(desk, "o2", kind="sandbox", decided_at=NOW, opened_at=NOW - timedelta(hours=4))
    overrun(desk, "o3", kind="sandbox", decided_at=NOW, opened_at=NOW - timedelta(hours=9))
    gate(desk, "g1")
    gate(desk, "g2", state="declined")
    shown = desk.show(executives)
    assert shown.summary == (
        "Executives: $6,000 in 30 days, 30 % of AI spend is research and development"
    )
    found = rows(tables(shown)[0])
    assert found["AI, pilot"] == ("$600", "20 %")
    assert found["All AI"] == ("$3,000", "100 %")
    assert found["not AI"] == ("$3,000", "–")
    assert found["All"] == ("$6,000", "–")
    said = facts(shown)
    assert said["Sandboxes asked for"] == "3"
    assert said["Started"] == "3"
    assert said["Promoted"] == "1"
    assert said["Stopped"] == "0 halted, 1 ended"
    assert said["Time to decision"] == "4.0 hours (median of 3)"
    assert said["Idle GPUs"] == "25 % of 116 GPU hours"
    assert said["Cost per output"] == "$2.00, no change"
    assert tables(shown)[-1].rows == (("gpus", "29", "25 %"), ("All", "29", "25 %"))
    (chart,) = (b for b in shown.blocks if isinstance(b, Band))
    assert "30 % of AI spend in the week to Sat 21 Nov; it was 30 %" in chart.alt


def test_a_halt_counts_after_it_was_resumed_and_what_began_today_has_begun(desk: Desk) -> None:
    """A sandbox that ran again was no halt any more; one that began today was asked for and had not started."""
    desk.daily(10, is_ai=True)
    sandbox(desk, "new", asked_at=NOW, active_at=NOW, starts_on=NOW.date())
    (row,) = desk.turn(lambda turn: sandboxes.living(turn.connection))
    desk.turn(lambda turn: halt(turn, row, actor="x", name="X", why="Too dear."))
    (row,) = desk.turn(lambda turn: sandboxes.living(turn.connection))
    desk.turn(lambda turn: resume(turn, row, actor="x", name="X", why="Cheaper now."))
    said = facts(desk.show(executives))
    assert said["Sandboxes asked for"] == said["Started"] == "1"
    assert said["Stopped"] == "1 halted, 0 ended"


def test_without_the_metric_there_is_no_share_of_idle_gpus(desk: Desk) -> None:
    desk.daily(20, stage="pilot", is_gpu=True, experiment="gpus", quantity=4.0)
    assert "Idle GPUs" not in facts(desk.show(executives))


def test_what_is_not_billed_in_hours_has_no_idle_hours(desk: Desk) -> None:
    desk.daily(20, is_gpu=True, experiment="gpus", quantity=4.0, unit="GPU-Hours")
    desk.daily(20, is_gpu=True, experiment="slots", quantity=4.0, unit="Hours")
    desk.daily(20, is_gpu=True, experiment="slots", quantity=9000.0, unit="Seconds")
    for name in ("gpus", "slots"):
        desk.measure("gpu_hours_busy", 3, experiment=name)
    said = facts(desk.show(executives))
    assert said["Idle GPUs"] == "25 % of 116 GPU hours"
    assert said["Not in idle GPUs"] == "what is billed in Seconds: no hours"


def test_finops_sees_coverage_shadow_maturity_and_health(desk: Desk) -> None:
    desk.daily(60, allocated_by="tags", team="search", experiment="r", feature="f", workload="w")
    desk.daily(20, allocated_by="rules", team="other")
    desk.daily(5, allocated_by="shared", team="other")
    desk.daily(15, allocated_by="none", is_ai=True, account="sales", service="Bedrock")
    overrun(desk, "o1", state="granted", decided_at=NOW, due_at=NOW + timedelta(hours=1))
    overrun(desk, "o2", state="declined", decided_at=NOW, due_at=NOW - timedelta(hours=1))
    overrun(desk, "o3", state="expired", decided_at=NOW, due_at=NOW)
    overrun(desk, "o4", state="withdrawn", decided_at=NOW, due_at=NOW - timedelta(days=1))
    overrun(desk, "o5", state="open", due_at=NOW - timedelta(hours=1))
    for n, state in enumerate(("open", "false-alarm", "expected", "resolved")):
        anomaly(desk, n, state, "ml-search")
    anomaly(desk, 9, "open")  # of days past: it was recorded, nobody was told
    shown = desk.show(finops)
    assert shown.summary == "FinOps: 85 % of $3,000 is allocated"
    first, shadow, levels = tables(shown)
    assert rows(first)["by rules"] == ("$600", "20 %")
    assert shadow.rows == (("Bedrock", "sales", "$450"),)
    assert "Shadow spend: $450, 100 % of AI spend" in words(shown)
    assert rows(levels)["search"][0] == "1 nudge"
    said = facts(shown)
    assert said["Overruns"] == "2 of 3 decided late"
    assert said["Overdue now"] == "1"
    assert said["Alerts overruled"] == "1 of 4 called false alarms"
    assert said["Called expected"] == "1"
    assert said["Found too late"] == "1 of days past, nobody was told"


# --- small things ---------------------------------------------------------------------------------


def test_prices_and_waits_in_words() -> None:
    assert price_said(Decimal("0.8"), "USD") == "$0.80"
    assert price_said(Decimal("0.00414"), "USD") == "$0.00414"
    assert price_said(Decimal("0.00000321"), "USD") == "$0.00000321"
    assert price_said(Decimal("12.3"), "USD") == "$12.30"
    assert waited(timedelta(seconds=20)) == "at once"
    assert waited(timedelta(minutes=1)) == "1 minute"
    assert waited(timedelta(hours=30)) == "30.0 hours"
    assert waited(timedelta(days=3)) == "3.0 days"
