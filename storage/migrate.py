"""Brings the database's tables to this version, with Alembic."""

import sys
from importlib import resources

from sqlalchemy import Connection, inspect

from storage.database import Database


def _config(connection: Connection) -> "object":
    from alembic.config import Config

    config = Config(stdout=sys.stderr)
    config.set_main_option("script_location", str(resources.files("storage.migrations")))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, revision: str = "head") -> None:
    """Migrates to ``revision`` in one transaction; several processes at once wait for each other."""
    if revision == "head" and is_current(database):
        return  # without waiting for whoever writes
    with database.write() as connection:
        if revision == "head" and _stands_at(connection) == HEAD:
            return
        from alembic import command

        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7227245)")
        command.upgrade(_config(connection), revision)  # type: ignore[arg-type]


def downgrade(database: Database, revision: str) -> None:
    """Takes migrations back to ``revision``; ``base`` leaves an empty database."""
    from alembic import command

    with database.write() as connection:
        command.downgrade(_config(connection), revision)  # type: ignore[arg-type]


def is_current(database: Database) -> bool:
    """Whether the tables are those of this version."""
    with database.read() as connection:
        return _stands_at(connection) == HEAD


#: The newest migration: known here so that a start without anything to do need not load Alembic.
HEAD = "0009"


def _stands_at(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
