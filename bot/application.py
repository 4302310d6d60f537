"""Puts the bot together: surfaces by credentials, kernel, delivery, scheduler, HTTP."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from bot.acting import Acting
from bot.actuators.making import make_actuators
from bot.delivery import Delivery
from bot.kernel import Kernel, utc_now
from bot.metrics_door import add_routes as add_metrics
from bot.replaying import Replaying
from bot.settings import Settings, SettingsError
from bot.surface import Surface
from bot.web import web_application
from handlers.council.post import COUNCIL, council_job, council_times
from handlers.daily import Round, daily_round
from handlers.deadlines import run_due
from handlers.retro.post import RETRO, retro_job, retro_times
from scheduler.clockwork import Clockwork, Job
from scheduler.slots import latest_slot
from storage import budgets, claims
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.progress import Progress
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

    def is_new(self) -> bool:
        """Whether no round has ever come to its end: then the first one is done in the foreground."""
        with self.kernel.database.read() as connection:
            return not claims.ever_finished(connection, READ_BILLS)

    def first_round(self, progress: Progress = lambda what, share: None) -> Round | None:
        """A daily round now, as the one of the newest slot: the scheduler does not do it again. Blocks.

        None when another process is at it.
        """
        k = self.kernel
        workspace, schedule = k.loaded.policy.workspace, k.loaded.policy.schedule
        slot = latest_slot(schedule.read_bills_at, workspace.zone, k.clock())
        with k.database.write() as connection:
            token = claims.claim_slot(connection, READ_BILLS, slot, k.clock())
        if token is None:
            return None
        try:
            done = daily_round(k.database, k.loaded, k.places, k.clock, progress)
        except BaseException as error:  # Ctrl-C too: the next start does it again at once
            said, now = f"failed: {error!r}"[:500], k.clock() - timedelta(seconds=1)
            with k.database.write() as connection:
                claims.release_slot(connection, token, now, said)
            raise
        with k.database.write() as connection:
            claims.finish_slot(connection, token, k.clock(), str(done))
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
    actuators = make_actuators(loaded.policy)
    kernel = Kernel(database, loaded, surfaces, delivery, clock, actuators)
    app = web_application(kernel)
    add_metrics(app, kernel, settings.metrics_token)
    app.cleanup_ctx.append(lambda _: _running(delivery.run))
    app.cleanup_ctx.append(lambda _: _running(Acting(kernel).run))
    app.cleanup_ctx.append(lambda _: _running(Replaying(kernel).run))
    if settings.slack is not None:
        from bot.slack.door import add_routes as add_slack
        from bot.slack.surface import SlackSurface

        slack = SlackSurface(settings.slack, loaded, database, clock)
        surfaces[slack.name] = slack
        add_slack(app, slack, kernel)
    if settings.teams is not None:
        from bot.teams.door import add_routes as add_teams
        from bot.teams.surface import TeamsSurface

        teams = TeamsSurface(settings.teams, loaded, database, clock)
        surfaces[teams.name] = teams
        add_teams(app, teams, kernel)
    _check_currency(loaded, database)
    if surfaces:
        _check_default(loaded, surfaces)
    if not surfaces:
        if not settings.on_loopback:
            raise SettingsError(
                f"HOST is {settings.host}, but the local console is served on loopback only: "
                "unset HOST, or set the credentials of Slack or Microsoft Teams."
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
            *_council(loaded, database, kernel, clock),
            *_retrospective(loaded, database, kernel, clock),
        ],
        lambda: run_due(database, loaded, kernel.places, clock),
        delivery.wake,
    )
    app.cleanup_ctx.append(lambda _: _scheduling(clockwork))
    return Application(settings, kernel, app, clockwork)


def _council(
    loaded: LoadedPolicy, database: Database, kernel: Kernel, clock: Callable[[], datetime]
) -> list[Job]:
    """The job that posts the council's digest, when the policy has a council."""
    times = council_times(loaded.policy)
    if not times:
        return []
    return [Job(COUNCIL, times, lambda: council_job(database, loaded, kernel.places, clock))]


def _retrospective(
    loaded: LoadedPolicy, database: Database, kernel: Kernel, clock: Callable[[], datetime]
) -> list[Job]:
    """The job that posts the quarterly retrospective, when the policy has one."""
    times = retro_times(loaded.policy)
    if not times:
        return []
    return [Job(RETRO, times, lambda: retro_job(database, loaded, kernel.places, clock))]


def _check_currency(loaded: LoadedPolicy, database: Database) -> None:
    """Whether what was granted before can be counted: else no budget and no sandbox could be shown, changed or
    halted. Raises SettingsError."""
    workspace = loaded.policy.workspace
    with database.read() as connection:
        kept = budgets.currencies(connection)
    missing = sorted(kept - {workspace.currency, *workspace.rates})
    if missing:
        raise SettingsError(
            f"Budgets were granted in {' and '.join(missing)} before, and the workspace counts in "
            f"{workspace.currency} now: add workspace.rates for {' and '.join(missing)} to the policy."
        )


def _check_default(loaded: LoadedPolicy, surfaces: Mapping[str, Surface]) -> None:
    """Whether what fits nowhere else has a place. Raises SettingsError."""
    name = loaded.policy.alerts.default
    channel = loaded.policy.channels[name]
    if not any(getattr(channel, surface, None) for surface in surfaces):
        raise SettingsError(
            f"The channel {name} is alerts.default, but has no {' or '.join(f'{s}:' for s in surfaces)} in the "
            "policy, so alerts could get lost; give it one, such as "
            + ("#finops." if "slack" in surfaces else "19:…@thread.tacv2.")
        )


async def _running(work: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    task = asyncio.create_task(work())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _scheduling(clockwork: Clockwork) -> AsyncIterator[None]:
    await clockwork.start()
    yield
    await clockwork.stop()


def open_port(settings: Settings) -> socket.socket:
    """The port, opened before anything else is done. Raises SettingsError when it cannot be."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        raise SettingsError(
            f"Port {settings.port} of {settings.host} cannot be opened ({error.strerror}); "
            "stop what uses it, or set PORT to another."
        ) from None


async def serve(
    application: Application, port: socket.socket, started: Callable[[str], None]
) -> None:
    """Serves on the port until SIGINT or SIGTERM; ``started`` is told the address.

    Raises SettingsError when a platform refuses our credentials.
    """
    settings = application.settings
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner = web.AppRunner(application.web, access_log=None, shutdown_timeout=5)
    try:
        await runner.setup()
        await web.SockSite(runner, port).start()
        host = "localhost" if settings.on_loopback else settings.host
        # What is loaded now stays: without this every full collection looks at all of it, and presses wait for it.
        gc.collect()
        gc.freeze()
        started(f"http://{host}:{port.getsockname()[1]}")
        await stop.wait()
    finally:
        await runner.cleanup()
