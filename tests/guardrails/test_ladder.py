"""Who decides: more money never needs less, splitting gains nothing, nobody decides for themselves unasked."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.ladder import (
    Agreement,
    Asked,
    approve,
    counting,
    may_decline,
    place,
    slots,
    waits_for,
    who_decides,
    with_reviewers,
)
from guardrails.policy.ladder import AtMost, Ladder, Rung, RungWhen
from guardrails.policy.people import ROLES, Role

EVERYBODY = frozenset(ROLES)
amounts = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(10) ** 7, places=2)
roles = st.sampled_from(ROLES)


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """Ladders that the policy accepts: bounds that grow, the last rung open."""
    count = draw(st.integers(0, 4))
    bounds = sorted(draw(st.lists(amounts, min_size=count, max_size=count)))
    percents = sorted(draw(st.lists(amounts, min_size=count, max_size=count)))
    rungs = []
    for i in range(count):
        mine = tuple(draw(st.sets(roles, min_size=1, max_size=3)))
        together = draw(st.booleans())
        by_money = draw(st.booleans())
        rungs.append(
            Rung(
                name=f"rung {i}",
                up_to=bounds[i] if by_money else None,
                percent=percents[i] if not by_money or draw(st.booleans()) else None,
                when=RungWhen(stage=draw(st.sampled_from([(), ("pilot",)]))),
                at_most=draw(st.sampled_from([None, AtMost(times=2, days=30)])),
                any_of=() if together else mine,
                all_of=mine if together else (),
                also=tuple(draw(st.sets(roles, max_size=2)) - (set(mine) if together else set())),
                self_approval=draw(st.booleans()),
            )
        )
    last = tuple(draw(st.sets(roles, min_size=1, max_size=3)))
    also = tuple(draw(st.sets(roles, max_size=1)) - set(last))
    rungs.append(Rung(name="last", all_of=last, also=also))
    ladder = Ladder(rungs=tuple(rungs))
    assert not list(ladder.wrong())
    return ladder


def asked(amount: Decimal, **more: object) -> Asked:
    return Asked(amount=amount, limit=Decimal(10_000), **more)  # type: ignore[arg-type]


@given(ladders(), amounts, amounts, st.frozensets(roles))
def test_more_money_never_needs_less(
    ladder: Ladder, one: Decimal, two: Decimal, staffed: frozenset[Role]
) -> None:
    less, more = sorted((one, two))
    assert place(ladder, asked(less), staffed).index <= place(ladder, asked(more), staffed).index


@given(ladders(), amounts, st.frozensets(roles), st.sampled_from(["", "pilot", "scaled"]))
def test_each_amount_has_a_rung(
    ladder: Ladder, amount: Decimal, staffed: frozenset[Role], stage: str
) -> None:
    placed = place(ladder, asked(amount, stage=stage), staffed)
    assert placed.rung == ladder.rungs[placed.index]


@given(ladders(), st.lists(amounts, min_size=1, max_size=6))
def test_splitting_gains_nothing(ladder: Ladder, parts: list[Decimal]) -> None:
    whole = place(ladder, asked(sum(parts, Decimal(0))), EVERYBODY).index
    granted, highest = Decimal(0), 0
    for part in parts:
        highest = max(highest, place(ladder, asked(part, granted=granted), EVERYBODY).index)
        granted += part
    assert highest == whole


@given(ladders(), amounts, st.integers(0, 6))
def test_what_was_escalated_never_comes_down(ladder: Ladder, amount: Decimal, least: int) -> None:
    placed = place(ladder, asked(amount), EVERYBODY, least)
    assert placed.index >= min(least, len(ladder.rungs) - 1)


@given(ladders(), amounts, st.frozensets(roles, min_size=1))
def test_nobody_decides_for_themselves_unless_the_rung_says_so(
    ladder: Ladder, amount: Decimal, mine: frozenset[Role]
) -> None:
    rung = place(ladder, asked(amount), EVERYBODY).rung
    verdict = approve(rung, "me@example.com", mine, frozenset({"me@example.com"}))
    if not rung.self_approval:
        assert verdict.kind == "refused"


@given(ladders(), amounts, st.data())
def test_a_joint_rung_takes_as_many_people_as_roles(
    ladder: Ladder, amount: Decimal, data: st.DataObject
) -> None:
    rung = place(ladder, asked(amount), EVERYBODY).rung
    agreed: list[Agreement] = []
    for n in range(12):
        mine = data.draw(st.frozensets(roles, min_size=1), label=f"roles of person {n}")
        verdict = approve(rung, f"{n}@example.com", mine, frozenset(), agreed)
        if verdict.kind == "granted":
            assert len(agreed) + 1 >= len(slots(rung))
            return
        if verdict.kind == "agreed":
            agreed.append(Agreement(f"{n}@example.com", mine))
            assert verdict.waits_for == waits_for(rung, agreed)
    assert waits_for(rung, agreed)


@given(ladders(), amounts, st.lists(st.frozensets(roles, min_size=1), max_size=8))
def test_whose_word_counts_does_not_depend_on_who_comes_later(
    ladder: Ladder, amount: Decimal, people: list[frozenset[Role]]
) -> None:
    """One person one word: as many count as words are said, and nobody's word is taken back."""
    rung = place(ladder, asked(amount), EVERYBODY).rung
    agreed = [Agreement(f"{n}@example.com", mine) for n, mine in enumerate(people)]
    count = counting(rung, agreed)
    assert len(count) == len(slots(rung)) - len(waits_for(rung, agreed))
    assert waits_for(rung, count) == waits_for(rung, agreed)
    assert counting(rung, agreed[:-1]) == [a for a in count if a in agreed[:-1]]


