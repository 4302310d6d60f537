"""The export of the bill, for whoever may read spend: a file of CSV that a link in the page downloads."""

from datetime import date, timedelta

from aiohttp import web
from sqlalchemy import Connection

from bot.console.gate import Gate, refuse
from bot.console.shown import API
from bot.console.surface import ConsoleSurface
from bot.kernel import Kernel
from guardrails.authority import may, roles_of
from guardrails.periods import LONGEST, Period
from handlers.dashboards.export import csv_of
from storage.dashboards import lines

DAYS = 30
_DAY = timedelta(days=1)
_UNREADABLE = "A day is written as 2026-11-01; the first is not after the last."


def add_export(app: web.Application, gate: Gate, surface: ConsoleSurface, kernel: Kernel) -> None:
    """Adds ``GET export.csv`` behind the console's gate."""
    export = _Export(surface, kernel)
    app.router.add_get(f"{API}/export.csv", gate.read(export.csv), allow_head=False)


class _Export:
    def __init__(self, surface: ConsoleSurface, kernel: Kernel) -> None:
        self._surface = surface
        self._kernel = kernel

    async def csv(self, request: web.Request) -> web.Response:
        """GET export.csv: the bill of ``first`` to ``last`` (30 days to yesterday) for ``person``."""
        policy = self._kernel.loaded.policy
        email = request.query.get("person", "")
        if not any(p.email == email for p in policy.people):
            return refuse(
                422, "person", "Say who you are: person is an e-mail of the policy's people."
            )
        if not may(policy, "spend.read", roles_of(policy, email)):
            return refuse(
                403, "not-allowed", "Your roles may not read spend, so there is no export."
            )
        period = self._period(request)
        if period is None:
            return refuse(422, "period", _UNREADABLE)
        if period.days > LONGEST:
            return refuse(422, "period", "Two years can be exported at once.")

        def work(connection: Connection) -> bytes:
            written = csv_of(lines(connection, policy, period), policy.workspace.currency)
            return "".join(written).encode()

        try:
            content = await self._surface.database.in_read(work)
        except LookupError as error:
            return refuse(422, "rate", f"Not all of it can be converted: {error}.")
        name = f"spend-{period.first}-to-{period.last}.csv"
        return web.Response(
            body=content,
            headers={
                "Content-Type": "text/csv; charset=utf-8; header=present",
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            },
        )

    def _period(self, request: web.Request) -> Period | None:
        """The days asked for; None when they are no days, or in the wrong order."""
        zone = self._kernel.loaded.policy.workspace.zone
        yesterday = self._kernel.clock().astimezone(zone).date() - _DAY
        try:
            last = _day(request, "last") or yesterday
            first = _day(request, "first") or last - (DAYS - 1) * _DAY
        except (ValueError, OverflowError):
            return None
        return Period(first, last) if first <= last else None


def _day(request: web.Request, name: str) -> date | None:
    given = request.query.get(name, "")
    return date.fromisoformat(given) if given else None
