"""What happened in a quarter, as rows; and that its retrospective was posted. Times are [since, until)."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, or_, select

from storage.rows import add_row
from storage.tables.alerts import Anomaly
from storage.tables.audit import AuditEntry
from storage.tables.budgets import BudgetNudge, Overrun
from storage.tables.rules import Retrospective
from storage.tables.sandboxes import GateCase, RedlineCase, Sandbox
from storage.tables.shadow import ShadowQuestion

_posted = Retrospective.__table__  # type: ignore[attr-defined]
_anomalies = Anomaly.__table__  # type: ignore[attr-defined]
_audit = AuditEntry.__table__  # type: ignore[attr-defined]
_nudges = BudgetNudge.__table__  # type: ignore[attr-defined]
_overruns = Overrun.__table__  # type: ignore[attr-defined]
_gates = GateCase.__table__  # type: ignore[attr-defined]
_redlines = RedlineCase.__table__  # type: ignore[attr-defined]
_sandboxes = Sandbox.__table__  # type: ignore[attr-defined]
_shadow = ShadowQuestion.__table__  # type: ignore[attr-defined]

Rows = Sequence[Row[Any]]
#: What says where an overrun stood on the ladder, and since when.
STEPS = (
    "overrun.opened",
    "overrun.escalated",
    "overrun.review-asked",
    "overrun.moved",
    "overrun.grew",
    "overrun.shrank",
)


def begin(
    connection: Connection,
    *,
    quarter: str,
    channel: str,
    posted_at: datetime,
    said: dict[str, Any],
    policy_hash: str,
) -> bool:
    """Records that a quarter's retrospective is posted. False: it was."""
    return add_row(
        connection,
        _posted,
        quarter=quarter,
        channel=channel,
        posted_at=posted_at,
        said=said,
        policy_hash=policy_hash,
    )


def posted(connection: Connection, quarter: str) -> Row[Any] | None:
    """A quarter's retrospective when it was posted, with what it ``said``."""
    return connection.execute(select(_posted).where(_posted.c.quarter == quarter)).first()


def posted_before(connection: Connection, quarter: str) -> Row[Any] | None:
    """The newest retrospective that was posted of an earlier quarter: they are in the order of their names."""
    return connection.execute(
        select(_posted)
        .where(_posted.c.quarter < quarter)
        .order_by(_posted.c.quarter.desc())
        .limit(1)
    ).first()


def history(connection: Connection, zone: ZoneInfo) -> tuple[date, date] | None:
    """The first and the last day on which the bot did anything; None when it never did."""
    ends = []
    for pick in (_audit.c.seq, _audit.c.seq.desc()):
        at = connection.execute(select(_audit.c.at).order_by(pick).limit(1)).scalar()
        if at is None:
            return None
        ends.append(at.astimezone(zone).date())
    return ends[0], ends[1]


def anomalies_told(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Anomalies that people were told of in the time, the first first."""
    rows = connection.execute(
        select(_anomalies)
        .where(_anomalies.c.created_at >= since, _anomalies.c.created_at < until)
        .order_by(_anomalies.c.created_at, _anomalies.c.scope, _anomalies.c.id)
    ).all()
    return [r for r in rows if r.channels]


def overruns_opened(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Overruns and requests of the time that were not withdrawn, the first first."""
    return connection.execute(
        select(_overruns)
        .where(_overruns.c.opened_at >= since, _overruns.c.opened_at < until)
        .where(_overruns.c.state != "withdrawn")
        .order_by(_overruns.c.opened_at, _overruns.c.budget, _overruns.c.id)
    ).all()


def overruns_last_opened(
    connection: Connection, periods: Iterable[str]
) -> dict[tuple[str, str], datetime]:
    """When the last overrun that was not withdrawn was opened, by (budget, period)."""
    rows = connection.execute(
        select(_overruns.c.budget, _overruns.c.period, _overruns.c.opened_at)
        .where(_overruns.c.period.in_(sorted(periods)), _overruns.c.state != "withdrawn")
        .order_by(_overruns.c.opened_at, _overruns.c.id)
    )
    return {(r.budget, r.period): r.opened_at for r in rows}


def entries(connection: Connection, actions: Sequence[str], since: datetime) -> Rows:
    """The audit's entries of these actions from then on, in their order."""
    return connection.execute(
        select(_audit)
        .where(_audit.c.action.in_(actions), _audit.c.at >= since)
        .order_by(_audit.c.seq)
    ).all()


def nudges_told(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Shares of budgets that people were told of in the time, the first first."""
    return connection.execute(
        select(_nudges)
        .where(_nudges.c.at >= since, _nudges.c.at < until)
        .order_by(_nudges.c.at, _nudges.c.id)
    ).all()


def first_nudged(connection: Connection, periods: Iterable[str]) -> dict[tuple[str, str], datetime]:
    """When people were first told of a share, by (budget, period)."""
    rows = connection.execute(
        select(_nudges.c.budget, _nudges.c.period, _nudges.c.at)
        .where(_nudges.c.period.in_(sorted(periods)))
        .order_by(_nudges.c.at.desc(), _nudges.c.id)
    )
    return {(r.budget, r.period): r.at for r in rows}


def sandboxes_of(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Sandboxes that were asked for in the time and were given room, the first first."""
    return connection.execute(
        select(_sandboxes)
        .where(_sandboxes.c.asked_at >= since, _sandboxes.c.asked_at < until)
        .where(_sandboxes.c.starts_on.is_not(None))
        .order_by(_sandboxes.c.asked_at, _sandboxes.c.name)
    ).all()


def sandboxes_by_request(connection: Connection, overrun_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The sandboxes that were asked for with these requests, by the request's id."""
    rows = connection.execute(
        select(_sandboxes).where(_sandboxes.c.overrun_id.in_(overrun_ids)).order_by(_sandboxes.c.id)
    ).all()
    return {r.overrun_id: r for r in rows}


def redlines_opened(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Redlines that were crossed in the time, with ``sandbox_name``, ``starts_on`` and ``ends_on`` of their
    sandbox; the first first."""
    return connection.execute(
        select(
            _redlines,
            _sandboxes.c.name.label("sandbox_name"),
            _sandboxes.c.starts_on,
            _sandboxes.c.ends_on,
        )
        .join(_sandboxes, _sandboxes.c.id == _redlines.c.sandbox_id)
        .where(_redlines.c.opened_at >= since, _redlines.c.opened_at < until)
        .order_by(_redlines.c.opened_at, _redlines.c.redline, _redlines.c.id)
    ).all()


def lines_crossed(connection: Connection, sandbox_id: str) -> set[str]:
    """The names of the redlines that a sandbox ever crossed."""
    found = connection.execute(
        select(_redlines.c.redline).where(_redlines.c.sandbox_id == sandbox_id).distinct()
    )
    return set(found.scalars())


def gates_proposed(connection: Connection, since: datetime, until: datetime) -> Rows:
    """What gates proposed in the time, the first first."""
    return connection.execute(
        select(_gates)
        .where(_gates.c.proposed_at >= since, _gates.c.proposed_at < until)
        .order_by(_gates.c.proposed_at, _gates.c.id)
    ).all()


def questions_asked(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Unclaimed spend that people were asked about in the time, or answered in it; the first first."""
    asked = (_shadow.c.asked_at >= since) & (_shadow.c.asked_at < until)
    answered = (_shadow.c.decided_at >= since) & (_shadow.c.decided_at < until)
    return connection.execute(
        select(_shadow)
        .where(or_(asked, answered))
        .order_by(_shadow.c.asked_at, _shadow.c.account, _shadow.c.service, _shadow.c.id)
    ).all()
