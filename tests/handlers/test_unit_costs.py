"""``/spend unit``: what people get who ask what a unit costs."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, insert

from guardrails.periods import Period
from handlers import unit_costs as _registers  # noqa: F401
from handlers.ask.segments import segment_prices, segments
from handlers.conversation import Band, Facts, Message, Paragraph, Small, Table
from handlers.turn import Turn
from storage.database import Database
from storage.tables.spend import CostRollup, MetricPoint
from tests.conftest import Clock
from tests.handlers.overrunning import Desk, overrun_policy

UNITS = "watch: {units: [{metric: outputs, per: 1000, label: outputs}]}\n"
TODAY = date(2026, 11, 23)


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, overrun_policy(more=UNITS), clock)


def fill(
    desk: Desk, experiment: str, feature: str, cost: Any, units: Any, revenue: float = 0
) -> None:
    """So much a day for 61 days to today; ``cost`` and ``units`` are of the day's number, 0 is today."""
    costs, points = [], []
    for n in range(61):
        day = TODAY - timedelta(days=n)
        where = {"experiment": experiment, "feature": feature, "team": "search"}
        costs.append(
            CostRollup(
                bill="main", period=day.replace(day=1), day=day, currency="USD",
                cost_micros=round(cost(n) * 1_000_000), **where,
            ).model_dump(exclude={"id"})
        )  # fmt: skip
        for metric, value in (("outputs", units(n)), ("revenue", revenue)):
            if value:
                point = MetricPoint(source="m", metric=metric, day=day, value=value, **where)
                points.append(point.model_dump(exclude={"id"}))
    with desk.database.write() as connection:
        connection.execute(insert(CostRollup.__table__), costs)  # type: ignore[attr-defined]
        if points:
            connection.execute(insert(MetricPoint.__table__), points)  # type: ignore[attr-defined]


def ask(desk: Desk, typed: str) -> Any:
    return desk.act("command", "spend", text=f"unit {typed}")


def facts(message: Message) -> dict[str, str]:
    (found,) = [b for b in message.blocks if isinstance(b, Facts)]
    return {f.label: "".join(s.text for s in f.value) for f in found.facts}


def tables(message: Message) -> list[Table]:
    return [b for b in message.blocks if isinstance(b, Table)]


def sentences(message: Message) -> str:
    texts = [b.text for b in message.blocks if isinstance(b, Paragraph | Small)]
    return " ".join("".join(s.text for s in t) for t in texts)


def test_a_feature_now_before_and_why(desk: Desk) -> None:
    fill(desk, "ranker", "feed", lambda n: 100 if n <= 30 else 80, lambda n: 20_000, 250)
    fill(desk, "training", "feed", lambda n: 50, lambda n: 0)
    message = ask(desk, "FEED last 30d").message
    assert message.summary == "$7.50 per 1,000 outputs"
    found = facts(message)
    assert found["Per 1,000 outputs"] == "$7.50"
    assert found["Before"].startswith("$6.5")
    assert found["Margin"].startswith("40 % of $")
    assert found["Return"] == "1.67 for 1 that was spent"
    rows = dict(tables(message)[0].rows)
    assert list(rows) == ["Cost before", "Volume", "Price", "Mix", "Cost now"]
    assert rows["Mix"] == "$0.00"
    amounts = [Decimal(v.replace("$", "").replace(",", "")) for v in rows.values()]
    assert sum(amounts[:-1], Decimal(0)) == amounts[-1]
    assert "too little" in sentences(message)


def test_more_usage_is_projected_where_cost_followed_usage(desk: Desk) -> None:
    def units(n: int) -> float:
        return 10_000 + 3_000 * (n % 7)

    fill(desk, "ranker", "feed", lambda n: 0.01 * units(n) * (1 + 0.01 * (n % 3)), units)
    message = ask(desk, "").message
    (_, more) = tables(message)
    assert [row[0] for row in more.rows] == ["2 ×", "5 ×", "10 ×"]
    assert " to " in more.rows[0][2]
    assert "what serves it has cost" in sentences(message)
    assert "Margin" not in facts(message)


def test_of_all_features_only_those_with_units_count(desk: Desk) -> None:
    fill(desk, "ranker", "feed", lambda n: 100, lambda n: 20_000)
    fill(desk, "other", "photos", lambda n: 900, lambda n: 0)
    assert ask(desk, "").message.summary == "$5.00 per 1,000 outputs"


def test_what_cannot_be_shown_says_why(desk: Desk, sqlite: Database, clock: Clock) -> None:
    assert ask(desk, "").message.summary.startswith("No bill has been read yet.")
    fill(desk, "ranker", "feed", lambda n: 100, lambda n: 0)
    assert ask(desk, "feed").message.summary.startswith("No units of the feature feed were counted")
    assert ask(desk, "fead").sentence == "No feature is called “fead”; did you mean feed?"
    assert ask(desk, "feed since 2026-13-01").reason == "unreadable"
    assert "complete until" in ask(desk, "today").message.summary
    plain = Desk(sqlite, overrun_policy(), clock)
    fill(plain, "ranker", "feed", lambda n: 100, lambda n: 0)
    assert ask(plain, "").message.summary.startswith("No unit is named.")


