"""Tidying deletes what is old and nothing else."""

from datetime import timedelta

from sqlalchemy import func, insert, select

from storage import outbox
from storage.database import Database
from storage.tables.delivery import Delivered, Outbox
from storage.tidy import tidy
from tests.conftest import NOW


def test_old_answers_and_edits_go_posts_stay(database: Database) -> None:
    delivered = Delivered.__table__  # type: ignore[attr-defined]
    with database.write() as connection:
        for n, age in enumerate((8, 6)):
            connection.execute(
                insert(delivered).values(delivery_id=str(n), reply={}, at=NOW - timedelta(days=age))
            )
        for kind in ("post", "edit"):
            outbox.enqueue(
                connection,
                kind=kind,
                key="k",
                message_key="k@x",
                lane="x",
                place={},
                content={},
                now=NOW - timedelta(days=40),
            )
        connection.execute(Outbox.__table__.update().values(state="sent"))  # type: ignore[attr-defined]
    assert tidy(database, NOW) == "2 old rows deleted"
    with database.read() as connection:
        assert connection.execute(select(delivered.c.delivery_id)).scalars().all() == ["1"]
        kinds = connection.execute(select(Outbox.__table__.c.kind)).scalars().all()  # type: ignore[attr-defined]
        assert kinds == ["post"]
        assert connection.execute(select(func.count()).select_from(delivered)).scalar() == 1
    assert tidy(database, NOW) == "0 old rows deleted"
