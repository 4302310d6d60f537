"""The migrations lead to exactly the tables of the code, and back to nothing, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from storage.database import Database
from storage.migrate import HEAD, _config, downgrade, is_current, upgrade
from storage.tables import METADATA


def test_there_is_one_head_and_the_code_knows_it(database: Database) -> None:
    with database.read() as connection:
        script = ScriptDirectory.from_config(_config(connection))
    assert script.get_heads() == [HEAD]


def test_the_migrated_tables_are_those_of_the_code(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    assert is_current(database)


def test_down_and_up_again(database: Database) -> None:
    downgrade(database, "base")
    with database.read() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    upgrade(database)
    upgrade(database)  # a second time changes nothing
    assert is_current(database)
