"""Whether a request fits into a zone: then it needs nobody's decision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from guardrails.money import Money
from guardrails.policy.people import Role
from guardrails.policy.sandboxes import Sandboxes, Zone

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Use:
    """What a zone holds: sandboxes that live, and what was allocated in this calendar month."""

    living: int = 0
    month: Decimal = Decimal(0)


@dataclass(frozen=True)
class Wanted:
    """What a zone looks at. ``estimate`` in the workspace's currency; ``before`` is what the sandbox has already
    (for one that is extended), ``new`` whether it would be one more, ``of_team`` whether whoever asks is of the
    team."""

    team: str
    feature: str
    workload: str
    stage: str
    estimate: Decimal
    days: int
    data_class: str
    risk_class: str
    before: Decimal = Decimal(0)
    new: bool = True
    gpus: int = 0
    of_team: bool = True


@dataclass(frozen=True)
class Placement:
    """Where a request goes. ``zone`` None: up the ladder, because of ``why``. ``cap``: money in all."""

    zone: Zone | None
    cap: Decimal
    why: str = ""
    reviewers: tuple[Role, ...] = ()


def with_headroom(estimate: Decimal, percent: int) -> Decimal:
    """The estimate and some more, rounded up to the cent."""
    return (estimate * (100 + percent) / 100).quantize(CENT, ROUND_UP)


def reviewers_of(rules: Sandboxes, data_class: str, risk_class: str) -> tuple[Role, ...]:
    """The roles that have to look at such data or such a risk."""
    return tuple(
        dict.fromkeys(
            r.role
            for r in rules.reviewers
            if data_class in r.when.data_class or risk_class in r.when.risk_class
        )
    )


def put(
    rules: Sandboxes,
    wanted: Wanted,
    roles: frozenset[Role],
    uses: Mapping[str, Use],
    currency: str,
) -> Placement:
    """The first zone that takes the request, else the ladder with the reason of the zone that came nearest."""
    reviewers = reviewers_of(rules, wanted.data_class, wanted.risk_class)
    outside = with_headroom(wanted.estimate, rules.headroom_percent)
    if reviewers:
        why = (
            f"{wanted.data_class} data and {wanted.risk_class} risk need {' and '.join(reviewers)}"
        )
        return Placement(None, outside, why, reviewers)
    why = f"no zone is for {wanted.workload} in the stage {wanted.stage} of {wanted.team}"
    for zone in _meant(rules.zones, wanted, roles):
        placed = _in(zone, wanted, uses.get(zone.name, Use()), currency)
        if placed.zone is not None:
            return placed
        why = placed.why
    return Placement(None, outside, why)


def _meant(zones: Iterable[Zone], wanted: Wanted, roles: frozenset[Role]) -> list[Zone]:
    def is_meant(zone: Zone) -> bool:
        when = zone.when
        return (
            (not when.role or not roles.isdisjoint(when.role))
            and (not when.team or (wanted.of_team and wanted.team in when.team))
            and (not when.feature or wanted.feature in when.feature)
            and (not when.workload or wanted.workload in when.workload)
            and (not when.stage or wanted.stage in when.stage)
        )

    return [z for z in zones if is_meant(z)]


def _in(zone: Zone, wanted: Wanted, use: Use, currency: str) -> Placement:
    """Into the zone with a cap of the estimate at least, or why not."""

    def no(why: str) -> Placement:
        return Placement(None, Decimal(0), f"{why} of the zone {zone.name}")

    if wanted.estimate > zone.cap:
        asked, most = (
            Money(wanted.estimate, currency).in_full(),
            Money(zone.cap, currency).in_full(),
        )
        return no(f"{asked} are above the cap of {most}")
    if wanted.days > zone.longest_days:
        return no(f"{wanted.days} days are longer than the {zone.longest_days}")
    if zone.gpus is not None and wanted.gpus > zone.gpus:
        return no(f"{wanted.gpus} GPUs are more than the {zone.gpus}")
    if wanted.new and zone.at_once is not None and use.living >= zone.at_once:
        return no(f"{use.living} sandboxes live already, which is the most")
    cap = min(with_headroom(wanted.estimate, zone.headroom_percent), zone.cap)
    if zone.cap_month is not None:
        left = zone.cap_month - use.month + wanted.before
        if wanted.estimate > left:
            money = Money(max(zone.cap_month - use.month, Decimal(0)), currency).in_full()
            return no(f"{money} are left this month")
        cap = min(cap, left)
    return Placement(zone, cap)
