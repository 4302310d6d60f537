"""``sandrail digest``: a week's digest of the council, as it would be posted or was, without posting."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.start import fail, started

if TYPE_CHECKING:
    from bot.cli.start import Start
    from guardrails.council import Week
    from handlers.council.message import Digest


class Format(StrEnum):
    """How it is printed."""

    text = "text"
    html = "html"
    slack = "slack"
    teams = "teams"


def digest_command(
    week: Annotated[
        str | None, typer.Option(metavar="WEEK", help="such as 2026-W47; else the next council's")
    ] = None,
    output: Annotated[
        Format, typer.Option("--format", help="text, a page, Slack's or Teams' messages as JSON")
    ] = Format.text,
    config: Annotated[
        Path | None, typer.Option(help="the policy; SANDRAIL_CONFIG or app.yaml")
    ] = None,
) -> None:
    """Print the weekly digest of the council, without posting it.

    The same week, policy and database always give the same digest.
    """
    from bot.cli.printed import printed
    from guardrails.council import Week

    try:
        asked = Week.parse(week) if week is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--week") from None
    with started(config) as start:
        digest = _digest(start, asked)
        zone = start.loaded.policy.workspace.zone
    typer.echo(printed(digest.every(), zone, output.value))


def _digest(start: "Start", asked: "Week | None") -> "Digest":
    from guardrails.council import next_week
    from handlers.council.frame import frame_of, rules_of
    from handlers.council.message import digest_of
    from handlers.overruns.placing import calendar
    from handlers.turn import Turn

    now = datetime.now(UTC)
    policy = start.loaded.policy
    with start.database.read() as connection:
        turn = Turn(connection, start.loaded, now, lambda _: ())
        try:
            week = asked or next_week(rules_of(policy), calendar(policy), now)
            return digest_of(frame_of(turn, week))
        except LookupError as error:
            raise fail(str(error)) from None
