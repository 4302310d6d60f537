"""Where Slack comes in: POST /slack/events, or Socket Mode. Answers within three seconds, whatever happens."""

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.incoming import whole_body
from bot.kernel import Kernel
from bot.settings import SettingsError
from bot.slack import forms, guard, installations
from bot.slack.files import with_files
from bot.slack.home import Home
from bot.slack.keeper import Keeper
from bot.slack.listeners import bolt_app
from bot.slack.payloads import Asked, read_body
from bot.slack.private import Private as Privately
from bot.slack.surface import SlackSurface
from bot.slack.workspace import SlackWorkspace
from bot.surface import DeliveryError
from handlers.conversation import (
    Done,
    FieldErrors,
    Form,
    OpenForm,
    Private,
    Refused,
    spoken,
)
from handlers.router import AnyReply

log = logging.getLogger(__name__)

PATH = "/slack/events"
PATIENCE = 2.4  # seconds after which Slack is answered although the work goes on; it waits three
_NOT_INSTALLED = (
    "Sandrail is not installed in this workspace. Ask its operator to open /slack/install."
)
_READING = 2.0  # seconds that a body may take to arrive


def add_routes(app: web.Application, surface: SlackSurface, kernel: Kernel) -> "Door":
    """Serves Slack on the application: HTTP with a signing secret, Socket Mode with an app token.

    Starting and stopping hang on the application's own. Raises SettingsError without either credential.
    """
    door = Door(surface, kernel)
    if surface.settings.signing_secret:
        app.router.add_post(PATH, door.events)
    if surface.settings.oauth:
        from bot.slack.install import add_install_routes

        add_install_routes(app, surface, kernel)
    app.on_startup.append(lambda _: door.start())
    app.on_shutdown.append(lambda _: door.stop())
    app.on_cleanup.append(lambda _: surface.close())  # after delivery has finished what it sends
    return door


