"""Who decides an overrun, and what one person's word does. Pure: the same inputs, the same decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from guardrails.policy.ladder import Ladder, Rung
from guardrails.policy.people import Role


@dataclass(frozen=True)
class Asked:
    """An overrun as the ladder sees it. Money in the workspace's currency.

    ``granted`` is what the scope was granted in the window before; ``times`` how often by rung, in the days that
    each rung counts.
    """

    amount: Decimal
    limit: Decimal
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
        """Of the budget's limit; None when there is no limit to take a share of."""
        return self.together / self.limit * 100 if self.limit > 0 else None


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
        return "the amount is too large"
    if rung.percent is not None and (asked.percent is None or asked.percent > rung.percent):
        return "the share of the budget is too large"
    if rung.at_most is not None and dict(asked.times).get(rung.name, 0) >= rung.at_most.times:
        return "it was granted too often"
    return ""


def _has_people(rung: Rung, staffed: frozenset[Role]) -> bool:
    if rung.any_of:
        return not staffed.isdisjoint(rung.any_of)
    return staffed.issuperset(rung.all_of)


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
    waits_for: tuple[Role, ...] = ()
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
    speaks for one role, so that four eyes are two people.
    """
    if roles.isdisjoint(rung.roles):
        return Verdict("refused", "role", sentence=f"This needs {who_decides(rung)}.")
    if person in interested and not rung.self_approval:
        sentence = f"You asked for it or own the budget, so others decide: {who_decides(rung)}."
        return Verdict("refused", "self-approval", sentence=sentence)
    if rung.any_of:
        return Verdict("granted", "role-suffices")
    if not rung.self_approval:  # whoever became the owner since no longer counts
        agreements = [a for a in agreements if a.person not in interested]
    before = waits_for(rung, agreements)
    if not before:  # the policy asks for fewer than it did: nobody is left who could come
        return Verdict("granted", "all-agreed")
    if any(a.person == person for a in agreements):
        return Verdict("refused", "agreed-before", sentence="You have agreed already.")
    after = waits_for(rung, (*agreements, Agreement(person, roles)))
    if len(after) == len(before):
        sentence = f"Somebody has agreed in your role already; {_and(after)} must agree too."
        return Verdict("refused", "role-spoken", sentence=sentence)
    if after:
        return Verdict("agreed", "waits", after)
    return Verdict("granted", "all-agreed")


def waits_for(rung: Rung, agreements: Sequence[Agreement]) -> tuple[Role, ...]:
    """The roles of ``all_of`` that nobody speaks for yet, when each person speaks for one role.

    A largest matching of people and roles, so that the order in which people came does not matter: who has two
    roles speaks for the one that nobody else has (augmenting paths; the numbers are tiny).
    """
    speaks: dict[Role, int] = {}

    def give(i: int, seen: set[Role]) -> bool:
        for role in rung.all_of:
            if role in agreements[i].roles and role not in seen:
                seen.add(role)
                if role not in speaks or give(speaks[role], seen):
                    speaks[role] = i
                    return True
        return False

    for i in range(len(agreements)):
        give(i, set())
    return tuple(role for role in rung.all_of if role not in speaks)


def may_decline(rung: Rung, roles: frozenset[Role]) -> bool:
    """Whether someone may decline: any role of the rung, also of those who must agree together."""
    return not roles.isdisjoint(rung.roles)


def who_decides(rung: Rung) -> str:
    """The roles in words: ``lead or finops``, ``finance and product``."""
    return _or(rung.any_of) if rung.any_of else _and(rung.all_of)


def _or(roles: Sequence[Role]) -> str:
    return " or ".join(roles)


def _and(roles: Sequence[Role]) -> str:
    return " and ".join(roles)
