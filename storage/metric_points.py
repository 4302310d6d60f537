"""Metric points that do not come from files: what was pushed to us, and what was fetched."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from guardrails.policy.bills import DIMENSIONS
from storage.rows import add_row, insert_into
from storage.tables.delivery import Delivered
from storage.tables.spend import MetricPoint

#: The source of points that were pushed, and of those that MLflow gave. No file's source may be called so.
PUSHED = "api"
MLFLOW = "mlflow"

_points = MetricPoint.__table__  # type: ignore[attr-defined]
_delivered = Delivered.__table__  # type: ignore[attr-defined]
_KEY = ("metric", "day", *DIMENSIONS)


@dataclass(frozen=True)
class Point:
    """A metric's value on a day for an allocation; empty text is “not known”."""

    day: date
    metric: str
    value: float
    unit: str = ""
    experiment: str = ""
    team: str = ""
    feature: str = ""
    workload: str = ""
    stage: str = ""
    owner: str = ""
    segment: str = ""

    @property
    def key(self) -> tuple[Any, ...]:
        """What a point is told apart by: metric, day and dimensions."""
        return tuple(getattr(self, name) for name in _KEY)


class OfAnotherSource(Exception):
    """Points that another source has already; nothing is to be stored. ``keys`` are theirs."""

    def __init__(self, keys: set[tuple[Any, ...]]) -> None:
        super().__init__(f"{len(keys)} points are another source's")
        self.keys = keys


@dataclass(frozen=True)
class Kept:
    """The answer that an idempotency key got, and the digest of the body that it was for."""

    digest: str
    answer: dict[str, Any]


class KeyInUse(Exception):
    """The key was taken by a request that came at the same time; the transaction is to be rolled back."""


def store_points(connection: Connection, source: str, points: Sequence[Point]) -> int:
    """Stores points of a source in place of what it said of them before; returns how many.

    Their keys must differ. Raises OfAnotherSource when another source has one of them: two sources that say
    different things would take turns.
    """
    statement = insert_into(connection, _points)
    new = {name: statement.excluded[name] for name in ("value", "unit")}
    upsert = statement.on_conflict_do_update(
        index_elements=list(_KEY), set_=new, where=_points.c.source == source
    ).returning(*(_points.c[name] for name in _KEY))
    # In one order: two requests with the same points must not wait for each other.
    rows = [{**asdict(p), "source": source} for p in sorted(points, key=lambda p: p.key)]
    if not rows:
        return 0
    stored = {tuple(row) for row in connection.execute(upsert, rows)}
    if len(stored) < len(rows):
        raise OfAnotherSource({p.key for p in points} - stored)
    return len(rows)


def sources_of(
    connection: Connection, keys: Iterable[tuple[Any, ...]]
) -> dict[tuple[Any, ...], str]:
    """Whose the points are that have these keys."""
    found = {}
    for key in keys:
        query = select(_points.c.source)
        for name, value in zip(_KEY, key, strict=True):
            query = query.where(_points.c[name] == value)
        source = connection.execute(query).scalar()
        if source is not None:
            found[key] = str(source)
    return found


def replace_points(
    connection: Connection, source: str, since: date | None, points: Sequence[Point]
) -> int:
    """What a source says now, in place of all that it said of ``since`` and later (None: of any day).

    Points that another source has are left to it. Returns how many were stored.
    """
    gone = delete(_points).where(_points.c.source == source)
    if since is not None:
        gone = gone.where(_points.c.day >= since)
    connection.execute(gone)
    try:
        with connection.begin_nested():
            return store_points(connection, source, points)
    except OfAnotherSource as error:
        return store_points(connection, source, [p for p in points if p.key not in error.keys])


def kept(connection: Connection, key: str) -> Kept | None:
    """What was answered under an idempotency key."""
    query = select(_delivered.c.reply).where(_delivered.c.delivery_id == _name(key))
    reply = connection.execute(query).scalar()
    return None if reply is None else Kept(reply["digest"], reply["answer"])


def keep(connection: Connection, key: str, answer: Kept, now: datetime) -> None:
    """Keeps the answer in the transaction of its effect; it is tidied with the answers to people.

    Raises KeyInUse when a request at the same time has taken the key.
    """
    if not add_row(connection, _delivered, delivery_id=_name(key), reply=asdict(answer), at=now):
        raise KeyInUse


def _name(key: str) -> str:
    return f"api:metrics:{key}"
