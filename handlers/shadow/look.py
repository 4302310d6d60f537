"""The daily look at unclaimed AI spend: asks about what is new, asks again, and ends what was claimed since."""

import secrets
from datetime import timedelta
from decimal import Decimal
from typing import Any

from guardrails.money import Money
from guardrails.periods import Period
from guardrails.policy.model import Policy
from guardrails.shadow import DAYS, MOST, Kind, next_step
from handlers.shadow.message import asked_again, key_of, question_message
from handlers.turn import Turn
from storage import shadow
from storage.coverage import ShadowSpend, is_claimed, shadow_spend, unclaimed_days
from storage.shadow import QuestionRow

_MANY = 10_000  # kinds of unclaimed spend that a look goes through
_RESOURCES = 3  # that a card names


def look_at_shadow(turn: Turn) -> int:
    """Asks about unclaimed AI spend; returns how many questions were asked or ended. Again on the same day it
    does nothing."""
    period = look_period(turn)
    found = _by_kind(
        shadow_spend(turn.connection, turn.policy, period.first, period.last, limit=_MANY)
    )
    rows = shadow.questions(turn.connection)
    done = 0
    for kind, row in rows.items():
        money = _money(found.get(kind, []))
        if next_step(row.state, row.asked_at, money, turn.now) == "end":
            _end(turn, row, period)
            done += 1
    due = []
    for kind, parts in sorted(found.items(), key=lambda item: (-_money(item[1]), item[0])):
        before = rows.get(kind)
        state, at = (before.state, before.asked_at) if before is not None else (None, None)
        if any(kind) and next_step(state, at, _money(parts), turn.now) == "ask":
            due.append((kind, parts, before))
    days = unclaimed_days(turn.connection) if due else {}
    asked = 0
    for kind, parts, before in due[:MOST]:
        first, last = days.get(kind, (period.first, period.last))
        asked += _ask(turn, kind, parts, before, Period(first, last), period)
    return done + asked


def look_period(turn: Turn) -> Period:
    """The days that are looked at, to yesterday: today is not over."""
    return Period(turn.today - timedelta(days=DAYS), turn.today - timedelta(days=1))


def _ask(
    turn: Turn,
    kind: Kind,
    parts: list[ShadowSpend],
    before: QuestionRow | None,
    days: Period,
    period: Period,
) -> bool:
    currency = turn.policy.workspace.currency
    money = Money(_money(parts), currency)
    most = max(parts, key=lambda p: p.money)
    person = likely_person(turn.policy, most.likely_owner)
    name = next((p.name for p in turn.policy.people if p.email == person), person)
    values: dict[str, Any] = {
        "cost_micros": money.micros,
        "currency": currency,
        "first_day": days.first,
        "last_day": days.last,
        "asked": person,
        "channel": turn.policy.alerts.default,
        "asked_at": turn.now,
        "facts": {
            "provider": ", ".join(sorted({p.provider for p in parts if p.provider})),
            "resources": [_short(r) for r in most.resources[:_RESOURCES]],
            "likely": most.likely_owner,
            "why": most.why,
            "until": period.last.isoformat(),
            "asked": [{"person": person, "name": name, "by": ""}] if person else [],
        },
    }
    if before is None:
        row_id = secrets.token_hex(8)
        new = {"id": row_id, "account": kind[0], "service": kind[1], "state": "asked", "version": 1}
        nobody = {"times": 1, "decided_by": "", "decided_name": "", "decided_at": None}
        if not shadow.add(turn.connection, **new, **nobody, **values):
            return False  # another look was faster
        row = shadow.get(turn.connection, row_id)
    else:
        if before.state == "asked":
            turn.edit(key_of(before), asked_again(turn.policy, before))
        row = shadow.change(
            turn.connection,
            before,
            state="asked",
            times=before.times + 1,
            decided_by="",
            decided_name="",
            decided_at=None,
            **values,
        )
    assert row is not None
    turn.audit(
        "scheduler",
        "shadow.asked",
        f"shadow:{row.id}",
        account=row.account,
        service=row.service,
        money=str(money.amount),
        currency=currency,
        asked=person,
        times=row.times,
    )
    message = question_message(turn.policy, row)
    turn.post(row.channel, key_of(row), message)
    if person:
        turn.tell(person, key_of(row), message)
    return True


def _end(turn: Turn, row: QuestionRow, period: Period) -> None:
    kind = (row.account, row.service)
    claimed = is_claimed(turn.connection, kind, period.first, period.last)
    why = "tags" if claimed else "gone"
    row = shadow.change(
        turn.connection,
        row,
        state="ended",
        decided_at=turn.now,
        facts={**row.facts, "outcome": {"why": why}},
    )
    turn.audit("scheduler", "shadow.ended", f"shadow:{row.id}", why)
    turn.edit(key_of(row), question_message(turn.policy, row))


def likely_person(policy: Policy, likely: str) -> str:
    """The e-mail of whoever can be asked in person: an owner that the policy knows, or the lead of a team; else
    nothing."""
    folded = likely.strip().lower()
    if any(p.email == folded for p in policy.people):
        return folded
    team = next((t for n, t in policy.teams.items() if n.lower() == folded), None)
    return (team.lead or "") if team is not None else ""


def _by_kind(found: list[ShadowSpend]) -> dict[Kind, list[ShadowSpend]]:
    """An account and service may be of several providers: that is one question."""
    kinds: dict[Kind, list[ShadowSpend]] = {}
    for one in found:
        kinds.setdefault((one.account, one.service), []).append(one)
    return kinds


def _money(parts: list[ShadowSpend]) -> Decimal:
    return sum((p.money for p in parts), Decimal(0))


def _short(resource: str) -> str:
    """The last part of a long resource name."""
    return resource.rstrip("/").rsplit("/", 1)[-1] if len(resource) > 40 else resource
