"""``sandrail replay``: what a changed policy would have done on history, against the policy of now."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.start import fail, policy, progress, started

if TYPE_CHECKING:
    from guardrails.policy.model import Workspace
    from guardrails.replay import Report

MOST = 20  # lines of each kind; --json has all


def replay_command(
    new: Annotated[
        Path, typer.Argument(metavar="NEW.yaml", help="the changed policy, wherever it stands")
    ],
    since: Annotated[str, typer.Option(help="how far back: 90d, 12w")] = "90d",
    config: Annotated[
        Path | None, typer.Option(help="the policy of now; SANDRAIL_CONFIG or app.yaml")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the whole report as JSON")] = False,
) -> None:
    """Run a changed policy over stored history and show what would have been different.

    It is replayed with the runbooks of the policy of now.
    """
    from handlers.replay.rounds import window
    from handlers.replay.run import NoReplay, replay

    length = _days(since)
    with started(config) as start:
        changed = policy(new, start.loaded)
        with start.database.read() as connection:
            days = window(connection, start.loaded.policy, length)
        if days is None:
            raise fail("No bill has been read yet: run sandrail ingest first.")

        try:
            report = replay(start.database, start.loaded, changed, *days, progress)
        except NoReplay as error:
            raise fail(str(error)) from None
        workspace = start.loaded.policy.workspace
    if as_json:
        from pydantic import TypeAdapter

        from guardrails.replay import Report

        typer.echo(TypeAdapter(Report).dump_json(report, indent=1).decode())
        return
    _show(report, workspace)


def _days(text: str) -> int:
    found = re.fullmatch(r"(\d{1,4})([dw])", text.strip())
    if found is None or not int(found[1]):
        sentence = f"“{text}” is no length of time; write it as 90d or 12w."
        raise typer.BadParameter(sentence, param_hint="--since")
    return int(found[1]) * (7 if found[2] == "w" else 1)


def _show(report: "Report", workspace: "Workspace") -> None:
    from bot.cli.printed import as_text
    from handlers.replay.message import report_message

    message = report_message(report, workspace.currency, most=MOST)
    typer.echo(as_text(message, workspace.zone))
