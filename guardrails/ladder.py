"""Who decides an overrun, and what one person's word does. Pure: the same inputs, the same decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from guardrails.lists import either, every
from guardrails.policy.ladder import Ladder, Rung
from guardrails.policy.people import Role


@dataclass(frozen=True)
class Asked:
    """An overrun as the ladder sees it. Money in the workspace's currency.

    ``granted`` is what the scope was granted in the window before; ``times`` how often by rung, in the days that
    each rung counts. ``limit`` is None when there is no budget to take a share of: only the amount counts then.
    A limit of 0 is a budget that has nothing.
    """

    amount: Decimal
    limit: Decimal | None
    granted: Decimal = Decimal(0)
    times: tuple[tuple[str, int], ...] = ()
    stage: str = ""
    workload: str = ""

    @property
    def together(self) -> Decimal:
        """What counts: splitting an overrun into small ones changes nothing."""
        return self.amount + max(self.granted, Decimal(0))

    @property
    def percent(self) -> Decimal | None:
        """Of the budget's limit; None when that is 0, or when there is none."""
        return self.together / self.limit * 100 if self.limit else None

    def is_more_than(self, percent: Decimal) -> bool:
        """Whether it is more than a share of the limit; of a limit that has nothing it always is. Without a limit
        only the amount counts, see :func:`place`."""
        if self.limit is None:
            return False
        return self.limit <= 0 or self.together / self.limit * 100 > percent


@dataclass(frozen=True)
class Placed:
    """The rung that decides. ``why`` says what made it this one, ``skipped`` which rungs have nobody."""

    index: int
    rung: Rung
    why: str
    skipped: tuple[str, ...] = ()


def place(ladder: Ladder, asked: Asked, staffed: frozenset[Role], least: int = 0) -> Placed:
    """The first rung from ``least`` on that takes the overrun and has people for its roles.

    A rung without people falls to the next one; when no later rung has people either, the last one stands, so that
    the overrun waits there and the operator is told. More money never needs less: both tests of a rung only get
    harder with the amount.
    """
    skipped: list[str] = []
    why = ""
    last = len(ladder.rungs) - 1
    for i in range(min(least, last), last + 1):
        rung = ladder.rungs[i]
        reason = _not_for(rung, asked)
        if reason:
            why = f"{reason} for the rung {rung.name}"
            continue
        if not _has_people(rung, staffed):
            skipped.append(rung.name)
            if i < last:
                continue
        return Placed(i, rung, why, tuple(skipped))
    return Placed(last, ladder.rungs[last], why, tuple(skipped))


def _not_for(rung: Rung, asked: Asked) -> str:
    """Why a rung does not take an overrun; empty when it does."""
    if rung.when.stage and asked.stage not in rung.when.stage:
        return f"the stage {asked.stage or 'is not known'} is not"
    if rung.when.workload and asked.workload not in rung.when.workload:
        return f"the workload {asked.workload or 'is not known'} is not"
    if rung.up_to is not None and asked.together > rung.up_to:
        alone = asked.amount > rung.up_to
        return f"the amount{'' if alone else ', with what was granted before,'} is too large"
    if rung.percent is not None and asked.is_more_than(rung.percent):
        return "the share of the budget is too large"
    if rung.percent is not None and rung.up_to is None and asked.limit is None:
        return "there is no budget to take a share of"  # it would bound nothing
    if rung.at_most is not None and dict(asked.times).get(rung.name, 0) >= rung.at_most.times:
        return "it was granted too often"
    return ""


def _has_people(rung: Rung, staffed: frozenset[Role]) -> bool:
    return not any(staffed.isdisjoint(slot) for slot in slots(rung))


#: One of the words that a rung needs: whoever has one of the roles may say it.
Slot = tuple[Role, ...]


def slots(rung: Rung) -> tuple[Slot, ...]:
    """The words that a rung needs, each by another person: one for ``any_of``, one a role of ``all_of`` and
    ``also``."""
    one = (rung.any_of,) if rung.any_of else ()
    return (*one, *((role,) for role in (*rung.all_of, *rung.also)))


def with_reviewers(ladder: Ladder, reviewers: Sequence[Role]) -> Ladder:
    """The ladder with roles that must agree on every rung, where they do not have to anyway."""
    return ladder.model_copy(
        update={"rungs": tuple(_reviewed(rung, reviewers) for rung in ladder.rungs)}
    )


def _reviewed(rung: Rung, reviewers: Sequence[Role]) -> Rung:
    there = slots(rung)
    new = tuple(role for role in dict.fromkeys(reviewers) if (role,) not in there)
    return rung.model_copy(update={"also": (*rung.also, *new)}) if new else rung


