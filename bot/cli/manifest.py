"""``sandrail manifest``: what is uploaded to a platform to make the app there."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.start import fail, out

manifest_app = typer.Typer(
    help="What a chat platform is given to make the app.", no_args_is_help=True
)


@manifest_app.callback()
def _manifest() -> None:
    """What a chat platform is given to make the app."""


@manifest_app.command("slack")
def slack_command(
    url: Annotated[
        str | None,
        typer.Option(help="the bot's public address, such as https://sandrail.example.com"),
    ] = None,
    socket: Annotated[
        bool, typer.Option("--socket", help="Socket Mode: nothing has to reach the bot")
    ] = False,
    oauth: Annotated[
        bool, typer.Option("--oauth", help="for several workspaces: OAuth and tokens that rotate")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--out", help="write it to this file instead of printing it")
    ] = None,
) -> None:
    """Prints the app manifest to paste at api.slack.com/apps, "From a manifest", JSON."""
    from bot.slack.manifest import ManifestError, manifest

    if url is None and not socket:
        raise fail(
            "Say where Slack reaches the bot: --url https://your.host, or --socket for Socket Mode."
        )
    if url is not None and socket:
        raise fail("Socket Mode needs no address: give either --url or --socket.")
    try:
        made = manifest(url or "", socket=socket, oauth=oauth)
    except ManifestError as error:
        raise fail(str(error)) from None
    text = json.dumps(made, indent=2) + "\n"
    if to is None:
        typer.echo(text, nl=False)
        return
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise fail(f"{to} cannot be written ({error.strerror}).") from None
    out.print(f"The manifest is in {to}.", markup=False)
