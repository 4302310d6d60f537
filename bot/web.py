"""The one HTTP application: health, metrics, and the doors of the surfaces."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import text as sql

from bot.incoming import LARGEST
from bot.kernel import Kernel
from storage import outbox

WAITING = Gauge("sandrail_outbox_waiting", "Messages that are still to be sent")
DEAD = Gauge("sandrail_outbox_dead", "Messages that could not be delivered")


def web_application(kernel: Kernel) -> web.Application:
    """The application without any surface's door."""
    app = web.Application(client_max_size=LARGEST)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz(kernel))
    app.router.add_get("/metrics", _metrics(kernel))
    return app


async def _healthz(request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "ok"})


def _readyz(kernel: Kernel) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def ready(request: web.Request) -> web.Response:
        """The database answers and every surface accepts us; 503 with the reasons if not."""
        wrong = dict(kernel.delivery.revoked)
        try:
            await kernel.database.in_read(lambda c: c.execute(sql("SELECT 1")).scalar())
        except Exception as error:
            wrong["database"] = type(error).__name__
        if wrong:
            return web.json_response({"status": "not ready", "why": wrong}, status=503)
        # One workspace of several that is gone must not stop the others, nor its installing us again.
        gone = {"gone": dict(kernel.delivery.gone)} if kernel.delivery.gone else {}
        return web.json_response({"status": "ready", **gone})

    return ready


def _metrics(kernel: Kernel) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def metrics(request: web.Request) -> web.Response:
        """Prometheus metrics."""
        waiting, dead = await kernel.database.in_read(
            lambda c: (outbox.waiting(c), len(outbox.dead_letters(c)))
        )
        WAITING.set(waiting)
        DEAD.set(dead)
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return metrics