@given(ladders(), amounts, st.frozensets(roles), st.lists(roles, max_size=3))
def test_reviewers_make_no_rung_easier(
    ladder: Ladder, amount: Decimal, staffed: frozenset[Role], reviewers: list[Role]
) -> None:
    reviewed = with_reviewers(ladder, reviewers)
    assert not list(reviewed.wrong())
    plain, strict = (place(x, asked(amount), staffed) for x in (ladder, reviewed))
    assert strict.index >= plain.index
    for role in reviewers:
        assert (role,) in slots(strict.rung)
    assert with_reviewers(reviewed, reviewers) == reviewed


@given(ladders(), amounts)
def test_without_a_limit_only_the_amount_counts(ladder: Ladder, amount: Decimal) -> None:
    free = place(ladder, Asked(amount=amount, limit=None), EVERYBODY)
    nothing = place(ladder, Asked(amount=amount, limit=Decimal(0)), EVERYBODY)
    huge = place(ladder, Asked(amount=amount, limit=Decimal(10) ** 12), EVERYBODY)
    assert nothing.index >= free.index >= huge.index
    # A rung that counts by a share only would bound nothing.
    assert free.rung.percent is None or free.rung.up_to is not None
    bounded = all(r.percent is None or r.up_to is not None for r in ladder.rungs)
    assert free.index == huge.index or not bounded
    assert nothing.rung.percent is None


@given(ladders(), amounts, st.frozensets(roles))
def test_the_same_inputs_give_the_same_decision(
    ladder: Ladder, amount: Decimal, staffed: frozenset[Role]
) -> None:
    assert place(ladder, asked(amount), staffed) == place(ladder, asked(amount), staffed)


def test_the_order_in_which_people_agree_does_not_matter() -> None:
    """Somebody with both roles signed first, as finance; the only other person was finance too. Nobody could
    sign for product any more, and the review never ended."""
    rung = Rung(name="joint", all_of=("finance", "product"))
    both = Agreement("both@example.com", frozenset({"finance", "product"}))
    verdict = approve(rung, "finance@example.com", frozenset({"finance"}), frozenset(), [both])
    assert verdict.kind == "granted"


def test_one_person_with_two_roles_is_two_eyes() -> None:
    rung = Rung(name="joint", all_of=("finance", "product"))
    both = frozenset[Role]({"finance", "product"})
    agreed = [Agreement("both@example.com", both)]
    assert approve(rung, "both@example.com", both, frozenset(), agreed).reason == "agreed-before"