class Door:
    """Lets Slack's requests in, has them handled, and answers."""

    def __init__(self, surface: SlackSurface, kernel: Kernel) -> None:
        if not surface.settings.signing_secret and not surface.settings.app_token:
            raise SettingsError(
                "Set SLACK_SIGNING_SECRET to serve Slack over HTTP, or SLACK_APP_TOKEN for Socket Mode."
            )
        self._surface = surface
        self._kernel = kernel
        surface.told = self._tell
        self._private = Privately(surface)
        self._home = Home(surface, self._reply)
        self._bolt = bolt_app(surface, self.take, self._gone)
        self._socket: Any = None
        self._keeper: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Signs in, and connects when there is an app token. Raises SettingsError."""
        try:
            await self._surface.start()
        except DeliveryError as error:
            raise SettingsError(error.reason) from None
        if self._surface.settings.oauth and self._keeper is None:
            self._keeper = asyncio.create_task(Keeper(self._surface, self._kernel).run())
        if self._surface.settings.app_token and self._socket is None:
            # Imported here: over HTTP nobody needs it.
            from bot.slack.socket import connect

            self._socket, connecting = connect(self._bolt, self._surface.settings)
            self._keep(connecting)

    async def stop(self) -> None:
        """Takes nothing more in and finishes what is under way."""
        if self._socket is not None:
            await self._socket.close_async()
            self._socket = None
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=5)
        await self._private.settle()

    async def settle(self) -> None:
        """Waits for private answers and home tabs that are still on their way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._private.settle()
        await self._surface.settle()

    # --- HTTP -------------------------------------------------------------------------------------

    async def events(self, request: web.Request) -> web.Response:
        """POST /slack/events: commands, presses, submissions and events, signed by Slack."""
        secret = self._surface.settings.signing_secret or ""
        try:
            async with asyncio.timeout(_READING):
                raw = await whole_body(request)
        except TimeoutError:
            return _refuse(408, "The request did not arrive in time.")
        if raw is None:
            return _refuse(413, "The request is too large.")
        why = guard.refused(secret, request.headers, raw, self._kernel.clock().timestamp())
        if why is not None:
            if b"ssl_check=1" in raw and len(raw) < 500:
                return (
                    web.Response()
                )  # Slack looks whether the certificate is good; nothing is done
            log.warning("a request to %s was refused: %s", PATH, why)
            return _refuse(401, "This request is not signed by Slack.")
        try:
            body = read_body(raw, request.content_type)
            # As if it came through Socket Mode, which hands over what is read already.
            asked = AsyncBoltRequest(body=body, mode="socket_mode", headers=dict(request.headers))
        except (
            Exception
        ) as error:  # Bolt raises whatever its parts raise on a shape it does not know
            log.warning("a signed request cannot be read: %s", type(error).__name__)
            return _refuse(400, "The request cannot be read.")
        if body.get("type") == "url_verification":
            return web.json_response({"challenge": str(body.get("challenge", ""))})
        if "ssl_check" in body or parse_qs(request.query_string).get("ssl_check"):
            return web.Response()
        return _http(await self._bolt.async_dispatch(asked))

    # --- handling ---------------------------------------------------------------------------------

    async def take(self, asked: Asked) -> BoltResponse:
        """Has it handled and answers Slack in time; what takes longer is answered privately later."""
        if asked.kind == "home":
            self._keep(self._home.show(asked))
            return BoltResponse(status=200, body="")
        work = asyncio.create_task(self._reply(asked))
        await asyncio.wait({work}, timeout=PATIENCE)
        if work.done():
            return await self._answer(asked, work.result())
        log.warning("%s %s takes long; Slack is answered before it is done", asked.kind, asked.name)
        self._keep(self._late(asked, work))
        return BoltResponse(status=200, body="")

    async def _late(self, asked: Asked, work: "asyncio.Task[AnyReply]") -> None:
        message = spoken(await work)
        if message is not None:
            self._private.later(asked, message)

    async def _reply(self, asked: Asked) -> AnyReply:
        try:
            workspace = self._surface.heard(asked.installed)
            if workspace is None:
                log.warning(
                    "someone in %s, which has not installed the app, used it", asked.installed
                )
                return Refused(reason="not-installed", sentence=_NOT_INSTALLED)
            actor = await workspace.people.actor(asked.user, asked.user_name)
            if asked.uploads and self._kernel.takes_files(
                asked.interaction(actor, workspace.tenant)
            ):
                asked = await with_files(workspace.calls, self._surface.settings.api_url, asked)
            reply = await self._kernel.answer(asked.interaction(actor, workspace.tenant))
            if asked.at_home and not isinstance(reply, OpenForm | FieldErrors):
                self._keep(self._home.show(asked))  # the page shows the outcome
            if isinstance(reply, OpenForm) and asked.kind != "submission":
                return await self._open(workspace, asked, reply.form)
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("%s %s failed, reference %s", asked.kind, asked.name, reference)
            return Refused(
                reason="failed",
                sentence="Something went wrong here. Try again; if it happens again, "
                f"tell the operator the reference {reference}.",
            )
        return reply

    async def _open(self, workspace: SlackWorkspace, asked: Asked, form: Form) -> AnyReply:
        """Opens the form at once: its trigger lives three seconds and works once."""
        if not asked.trigger:
            sentence = (
                "This needs a form, which Slack cannot open from here: use the slash command."
            )
            return Refused(reason="no-trigger", sentence=sentence)
        try:
            view = forms.view(form, asked.opened)
            await workspace.calls.write("views.open", trigger_id=asked.trigger, view=view)
        except DeliveryError as error:
            code = getattr(error, "code", "")
            if code in ("exchanged_trigger_id", "trigger_exchanged"):
                return Done()  # the same press again: its form is open
            log.warning("a form was not opened: %s", error.reason)
            if "expired" in code:
                sentence = "Slack gave up waiting before the form could open. Press again."
                return Refused(reason="too-late", sentence=sentence)
            sentence = "Slack could not open the form just now; nothing was changed. Press again."
            return Refused(reason="no-form", sentence=sentence)
        return Done()

    # --- answering --------------------------------------------------------------------------------

    async def _answer(self, asked: Asked, reply: AnyReply) -> BoltResponse:
        if asked.kind == "submission":
            return await self._after_form(asked, reply)
        page = isinstance(reply, Private) and bool(reply.page)
        message = spoken(reply)
        if message is None or (page and asked.at_home):  # which is shown on the home tab
            return BoltResponse(status=200, body="")
        if asked.kind == "command" and asked.response_url:
            rendered = await self._private.rendered(asked, message)
            if rendered.rest is None:
                return _json({"response_type": "ephemeral", **rendered.as_arguments()})
            # Longer than one message: said behind this answer, so that its parts come in order.
        self._private.later(asked, message, replace=page and asked.ephemeral)
        return BoltResponse(status=200, body="")

    async def _after_form(self, asked: Asked, reply: AnyReply) -> BoltResponse:
        if isinstance(reply, FieldErrors):
            shown = forms.errors(reply.errors, asked.fields)
            return _json({"response_action": "errors", "errors": shown})
        if isinstance(reply, OpenForm):
            view = forms.view(reply.form, asked.opened)
            return _json({"response_action": "update", "view": view})
        message = spoken(reply)
        if message is None:
            return BoltResponse(status=200, body="")
        if isinstance(reply, Done) and asked.channel:
            self._private.later(asked, message)  # the form closes; the note stands in the channel
            return BoltResponse(status=200, body="")
        answer = await self._private.rendered(asked, message)
        if answer.rest is not None and asked.channel:  # more than the form's place can show
            self._private.later(asked, message)
            return BoltResponse(status=200, body="")
        title = "Not done" if isinstance(reply, Refused) else "Sandrail"
        view = forms.notice(title, answer)
        return _json({"response_action": "update", "view": view})

    async def _gone(self, installed: str, reason: str, told: float) -> None:
        """The app was uninstalled or its tokens revoked: delivery waits for the operator."""
        if not self._surface.settings.oauth:
            log.error("Slack no longer accepts us: %s", reason)
            self._kernel.delivery.refused(self._surface.name, reason)
            return
        client, now = self._surface.settings.client_id, self._kernel.clock()
        removed = await self._kernel.database.in_write(
            lambda c: installations.remove(
                c, client, installed, reason, installations.when(told), now
            )
        )
        if removed:
            await self._surface.look()

    def _tell(self, tenant: str, why: str | None) -> None:
        """For /readyz: a workspace is gone, or back."""
        name = f"{self._surface.name}:{tenant}"
        if why is None:
            self._kernel.delivery.gone.pop(name, None)
            self._kernel.delivery.wake()
        elif self._kernel.delivery.gone.get(name) != why:
            self._kernel.delivery.gone[name] = why
            log.error("Slack workspace %s: %s", tenant, why)

    def _keep(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _json(body: dict[str, Any]) -> BoltResponse:
    return BoltResponse(
        status=200,
        body=json.dumps(body, ensure_ascii=False),
        headers={"content-type": "application/json"},
    )


def _http(answer: BoltResponse) -> web.Response:
    content_type = (answer.headers.get("content-type") or ["text/plain"])[0].partition(";")[0]
    return web.Response(
        status=answer.status, text=answer.body, content_type=content_type, charset="utf-8"
    )


def _refuse(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
