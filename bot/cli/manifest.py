"""``sandrail manifest``: what is uploaded to a platform to make the app there."""

import json
import os
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
    if url is not None and socket and not oauth:
        raise fail("Socket Mode needs no address: give either --url or --socket.")
    try:
        made = manifest(url or "", socket=socket, oauth=oauth)
    except ManifestError as error:
        raise fail(str(error)) from None
    text = json.dumps(made, indent=2) + "\n"
    if to is None:
        typer.echo(text, nl=False)
        return
    _write(to, text.encode())
    out.print(f"The manifest is in {to}.", markup=False)


@manifest_app.command("teams")
def teams_command(
    name: Annotated[
        str, typer.Option(help="what the app is called, in 30 characters at most")
    ] = "Sandrail",
    url: Annotated[
        str | None,
        typer.Option(
            help="a page of yours about the bot: its developer, privacy and terms address"
        ),
    ] = None,
    version: Annotated[
        str, typer.Option(help="three numbers; higher than that of the package it replaces")
    ] = "1.0.0",
    to: Annotated[Path, typer.Option("--out", help="write the app package to this file")] = Path(
        "sandrail-teams.zip"
    ),
) -> None:
    """Writes the app package to upload to Microsoft Teams; MICROSOFT_APP_ID says which bot it is."""
    from bot.teams.manifest import EXAMPLE, ManifestError, manifest, package

    try:
        app_id = os.environ.get("MICROSOFT_APP_ID", "")
        made = manifest(app_id, name=name, url=EXAMPLE if url is None else url, version=version)
    except ManifestError as error:
        raise fail(str(error)) from None
    _write(to, package(made))
    out.print(f"The app package is in {to}.", markup=False, soft_wrap=True)
    if url is None:
        sentence = f"It names {EXAMPLE} as the page about the bot; give yours with --url."
        out.print(sentence, markup=False, soft_wrap=True)


def _write(to: Path, content: bytes) -> None:
    """Writes a file and its folders, or exit 1 with one line."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(content)
    except OSError as error:
        raise fail(f"{to} cannot be written ({error.strerror}).") from None
