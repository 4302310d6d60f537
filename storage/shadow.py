"""Questions about unclaimed AI spend and the claims that answer them, as rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from guardrails.policy.bills import DIMENSIONS
from guardrails.shadow import Claimed, Kind
from storage.rows import add_row, change_row
from storage.tables.sandboxes import Sandbox
from storage.tables.shadow import Claim, ShadowQuestion
from storage.tables.spend import CostRollup

_questions = ShadowQuestion.__table__  # type: ignore[attr-defined]
_claims = Claim.__table__  # type: ignore[attr-defined]
_rollup = CostRollup.__table__  # type: ignore[attr-defined]
_sandboxes = Sandbox.__table__  # type: ignore[attr-defined]

QuestionRow = Row[Any]
ClaimRow = Row[Any]


def get(connection: Connection, question_id: str, *, lock: bool = False) -> QuestionRow | None:
    """The question, locked until the transaction ends when asked for."""
    query = select(_questions).where(_questions.c.id == question_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def questions(connection: Connection) -> dict[Kind, QuestionRow]:
    """All questions by account and service, locked in one order so that two looks never wait for each other."""
    rows = connection.execute(select(_questions).order_by(_questions.c.id).with_for_update())
    return {(row.account, row.service): row for row in rows}


def add(connection: Connection, **values: Any) -> bool:
    """Records a new question. False: there is one about this account and service."""
    return add_row(connection, _questions, **values)


def change(connection: Connection, row: QuestionRow, **values: Any) -> QuestionRow:
    """Changes a question that is still as it was read, and returns it. Raises Lost when it is not."""
    return change_row(connection, _questions, row, **values)


def add_claim(connection: Connection, **values: Any) -> None:
    """Records a claim, which counts from the next reading of the bill."""
    connection.execute(insert(_claims).values(withdrawn_by="", **values))


def get_claim(connection: Connection, claim_id: str, *, lock: bool = False) -> ClaimRow | None:
    """The claim, withdrawn or not; locked until the transaction ends when asked for."""
    query = select(_claims).where(_claims.c.id == claim_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def withdraw_claim(connection: Connection, claim_id: str, person: str, now: datetime) -> None:
    """The claim no longer counts from the next reading of the bill on."""
    connection.execute(
        update(_claims)
        .where(_claims.c.id == claim_id)
        .values(withdrawn_at=now, withdrawn_by=person)
    )


def claims(connection: Connection) -> Sequence[ClaimRow]:
    """The claims that count, the oldest first: where two are of the same charges, the first wins."""
    return connection.execute(
        select(_claims).where(_claims.c.withdrawn_at.is_(None)).order_by(_claims.c.at, _claims.c.id)
    ).all()


def claim_rules(connection: Connection) -> tuple[Claimed, ...]:
    """The claims that count as rules of allocation; what is no AI is none."""
    return tuple(
        Claimed(
            row.account,
            row.service,
            tuple((d, str(row.sets[d])) for d in DIMENSIONS if row.sets.get(d)),
        )
        for row in claims(connection)
        if not row.not_ai
    )


def answered_kinds(connection: Connection) -> frozenset[Kind]:
    """The accounts and services that a claim, or the answer that it is no AI, is about."""
    rows = connection.execute(
        select(_claims.c.account, _claims.c.service).where(_claims.c.withdrawn_at.is_(None))
    )
    return frozenset((account, service) for account, service in rows)


def experiments_like(connection: Connection, name: str) -> dict[str, set[str]]:
    """Experiments of this name without regard to case, by the bill and by sandboxes: spelling → its teams."""
    found: dict[str, set[str]] = {}
    lives = _sandboxes.c.state.not_in(("declined", "withdrawn"))
    for query, column in (
        (select(_rollup.c.experiment, _rollup.c.team), _rollup.c.experiment),
        (select(_sandboxes.c.name, _sandboxes.c.team).where(lives), _sandboxes.c.name),
    ):
        same = or_(column == name, func.lower(column) == name.lower())
        for spelling, team in connection.execute(query.where(same).distinct()):
            found.setdefault(spelling, set()).update({team} - {""})
    return found
