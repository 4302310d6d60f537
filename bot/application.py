"""Puts the bot together: surfaces by credentials, kernel, delivery, scheduler, HTTP."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.delivery import Delivery
from bot.kernel import Kernel, utc_now
from bot.settings import Settings, SettingsError
from bot.surface import Surface
from bot.web import web_application
from handlers.daily import Progress, Round, daily_round
from handlers.deadlines import run_due
from scheduler.clockwork import Clockwork, Job
from scheduler.slots import latest_slot
from storage import claims
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.tidy import tidy

log = logging.getLogger(__name__)

READ_BILLS = "read-bills"


@dataclass(frozen=True)
class Application:
    """The bot, put together and not yet running."""

    settings: Settings
    kernel: Kernel
    web: web.Application
    clockwork: Clockwork

    def first_round(self, progress: Progress = lambda what, share: None) -> Round:
        """A daily round now, as the one of the newest slot: the scheduler does not do it again. Blocks."""
        k = self.kernel
        workspace, schedule = k.loaded.policy.workspace, k.loaded.policy.schedule
        slot = latest_slot(schedule.read_bills_at, workspace.zone, k.clock())
        with k.database.write() as connection:
            claims.claim_slot(connection, READ_BILLS, slot, k.clock())
        try:
            done = daily_round(k.database, k.loaded, k.places, k.clock, progress)
        except Exception as error:
            with k.database.write() as connection:
                claims.release_slot(connection, READ_BILLS, slot, k.clock(), f"failed: {error}"[:500])
            raise
        with k.database.write() as connection:
            claims.finish_slot(connection, READ_BILLS, slot, k.clock(), str(done))
        return done


def put_together(
    settings: Settings,
    loaded: LoadedPolicy,
    database: Database,
    clock: Callable[[], datetime] = utc_now,
) -> Application:
    """The application with every surface that has credentials, the console when none has.

    Raises SettingsError when that would be unsafe.
    """
    surfaces: dict[str, Surface] = {}
    delivery = Delivery(database, surfaces, clock)
    kernel = Kernel(database, loaded, surfaces, delivery, clock)
    app = web_application(kernel)
    app.cleanup_ctx.append(lambda _: _delivering(delivery))
    if settings.slack is not None:
        from bot.slack.door import add_routes as add_slack
        from bot.slack.surface import SlackSurface

        slack = SlackSurface(settings.slack, loaded, database, clock)
        surfaces[slack.name] = slack
        add_slack(app, slack, kernel)
    if not surfaces:
        if not settings.on_loopback:
            raise SettingsError(
                f"HOST is {settings.host}, but the local console is served on loopback only: "
                "unset HOST, or set the credentials of Slack."
            )
        from bot.console.door import add_routes as add_console
        from bot.console.surface import ConsoleSurface

        console = ConsoleSurface(database, loaded.policy.channels, clock)
        surfaces[console.name] = console
        add_console(app, console, kernel)

    clockwork = Clockwork(
        database,
        loaded.policy.workspace.zone,
        clock,
        [
            Job(
                READ_BILLS,
                loaded.policy.schedule.read_bills_at,
                lambda: str(daily_round(database, loaded, kernel.places, clock)),
            ),
            Job("tidy", ("03:30",), lambda: tidy(database, clock())),
        ],
        lambda: run_due(database, loaded, kernel.places, clock),
        delivery.wake,
    )
    app.cleanup_ctx.append(lambda _: _scheduling(clockwork))
    return Application(settings, kernel, app, clockwork)


async def _delivering(delivery: Delivery) -> AsyncIterator[None]:
    task = asyncio.create_task(delivery.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _scheduling(clockwork: Clockwork) -> AsyncIterator[None]:
    await clockwork.start()
    yield
    await clockwork.stop()


async def serve(application: Application, started: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; ``started`` is told the address. Raises OSError when the port is taken."""
    settings = application.settings
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner = web.AppRunner(application.web, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        port = runner.addresses[0][1]
        host = "localhost" if settings.on_loopback else settings.host
        started(f"http://{host}:{port}")
        await stop.wait()
    finally:
        await runner.cleanup()