@dataclass(frozen=True)
class Agreement:
    """That someone agreed, with the roles that they had then."""

    person: str
    roles: frozenset[Role]


@dataclass(frozen=True)
class Verdict:
    """What one person's word does.

    ``granted``: decided now. ``agreed``: counts, and ``waits_for`` must agree too. ``refused``: changes nothing;
    ``reason`` is a code, ``sentence`` for the person.
    """

    kind: Literal["granted", "agreed", "refused"]
    reason: str
    waits_for: tuple[Slot, ...] = ()
    sentence: str = ""


def approve(
    rung: Rung,
    person: str,
    roles: frozenset[Role],
    interested: frozenset[str],
    agreements: Sequence[Agreement] = (),
) -> Verdict:
    """What it does that ``person``, who has ``roles`` now, agrees to the amount.

    ``interested`` asked for it, or own the budget: they decide only on rungs that allow self-approval. One person
    speaks once, so that four eyes are two people.
    """
    if roles.isdisjoint(rung.roles):
        return Verdict("refused", "role", sentence=f"This is decided by {who_decides(rung)}.")
    if person in interested and not rung.self_approval:
        sentence = f"You asked for it or own the budget, so others decide: {who_decides(rung)}."
        return Verdict("refused", "self-approval", sentence=sentence)
    if rung.any_of and not rung.also:
        return Verdict("granted", "role-suffices")
    agreements = counting(rung, agreements, interested)
    before = waits_for(rung, agreements)
    if not before:  # the policy asks for fewer than it did: nobody is left who could come
        return Verdict("granted", "all-agreed")
    if any(a.person == person for a in agreements):
        return Verdict("refused", "agreed-before", sentence="You have agreed already.")
    after = waits_for(rung, (*agreements, Agreement(person, roles)))
    if len(after) == len(before):
        sentence = f"Somebody has agreed in your role already; {in_words(after)} must agree too."
        return Verdict("refused", "role-spoken", sentence=sentence)
    if after:
        return Verdict("agreed", "waits", after)
    return Verdict("granted", "all-agreed")


def counting(
    rung: Rung, agreements: Sequence[Agreement], interested: frozenset[str] = frozenset()
) -> list[Agreement]:
    """The agreements that count on a rung, in their order: each is one of the words that it needs.

    Whoever became interested since does not count, nor does whose roles the rung does not ask for (any more).
    Which ones count does not depend on who comes later.
    """
    if not rung.self_approval:
        agreements = [a for a in agreements if a.person not in interested]
    spoken = _spoken(rung, agreements)
    return [a for i, a in enumerate(agreements) if i in spoken.values()]


def waits_for(rung: Rung, agreements: Sequence[Agreement]) -> tuple[Slot, ...]:
    """The words that nobody has said yet, when each person says one."""
    spoken = _spoken(rung, agreements)
    return tuple(slot for i, slot in enumerate(slots(rung)) if i not in spoken)


def _spoken(rung: Rung, agreements: Sequence[Agreement]) -> dict[int, int]:
    """Which word of the rung is said by which agreement, both by their numbers.

    A largest matching of people and words, so that the order in which people came does not matter: who has two
    roles speaks for the one that nobody else has (augmenting paths; the numbers are tiny). The narrowest words are
    tried first, so that what is left is what most people can say.
    """
    wanted = slots(rung)
    order = sorted(range(len(wanted)), key=lambda n: len(wanted[n]))
    spoken: dict[int, int] = {}

    def give(i: int, seen: set[int]) -> bool:
        for slot in order:
            if slot not in seen and not agreements[i].roles.isdisjoint(wanted[slot]):
                seen.add(slot)
                if slot not in spoken or give(spoken[slot], seen):
                    spoken[slot] = i
                    return True
        return False

    people: set[str] = set()
    for i, agreement in enumerate(agreements):
        if agreement.person not in people and give(i, set()):
            people.add(agreement.person)
    return spoken


def may_decline(rung: Rung, roles: frozenset[Role]) -> bool:
    """Whether someone may decline: any role of the rung, also of those who must agree together."""
    return not roles.isdisjoint(rung.roles)


def who_decides(rung: Rung, called: Mapping[Role, str] | None = None) -> str:
    """The roles in words: ``lead or finops``, ``finance and product``, ``lead or finops, and compliance``.

    ``called``: what some roles are called here, such as ``lead of ml-search``.
    """
    return in_words(slots(rung), called)


def in_words(wanted: Sequence[Slot], called: Mapping[Role, str] | None = None) -> str:
    """Words that are needed: ``finance and product``, ``lead or finops, and compliance``."""
    said = [either([(called or {}).get(role, role) for role in slot]) for slot in wanted]
    if any(len(slot) > 1 for slot in wanted):
        return ", and ".join(said)
    return every(said)