def test_whoever_became_the_owner_since_no_longer_counts() -> None:
    """A product owner agreed, and was then made the budget's owner: their word was still one of the four eyes."""
    rung = Rung(name="joint", all_of=("finance", "product"))
    agreed = [Agreement("product@example.com", frozenset({"product"}))]
    interested = frozenset({"product@example.com"})
    verdict = approve(rung, "finance@example.com", frozenset({"finance"}), interested, agreed)
    assert (verdict.kind, verdict.waits_for) == ("agreed", (("product",),))


def test_when_all_that_are_asked_have_agreed_the_next_press_decides() -> None:
    """The policy took a role out while the others had agreed: everybody was told that they had, and it waited."""
    rung = Rung(name="joint", all_of=("finance",))
    agreed = [Agreement("finance@example.com", frozenset({"finance"}))]
    for person in ("finance@example.com", "controller@example.com"):
        verdict = approve(rung, person, frozenset({"finance"}), frozenset(), agreed)
        assert verdict.kind == "granted"


def test_who_has_a_role_of_the_rung_may_decline() -> None:
    rung = Rung(name="joint", all_of=("finance", "product"))
    assert may_decline(rung, frozenset({"finance"}))
    assert not may_decline(rung, frozenset({"lead", "executive"}))


def test_a_rung_without_people_falls_to_the_next() -> None:
    ladder = Ladder()
    placed = place(ladder, asked(Decimal(100)), frozenset({"finance", "product"}))
    assert placed.rung.name == "joint"
    assert placed.skipped == ("own", "lead")


def test_too_often_goes_up() -> None:
    placed = place(Ladder(), asked(Decimal(100), times=(("own", 3),)), EVERYBODY)
    assert placed.rung.name == "lead"
    assert "too often" in placed.why


def test_who_must_agree_too_is_another_person() -> None:
    rung = Rung(name="lead", any_of=("lead", "finops"), also=("compliance",))
    both = frozenset[Role]({"lead", "compliance"})
    first = approve(rung, "both@example.com", both, frozenset())
    # what is left is what most people can say
    assert (first.kind, first.waits_for) == ("agreed", (("lead", "finops"),))
    agreed = [Agreement("both@example.com", both)]
    again = approve(rung, "both@example.com", both, frozenset(), agreed)
    assert again.reason == "agreed-before"
    # and whoever can only say the other word can still say it
    for role in ("finops", "compliance"):
        last = approve(rung, "x@example.com", frozenset[Role]({role}), frozenset(), agreed)
        assert last.kind == "granted"


def test_two_of_one_role() -> None:
    rung = Rung(name="two leads", any_of=("lead",), also=("lead",))
    lead = frozenset[Role]({"lead"})
    assert approve(rung, "a@example.com", lead, frozenset()).waits_for == (("lead",),)
    agreed = [Agreement("a@example.com", lead)]
    assert approve(rung, "b@example.com", lead, frozenset(), agreed).kind == "granted"


@pytest.mark.parametrize(
    ("rung", "said"),
    [
        (Rung(name="a", any_of=("lead", "finops")), "lead or finops"),
        (Rung(name="a", all_of=("finance", "product")), "finance and product"),
        (
            Rung(name="a", any_of=("lead", "finops"), also=("compliance",)),
            "lead or finops, and compliance",
        ),
        (Rung(name="a", any_of=("lead",), also=("compliance",)), "lead and compliance"),
    ],
)
def test_who_decides_in_words(rung: Rung, said: str) -> None:
    assert who_decides(rung) == said


def test_the_team_stands_beside_its_role() -> None:
    rung = Rung(name="a", any_of=("lead", "finops"), also=("compliance",))
    said = who_decides(rung, {"lead": "lead of ml-search"})
    assert said == "lead of ml-search or finops, and compliance"


def test_roles_that_must_agree_too_and_have_nobody() -> None:
    ladder = Ladder(
        rungs=(
            Rung(name="small", up_to=Decimal(500), any_of=("lead",), also=("compliance",)),
            Rung(name="large", any_of=("finops",)),
        )
    )
    placed = place(ladder, asked(Decimal(100)), EVERYBODY - {"compliance"})
    assert (placed.rung.name, placed.skipped) == ("large", ("small",))


def test_a_role_is_named_once() -> None:
    with pytest.raises(ValueError, match="must name a role once"):
        Rung(name="a", all_of=("finance", "product"), also=("finance",))
