"""Gates: whether the evidence is there, what is proposed then, who may decide. Pure: values in, decisions out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from babel.numbers import get_currency_precision

from guardrails.lists import either
from guardrails.periods import Period
from guardrails.policy.gates import Daily, Evidence, Gate
from guardrails.policy.people import Role

State = Literal["met", "unmet", "unknown"]
Kind = Literal["promote", "lower"]

LATE = (
    1  # days that a bill may be late beyond what its policy allows before nothing is judged by it
)
AGAIN = 7  # days after which what was declined is proposed again
BETTER = Decimal("1.1")  # by so much evidence has changed for the better


# --- readings: a value, or why there is none --------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """What was measured for one piece of evidence; None with the reason when it is not known."""

    value: Decimal | None
    why: str = ""


def window(
    days: int, through: date | None, since: date | None, today: date, usual_delay: int
) -> Period | Reading:
    """The last ``days`` complete days, all within the stage; or why there are none to judge by.

    ``through``: the last day that is known to be complete. ``since``: the day on which the stage began; the first
    that counts is the one after it, which it had whole. ``usual_delay``: days that a bill is incomplete.
    """
    if through is None:
        return Reading(None, "no bill has been read yet")
    if through < today - timedelta(days=1 + usual_delay + LATE):
        return Reading(None, f"the bill is late: it is complete only through {through:%d %b}")
    if since is None:
        return Reading(None, "it is not active yet")
    first = through - timedelta(days=days - 1)
    if first <= since:
        there = max((through - since).days, 0)
        last = since + timedelta(days=days)
        return Reading(
            None,
            f"{there} of {days} complete days in this stage are known; the last is {last:%d %b}",
        )
    return Period(first, through)


def per_day(points: Iterable[tuple[date, Decimal]], daily: Daily) -> dict[date, Decimal]:
    """The value of each day from its points. A day with a value that is no number has none."""
    found: dict[date, list[Decimal]] = {}
    for day, value in points:
        found.setdefault(day, []).append(value)
    return {
        day: sum(values, Decimal(0)) / (len(values) if daily == "mean" else 1)
        for day, values in found.items()
        if all(v.is_finite() for v in values)
    }


def mean(metric: str, values: Mapping[date, Decimal], period: Period) -> Reading:
    """The mean of a metric a day. Every day must have a value."""
    why = _lacking(metric, values, period)
    return Reading(None, why) if why else Reading(_sum(values, period) / period.days)


def unit_cost(
    metric: str, units: Mapping[date, Decimal], spend: Decimal, period: Period
) -> Reading:
    """Spend over units: the cost of one. Every day must have its units, and something must be spent.

    Without spend nothing costs nothing: its tags are missing or its bill is.
    """
    why = _lacking(metric, units, period) or _no_spend(spend, period)
    if why:
        return Reading(None, why)
    count = _sum(units, period)
    if count <= 0:
        return Reading(None, f"{metric} comes to {count:f}, so one has no cost")
    return Reading(spend / count)


def return_on_spend(
    metric: str, money: Mapping[date, Decimal], spend: Decimal, period: Period
) -> Reading:
    """What a metric of money comes to for one unit of money spent. Every day must have its value."""
    why = _lacking(metric, money, period) or _no_spend(spend, period)
    return Reading(None, why) if why else Reading(_sum(money, period) / spend)


def tagged(known: Decimal, spend: Decimal, period: Period) -> Reading:
    """Percent of the spend whose tags are complete."""
    why = _no_spend(spend, period)
    return Reading(None, why) if why else Reading(min(known / spend, Decimal(1)) * 100)


def _sum(values: Mapping[date, Decimal], period: Period) -> Decimal:
    return sum((values[day] for day in _days(period)), Decimal(0))


def _days(period: Period) -> list[date]:
    return [period.first + timedelta(days=n) for n in range(period.days)]


def _lacking(metric: str, values: Mapping[date, Decimal], period: Period) -> str:
    gone = [day for day in _days(period) if day not in values]
    if not gone:
        return ""
    if len(gone) == period.days:
        return f"{metric} has no value from {period.first:%d %b} to {period.last:%d %b}"
    first = f"{gone[0]:%d %b}" if len(gone) == 1 else f"{len(gone)} days, first {gone[0]:%d %b}"
    return f"{metric} has no value on {first}"


def _no_spend(spend: Decimal, period: Period) -> str:
    if spend > 0:
        return ""
    return f"no spend is known from {period.first:%d %b} to {period.last:%d %b}; are its tags set?"


_TARGET = re.compile(
    r"\s*(?:(?P<most><=|≤|at most)|>=|≥|at least)?\s*(?P<number>-?\d{1,12}(?:\.\d{1,6})?)\s*%?\s*"
)


def with_target(gate: Gate, metric: str, target: str) -> Gate:
    """The gate as it is for one sandbox: its own ``metric`` and ``target`` (``>= 0.82``, ``at most 120``; a number
    alone is the least) stand where the policy says target. What cannot be read stays without a limit."""
    found = _TARGET.fullmatch(target)
    if found is None or not metric:
        return gate
    side = "at_most" if found["most"] else "at_least"
    own = {"metric": metric, side: Decimal(found["number"])}
    evidence = tuple(e.model_copy(update=own) if e.judge == "target" else e for e in gate.evidence)
    return gate.model_copy(update={"evidence": evidence})


# --- judging ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """One piece of evidence, judged. ``missing``: how far the value is from the limit, when it is unmet."""

    evidence: Evidence
    state: State
    value: Decimal | None = None
    missing: Decimal = Decimal(0)
    why: str = ""

    @property
    def measured(self) -> bool:
        """Whether it is read from bills and metrics; a sign-off is not."""
        return self.evidence.role is None


@dataclass(frozen=True)
class Judged:
    """A gate with each piece of its evidence."""

    gate: Gate
    items: tuple[Item, ...]

    @property
    def met(self) -> bool:
        """All of it: the gate opens."""
        return all(i.state == "met" for i in self.items)

    @property
    def ready(self) -> bool:
        """All that is measured: the promotion is proposed, and people may sign."""
        return all(i.state == "met" for i in self.items if i.measured)

    @property
    def failing(self) -> tuple[Item, ...]:
        """What is measured, known, and not good enough."""
        return tuple(i for i in self.items if i.measured and i.state == "unmet")

    @property
    def unknown(self) -> tuple[Item, ...]:
        return tuple(i for i in self.items if i.state == "unknown")

    @property
    def unsigned(self) -> tuple[Role, ...]:
        """The roles that have yet to sign."""
        return tuple(i.evidence.role for i in self.items if i.evidence.role and i.state != "met")

    @property
    def count(self) -> int:
        """How many pieces are met."""
        return sum(i.state == "met" for i in self.items)


def judge(gate: Gate, readings: Sequence[Reading], signed: Iterable[str]) -> Judged:
    """Each piece of evidence against its limit; ``readings`` stand in the order of ``gate.evidence``.

    Better values never turn met into unmet: each limit is one comparison.
    """
    roles = frozenset(signed)
    return Judged(
        gate, tuple(_item(e, r, roles) for e, r in zip(gate.evidence, readings, strict=True))
    )


def _item(evidence: Evidence, reading: Reading, signed: frozenset[str]) -> Item:
    if evidence.role is not None:
        return Item(evidence, "met" if evidence.role in signed else "unmet")
    value = reading.value
    if value is None:
        return Item(evidence, "unknown", why=reading.why)
    if evidence.at_least is None and evidence.at_most is None:
        return Item(evidence, "unknown", why="there is no limit to judge it by")
    missing = Decimal(0)
    if evidence.at_least is not None:
        missing = max(evidence.at_least - value, missing)
    if evidence.at_most is not None:
        missing = max(value - evidence.at_most, missing)
    return Item(evidence, "unmet" if missing else "met", value, missing)


# --- what is proposed -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proposal:
    """What one click would do: ``amount`` for the ledger, ``cap`` after it, the stage and its last day."""

    kind: Kind
    stage: str
    amount: Decimal
    cap: Decimal
    ends_on: date | None


def lift(gate: Gate, cap: Decimal, ends_on: date | None, today: date) -> Proposal:
    """What the gate opens. A cap above the gate's stays, and so does a later end."""
    after = max(gate.cap, cap)
    ends = max(today + timedelta(days=gate.days), ends_on or today)
    return Proposal("promote", gate.to, after - cap, after, ends)


