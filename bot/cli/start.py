"""What every command does first: the environment, the policy, the database; errors in one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import typer
from rich.console import Console

from bot.settings import Settings, SettingsError, read_settings
from storage.database import Database, DatabaseUrlError
from storage.policy_file import LoadedPolicy, PolicyRefusedError, load_changed, load_policy

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Start:
    settings: Settings
    loaded: LoadedPolicy
    database: Database


def fail(sentence: str) -> typer.Exit:
    """Prints one clear line and gives the exit to raise: code 1, refused or failed."""
    err.print(sentence, markup=False, style="red", soft_wrap=True)
    return typer.Exit(1)


def progress(what: str, share: float) -> None:
    """Says on a terminal, in one line that changes, how far something has come."""
    if err.is_terminal:
        err.print(f"{what}: {share:.0%}", end="\r", markup=False)


def settings() -> Settings:
    """The environment's settings, or exit 1 with one line."""
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        raise fail(str(error)) from None


def policy(path: Path, now: LoadedPolicy | None = None) -> LoadedPolicy:
    """The policy, or exit 1 with all that is wrong with it; with ``now``, a changed one in its place."""
    try:
        return load_policy(path) if now is None else load_changed(path, now)
    except PolicyRefusedError as refused:
        for error in refused.errors[:-1]:
            err.print(str(error), markup=False, soft_wrap=True)
        raise fail(str(refused.errors[-1])) from None


def read_day(text: str | None, option: str) -> date | None:
    """The day that an option names; wrong usage (exit 2) when it is none."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        sentence = f"“{text}” is not a day; write it as 2026-11-20."
        raise typer.BadParameter(sentence, param_hint=option) from None


@contextmanager
def started(config: Path | None = None) -> Iterator[Start]:
    """Settings, policy and a migrated database, which is closed at the end."""
    from sqlalchemy.exc import DBAPIError

    from storage.migrate import upgrade

    found = settings()
    loaded = policy(config or found.config)
    try:
        database = Database(found.database_url)
    except DatabaseUrlError as error:
        raise fail(str(error)) from None
    try:
        try:
            upgrade(database)
        except DBAPIError as error:
            reason = str(error.orig).splitlines()[0]
            raise fail(f"The database cannot be used: {reason}") from None
        yield Start(found, loaded, database)
    finally:
        database.close()
