"""One incident is one finding: what another signal already says is left out."""

from collections.abc import Sequence

from guardrails.detection.find import in_order
from guardrails.detection.found import Direction, Found, Scope
from guardrails.detection.severity import rank
from guardrails.policy.alerts import Signal

#: A spend finding explains one of a wider scope from this share of its money.
MOST = 0.5


def collapse(found: Sequence[Found]) -> list[Found]:
    """The findings without those that a spend finding of the same days explains, the worst first.

    Left out are: more GPU hours in the same scope (they are the volume in the drivers of the spend),
    and a cost per unit or a changed mix of a feature or team of which spend findings make up at least
    half the money. A finding that began before the spend moved is kept: it was told already. Of
    several metrics of one signal and scope that go on at the same time the worst is kept, for people
    see one anomaly by signal, scope and direction.
    """
    spend = [f for f in found if f.signal == "spend"]
    kept = [f for f in found if f.signal == "spend" or not _explained(f, spend)]
    worst: dict[tuple[Signal, Scope, Direction], Found] = {}
    for one in sorted(kept, key=lambda f: (-rank(f.severity), -f.size, -f.score, f.unit)):
        if one.ongoing:
            worst.setdefault((one.signal, one.scope, one.direction), one)
    return in_order(f for f in kept if not f.ongoing or worst[f.signal, f.scope, f.direction] is f)


def _explained(one: Found, spend: Sequence[Found]) -> bool:
    overlapping = [
        s
        for s in spend
        if s.started_on <= one.started_on <= (s.growing_on or s.last_on) and _within(s, one)
    ]
    if one.signal == "gpu-usage":
        return any(s.scope == one.scope and s.direction == one.direction for s in overlapping)
    if one.signal == "cost-per-unit":
        same = [s for s in overlapping if s.direction == one.direction]
        return bool(same) and sum(abs(s.impact) for s in same) >= MOST * float(abs(one.impact))
    if one.signal == "resource-mix":
        money = sum(abs(s.impact) for s in overlapping)
        return bool(overlapping) and money >= MOST * float(one.moved)
    return False


def _within(part: Found, whole: Found) -> bool:
    """Whether a series is part of the scope of another."""
    if part.scope == whole.scope:
        return True
    dimension, value = whole.scope.dimension, whole.scope.value
    return any(name == dimension and held == value for name, held in part.allocation.items())