def promotion(judged: Judged, cap: Decimal, ends_on: date | None, today: date) -> Proposal | None:
    """The promotion to propose: when all that is measured is met. It opens when all the rest is, too."""
    return lift(judged.gate, cap, ends_on, today) if judged.ready else None


def lowering(
    judged: Judged,
    *,
    cap: Decimal,
    spent: Decimal,
    ends_on: date | None,
    days_in_stage: int,
    currency: str,
) -> Proposal | None:
    """The lower cap to propose: after so many days in the stage with evidence that is known and not good enough.

    Never below what is spent: the percentage is of what is left, rounded down to the currency's smallest unit.
    """
    gate = judged.gate
    if gate.lower_after_days is None or days_in_stage < gate.lower_after_days:
        return None
    if not judged.failing:
        return None
    cent = Decimal(1).scaleb(-get_currency_precision(currency))
    left = max(cap - max(spent, Decimal(0)), Decimal(0))
    less = (left * gate.lower_percent / 100).quantize(cent, ROUND_DOWN)
    return Proposal("lower", gate.from_, -less, cap - less, ends_on) if less > 0 else None


def better(before: Mapping[str, Decimal], now: Mapping[str, Decimal], judged: Judged) -> bool:
    """Whether evidence has changed for the better since ``before``: a value by a tenth, and none for the worse
    by as much. The mappings go from :func:`name_of` to values; what is not in ``before`` says nothing."""
    moved = [
        _moved(item.evidence, before[name], now[name])
        for item in judged.items
        if (name := name_of(item.evidence)) in before and name in now
    ]
    return any(m > 0 for m in moved) and not any(m < 0 for m in moved)


