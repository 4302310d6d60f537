"""``sandrail audit``: the chain of decisions."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.start import fail, out, started

audit_app = typer.Typer(help="The chain of decisions.", no_args_is_help=True)

Config = Annotated[Path | None, typer.Option(help="the policy; SANDRAIL_CONFIG or app.yaml")]


@audit_app.command("verify")
def verify_command(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="the result as JSON")] = False,
) -> None:
    """Checks that no entry was changed, taken out or added afterwards."""
    from storage import audit

    with started(config) as start, start.database.read() as connection:
        result = audit.verify(connection)
        if as_json:
            broken = isinstance(result, audit.Broken)
            shown = (
                {"holds": False, **vars(result)} if broken else {"holds": True, "entries": result}
            )
            typer.echo(json.dumps(shown))
            raise typer.Exit(1 if broken else 0)
        if isinstance(result, audit.Broken):
            raise fail(f"The audit chain is broken: {result.why}.")
        entries = "1 entry" if result == 1 else f"{result} entries"
        out.print(f"The audit chain holds: {entries}.")


@audit_app.command("export")
def export_command(
    file: Annotated[
        Path | None, typer.Argument(help="JSON lines; standard output without it")
    ] = None,
    config: Config = None,
) -> None:
    """Writes all entries as JSON lines, each with its hash."""
    from storage import audit

    with started(config) as start, start.database.read() as connection:
        lines = (
            json.dumps({**e, "at": e["at"].isoformat()}, ensure_ascii=False)
            for e in audit.entries(connection)
        )
        if file is None:
            for line in lines:
                typer.echo(line)
            return
        written = list(lines)
        file.write_text("".join(line + "\n" for line in written), encoding="utf-8")
        out.print(f"{len(written)} entries are in {file}.", markup=False)
