"""``sandrail db``: the database's tables."""

import typer

from bot.cli.start import fail, out, settings

db_app = typer.Typer(help="The database's tables.", no_args_is_help=True)


@db_app.callback()
def _db() -> None:
    """The database's tables."""


@db_app.command("upgrade")
def upgrade_command() -> None:
    """Migrates the database to this version."""
    from sqlalchemy.exc import DBAPIError

    from storage.database import Database, DatabaseUrlError
    from storage.migrate import HEAD, is_current, upgrade

    try:
        database = Database(settings().database_url)
    except DatabaseUrlError as error:
        raise fail(str(error)) from None
    try:
        if is_current(database):
            out.print(f"The database is up to date ({HEAD}).")
            return
        upgrade(database)
        out.print(f"The database is migrated to {HEAD}.")
    except DBAPIError as error:
        raise fail(f"The database cannot be used: {str(error.orig).splitlines()[0]}") from None
    finally:
        database.close()
