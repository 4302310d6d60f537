"""How much of the spend is allocated, and AI spend that nobody has claimed."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from guardrails.policy.model import Policy
from guardrails.shadow import AiSpend, Kind
from storage.shadow import answered_kinds, claims
from storage.spend import rate
from storage.tables.spend import CostRollup

_ROLLUPS = CostRollup.__table__  # type: ignore[attr-defined]

_AI = or_(_ROLLUPS.c.is_ai.is_(True), _ROLLUPS.c.is_gpu.is_(True))

#: The values of ``allocated_by``, best first.
WAYS = ("tags", "rules", "shared", "none")


@dataclass(frozen=True)
class Coverage:
    """Spend by the way in which it was allocated, in the workspace's ``currency``."""

    currency: str
    tags: Decimal
    rules: Decimal
    shared: Decimal
    none: Decimal

    @property
    def total(self) -> Decimal:
        """All spend."""
        return self.tags + self.rules + self.shared + self.none

    @property
    def share_by_tags(self) -> float:
        """The part of the spend that tags allocated, 0 to 1; 0 when there is no spend."""
        return self._share(self.tags)

    @property
    def share_by_rules(self) -> float:
        """The part of the spend for which a rule had to fill something in, 0 to 1."""
        return self._share(self.rules)

    @property
    def share_by_splits(self) -> float:
        """The part of the spend that is shared costs that were split, 0 to 1."""
        return self._share(self.shared)

    @property
    def share_unallocated(self) -> float:
        """The part of the spend that nobody answers for, 0 to 1."""
        return self._share(self.none)

    def _share(self, amount: Decimal) -> float:
        return float(amount / self.total) if self.total else 0.0


@dataclass(frozen=True)
class ShadowSpend:
    """AI or GPU spend that no experiment, team or feature has claimed, nor any person.

    ``likely_owner`` is a guess from claimed charges nearby, ``why`` says from which; both are empty
    when there are none. ``money`` is in the workspace's currency.
    """

    account: str
    provider: str
    service: str
    money: Decimal
    resources: tuple[str, ...]
    likely_owner: str
    why: str


def coverage(
    connection: Connection, policy: Policy, since: date | None = None, until: date | None = None
) -> Coverage:
    """Spend of the days from ``since`` through ``until`` by the way in which it was allocated."""
    rows = connection.execute(
        select(_ROLLUPS.c.allocated_by, _ROLLUPS.c.currency, func.sum(_ROLLUPS.c.cost_micros))
        .where(_days(since, until))
        .group_by(_ROLLUPS.c.allocated_by, _ROLLUPS.c.currency)
    )
    money: dict[str, Decimal] = defaultdict(Decimal)
    for way, currency, micros in rows:
        money[way] += _amount(int(micros), currency, policy)
    return Coverage(policy.workspace.currency, *(money[way] for way in WAYS))


def shadow_spend(
    connection: Connection,
    policy: Policy,
    since: date | None = None,
    until: date | None = None,
    limit: int = 50,
) -> list[ShadowSpend]:
    """Unclaimed AI and GPU spend by account and service, the most money first, at most ``limit``.

    The likely owner (or team) is whoever has claimed most of the resources whose names begin alike,
    else whoever has claimed most in the same account. What people have claimed, or called no AI, is left
    out from that moment on, although the rollup says so only after the next reading.
    """
    table = _ROLLUPS.c
    answered = answered_kinds(connection)
    rows = connection.execute(
        select(
            table.account,
            table.provider,
            table.service,
            table.resource,
            table.currency,
            func.sum(table.cost_micros),
        )
        .where(_days(since, until), _AI, table.allocated_by == "none")
        .group_by(table.account, table.provider, table.service, table.resource, table.currency)
    ).all()
    found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    resources: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for account, provider, service, resource, currency, micros in rows:
        if (account, service) in answered:
            continue
        key = (account, provider, service)
        found[key] += _amount(int(micros), currency, policy)
        if resource:
            resources[key][resource] += int(micros)
    worst = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:limit]
    worst = [(key, amount) for key, amount in worst if amount]
    claims = _Claims(connection, _days(since, until)) if worst else None
    listed = []
    for (account, provider, service), amount in worst:
        names = tuple(r for r, _ in resources[account, provider, service].most_common(5))
        assert claims is not None
        owner, why = claims.likely_owner(account, names)
        listed.append(
            ShadowSpend(
                account=account,
                provider=provider,
                service=service,
                money=amount,
                resources=names,
                likely_owner=owner,
                why=why,
            )
        )
    return listed


