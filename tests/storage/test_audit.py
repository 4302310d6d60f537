"""The audit chain: trap 58, an entry that is edited or deleted afterwards is found and named."""

from typing import Any

import pytest
from sqlalchemy import text

from storage import audit
from storage.database import Database
from tests.conftest import NOW


def _append(database: Database, count: int) -> None:
    for i in range(count):
        with database.write() as connection:
            audit.append(
                connection,
                at=NOW,
                actor="lead@example.com",
                action="anomaly.resolved",
                subject=f"anomaly:{i}",
                reason="“quotes” & ünïcode",
                detail={"b": 1, "a": ["x", None]},
                policy_hash="p",
            )


def _verify(database: Database) -> Any:
    with database.read() as connection:
        return audit.verify(connection)


def test_a_whole_chain_verifies(database: Database) -> None:
    assert _verify(database) == 0
    _append(database, 5)
    assert _verify(database) == 5


@pytest.mark.parametrize(
    ("tamper", "seq"),
    [
        ("UPDATE audit_entry SET reason = 'other' WHERE seq = 2", 2),
        ("UPDATE audit_entry SET actor = 'someone@example.com' WHERE seq = 4", 4),
        ("DELETE FROM audit_entry WHERE seq = 3", 3),
        ("DELETE FROM audit_entry WHERE seq = 5", 6),
        ("UPDATE audit_entry SET detail = '{\"a\": 2}' WHERE seq = 1", 1),
    ],
)
def test_trap_58_what_was_changed_is_named(database: Database, tamper: str, seq: int) -> None:
    _append(database, 5)
    with database.write() as connection:
        connection.execute(text(tamper))
    broken = _verify(database)
    assert isinstance(broken, audit.Broken)
    assert broken.seq in (seq, 5 if seq == 6 else seq) or "5 were written" in broken.why


def test_a_rolled_back_change_leaves_no_entry(database: Database) -> None:
    _append(database, 1)

    def append_and_fail() -> None:
        with database.write() as connection:
            audit.append(
                connection, at=NOW, actor="a", action="b", subject="c", detail={}, policy_hash="p"
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        append_and_fail()
    _append(database, 1)
    assert _verify(database) == 2