def test_growth_of_training_is_no_price_of_a_unit(desk: Desk) -> None:
    """Without a feature the parts were features, so that one training more was said to be a higher price."""
    fill(desk, "ranker", "feed", lambda n: 100, lambda n: 20_000)
    fill(desk, "training", "feed", lambda n: 60 if n <= 30 else 50, lambda n: 0)
    for typed in ("last 30d", "feed last 30d"):
        rows = dict(tables(ask(desk, typed).message)[0].rows)
        assert (rows["Price"], rows["Cost without units"]) == ("$0.00", "$300.00"), typed


def test_more_usage_leaves_what_does_not_follow_it_as_it_is(desk: Desk) -> None:
    """The projection took training for a cost of usage; the product dashboard did not, and said another sum."""

    def usage(n: int) -> float:
        return 20_000 + 1_000 * (n % 7)

    fill(desk, "ranker", "feed", lambda n: usage(n) / 200, usage)
    fill(desk, "training", "feed", lambda n: 3_000 if n % 7 == 0 else 0, lambda n: 0)
    message = ask(desk, "feed last 28d").message
    more = next(t for t in tables(message) if t.header[0] == "Usage")
    assert more.rows[0][:2] == ("2 ×", "$18,440")  # 12,000 of training, 3,220 of usage twice
    assert "$12,000 that does not follow usage stays as it is." in sentences(message)


# --- tokens, which the bill counts itself -------------------------------------------------------------


def tokens(
    desk: Desk, sku: str, a_day: Any, quantity: Any, unit: str = "Tokens", **more: str
) -> None:
    """So much a day for 61 days to today; both are of the day's number, 0 is today."""
    rows = []
    for n in range(61):
        day = TODAY - timedelta(days=n)
        values: dict[str, Any] = {"currency": "USD", "feature": "feed", "team": "search", **more}
        rows.append(
            CostRollup(
                bill="models", period=day.replace(day=1), day=day, sku=sku, unit=unit,
                cost_micros=round(a_day(n) * 1_000_000), quantity=quantity(n), **values,
            ).model_dump(exclude={"id"})
        )  # fmt: skip
    with desk.database.write() as connection:
        connection.execute(insert(CostRollup.__table__), rows)  # type: ignore[attr-defined]


def test_a_thousand_tokens_by_feature_and_by_model(desk: Desk) -> None:
    """The issue asks for the cost of a thousand tokens; no metric says how many there were, the bill does."""
    tokens(desk, "big-output", lambda n: 20 if n <= 30 else 10, lambda n: 1_000_000)
    tokens(desk, "big-input", lambda n: 4, lambda n: 2, unit="1M Tokens")
    tokens(desk, "other-input", lambda n: 3, lambda n: 3_000, unit="1K tokens", feature="chat")
    tokens(desk, "seats", lambda n: 500, lambda n: 5, unit="Seats")
    every = ask(desk, "last 30d").message
    # (20 + 4 + 3) dollars for 1 + 2 + 3 million tokens
    assert every.summary == "$0.0045 per 1,000 tokens"
    assert facts(every)["Before"] == "$0.00283 (+59 % now)"
    assert facts(every)["Tokens"] == "180,000,000 (180,000,000 before)"
    why, prices = tables(every)
    assert dict(why.rows) == {
        "Cost before": "$510.00",
        "Volume": "$0.00",
        "Price": "$300.00",
        "Mix": "$0.00",
        "Cost now": "$810.00",
    }
    assert prices.rows == (("feed", "$0.008", "+71 %"), ("chat", "$0.001", "no change"))
    of_one = ask(desk, "feed last 30d").message
    assert ask(desk, "cost last 30d").message == ask(desk, "costs last 30d").message == every
    assert ask(desk, "cost of feed last 30d").message == of_one
    assert of_one.summary == "$0.008 per 1,000 tokens"
    assert tables(of_one)[1].rows == (
        ("big-output", "$0.02", "+100 %"),
        ("big-input", "$0.002", "no change"),
    )


def test_tokens_in_another_currency_count_in_the_workspace_s(
    database: Database, clock: Clock
) -> None:
    policy = overrun_policy(("currency: USD", "currency: USD, rates: {EUR: 2}"))
    desk = Desk(database, policy, clock)
    tokens(desk, "big", lambda n: 10, lambda n: 1_000_000, currency="EUR")
    assert ask(desk, "feed").message.summary == "$0.02 per 1,000 tokens"


