"""``sandrail detect``: the anomalies as of a day and why, without posting."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.start import err, fail, out, read_day, started

if TYPE_CHECKING:
    from guardrails.detection.found import Found
    from guardrails.policy.model import Policy
    from storage.database import Database

#: A bill whose newest day is older than this gets a word about it.
STALE = timedelta(days=3)


def detect_command(
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="The day to look from, such as 2026-11-20."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="the policy; SANDRAIL_CONFIG or app.yaml")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="All findings as JSON, with their history.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was over before the policy's news_days.")
    ] = False,
) -> None:
    """Find anomalies as of a day and say why, without posting.

    Looks at the bill as `sandrail ingest` last read it. Without --as-of the day is today in the
    workspace's time zone: what the daily round posts of.
    """
    asked = read_day(as_of, "--as-of")
    with started(config) as start:
        policy = start.loaded.policy
        day, last, found = _find(start.database, policy, asked)
    stale = asked is None and last < day - STALE
    if stale:
        hint = f"The bill ends on {last}; --as-of looks from an earlier day."
        err.print(hint, markup=False, style="yellow", soft_wrap=True)
    if as_json:
        from pydantic import TypeAdapter

        from guardrails.detection.found import Found

        typer.echo(TypeAdapter(list[Found]).dump_json(found, indent=2).decode())
        return
    news = day - timedelta(days=policy.alerts.news_days)
    told = [f for f in found if everything or f.ongoing or f.last_on >= news]
    _show(told, len(found) - len(told), day, "." if stale else ": all is as expected.")


def _find(
    database: "Database", policy: "Policy", asked: date | None
) -> tuple[date, date, list["Found"]]:
    """The day that is looked from, the newest of the bill, the findings; or the end of the command."""
    from handlers.find_anomalies import find_anomalies
    from storage import spend
    from storage.series import MissingRateError

    with database.read() as connection:
        covered = spend.covered(connection)
        if covered is None:
            raise fail("No bill has been read yet: run sandrail ingest first.")
        first, last = covered.first, covered.last
        if asked is not None and not first <= asked <= last + timedelta(days=1):
            raise fail(f"The bill covers {first} to {last}; choose a day of it, or the day after.")
        day = asked or datetime.now(UTC).astimezone(policy.workspace.zone).date()
        try:
            return day, last, find_anomalies(connection, policy, day)
        except MissingRateError as error:
            raise fail(str(error)) from None


def _show(found: list["Found"], older: int, day: date, calm: str) -> None:
    from bot.cli.detect_text import as_text

    if not found:
        out.print(f"No anomalies as of {day:%A, %-d %B %Y}{calm}", markup=False)
    for one in found:
        out.print(as_text(one), soft_wrap=True, end="\n\n")
    if found:
        going = sum(f.ongoing for f in found)
        noun = "anomaly" if len(found) == 1 else "anomalies"
        out.print(f"{len(found)} {noun} as of {day:%A, %-d %B %Y}, {going} still going on.")
    if older:
        out.print(f"{older} more ended before that; --all shows them.")