def _moved(evidence: Evidence, before: Decimal, now: Decimal) -> int:
    high, low = (now, before) if evidence.at_least is not None else (before, now)
    if high > low and high >= low * BETTER:
        return 1
    return -1 if low > high and low >= high * BETTER else 0


def name_of(evidence: Evidence) -> str:
    """What tells one piece of a gate's evidence from another, whatever its limit is now."""
    if evidence.role is not None:
        return f"{evidence.judge} {evidence.role}"
    parts = (evidence.judge, evidence.metric or "", evidence.of, evidence.daily)
    side = ">=" if evidence.at_least is not None else "<="
    return " ".join((*parts, str(evidence.days), side))


# --- who may ----------------------------------------------------------------------------------------


def may_not_decide(
    gate: Gate,
    person: str,
    roles: frozenset[Role],
    interested: frozenset[str],
    signed: Mapping[Role, str],
    *,
    lifts: bool,
) -> str:
    """Why ``person`` may not decide at the gate, for the person; empty when they may.

    ``interested`` own the sandbox or asked for it: others must agree that it gets more, or keeps what it would
    lose (``lifts``). Who signed speaks for that role, and decides only when that role decides.
    """
    allowed = roles & frozenset(gate.by)
    if not allowed:
        return f"This is decided by {either(gate.by)}."
    if lifts and person in interested:
        return f"You own this sandbox or asked for it, so somebody else decides: {either(gate.by)}."
    mine = next((role for role, by in signed.items() if by == person), None)
    if lifts and mine is not None and mine not in allowed:
        return f"You signed as {mine}, and one person speaks for one role: somebody else decides."
    return ""


@dataclass(frozen=True)
class Signing:
    """The role that a person signs for; or why they cannot, and whether it was signed before."""

    role: Role | None
    sentence: str = ""
    before: bool = False


def sign(
    gate: Gate,
    person: str,
    roles: frozenset[Role],
    interested: frozenset[str],
    signed: Mapping[Role, str],
    wanted: str = "",
) -> Signing:
    """For which role ``person`` signs: the ``wanted`` one, or the only one that is left and theirs.

    One person signs for one role, and nobody for what they own or asked for.
    """
    if person in signed.values():
        mine = next(role for role, by in signed.items() if by == person)
        return Signing(None, f"You have signed as {mine} already.", before=True)
    left = [role for role in gate.signs if role not in signed]
    if not left or (wanted and wanted not in left):
        said = f"as {wanted} " if wanted else ""
        return Signing(None, f"This is signed {said}already, or need not be.", before=True)
    mine_left = [role for role in left if role in roles and wanted in ("", role)]
    if not mine_left:
        return Signing(None, f"This needs the sign-off of {wanted or either(left)}.")
    if person in interested:
        return Signing(None, "You own this sandbox or asked for it, so somebody else signs.")
    if len(mine_left) > 1:
        return Signing(None, f"You may sign as {either(mine_left)}; choose one of them.")
    return Signing(mine_left[0])
