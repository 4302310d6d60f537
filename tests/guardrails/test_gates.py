"""Nothing is promoted without its evidence, or lowered below what is spent; nobody decides for themselves."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guardrails import gates
from guardrails.gates import (
    Judged,
    Reading,
    better,
    judge,
    lowering,
    may_not_decide,
    mean,
    name_of,
    per_day,
    promotion,
    return_on_spend,
    sign,
    tagged,
    unit_cost,
    window,
    with_target,
)
from guardrails.money import Money
from guardrails.periods import Period
from guardrails.policy.gates import STAGES, Evidence, Gate
from guardrails.policy.people import ROLES, Role

TODAY = date(2026, 11, 23)
WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
CENT = Decimal("0.01")

amounts = st.decimals(min_value=0, max_value=Decimal(10) ** 7, places=2)
values = st.decimals(min_value=0, max_value=Decimal(10) ** 6, places=4)
readings = st.one_of(values.map(Reading), st.just(Reading(None, "it is late")))
roles = st.sampled_from(ROLES)


@st.composite
def measured(draw: st.DrawFn, number: int) -> Evidence:
    """Evidence that is read from bills and metrics."""
    what = draw(st.sampled_from(("metric", "unit-cost", "return-on-spend", "tags")))
    if what == "tags":
        percent = draw(st.decimals(min_value=1, max_value=100, places=1))
        return Evidence(judge=what, at_least=percent, days=number + 1)
    limit = draw(values)
    low = draw(st.booleans())
    return Evidence(
        judge=what,
        metric=f"m{number}",
        at_least=limit if low else None,
        at_most=None if low else limit,
        of=draw(st.sampled_from(("experiment", "feature"))),
    )


@st.composite
def some_gates(draw: st.DrawFn) -> Gate:
    """Gates that the policy accepts."""
    evidence = [draw(measured(n)) for n in range(draw(st.integers(1, 4)))]
    signs = draw(st.lists(roles, max_size=2, unique=True))
    evidence += [Evidence(judge="sign-off", role=role) for role in signs]
    first = draw(st.integers(0, 2))
    return Gate(
        name="proof",
        from_=STAGES[first],
        to=STAGES[draw(st.integers(first + 1, 3))],
        cap=draw(st.decimals(min_value=CENT, max_value=Decimal(10) ** 7, places=2)),
        days=draw(st.integers(1, 366)),
        evidence=tuple(draw(st.permutations(evidence))),
        by=tuple(draw(st.lists(roles, min_size=1, max_size=3, unique=True))),
        lower_after_days=draw(st.none() | st.integers(1, 60)),
        lower_percent=draw(st.integers(1, 99)),
    )


@st.composite
def judged_gates(draw: st.DrawFn) -> Judged:
    gate = draw(some_gates())
    found = [draw(readings) for _ in gate.evidence]
    return judge(gate, found, draw(st.frozensets(roles)))


def metric_gate(*evidence: Evidence, **more: object) -> Gate:
    base: dict[str, object] = {"name": "proof", "from": "exploration", "to": "pilot", "cap": 5000}
    return Gate.model_validate({**base, "evidence": evidence, **more})


ACCURATE = Evidence(judge="metric", metric="accuracy", at_least=Decimal("0.84"))
CHEAP = Evidence(judge="unit-cost", metric="outputs", at_most=Decimal("0.05"))


# --- what is judged ---------------------------------------------------------------------------------


@given(judged_gates())
def test_a_gate_is_open_only_when_every_piece_is_known_and_good(judged: Judged) -> None:
    for item in judged.items:
        e = item.evidence
        if e.role is not None:
            continue
        if item.state == "unknown":
            assert item.value is None
            assert item.why
            continue
        assert item.value is not None
        good = item.value >= e.at_least if e.at_least is not None else item.value <= e.at_most  # type: ignore[operator]
        assert (item.state == "met") == good
        assert (item.missing > 0) == (not good)
    if judged.met:
        assert {i.state for i in judged.items} == {"met"}
        assert not (judged.unknown)
        assert not (judged.failing)
        assert not (judged.unsigned)


@given(some_gates(), st.data())
def test_better_values_never_turn_met_into_unmet(gate: Gate, data: st.DataObject) -> None:
    found = [data.draw(readings) for _ in gate.evidence]
    gained = [data.draw(values) for _ in gate.evidence]
    improved = [
        r
        if r.value is None
        else Reading(r.value + more if e.at_least is not None else r.value - more)
        for e, r, more in zip(gate.evidence, found, gained, strict=True)
    ]
    signed = data.draw(st.frozensets(roles))
    before = judge(gate, found, signed)
    after = judge(gate, improved, signed | data.draw(st.frozensets(roles)))
    for old, new in zip(before.items, after.items, strict=True):
        assert not (old.state == "met" and new.state != "met")
        assert new.missing <= old.missing
    assert after.met or not before.met
    assert after.ready or not before.ready


@pytest.mark.parametrize(("value", "state"), [("0.84", "met"), ("0.8399", "unmet"), ("0.9", "met")])
def test_the_limit_itself_is_good_enough(value: str, state: str) -> None:
    (item,) = judge(metric_gate(ACCURATE), [Reading(Decimal(value))], ()).items
    assert item.state == state


@pytest.mark.parametrize(
    ("target", "least", "most"),
    [
        (">= 0.82", "0.82", None),
        ("≥0.5", "0.5", None),
        ("at least 7", "7", None),
        ("0.9", "0.9", None),
        ("82 %", "82", None),
        ("<= 120", None, "120"),
        ("at most -3.5", None, "-3.5"),
        ("≤4", None, "4"),
        ("< 4", None, None),
        ("much better", None, None),
        ("", None, None),
    ],
)
def test_a_sandboxs_own_target_is_judged(target: str, least: str | None, most: str | None) -> None:
    gate = metric_gate(Evidence(judge="target", days=3), ACCURATE)
    own, other = with_target(gate, "recall", target).evidence
    assert other == ACCURATE
    assert (own.at_least, own.at_most) == (
        Decimal(least) if least else None,
        Decimal(most) if most else None,
    )
    assert own.days == 3
    assert with_target(gate, "", target) == gate


def test_a_target_that_cannot_be_read_is_never_met() -> None:
    gate = with_target(metric_gate(Evidence(judge="target")), "recall", "much better")
    (item,) = judge(gate, [Reading(Decimal(10) ** 6)], ()).items
    assert (item.state, item.why) == ("unknown", "there is no limit to judge it by")


# --- readings ---------------------------------------------------------------------------------------


def a_week(value: str, **other: str) -> dict[date, Decimal]:
    """A value a day; ``d3="1"`` is another one on the third day, ``d3=""`` none."""
    days = {WEEK.first + timedelta(days=n): Decimal(value) for n in range(7)}
    for name, said in other.items():
        day = WEEK.first + timedelta(days=int(name[1:]) - 1)
        if said:
            days[day] = Decimal(said)
        else:
            del days[day]
    return days


def test_every_day_has_to_be_there() -> None:
    assert mean("accuracy", a_week("0.8", d7="1.5"), WEEK) == Reading(Decimal("0.9"))
    gone = mean("accuracy", a_week("0.8", d4=""), WEEK)
    assert gone == Reading(None, "accuracy has no value on 19 Nov")
    assert mean("accuracy", a_week("0.8", d4="", d6=""), WEEK).why.endswith("2 days, first 19 Nov")
    assert mean("accuracy", {}, WEEK).why == "accuracy has no value from 16 Nov to 22 Nov"
    # days beside the window say nothing
    beside = {WEEK.first - timedelta(days=1): Decimal(9), TODAY: Decimal(9)}
    assert mean("accuracy", a_week("0.8") | beside, WEEK) == Reading(Decimal("0.8"))


@given(st.sets(st.integers(0, 6)), values, amounts)
def test_no_reading_without_all_of_its_days(
    there: set[int], value: Decimal, spend: Decimal
) -> None:
    days = {WEEK.first + timedelta(days=n): value for n in there}
    found = (
        mean("m", days, WEEK),
        unit_cost("m", days, spend, WEEK),
        return_on_spend("m", days, spend, WEEK),
    )
    for reading in found:
        assert (reading.value is None) == bool(reading.why)
        if len(there) < 7:
            assert reading.value is None


def test_cost_and_return_need_spend_and_units() -> None:
    assert unit_cost("outputs", a_week("100"), Decimal(35), WEEK) == Reading(Decimal("0.05"))
    assert return_on_spend("revenue", a_week("10"), Decimal(35), WEEK) == Reading(Decimal(2))
    # without spend everything would be for nothing, and every gate would open
    for spend in (Decimal(0), Decimal(-5)):
        assert "are its tags set?" in unit_cost("outputs", a_week("100"), spend, WEEK).why
        assert return_on_spend("revenue", a_week("10"), spend, WEEK).value is None
        assert tagged(Decimal(0), spend, WEEK).value is None
    assert unit_cost("outputs", a_week("0"), Decimal(35), WEEK).value is None
    assert tagged(Decimal(76), Decimal(80), WEEK) == Reading(Decimal(95))


def test_points_of_a_day_come_to_their_mean_or_sum() -> None:
    day = TODAY
    points = [(day, Decimal(2)), (day, Decimal(4)), (day + timedelta(days=1), Decimal(5))]
    assert per_day(points, "mean") == {day: Decimal(3), day + timedelta(days=1): Decimal(5)}
    assert per_day(points, "sum")[day] == 6
    for broken in ("NaN", "Infinity"):
        assert day not in per_day([*points, (day, Decimal(broken))], "sum")


def test_only_whole_days_of_the_stage_count() -> None:
    def at(through: date | None, since: date | None, delay: int = 1) -> Period | Reading:
        return window(7, through, since, TODAY, delay)

    yesterday = TODAY - timedelta(days=1)
    assert at(yesterday, date(2026, 11, 15)) == WEEK
    young = at(yesterday, date(2026, 11, 16))
    assert young == Reading(
        None, "6 of 7 complete days in this stage are known; the last is 23 Nov"
    )
    assert at(yesterday, TODAY) == Reading(
        None, "0 of 7 complete days in this stage are known; the last is 30 Nov"
    )
    assert at(None, date(2026, 10, 1)) == Reading(None, "no bill has been read yet")
    assert at(yesterday, None) == Reading(None, "it is not active yet")


def test_a_late_bill_says_nothing() -> None:
    since = date(2026, 10, 1)
    for delay in (0, 1, 3):
        last = TODAY - timedelta(days=1 + delay + gates.LATE)
        assert isinstance(window(7, last, since, TODAY, delay), Period)
        late = window(7, last - timedelta(days=1), since, TODAY, delay)
        assert isinstance(late, Reading)
        assert late.why.startswith("the bill is late: it is complete only through")


# --- proposals --------------------------------------------------------------------------------------


@given(judged_gates(), amounts, st.none() | st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_a_promotion_lifts_to_the_gates_cap_and_never_lowers(
    judged: Judged, cap: Decimal, ends: date | None
) -> None:
    found = promotion(judged, cap, ends, TODAY)
    assert (found is not None) == judged.ready
    if found is None:
        assert not judged.met  # what is not even proposed cannot be open
        return
    gate = judged.gate
    assert found.stage == gate.to
    assert found.amount >= 0
    assert found.cap == max(gate.cap, cap)
    assert (
        Money(cap, "USD").micros + Money(found.amount, "USD").micros
        == Money(found.cap, "USD").micros
    )
    assert found.ends_on == max(TODAY + timedelta(days=gate.days), ends or TODAY)
    assert found == promotion(judged, cap, ends, TODAY)  # nothing but the inputs decides


@given(judged_gates(), amounts, amounts, st.integers(0, 90), st.sampled_from(("USD", "JPY", "KWD")))
def test_a_lowered_cap_is_never_below_what_is_spent(
    judged: Judged, cap: Decimal, spent: Decimal, days: int, currency: str
) -> None:
    def ask() -> gates.Proposal | None:
        return lowering(
            judged, cap=cap, spent=spent, ends_on=TODAY, days_in_stage=days, currency=currency
        )

    found, gate = ask(), judged.gate
    if found is None:
        return
    assert judged.failing, "what is not known lowers nothing"
    assert gate.lower_after_days is not None
    assert days >= gate.lower_after_days
    assert spent < found.cap < cap
    assert found.cap - cap == found.amount
    least = Decimal(1).scaleb({"USD": -2, "JPY": 0, "KWD": -3}[currency])
    assert found.amount % least == 0
    exact = (cap - spent) * gate.lower_percent / 100
    assert 0 <= exact + found.amount < least
    assert found.stage == gate.from_
    assert found == ask()


def test_half_of_what_is_left_is_taken() -> None:
    gate = metric_gate(ACCURATE, lower_after_days=14)
    judged = judge(gate, [Reading(Decimal("0.5"))], ())

    def after(spent: str, days: int = 14) -> Decimal | None:
        found = lowering(
            judged,
            cap=Decimal(1000),
            spent=Decimal(spent),
            ends_on=None,
            days_in_stage=days,
            currency="USD",
        )
        return found.cap if found else None

    assert after("300") == 650
    assert after("300", days=13) is None
    assert after("-20") == 500  # a credit gives no room
    assert after("999.99") is None  # half a cent is nothing
    assert after("1000") is None
    assert after("1200") is None


def test_what_is_not_known_is_neither_promoted_nor_lowered() -> None:
    gate = metric_gate(ACCURATE, CHEAP, lower_after_days=1)
    unknown = judge(gate, [Reading(Decimal("0.9")), Reading(None, "late")], ())
    assert promotion(unknown, Decimal(100), None, TODAY) is None
    said = {"cap": Decimal(100), "spent": Decimal(0), "ends_on": None, "currency": "USD"}
    assert lowering(unknown, days_in_stage=50, **said) is None  # type: ignore[arg-type]
    known = judge(gate, [Reading(Decimal("0.7")), Reading(None, "late")], ())
    assert lowering(known, days_in_stage=50, **said) is not None  # type: ignore[arg-type]


def test_a_missing_signature_lets_it_be_proposed_but_not_open() -> None:
    gate = metric_gate(ACCURATE, Evidence(judge="sign-off", role="finance"))
    waits = judge(gate, [Reading(Decimal("0.9")), Reading(None)], ())
    assert (waits.ready, waits.met, waits.unsigned) == (True, False, ("finance",))
    assert judge(gate, [Reading(Decimal("0.9")), Reading(None)], ["finance"]).met
    assert not judge(gate, [Reading(Decimal("0.8")), Reading(None)], ["finance"]).ready


@pytest.mark.parametrize(
    ("accuracy", "cost", "said"),
    [
        ("0.95", "0.04", True),
        ("0.86", "0.03", True),
        ("0.86", "0.04", False),  # the same
        ("0.87", "0.039", False),  # noise
        ("0.95", "0.05", False),  # dearer at once
        ("0.70", "0.04", False),
    ],
)
def test_better_is_by_a_tenth_and_nothing_worse(accuracy: str, cost: str, said: bool) -> None:
    judged = judge(metric_gate(ACCURATE, CHEAP), [Reading(Decimal(1)), Reading(Decimal(0))], ())

    def of(a: str, c: str) -> Mapping[str, Decimal]:
        return {name_of(ACCURATE): Decimal(a), name_of(CHEAP): Decimal(c)}

    assert better(of("0.86", "0.04"), of(accuracy, cost), judged) is said


@given(judged_gates(), st.data())
def test_nothing_is_better_than_itself(judged: Judged, data: st.DataObject) -> None:
    names = [name_of(i.evidence) for i in judged.items]
    assert len(set(names)) == len(names)
    found = {name: data.draw(values) for name in names}
    assert not better(found, found, judged)


# --- people -----------------------------------------------------------------------------------------

people = st.sampled_from(["a@example.com", "b@example.com", "c@example.com"])


@given(some_gates(), people, st.frozensets(roles), st.frozensets(people), st.data())
def test_four_eyes(
    gate: Gate, person: str, mine: frozenset[Role], interested: frozenset[str], data: st.DataObject
) -> None:
    signed: dict[Role, str] = {role: data.draw(people) for role in gate.signs}
    refused = may_not_decide(gate, person, mine, interested, signed, lifts=True)
    if not refused:
        assert person not in interested
        assert mine & set(gate.by)
        spoke = [role for role, by in signed.items() if by == person]
        assert not spoke or spoke[0] in gate.by
    if mine.isdisjoint(gate.by):
        assert refused
        assert may_not_decide(gate, person, mine, interested, signed, lifts=False)


@given(
    some_gates(), st.lists(st.tuples(people, st.frozensets(roles), roles | st.just("")), max_size=6)
)
def test_one_person_signs_for_one_role(
    gate: Gate, presses: list[tuple[str, frozenset[Role], str]]
) -> None:
    signed: dict[Role, str] = {}
    for person, mine, wanted in presses:
        answer = sign(gate, person, mine, frozenset({"c@example.com"}), signed, wanted)
        assert (answer.role is None) == bool(answer.sentence)
        if answer.role is not None:
            assert answer.role in mine
            assert answer.role not in signed
            assert answer.role == wanted or not wanted
            signed[answer.role] = person
    assert len(set(signed.values())) == len(signed)
    assert "c@example.com" not in signed.values()
    assert set(signed) <= set(gate.signs)


def test_who_may_sign_in_two_roles_chooses() -> None:
    gate = metric_gate(
        Evidence(judge="sign-off", role="finance"), Evidence(judge="sign-off", role="product")
    )
    both: frozenset[Role] = frozenset({"finance", "product"})
    assert "choose one of them" in sign(gate, "a", both, frozenset(), {}).sentence
    assert sign(gate, "a", both, frozenset(), {}, "product").role == "product"
    assert sign(gate, "a", both, frozenset(), {"finance": "b"}).role == "product"
    again = sign(gate, "a", both, frozenset(), {"finance": "a"})
    assert (again.role, again.before) == (None, True)
    taken = sign(gate, "a", both, frozenset(), {"finance": "b"}, "finance")
    assert taken.before


def test_who_signed_speaks_for_that_role_alone() -> None:
    gate = metric_gate(
        ACCURATE,
        Evidence(judge="sign-off", role="finance"),
        Evidence(judge="sign-off", role="lead"),
        by=("lead",),
    )
    both: frozenset[Role] = frozenset({"finance", "lead"})
    assert may_not_decide(gate, "a", both, frozenset(), {"finance": "a"}, lifts=True)
    assert not may_not_decide(gate, "a", both, frozenset(), {"lead": "a"}, lifts=True)
    assert not may_not_decide(gate, "a", both, frozenset(), {"finance": "b"}, lifts=True)


@given(some_gates())
def test_a_gate_is_read_as_it_was_written(gate: Gate) -> None:
    assume(gate.evidence)
    assert Gate.model_validate(gate.model_dump(by_alias=True)) == gate
