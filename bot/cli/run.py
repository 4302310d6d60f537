"""``sandrail run``: starts the bot. The first start of the demo writes its bill, reads it and posts."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bot.cli.start import Start, err, fail, out, started
from bot.settings import SettingsError

if TYPE_CHECKING:
    from handlers.daily import Round
    from storage.progress import Progress as Report


def run_command(
    config: Annotated[
        Path | None, typer.Option(help="the policy; SANDRAIL_CONFIG or app.yaml")
    ] = None,
) -> None:
    """Starts every surface that has credentials, the local console when none has."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("handlers.daily").setLevel(logging.WARNING)  # the scheduler says it
    for noisy in ("alembic", "apscheduler", "matplotlib", "slack_bolt"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with started(config) as start:
        _serve(start)


def _serve(start: Start) -> None:
    from bot.application import open_port, put_together, serve

    try:
        application = put_together(start.settings, start.loaded, start.database)
        port = open_port(start.settings)
    except SettingsError as error:
        raise fail(str(error)) from None
    with port:
        if application.is_new():
            _first_start(start, application.first_round)

        def tell(address: str) -> None:
            slack, teams = start.settings.slack, start.settings.teams
            stop = "  (Ctrl-C stops it)"
            if slack is not None:
                how = "Socket Mode" if slack.app_token else f"{address}/slack/events"
                out.print(f"\nSlack is served by {how}{stop}")
            if teams is not None:
                who = ", without authentication, for an emulator" if teams.anonymous else ""
                out.print(f"\nMicrosoft Teams is served by {address}/api/messages{who}{stop}")
            if slack is None and teams is None:
                out.print(f"\nThe console is at [bold]{address}[/bold]{stop}")

        try:
            asyncio.run(serve(application, port, tell))
        except SettingsError as error:
            raise fail(str(error)) from None
        out.print("Stopped.")


def _first_start(start: Start, first_round: "Callable[[Report], Round | None]") -> None:
    """Writes the sample when the policy has one, reads the bill, finds and posts; with a progress bar."""
    from bot.kernel import utc_now
    from storage.bills.errors import BillError

    policy = start.loaded.policy
    today = utc_now().astimezone(policy.workspace.zone).date()
    with Progress(
        TextColumn("{task.description:<44}"), BarColumn(), TimeElapsedColumn(), console=err
    ) as bar:
        steps: dict[str, TaskID] = {}

        def progress(what: str, share: float) -> None:
            if what not in steps:
                steps[what] = bar.add_task(what, total=1.0)
            bar.update(steps[what], completed=share)

        sample = policy.sample
        if sample is not None and not (start.loaded.folder / sample.folder).exists():
            from storage.sample.write import write_sample

            write_sample(
                start.loaded.folder / sample.folder,
                seed=sample.seed,
                days=sample.days,
                until=today - timedelta(days=1),
                progress=lambda _, done, total: progress("Writing the sample bill", done / total),
            )
        # a stop in the middle must reach the code that gives the slot back
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            done = first_round(progress)
        except (BillError, SettingsError, LookupError) as error:
            raise fail(str(error)) from None
    if done is None:
        out.print("Another process is reading the bill; its alerts follow.")
    else:
        out.print(str(done), markup=False)