def test_the_cost_of_a_unit_by_day(desk: Desk) -> None:
    fill(desk, "ranker", "feed", lambda n: 300 if n == 9 else 100, lambda n: 20_000)
    (chart,) = [b for b in ask(desk, "feed last 7d").message.blocks if isinstance(b, Band)]
    assert chart.title == "Cost per 1,000 outputs, by day"
    assert chart.unit == "USD per 1,000 outputs"
    assert len(chart.days) == 14
    assert chart.observed[chart.days.index(TODAY - timedelta(days=9))] == 15
    assert "highest $15.00 on Sat 14 Nov, lowest $5.00 on" in chart.alt
    assert not any(isinstance(b, Band) for b in ask(desk, "feed yesterday").message.blocks)


# --- by customer segment ------------------------------------------------------------------------------


def in_segment(
    desk: Desk, segment: str, cost: float, units: float, earned: float, unit: str
) -> None:
    """So much a day for 61 days in a customer segment of the feature feed; ``unit`` is the revenue's currency."""
    days = [TODAY - timedelta(days=n) for n in range(61)]
    where = {"feature": "feed", "team": "search", "segment": segment}
    costs = [
        CostRollup(
            bill="main", period=d.replace(day=1), day=d, currency="USD",
            cost_micros=round(cost * 1_000_000), experiment=f"for-{segment}", **where,
        ).model_dump(exclude={"id"})
        for d in days
    ]  # fmt: skip
    points = [
        MetricPoint(source="m", metric=m, day=d, value=v, unit=u, **where).model_dump(
            exclude={"id"}
        )
        for d in days
        for m, v, u in (("outputs", units, ""), ("revenue", earned, unit))
        if v
    ]
    with desk.database.write() as connection:
        connection.execute(insert(CostRollup.__table__), costs)  # type: ignore[attr-defined]
        connection.execute(insert(MetricPoint.__table__), points)  # type: ignore[attr-defined]


def by_segment(message: Message) -> dict[str, tuple[str, ...]]:
    (found,) = [t for t in tables(message) if t.header[0] == "Segment" and "Cost" in t.header]
    return {row[0]: row[1:] for row in found.rows}


def test_each_segment_with_its_margin_and_the_cost_of_its_units(desk: Desk) -> None:
    in_segment(desk, "large", 80, 8000, 400, "USD")
    in_segment(desk, "small", 20, 1000, 10, "USD")
    message = ask(desk, "feed last 30d").message
    rows = by_segment(message)
    days = 30
    assert rows["large"] == (f"${80 * days:,}", f"${400 * days:,}", "80 %", "5.00")
    assert rows["small"] == (f"${20 * days:,}", f"${10 * days:,}", "−100 %", "0.50")
    assert rows["All"] == (f"${100 * days:,}", f"${410 * days:,}", "76 %", "4.10")
    (prices,) = [t for t in tables(message) if t.header[1] == "Per 1,000 outputs"]
    assert prices.rows == (("large", "$10.00", "no change"), ("small", "$20.00", "no change"))
    assert facts(message)["Return"] == "4.10 for 1 that was spent"


def test_more_features_are_no_more_questions_to_the_database(desk: Desk) -> None:
    def asked() -> int:
        seen: list[str] = []

        def work(turn: Turn) -> None:
            event.listen(turn.connection, "before_cursor_execute", lambda *a: seen.append(a[2]))
            days = Period(date(2026, 11, 1), date(2026, 11, 21))
            counted = {"feed", *(f"f{n}" for n in range(9))}
            for found in (segments(turn, counted, days), segment_prices(turn, days, counted)):
                assert len(found) == 1

        desk.turn(work)
        return len(seen)

    in_segment(desk, "large", 80, 8000, 400, "USD")
    assert asked() == 4


def test_what_has_no_segment_is_part_of_the_whole_and_said(desk: Desk) -> None:
    in_segment(desk, "large", 50, 8000, 400, "USD")
    fill(desk, "training", "feed", lambda n: 50, lambda n: 0)
    message = ask(desk, "").message
    rows = by_segment(message)
    assert rows["no segment"] == ("$1,500", "$0", "–", "–")
    assert rows["All"][0] == "$3,000"
    assert "50 % of the cost has no segment ($1,500)" in sentences(message)
    assert "Return" in facts(message)


def test_revenue_in_another_currency_is_converted_or_said(database: Database, clock: Clock) -> None:
    rates = ("currency: USD}", "currency: USD, rates: {EUR: 2}}")
    desk = Desk(database, overrun_policy(rates, more=UNITS), clock)
    in_segment(desk, "large", 100, 1000, 100, "EUR")
    assert facts(ask(desk, "feed").message)["Return"] == "2.00 for 1 that was spent"
    assert by_segment(ask(desk, "feed").message)["large"][3] == "2.00"
    in_segment(desk, "small", 100, 1000, 100, "CHF")
    message = ask(desk, "feed").message
    assert facts(message)["Revenue"] == "left out in CHF: workspace.rates has no rate"


def test_without_segments_none_are_shown(desk: Desk) -> None:
    fill(desk, "ranker", "feed", lambda n: 100, lambda n: 20_000, 250)
    assert not any(t.header[0] == "Segment" for t in tables(ask(desk, "feed").message))
