"""What a line is judged by: whole days that are in, one after another; doubt is said, never acted on."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.policy.redlines import Redline, Redlines
from guardrails.redlines.reading import Crossing, Measured, Reading, Source, judge, verify
from guardrails.redlines.words import doubt, limit, title, value, withheld

FIRST = date(2026, 11, 2)
TODAY = date(2026, 11, 12)
BILL = Source("the bill", date(2026, 11, 11))


def line(watch: str = "spend-rate", **values: object) -> Redline:
    given = {"name": "runaway", "watch": watch, **values}
    if not {"above", "below"} & values.keys():
        given["above"] = 150
    return Redline.model_validate(given)


def days(*spent: float, metric: tuple[float | None, ...] = ()) -> tuple[Measured, ...]:
    found: tuple[float | None, ...] = metric or (None,) * len(spent)
    return tuple(
        Measured(
            FIRST + timedelta(days=n),
            Decimal(str(s)),
            None if m is None else Decimal(str(m)),
        )
        for n, (s, m) in enumerate(zip(spent, found, strict=True))
    )


def reading(measured: tuple[Measured, ...], *sources: Source, **more: object) -> Reading:
    given = {"cap": Decimal(300), "span_days": 30, "first": FIRST, "today": TODAY, **more}
    return Reading(measured, sources=sources or (BILL,), **given)  # type: ignore[arg-type]


# --- spend ----------------------------------------------------------------------------------------


def test_the_rate_is_crossed_since_its_first_day_in_a_row() -> None:
    found = judge(line(days=2), reading(days(5, 40, 5, 5, 5, 5, 5, 20, 20, 20)))
    assert (found.kind, found.since, found.through) == (
        "crossed",
        date(2026, 11, 9),
        date(2026, 11, 11),
    )
    assert [v for _, v in found.values] == [Decimal(200), Decimal(200)]


def test_one_day_within_the_limit_suffices() -> None:
    found = judge(line(days=3), reading(days(*[20] * 8, 10, 20)))
    assert (found.kind, found.reason) == ("within", "")


def test_on_the_limit_is_within_it() -> None:
    assert judge(line(), reading(days(*[15] * 10))).kind == "within"


def test_spend_is_what_was_spent_since_the_sandbox_began() -> None:
    found = judge(line("spend", above=90), reading(days(*[30] * 10)))
    assert (found.kind, found.since) == ("crossed", date(2026, 11, 11))
    assert found.values[-1][1] == 100


def test_a_cap_that_was_lowered_to_nothing_is_crossed_by_any_spend() -> None:
    found = judge(line("spend", above=100), reading(days(*[1] * 10), cap=Decimal(0)))
    assert found.kind == "crossed"
    assert (
        value(line("spend"), found.values[-1][1] or Decimal(0), "USD")
        == "all of it: nothing is left of the cap"
    )
    nothing = judge(line("spend", above=100), reading(days(*[0] * 10), cap=Decimal(0)))
    assert nothing.kind == "within"


def test_days_before_it_was_resumed_count_as_spent_but_are_not_judged() -> None:
    measured = days(*[40] * 7, 1, 1, 1)
    resumed = FIRST + timedelta(days=7)
    assert judge(line(days=3), reading(measured, first=resumed)).kind == "within"
    assert judge(line("spend", above=90), reading(measured, first=resumed)).kind == "crossed"
    assert judge(line(days=4), reading(measured, first=resumed)).reason == "young"


# --- what is not in, or late ----------------------------------------------------------------------


def test_a_day_that_is_not_whole_does_not_count() -> None:
    measured = days(*[5] * 8, 90, 90)
    late = Source("the bill", date(2026, 11, 9), late=1)
    assert judge(line(), reading(measured, late)).kind == "within"
    assert judge(line(), reading(measured)).kind == "crossed"


def test_today_never_counts_whatever_a_source_says() -> None:
    measured = days(*[5] * 10, 90)
    assert judge(line(), reading(measured, Source("the bill", TODAY))).kind == "within"


@pytest.mark.parametrize(("late", "kind"), [(2, "crossed"), (3, "unknown")])
def test_a_bill_that_is_later_than_usual_is_stale(late: int, kind: str) -> None:
    bill = Source("the bill", TODAY - timedelta(days=2 + late), late=1)
    assert judge(line(), reading(days(*[40] * 10), bill)).kind == kind


def test_what_is_late_is_said_with_its_newest_day() -> None:
    found = judge(line(), reading(days(*[40] * 10), Source("the bill", date(2026, 11, 5))))
    assert doubt(found) == "The newest complete day of the bill is Thu 5 Nov."
    nothing = judge(line(), reading(days(*[40] * 10), Source("the bill", None)))
    assert (nothing.reason, doubt(nothing)) == ("no-data", "Nothing has come from the bill yet.")


def test_a_sandbox_that_has_just_begun_is_not_judged() -> None:
    young = reading(days(99, 99), first=FIRST, today=date(2026, 11, 4))
    assert judge(line(days=3), young).reason == "young"
    assert judge(line("quality", metric="accuracy", below=1), reading((), today=FIRST)).reason == (
        "young"
    )


# --- metrics --------------------------------------------------------------------------------------


def test_cost_per_output() -> None:
    one = line("unit-cost", metric="outputs", above="0.5")
    metric = Source("the metric outputs", date(2026, 11, 11))
    dear = days(*[10] * 10, metric=(100.0,) * 9 + (15.0,))
    assert judge(one, reading(dear, BILL, metric)).kind == "crossed"
    none = days(*[10] * 10, metric=(100.0,) * 9 + (0.0,))
    assert judge(one, reading(none, BILL, metric)).kind == "crossed"  # money for nothing
    idle = days(*[10] * 9, 0, metric=(100.0,) * 9 + (0.0,))
    assert judge(one, reading(idle, BILL, metric)).reason == "gap"


def test_quality_below_its_limit_for_days() -> None:
    one = line("quality", metric="accuracy", below="0.8", days=2)
    metric = Source("the metric accuracy", date(2026, 11, 11))
    low = days(*[1] * 10, metric=(0.9,) * 8 + (0.7, 0.7))
    assert judge(one, reading(low, BILL, metric)).kind == "crossed"
    gap = days(*[1] * 10, metric=(0.9,) * 8 + (0.7, None))
    found = judge(one, reading(gap, BILL, metric))
    assert (found.kind, found.reason) == ("unknown", "gap")
    assert doubt(found).startswith("There is no value for Wed 11 Nov (")


def test_a_stale_metric_is_named() -> None:
    one = line("quality", metric="accuracy", below="0.8")
    found = judge(one, reading(days(*[1] * 10), BILL, Source("the metric accuracy", FIRST)))
    assert (found.reason, found.source) == ("stale", "the metric accuracy")


spends = st.lists(st.integers(0, 100), min_size=1, max_size=30)


@settings(deadline=None)
@given(spends, st.integers(1, 5), st.integers(0, 30), st.integers(0, 5))
def test_only_whole_days_decide(spent: list[int], row: int, ago: int, late: int) -> None:
    """Whatever is on days that are not whole, the outcome is the same."""
    today = FIRST + timedelta(days=len(spent))
    through = today - timedelta(days=1 + ago)
    source = Source("the bill", through, late)
    one = line(days=row)
    honest = days(*spent)
    told = tuple(m if m.day <= through else Measured(m.day, Decimal(10**6)) for m in honest)
    first = judge(one, reading(honest, source, today=today))
    assert first == judge(one, reading(told, source, today=today))
    if first.kind == "crossed":
        assert ago - late <= 2
        assert all(s > 15 for s in spent[max(0, len(spent) - ago - row) : len(spent) - ago])


# --- whether a halt has worked ---------------------------------------------------------------------


def test_a_halt_is_verified_by_days_after_its_own() -> None:
    halted = date(2026, 11, 9)
    spent = days(*[40] * 7, 25, 1, 1)
    assert verify(spent, halted, Source("the bill", halted), TODAY) is None
    found = verify(spent, halted, BILL, TODAY)
    assert found is not None
    assert (found.stopped, found.before, found.after) == (True, Decimal(40), Decimal(1))
    goes_on = verify(days(*[40] * 7, 25, 4, 4), halted, BILL, TODAY)
    assert goes_on is not None
    assert not goes_on.stopped


def test_nothing_spent_before_and_after_is_stopped() -> None:
    found = verify(days(*[0] * 10), date(2026, 11, 9), BILL, TODAY)
    assert found is not None
    assert found.stopped


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (line("spend", above=100), "above 100 % of the cap"),
        (line(days=2), "above 150 % of the even pace on 2 days in a row"),
        (
            line("unit-cost", metric="outputs", above="0.42"),
            "above $0.42 per unit of outputs",
        ),
        (line("quality", metric="accuracy", below="0.8"), "below 0.8 (accuracy)"),
        (line("error-rate", metric="errors", above=5), "above 5 % (errors)"),
        (line("idle-gpus", metric="gpu-idle", above=60), "above 60 % of GPU hours idle"),
    ],
)
def test_limits_in_words(one: Redline, said: str) -> None:
    assert limit(one, "USD") == said


def test_titles_and_what_is_withheld() -> None:
    assert title(line(), "try-lora") == "Redline runaway: rate of spend of try-lora"
    assert withheld(("warn", "halt"), "level", "search", 1, "pilot") == (
        "Would warn and halt; team search is at level 1."
    )
    assert withheld(("halt",), "stage", "search", 3, "production") == (
        "Would halt; the stage production is never stopped."
    )
    assert doubt(Crossing("unknown", "stale", source="the bill")).endswith("is long ago.")


# --- the policy -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"watch": "spend"},
        {"watch": "spend", "above": 1, "below": 1},
        {"watch": "quality", "below": 1},
        {"watch": "spend", "above": 1, "actions": ["warn", "nudge"]},
        {"watch": "spend", "above": 1, "actions": ["nudge", "halt"]},
        {"watch": "spend", "above": 1, "actions": []},
    ],
)
def test_lines_that_cannot_be_meant(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|needs|at least"):
        Redline.model_validate({"name": "x", **values})


def test_two_lines_of_one_name() -> None:
    assert [s for _, s in Redlines(lines=(line(), line())).wrong()] == [
        "two redlines are called runaway"
    ]
