"""Who hears of an anomaly: channels and people, by team, feature, stage, severity and money."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from guardrails.detection.found import Found
from guardrails.policy.alerts import SEVERITIES, When
from guardrails.policy.model import Policy

T = TypeVar("T")


@dataclass(frozen=True)
class Audience:
    """Channels by their name in the policy, people by e-mail; both without repetition."""

    channels: tuple[str, ...]
    people: tuple[str, ...]


def audience(policy: Policy, found: Found) -> Audience:
    """The channels of every route that matches, or the default; ``team`` is the team's own channel."""
    team = policy.teams.get(found.allocation.get("team", ""))
    matching = [r for r in policy.alerts.routes if matches(r.when, found)]
    channels = [
        (team.channel if team else policy.alerts.default) if name == "team" else name
        for route in matching
        for name in route.to
    ]
    wanted = {who for route in matching for who in route.mention} or {"owner"}
    people = []
    if "owner" in wanted and "@" in found.allocation.get("owner", ""):
        people.append(found.allocation["owner"].lower())
    if team and team.lead and ("lead" in wanted or not people):
        people.append(team.lead)
    return Audience(_once(channels) or (policy.alerts.default,), _once(people))


def matches(when: When, found: Found) -> bool:
    """Whether all that the route demands holds for the finding."""
    told = found.allocation
    return (
        _one_of(when.team, told.get("team", ""))
        and _one_of(when.feature, told.get("feature", ""))
        and _one_of(when.stage, told.get("stage", ""))
        and _one_of(when.signal, found.signal)
        and (
            when.severity_at_least is None
            or SEVERITIES.index(found.severity) >= SEVERITIES.index(when.severity_at_least)
        )
        and (when.impact_at_least is None or abs(found.impact) >= Decimal(when.impact_at_least))
    )


def split_flood(new: list[T], limit: int) -> tuple[list[T], list[T]]:
    """(single messages, one grouped message): everything is grouped when there are more than ``limit``."""
    return (new, []) if len(new) <= limit else ([], new)


def _one_of(wanted: str | tuple[str, ...] | None, value: str) -> bool:
    if wanted is None:
        return True
    return value in ((wanted,) if isinstance(wanted, str) else wanted)


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
