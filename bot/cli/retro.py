"""``sandrail retro``: a quarter's retrospective, as it was posted or would be, without posting."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.start import err, fail, progress, started

if TYPE_CHECKING:
    from bot.cli.start import Start
    from guardrails.retro.quarter import Quarter
    from handlers.retro.message import Retro


class Format(StrEnum):
    """How it is printed."""

    text = "text"
    html = "html"
    slack = "slack"
    teams = "teams"
    json = "json"
    patch = "patch"


def retro_command(
    quarter: Annotated[
        str | None,
        typer.Option(
            metavar="QUARTER",
            help="such as 2026-Q3; else the last one that is over, or the running one when that is empty",
        ),
    ] = None,
    output: Annotated[
        Format,
        typer.Option(
            "--format",
            help="text, a page, Slack's or Teams' messages as JSON, all of it as JSON, or all proposed changes of "
            "the policy as one patch for git apply",
        ),
    ] = Format.text,
    config: Annotated[
        Path | None, typer.Option(help="the policy; SANDRAIL_CONFIG or app.yaml")
    ] = None,
) -> None:
    """Print the quarterly retrospective of the policy's rules, without posting it.

    Each rule by what it did, with a proposal, the replay's numbers and the exact change of the policy. Nothing is
    changed.
    """
    from bot.cli.printed import as_json, printed
    from guardrails.retro.quarter import Quarter

    try:
        asked = Quarter.parse(quarter) if quarter is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--quarter") from None
    with started(config) as start:
        made = _retro(start, asked)
        zone = start.loaded.policy.workspace.zone
    match output:
        case Format.json:
            typer.echo(as_json({"quarter": made.quarter, **made.to_json()}))
        case Format.patch:
            if not made.patch:
                err.print(f"Nothing is proposed to be changed for {made.quarter}.", markup=False)
            typer.echo(made.patch, nl=False)
        case _:
            typer.echo(printed(made.every(), zone, output.value))


def _retro(start: "Start", asked: "Quarter | None") -> "Retro":
    """As it was posted, else made now, with replays that may take a while."""
    from handlers.retro.message import Retro
    from handlers.retro.post import make
    from handlers.retro.show import unknown, usual_quarter
    from handlers.turn import Turn
    from storage import retro

    now = datetime.now(UTC)
    with start.database.read() as connection:
        turn = Turn(connection, start.loaded, now, lambda _: ())
        quarter, why = (asked, "") if asked is not None else usual_quarter(turn)
        row = retro.posted(connection, str(quarter))
        if row is not None:
            return Retro.from_json(row.quarter, row.said)
        sentence = unknown(turn, quarter, "sandrail retro --quarter {}")
    if sentence:
        raise fail(sentence)
    if why:
        err.print(why, markup=False, soft_wrap=True)

    return make(start.database, start.loaded, now, quarter, progress)
