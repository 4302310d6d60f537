"""Requests for sandboxes under one policy: the zone that takes each, or the ladder and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from guardrails.policy.people import Role
from guardrails.policy.sandboxes import Sandboxes
from guardrails.sandboxes.zones import Placement, Use, Wanted, put, with_headroom


@dataclass(frozen=True)
class Asked:
    """A recorded request for a sandbox. Money in the workspace's currency.

    ``until``: when it ended, None while it lives. ``zone`` took it then, with ``cap``; empty when it went up the
    ladder. ``halted``: why the ladder decides whatever the zones say, because somebody's sandbox had been halted;
    empty when nothing was.
    """

    name: str
    at: datetime
    day: date
    until: datetime | None
    wanted: Wanted
    zone: str = ""
    cap: Decimal = Decimal(0)
    halted: str = ""

    @property
    def month(self) -> tuple[int, int]:
        return self.day.year, self.day.month


def place_all(
    rules: Sandboxes,
    asked: Sequence[Asked],
    roles: Mapping[str, frozenset[Role]],
    of_team: Mapping[str, bool],
    currency: str,
) -> list[Placement]:
    """Where each request goes, in the order in which they came. What a zone holds is counted by these placements;
    how long a sandbox lived is as it was recorded.

    ``roles`` and ``of_team`` of whoever asked, by the sandbox's name.
    """
    held: list[tuple[Asked, Placement]] = []
    found = []
    for one in asked:
        uses = {zone.name: _use(zone.name, one, held) for zone in rules.zones}
        wanted = replace(one.wanted, of_team=of_team.get(one.name, True))
        where = put(rules, wanted, roles.get(one.name, frozenset()), uses, currency)
        if where.zone is not None and one.halted:
            outside = with_headroom(wanted.estimate, rules.headroom_percent)
            where = Placement(None, outside, one.halted)
        if where.zone is not None:
            held.append((one, where))
        found.append(where)
    return found


def _use(zone: str, now: Asked, held: Sequence[tuple[Asked, Placement]]) -> Use:
    mine = [(one, p) for one, p in held if p.zone is not None and p.zone.name == zone]
    return Use(
        sum(one.until is None or one.until > now.at for one, _ in mine),
        sum((_cap(one, p, zone) for one, p in mine if one.month == now.month), Decimal(0)),
    )


def _cap(one: Asked, placed: Placement, zone: str) -> Decimal:
    """What it was given: as it was recorded where the zone is the one of then."""
    return one.cap if one.zone == zone and one.cap else placed.cap
