"""``/spend`` why, top, compare, forecast: what people get who ask in their own words."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.slack.blocks import render
from bot.teams.cards import card
from guardrails.money import MICROS
from handlers.alerts.record import to_json
from handlers.conversation import Band, Heading, Message, Multiples
from storage.database import Database
from storage.tables.alerts import Anomaly
from storage.tables.sandboxes import GateCase, RedlineCase
from tests.conftest import NOW, Clock
from tests.fakes.block_kit import problems, too_long
from tests.handlers.alerting import finding
from tests.handlers.asking import (
    Desk,
    adds_up,
    amount,
    facts,
    first_line,
    lines,
    tables,
    waterfall,
)
from tests.handlers.dashboarding import MORE, YESTERDAY, gate, made, overrun, sandbox

LAST = YESTERDAY - timedelta(days=1)  # the last complete day


@pytest.fixture
def desk(sqlite: Database, clock: Clock) -> Desk:
    return filled(sqlite, clock)


def filled(database: Database, clock: Clock) -> Desk:
    """Eighty days: ``ranker`` doubled its GPU hours two weeks ago, ``index`` got dearer, ``tool ends``."""
    made_desk = Desk(database, made(), clock)
    rows: list[dict[str, Any]] = []

    def spent(day: date, cost: float, hours: float, **where: str) -> None:
        usual = {"team": "search", "service": "Compute", "sku": "gpu hours", "unit": "Hours"}
        micros = int(cost * MICROS)
        rows.append({"day": day, "cost_micros": micros, "quantity": hours, **usual, **where})

    for n in range(80):
        day = YESTERDAY - timedelta(days=n)
        late = n < 14
        spent(day, 200 if late else 100, 20 if late else 10, experiment="ranker", feature="feed")
        spent(
            day, 60 if late else 50, 5, experiment="index", feature="feed", sku="disk", team="data"
        )
        if not late:
            spent(
                day,
                30,
                3,
                experiment="tool ends",
                feature="photos",
                service="Models",
                team="vision",
            )
    made_desk.spend(*rows)
    return made_desk


# --- why ----------------------------------------------------------------------------------------------


def test_the_first_line_says_what_changed_and_why(desk: Desk) -> None:
    message = desk.ask("why last 14d")
    # The 22nd is not complete: 13 days against the same days of the two weeks before.
    assert first_line(message) == (
        "All spend came to $3,380 in the 13 days to Sat 21 Nov, $1,040 more than in the 13 days to Sat 7 Nov "
        "(+44 %). Mostly experiment ranker +$1,300: more than all of it, others went the other way."
    )
    chart = waterfall(message)
    assert [(s.name, int(s.amount)) for s in chart.steps] == [
        ("ranker", 1300),
        ("tool ends", -390),
        ("index", 130),
    ]
    assert (
        chart.alt
        == "Before $2,340, Now $3,380 (+44 %): ranker +$1,300, tool ends −$390 and index +$130."
    )
    (table,) = tables(message)
    assert adds_up(table, 1, 2, 3) == 3380
    assert "Sun 22 Nov is left out: not all charges are in yet." in lines(message)
    assert any("/spend why experiment ranker 2026-11-09 to 2026-11-22" in s for s in lines(message))


def test_volume_and_price_are_told_apart_sku_by_sku(desk: Desk) -> None:
    assert facts(desk.ask("why last 14d")) == {"Volume": "+$910", "Price": "+$130"}
    assert facts(desk.ask("why index last 14d")) == {"Volume": "$0", "Price": "+$130"}
    desk.daily(5, team="search", experiment="bare")
    assert facts(desk.ask("why bare")) == {}


def test_an_experiment_is_cut_by_what_it_uses(desk: Desk) -> None:
    desk.daily(40, days=14, experiment="ranker", team="search", service="Storage", sku="copies")
    message = desk.ask("why ranker last 14d")
    assert "Mostly model gpu hours +$1,300" in message.summary
    assert adds_up(tables(message)[0], 1, 2, 3) == amount("$3,120")


def test_what_has_no_name_may_be_most_of_it(desk: Desk) -> None:
    desk.daily(500, days=10, experiment="plain", team="search")
    desk.daily(
        10, days=40, experiment="plain", team="search", sku="a", service="b", workload="training"
    )
    assert "Mostly no model +$" in desk.ask("why plain last 14d").summary


def test_both_periods_are_cut_to_what_the_bill_has(desk: Desk) -> None:
    message = desk.ask("why since 2026-09-20")
    (note,) = [s for s in lines(message) if "The bill begins" in s]
    assert "so 39 days are compared" in note
    assert desk.ask("why yesterday").summary == (
        "The bill is complete until Sat 21 Nov only; try last 30d."
    )


def test_a_sum_has_the_days_that_its_change_leaves_out(desk: Desk) -> None:
    message = desk.ask("last 14d")
    assert message.summary == "$3,640 in the 14 days to Sun 22 Nov"
    assert facts(message)["Against the 13 days to Sat 7 Nov"] == (
        "+44 %: $3,380 in the 13 days to Sat 21 Nov, $2,340 before"
    )
    said = "In the change, Sun 22 Nov is left out: not all charges are in yet."
    assert said in lines(message)


@pytest.mark.parametrize(
    ("last", "days", "said"),
    [
        (date(2026, 11, 13), 70, "$50.00 (20 days to Thu 12 Nov)"),
        (YESTERDAY, 10, "$50.00 (9 days to Sat 21 Nov)"),
    ],
)
def test_a_day_costs_what_it_costs_on_the_days_that_the_bill_has_whole(
    sqlite: Database, clock: Clock, last: date, days: int, said: str
) -> None:
    """``/spend team`` said less than $35 a day of what costs $50 a day and is billed to ten days ago."""
    desk = Desk(sqlite, made(), clock)
    desk.daily(50, last=last, days=days, team="search")
    assert facts(desk.ask("team search"))["A day"] == said
    assert "A day" not in facts(desk.ask(f"team search since {last}")), "none of it is complete"


def test_days_before_the_bill_are_not_known_rather_than_without_spend(
    sqlite: Database, clock: Clock
) -> None:
    """``/spend Q3`` said that nothing was spent before, and of July that nothing was spent then."""
    desk = Desk(sqlite, made(), clock)
    desk.daily(10, last=YESTERDAY, days=100, team="search")  # from 15 August
    assert facts(desk.ask("Q3"))["Against the 23 days before"].endswith("$230 before")
    note = "The bill begins on Sat 15 Aug: earlier days are not known, so 23 days are compared."
    assert note in lines(desk.ask("Q3"))
    for typed in ("July", "team search July", "why July", "top July", "compare October with July"):
        said = desk.ask(typed).summary
        assert said == "The bill begins on Sat 15 Aug: it has nothing of July.", typed
    assert desk.ask("15 Aug").summary == "$10.00 on Sat 15 Aug"
    assert facts(desk.ask("15 Aug"))["Change"] == (
        "The bill begins on Sat 15 Aug: there are no days before to compare with."
    )
    assert desk.ask("today").summary == (
        "The bill ends on Sun 22 Nov: it has nothing of Mon 23 Nov yet."
    )


def test_small_changes_are_one_step_and_equal_spend_is_said(desk: Desk) -> None:
    for n in range(9):
        where = {"team": "search", "service": "Compute", "sku": "gpu hours"}
        desk.daily(10 + n, days=10, experiment=f"new-{n}", **where)
    chart = waterfall(desk.ask("why team search last 14d"))
    assert [s.name for s in chart.steps][-1] == "4 smaller ones"
    assert "about as much as in" in desk.ask("why between 1 Oct and 14 Oct").summary
    (table,) = tables(desk.ask("why between 1 Oct and 14 Oct"))
    assert [row[0] for row in table.rows] == ["unchanged", "All"]


def test_what_happened_meanwhile_stands_below(desk: Desk) -> None:
    found = finding("ranker", last=LAST, days=3)
    desk.add(Anomaly, **_row("a1", "open", to_json(found)))
    other = to_json(finding("elsewhere", last=LAST, days=3, allocation={"team": "other"}))
    desk.add(
        Anomaly, **_row("a2", "resolved", other, scope="experiment:elsewhere", cause="a sweep")
    )
    desk.add(Anomaly, **_row("a3", "false-alarm", to_json(finding("wrong", last=LAST))))
    sandbox(desk, "ranker", overrun_id="")
    gate(desk, "ranker")
    overrun(
        desk,
        "search-month",
        kind="forecast",
        decided_at=NOW - timedelta(days=2),
        decided_name="Lead",
    )
    message = desk.ask("why ranker last 7d")
    (anomaly,) = lines(message, "Anomalies that touch it")
    assert anomaly.startswith("Critical Spend of experiment ranker:")
    assert anomaly.endswith("(not decided yet)")
    decided = lines(message, "Decided in these days")
    assert any("ranker the sandbox was granted" in line for line in decided)
    assert any("search-month overrun of $0.00: granted by Lead" in line for line in decided)
    everything = desk.ask("why last 7d")
    assert len(lines(everything, "Anomalies that touch it")) == 2
    assert any("(resolved: a sweep)" in s for s in lines(everything, "Anomalies that touch it"))
    past = to_json(finding("index", last=LAST, days=3, allocation={"team": "data"}))
    desk.add(Anomaly, **_row("a4", "open", past, channels=[], ended_on=LAST))
    over = to_json(finding("tool ends", last=LAST, days=3, allocation={"team": "vision"}))
    desk.add(Anomaly, **_row("a5", "open", over, ended_on=LAST))
    touched = lines(desk.ask("why last 7d"), "Anomalies that touch it")
    assert any("index" in s and s.endswith("(nobody was told)") for s in touched)
    assert any("tool ends" in s and s.endswith("(ended, nobody answered)") for s in touched)
    assert lines(desk.ask("why index last 7d"), "Decided in these days") == []


def test_gates_redlines_and_ends_are_decisions_too(desk: Desk) -> None:
    then = NOW - timedelta(days=3)
    sandbox(desk, "ranker", overrun_id="", state="closed", ended_at=then)
    case = GateCase(
        id="g", sandbox_id="ranker", gate="pilot", kind="promote", state="done", amount_micros=1,
        facts={}, proposed_at=then, decided_at=then, decided_name="Lead", policy_hash="",
    )  # fmt: skip
    desk.add(GateCase, **case.model_dump())
    crossed = RedlineCase(
        id="r",
        sandbox_id="ranker",
        redline="daily-cost",
        taken=[],
        facts={},
        opened_at=then,
        policy_hash="",
    )
    desk.add(RedlineCase, **crossed.model_dump())
    for typed in ("why ranker last 7d", "why team search last 7d", "why last 7d"):
        decided = " | ".join(lines(desk.ask(typed), "Decided in these days"))
        assert "Fri 20 Nov: ranker the sandbox ended (closed)" in decided, typed
        assert "ranker gate pilot: promoted" in decided
        assert "ranker redline daily-cost was crossed" in decided
    assert lines(desk.ask("why index last 7d"), "Decided in these days") == []


def _row(key: str, state: str, found: dict[str, Any], **more: Any) -> dict[str, Any]:
    usual = Anomaly(
        id=key,
        signal="spend",
        scope="experiment:ranker",
        direction="up",
        state=state,
        started_on=LAST - timedelta(days=2),
        last_on=LAST,
        ended_on=None,
        severity="critical",
        impact_micros=1,
        currency="USD",
        found=found,
        channels=["ml-search"],
        created_at=NOW,
    ).model_dump()
    return {**usual, "scope": f"{key}:{state}", **more}


# --- top ----------------------------------------------------------------------------------------------


def title(message: Message) -> str:
    found = message.blocks[0]
    assert isinstance(found, Heading)
    assert found.text == message.summary
    return found.text


def test_the_ranking_has_shares_and_changes(desk: Desk) -> None:
    message = desk.ask("top teams last 14d")
    assert (
        title(message)
        == "Team search spent most: $2,600 of $3,380 (77 %) in the 13 days to Sat 21 Nov"
    )
    (table,) = tables(message)
    assert table.header == ("Team", "Spend", "Share", "Change")
    assert table.rows == (
        ("search", "$2,600", "77 %", "+100 %"),
        ("data", "$780", "23 %", "+20 %"),
        ("vision", "$0", "0 %", "ended"),
        ("All", "$3,380", "100 %", "+44 %"),
    )


def test_movers_come_by_the_size_of_their_change(desk: Desk) -> None:
    message = desk.ask("top movers last 14d")
    assert title(message).startswith("Experiment ranker changed most: +$1,300, of +$1,040 in all,")
    (table,) = tables(message)
    assert [row[0] for row in table.rows] == ["ranker", "tool ends", "index", "All"]
    assert title(desk.ask("top services movers last 14d")).startswith(
        "Service Compute changed most"
    )


def test_what_has_no_name_and_the_small_ones_stand_last(desk: Desk) -> None:
    for n in range(12):
        desk.daily(1, experiment=f"small-{n}")
    desk.daily(500)
    (table,) = tables(desk.ask("top"))
    assert [row[0] for row in table.rows[-3:]] == ["5 smaller ones", "no experiment", "All"]
    adds_up(table, 1)


def test_what_cannot_be_ranked_is_said_with_what_can(desk: Desk) -> None:
    said = desk.refused("top experimnts")
    assert said.startswith("“experimnts” cannot be ranked; did you mean experiments?")
    assert said.endswith("services, models, segments, accounts or movers.")
    assert "cannot be ranked" in desk.refused("top of the pops")


# --- compare ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "ranker and index",
        "ranker with index",
        "ranker vs. index",
        "ranker, index",
        "between ranker and index",
        "ranker index",
        "experiment ranker and experiment index",
    ],
)
def test_two_names_side_by_side(desk: Desk, typed: str) -> None:
    message = desk.ask(f"compare {typed} last 14d")
    assert first_line(message) == (
        "Experiment ranker came to $2,600 and experiment index to $780 in the 13 days to Sat 21 Nov: "
        "experiment ranker $1,820 more, 3.3 times experiment index."
    )
    beside, parts = tables(message)
    assert beside.rows == (
        ("ranker", "$2,600", "$200", "77 %", "+100 %"),
        ("index", "$780", "$60.00", "23 %", "+20 %"),
    )
    assert adds_up(parts, 1, 2, 3) == 2600
    (chart,) = [b for b in message.blocks if isinstance(b, Multiples)]
    assert [p.name for p in chart.panels] == ["ranker", "index"]
    assert len(chart.days) == 13


def test_names_of_two_kinds_and_what_is_in_both(desk: Desk) -> None:
    message = desk.ask("compare team search and feature feed last 14d")
    assert "$2,600 of this is in both." in lines(message)
    assert not any("in both." in s for s in lines(desk.ask("compare ranker and index")))
    desk.daily(5, team="feed", experiment="alike")
    alike = desk.ask("compare team feed and feature feed last 14d")
    assert [row[0] for row in tables(alike)[0].rows] == ["team feed", "feature feed"]


def test_a_month_that_is_not_over_stands_against_as_many_days(desk: Desk) -> None:
    message = desk.ask("compare ranker this month with last month")
    assert first_line(message).startswith(
        "Experiment ranker: $3,400 from 1 Nov to 21 Nov, $2,100 from 1 Oct to 21 Oct: +$1,300 (+62 %)."
    )
    assert any("of the earlier one its first 21 days count" in s for s in lines(message))
    chart = waterfall(message)
    assert (int(chart.start.amount), int(chart.end.amount)) == (2100, 3400)
    assert desk.ask("compare ranker last month with this month").summary == message.summary


def test_periods_of_two_lengths_are_compared_by_the_day(desk: Desk) -> None:
    said = first_line(desk.ask("compare ranker 1 Oct to 10 Oct with 9 Nov to 13 Nov"))
    assert said.endswith("a day +$100 (+100 %).")
    together = desk.ask("compare ranker 1 Nov to 10 Nov with 5 Nov to 14 Nov")
    assert any("days in common" in s for s in lines(together))


def test_what_cannot_be_compared(desk: Desk) -> None:
    assert "or one name in two periods" in desk.refused(
        "compare ranker and index this month with last month"
    )
    assert desk.refused("compare ranker and ranker") == (
        "Both are experiment ranker; name two that differ, or two periods."
    )
    assert "did you mean index?" in desk.refused("compare ranker and indx")
    assert "Both are the same days" in desk.refused("compare October with last month")
    assert "two can be compared" in desk.refused("compare October and September and August")
    assert "The bill begins on" in desk.ask("compare this month with August").summary


def test_alone_it_compares_with_the_days_before(desk: Desk) -> None:
    assert "from 24 Oct to 21 Nov" in desk.ask("compare").summary
    assert desk.ask("compare index last 7d").summary.startswith(
        "Experiment index: $360 from 16 Nov"
    )


# --- forecast -----------------------------------------------------------------------------------------


def test_the_month_to_its_end_against_the_budgets_around(desk: Desk) -> None:
    message = desk.ask("forecast ranker")
    assert first_line(message).startswith("Experiment ranker: $5,200 by Mon 30 Nov (")
    assert (
        "Its tightest budget is search-month, forecast 10 % for November 2026." in message.summary
    )
    assert facts(message)["Spent in November"] == "$3,400"
    (chart,) = [b for b in message.blocks if isinstance(b, Band)]
    assert chart.days[0] == date(2026, 11, 1)
    assert chart.days[-1] == date(2026, 11, 30)
    assert chart.limit is None
    (line,) = lines(message, "Budgets around it, the tightest first")
    assert line.startswith("search-month $3,400 of $50,000")


def test_a_budget_of_just_this_draws_its_limit_and_a_quarter_is_said(desk: Desk) -> None:
    desk.loaded = made(
        "budgets:\n"
        "  - {name: ranker-month, scope: {experiment: ranker}, limit: 3000}\n"
        "  - {name: quarterly, scope: {team: search}, limit: 90000, period: quarter}\n"
    )
    message = desk.ask("forecast experiment ranker")
    (chart,) = [b for b in message.blocks if isinstance(b, Band)]
    assert chart.limit == 3000
    assert "It is used up." in message.summary
    assert "Q4 at its end" in facts(message)
    mine = desk.ask("forecast ranker-month")
    assert mine.summary.startswith("Budget ranker-month: $5,200 by Mon 30 Nov")
    assert "% of it for November 2026" in mine.summary
    assert desk.ask("forecast").summary.startswith("All spend: ")


def test_a_part_of_a_budget_is_around_it_and_a_smaller_part_is_not(desk: Desk) -> None:
    desk.loaded = made("budgets:\n  - {name: tiny, scope: {experiment: index}, limit: 10}\n")
    assert desk.ask("forecast feature feed").summary.endswith("No budget is set for it.")
    assert "tiny" in desk.ask("forecast index").summary


def test_on_the_first_of_a_month_all_of_it_is_to_come(desk: Desk, clock: Clock) -> None:
    clock.now += timedelta(days=8)
    desk.daily(
        200, last=date(2026, 11, 30), days=8, experiment="ranker", team="search", feature="feed"
    )
    message = desk.ask("forecast ranker")
    assert message.summary.startswith("Experiment ranker: $6,200 by Thu 31 Dec")
    assert facts(message)["Spent in December"] == "$0.00"
    (chart,) = [b for b in message.blocks if isinstance(b, Band)]
    assert chart.alt == "About $200 a day to $6,200 on Thu 31 Dec."
    assert chart.ahead, "its band is a forecast, not what was usual"
    assert (
        desk.ask("why this month").summary
        == "The bill is complete until Sun 29 Nov only; try last 30d."
    )


def test_forecasts_say_what_they_cannot(desk: Desk) -> None:
    assert "takes a name and no period" in desk.refused("forecast ranker this month")
    assert "No budget is set for it." in desk.ask("forecast service Models").summary


# --- names, periods, nothing there --------------------------------------------------------------------


def test_what_is_called_like_a_command_or_a_month_is_reached(desk: Desk) -> None:
    desk.daily(7, experiment="top", team="search")
    desk.daily(9, experiment="may", team="search")
    desk.daily(11, experiment="Q3 plan", team="search")
    assert desk.ask("experiment top").summary.startswith("Experiment top: $2")
    assert "The experiment top is shown by /spend experiment top." in lines(desk.ask("top"))
    assert desk.ask("why experiment top last 7d").summary.startswith("Experiment top came to")
    assert desk.ask("may").summary.startswith("Experiment may: ")
    assert (
        desk.ask("experiment may last 7d").summary
        == "Experiment may: $63.00 in the 7 days to Sun 22 Nov"
    )
    assert desk.ask("“may” October").summary == "Experiment may: $279 in the 31 days to Sat 31 Oct"
    assert desk.ask('why "q3 plan" last 7d').summary.startswith("Experiment Q3 plan came to")
    assert desk.ask("Q3 plan").summary.startswith("Experiment Q3 plan: ")


def test_names_with_spaces_and_other_keys(desk: Desk) -> None:
    assert desk.ask("Tool  Ends October").summary.startswith("Experiment tool ends: $930")
    assert desk.ask("model gpu hours last 14d").summary.startswith("Model gpu hours: ")
    assert desk.ask("Compute last 14d").summary.startswith("Service Compute: ")
    assert (
        desk.refused("service Computer") == "No service is called “Computer”; did you mean Compute?"
    )


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("why rankr", "; did you mean ranker?"),
        ("wy ranker", "; did you mean /spend why?"),
        ("forecst", "; did you mean /spend forecast?"),
        ("compar ranker and index", "; did you mean /spend compare?"),
        ("forecast nothing-like-it", "; /spend shows the teams."),
    ],
)
def test_misspelt_words_get_a_hint(desk: Desk, typed: str, hint: str) -> None:
    assert desk.refused(typed).endswith(hint)


def test_a_wrong_period_gets_one_sentence_everywhere(desk: Desk) -> None:
    for command in ("", "why ", "top ", "compare ", "unit ", "unclaimed "):
        said = desk.refused(f"{command}last fortnight")
        assert said.startswith(
            "“last fortnight” is not a period; try last 30d, this month, October"
        ), command


def test_every_answer_is_one_message_on_slack_and_teams(desk: Desk) -> None:
    for n in range(20):
        long = "an-experiment-with-a-very-long-name-" * 3 + str(n)
        desk.daily(20 + n, days=9, experiment=long, team=long, service=long, sku=long)
        desk.measure("outputs", 5, days=9, experiment=long, feature="feed", segment=long)
    desk.measure("outputs", 5, feature="feed")
    for typed in (
        "why",
        "top",
        "top movers",
        "compare",
        "compare ranker and index",
        "forecast",
        "unit",
        "help",
    ):
        message = desk.ask(typed)
        slack = render(message)
        assert problems(slack.blocks) == []
        assert not too_long(slack.blocks)
        assert slack.rest is None, typed
        assert card(message).rest is None, typed


def test_every_answer_names_periods_that_can_be_typed(desk: Desk) -> None:
    """What a line of an answer says to type is typed, and answered."""
    for typed in (
        "why last 14d",
        "top teams",
        "compare ranker and index",
        "ranker",
        "forecast ranker",
    ):
        for line in lines(desk.ask(typed)):
            for piece in line.split(" · "):
                _, found, command = piece.partition("/spend ")
                if found and "NAME" not in command:
                    assert desk.ask(command.rstrip(".")).summary


TYPED = (
    "why top compare forecast unit ranker index tool ends team search feature experiment service and with vs , "
    'between to last 7d this month October Q3 2026-10-01 30 Feb since today movers models all may “ " \0 %'
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(TYPED.split(" ")), max_size=8).map(" ".join) | st.text(max_size=30))
def test_whatever_is_typed_is_answered_or_refused_in_words(desk: Desk, typed: str) -> None:
    reply = desk.type(typed)
    if reply.kind == "refused":
        assert reply.reason in ("unreadable", "not-found"), (typed, reply)
    else:
        assert reply.message.summary


def test_both_databases_answer_alike(database: Database, clock: Clock) -> None:
    desk = filled(database, clock)
    desk.measure("outputs", 50, experiment="ranker", feature="feed", segment="enterprise")
    assert waterfall(desk.ask("why ranker last 14d")).end.amount == 2600
    assert facts(desk.ask("why last 14d")) == {"Volume": "+$910", "Price": "+$130"}
    assert adds_up(tables(desk.ask("top models last 14d"))[0], 1) == 3380
    assert "$1,820 more" in desk.ask("compare ranker and index last 14d").summary
    assert desk.ask("forecast ranker").summary.startswith("Experiment ranker: $5,200 by")
    assert "$5.20 per output" in desk.ask("unit last 14d").summary


def test_before_the_first_bill_every_question_has_an_answer(sqlite: Database, clock: Clock) -> None:
    empty = Desk(sqlite, made(), clock)
    for typed in ("why", "top", "top movers", "compare", "forecast", "unit", ""):
        assert "No bill has been read yet." in empty.ask(typed).summary, typed


def test_an_empty_stretch_is_said(desk: Desk) -> None:
    desk.clear()
    desk.daily(5, days=1, experiment="ranker")
    desk.daily(5, last=date(2026, 8, 1), days=1, experiment="ranker")
    for typed in ("why last 7d", "top last 7d", "compare last 7d", "why ranker last 7d"):
        assert desk.ask(typed).summary.startswith("Nothing was spent"), typed


def test_questions_need_the_permission(desk: Desk) -> None:
    for typed in ("why", "top", "compare", "forecast"):
        reply = desk.type(typed, who="nobody@example.com")
        assert reply.kind == "refused"
        assert reply.reason == "not-allowed"


def test_help_has_an_example_of_each_that_works(desk: Desk) -> None:
    """The names of the examples were of a bill that nobody has."""
    desk.daily(
        900, experiment="may", feature="last 3d", team="top"
    )  # what is read as something else
    (shown,) = [b for b in desk.ask("help").blocks if b.kind == "items"]
    examples = [item[-1].text for item in shown.items if len(item) == 4]  # type: ignore[union-attr]
    assert {
        "/spend why ranker last week",
        "/spend compare ranker and index this month",
        "/spend unit feed this quarter",
        "/spend forecast team search",
        "/spend overrun search-month",
    } <= set(examples)
    for example in examples:
        reply = desk.type(example.removeprefix("/spend "))
        assert reply.kind != "refused", (example, reply)


def test_help_names_nothing_to_whom_the_bill_is_not_for(sqlite: Database, clock: Clock) -> None:
    desk = Desk(sqlite, made(MORE + "permissions: {spend.read: [finops]}\n"), clock)
    desk.daily(900, experiment="hush-lora")
    assert desk.type("", who="engineer@example.com").kind == "refused"
    assert "hush-lora" not in str(desk.type("help", who="engineer@example.com"))
    assert "hush-lora" in str(desk.type("help", who="finops@example.com"))


def test_help_before_the_first_bill_has_examples_too(sqlite: Database, clock: Clock) -> None:
    empty = Desk(sqlite, made(), clock)
    (shown,) = [b for b in empty.ask("help").blocks if b.kind == "items"]
    assert any("/spend why ranker last week" in str(item) for item in shown.items)


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("who spent the most last 14d", "top last 14d"),
        ("Who spends most last 14d?", "top last 14d"),
        ("which team has spent the most money last 14d", "top team last 14d"),
        ("which model costs most last 14d", "top model last 14d"),
    ],
)
def test_who_spent_the_most_is_the_ranking(desk: Desk, typed: str, same: str) -> None:
    assert desk.ask(typed) == desk.ask(same)


def test_which_of_no_kind_is_refused_as_the_ranking_refuses_it(desk: Desk) -> None:
    assert "“planet” cannot be ranked" in desk.refused("which planet spent the most")
    assert "is called “who knows”" in desk.refused("who knows")