def ai_spend(
    connection: Connection, policy: Policy, since: date, until: date
) -> tuple[AiSpend, dict[Kind, Decimal]]:
    """AI and GPU spend of the days, and what of it is unclaimed by account and service; the parts add up to the
    whole exactly. What people have called no AI is in neither."""
    table = _ROLLUPS.c
    unclaimed = table.allocated_by == "none"
    rows = connection.execute(
        select(
            table.account,
            table.service,
            unclaimed.label("open"),
            table.currency,
            func.sum(table.cost_micros).label("micros"),
        )
        .where(_days(since, until), _AI)
        .group_by(table.account, table.service, unclaimed, table.currency)
    ).all()
    answers = {(c.account, c.service): bool(c.not_ai) for c in claims(connection)}
    total = Decimal(0)
    parts: dict[Kind, Decimal] = defaultdict(Decimal)
    for row in rows:
        kind = (row.account, row.service)
        if row.open and answers.get(kind, False):
            continue
        amount = _amount(int(row.micros), row.currency, policy)
        total += amount
        if row.open and kind not in answers:
            parts[kind] += amount
    left = sum(parts.values(), Decimal(0))
    return AiSpend(policy.workspace.currency, total, left), dict(parts)


def unclaimed_days(connection: Connection) -> dict[Kind, tuple[date, date]]:
    """First and last day of all unclaimed AI and GPU spend by account and service."""
    table = _ROLLUPS.c
    rows = connection.execute(
        select(table.account, table.service, func.min(table.day), func.max(table.day))
        .where(_AI, table.allocated_by == "none", table.cost_micros != 0)
        .group_by(table.account, table.service)
    )
    return {(account, service): (first, last) for account, service, first, last in rows}


def is_claimed(connection: Connection, kind: Kind, since: date, until: date) -> bool:
    """Whether AI or GPU spend of an account and service in these days is claimed by tags or rules."""
    table = _ROLLUPS.c
    query = (
        select(table.id)
        .where(_days(since, until), _AI, table.allocated_by != "none")
        .where(table.account == kind[0], table.service == kind[1])
        .limit(1)
    )
    return connection.execute(query).first() is not None


def _amount(micros: int, currency: str, policy: Policy) -> Decimal:
    return Decimal(micros).scaleb(-6) * rate(policy, currency)


def _days(since: date | None, until: date | None) -> ColumnElement[bool]:
    conditions = [_ROLLUPS.c.cost_micros.is_not(None)]
    if since is not None:
        conditions.append(_ROLLUPS.c.day >= since)
    if until is not None:
        conditions.append(_ROLLUPS.c.day <= until)
    return and_(*conditions)


class _Claims:
    """Who has claimed what, by account and by how resources are named."""

    def __init__(self, connection: Connection, days: ColumnElement[bool]) -> None:
        table = _ROLLUPS.c
        rows = connection.execute(
            select(table.account, table.resource, table.owner, table.team, func.count())
            .where(days, or_(table.owner != "", table.team != ""))
            .group_by(table.account, table.resource, table.owner, table.team)
        )
        self.by_account: dict[str, Counter[str]] = defaultdict(Counter)
        self.by_prefix: dict[str, Counter[str]] = defaultdict(Counter)
        for account, resource, owner, team, count in rows:
            who = owner or team
            if account:
                self.by_account[account][who] += int(count)
            prefix = name_prefix(resource)
            if prefix:
                self.by_prefix[prefix][who] += int(count)

    def likely_owner(self, account: str, resources: Iterable[str]) -> tuple[str, str]:
        """(who, why), both empty when nobody is likely."""
        near: Counter[str] = Counter()
        for resource in resources:
            near.update(self.by_prefix.get(name_prefix(resource), Counter()))
        if near:
            return _most(near), "claims resources with such names"
        if self.by_account.get(account):
            return _most(self.by_account[account]), f"claims most in account {account}"
        return "", ""


def name_prefix(resource: str) -> str:
    """What names of the same origin share: the last part without its numbers and random ending.

    ``arn:…:training-job/llm-eval-0042`` → ``llm-eval``; empty when nothing with a meaning is left.
    """
    last = re.split(r"[/:]", resource)[-1].lower()
    words = []
    for word in re.split(r"[-_.]", last):
        if not word.isalpha() or len(word) < 2:
            break
        words.append(word)
    prefix = "-".join(words[:2])
    return prefix if len(prefix) >= 4 else ""


def _most(counted: Counter[str]) -> str:
    return min(counted.items(), key=lambda item: (-item[1], item[0]))[0]
