"""The console's HTTP: the page, its JSON API, its live stream. Everything goes through the kernel."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.console import commands, notes
from bot.console.assets import Assets, cached
from bot.console.dashboards import add_export
from bot.console.gate import Gate, refuse
from bot.console.live import Live, mark_text
from bot.console.shown import API, PrivatePictures, chart_in, message_json, reply_json
from bot.console.surface import NAME, TENANT, ConsoleSurface
from bot.kernel import Kernel
from bot.uploads import read_ahead
from guardrails.authority import roles_of
from guardrails.policy.people import ROLES, Person
from handlers.conversation import LARGEST_FILE, Actor, Chart, Interaction, Kind, Place
from storage import console

PAGE = 30
_MOST = 200


class _Asked(BaseModel):
    """What the page sends when someone does something; ``person`` is who they are now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delivery_id: str = Field(min_length=8, max_length=80, pattern=r"^[A-Za-z0-9-]+$")
    person: str = Field(max_length=254)
    channel: str = Field(max_length=80)
    thread: int | None = None


class _Acted(_Asked):
    action: str = Field(min_length=1, max_length=200)
    subject: str = Field(default="", max_length=200)
    version: int = 1
    inputs: dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=5000)]] = (
        Field(default_factory=dict, max_length=60)
    )
    files: dict[
        Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=LARGEST_FILE)]
    ] = Field(default_factory=dict, max_length=2)


class _Typed(_Asked):
    text: str = Field(max_length=1000)


class _Written(_Asked):
    thread: int = Field(ge=1, lt=10**9)
    text: str = Field(max_length=10 * notes.LONGEST)


_T = TypeVar("_T", bound=_Asked)


def add_routes(app: web.Application, surface: ConsoleSurface, kernel: Kernel) -> None:
    """Adds the page at ``/`` and everything below ``/console``; the caller binds to loopback."""
    door = _Door(surface, kernel)
    gate = door.gate
    live = Live(surface, {"token": gate.token, "version": door.assets.version})
    app.on_shutdown.append(live.close)
    app.router.add_get("/", gate.page(door.page))
    reads: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
        "/console/static/{name}": door.assets.static,
        f"{API}/session": door.session,
        f"{API}/channels": door.channels,
        f"{API}/channels/{{name}}/messages": door.messages,
        f"{API}/messages/{{id:[0-9]{{1,9}}}}": door.message,
        f"{API}/messages/{{id:[0-9]{{1,9}}}}/thread": door.thread,
        f"{API}/messages/{{id:[0-9]{{1,9}}}}/charts/{{block:[0-9]{{1,3}}}}": door.chart,
        f"{API}/charts/{{name:[0-9a-f]+}}": door.private_chart,
        f"{API}/words": door.words,
        f"{API}/live": live.stream,
    }
    for path, handler in reads.items():
        app.router.add_get(path, gate.read(handler), allow_head=False)
    add_export(app, gate, surface, kernel)
    app.router.add_post(f"{API}/press", gate.act(door.press))
    app.router.add_post(f"{API}/submission", gate.act(door.submission))
    app.router.add_post(f"{API}/command", gate.act(door.command))
    app.router.add_post(f"{API}/note", gate.act(door.note))


class _Door:
    def __init__(self, surface: ConsoleSurface, kernel: Kernel) -> None:
        self.gate = Gate()
        self.assets = Assets()
        self._surface = surface
        self._kernel = kernel
        self._pictures = PrivatePictures()

    # --- what the page shows ----------------------------------------------------------------------

    async def page(self, _request: web.Request) -> web.Response:
        """GET /: the page, with this process's token in it."""
        workspace = self._kernel.loaded.policy.workspace.name
        return self.assets.page(workspace=workspace, token=self.gate.token)

    async def session(self, _request: web.Request) -> web.Response:
        """GET session: the workspace, personas, commands, and where the live stream starts."""
        policy = self._kernel.loaded.policy
        mark = await self._surface.database.in_read(console.mark)
        return _json(
            {
                "token": self.gate.token,
                "version": self.assets.version,
                "workspace": {
                    "name": policy.workspace.name,
                    "time_zone": policy.workspace.time_zone,
                    "channel": policy.alerts.default,
                    "council": policy.council is not None,
                },
                "personas": [self._persona(p) for p in policy.people],
                "commands": commands.offered(policy),
                "presses": commands.pressed(policy),
                "since": mark_text(mark),
            }
        )

    async def channels(self, request: web.Request) -> web.Response:
        """GET channels: their state; ``read=name:id`` says what was read of each."""
        read = {}
        for entry in request.query.getall("read", []):
            name, _, seen = entry.rpartition(":")
            if seen.isdecimal() and len(seen) < 10:
                read[name] = int(seen)
        states = await self._surface.database.in_read(lambda c: console.channels(c, read))
        nothing = console.ChannelState(0, 0, 0)
        return _json(
            {
                "channels": [
                    {
                        "name": name,
                        "about": self._about(name),
                        **states.get(name, nothing)._asdict(),
                    }
                    for name in self._surface.channels
                ]
            }
        )

    async def messages(self, request: web.Request) -> web.Response:
        """GET channels/{name}/messages: roots, oldest first; ``before``, ``back_to``, ``limit``."""
        name = request.match_info["name"]
        if self._surface.place(name) is None:
            return refuse(404, "not-found", f"There is no channel called {name}.")
        limit = _number(request, "limit") or PAGE
        before, back_to = _number(request, "before"), _number(request, "back_to")
        kept, older = await self._surface.database.in_read(
            lambda c: console.page(
                c, name, limit=min(max(limit, 1), _MOST), before=before, back_to=back_to
            )
        )
        return _json({"messages": [message_json(k) for k in kept], "older": older})

    async def message(self, request: web.Request) -> web.Response:
        """GET messages/{id}: one message."""
        kept = await self._kept(request)
        return _no_message() if kept is None else _json(message_json(kept))

    async def thread(self, request: web.Request) -> web.Response:
        """GET messages/{id}/thread: the root and its replies, oldest first."""
        root_id = int(request.match_info["id"])
        kept = await self._surface.database.in_read(lambda c: console.thread(c, root_id))
        if not kept:
            return _no_message()
        root, *replies = [message_json(k) for k in kept]
        return _json({"root": root, "replies": replies})

    async def words(self, _request: web.Request) -> web.Response:
        """GET words: what the arguments of commands are completed with, by dimension."""
        billed = await self._surface.database.in_read(console.words)
        return _json(commands.words(self._kernel.loaded.policy, billed))

    async def chart(self, request: web.Request) -> web.StreamResponse:
        """GET messages/{id}/charts/{block}: a chart's picture; ``theme=dark`` for dark."""
        kept = await self._kept(request)
        blocks = kept.content.get("blocks", []) if kept else []
        index = int(request.match_info["block"])
        chart = chart_in(blocks[index]) if index < len(blocks) else None
        if chart is None:
            return refuse(404, "not-found", "There is no chart here.")
        return await _picture(request, chart)

    async def private_chart(self, request: web.Request) -> web.StreamResponse:
        """GET charts/{name}: the picture of a chart in a private answer."""
        chart = self._pictures.get(request.match_info["name"])
        if chart is None:
            return refuse(404, "not-found", "This chart is no longer kept; ask again.")
        return await _picture(request, chart)

    # --- what someone does ------------------------------------------------------------------------

    async def press(self, request: web.Request) -> web.Response:
        """POST press: a button or a menu; answers with the reply."""
        return await self._acted(request, "press")

    async def submission(self, request: web.Request) -> web.Response:
        """POST submission: a form; answers with the reply."""
        return await self._acted(request, "submission")

    async def _acted(self, request: web.Request, kind: Kind) -> web.Response:
        asked = await _read(request, _Acted)
        if isinstance(asked, web.Response):
            return asked
        return await self._answer(
            asked,
            kind,
            asked.action,
            asked.inputs,
            subject=asked.subject,
            version=asked.version,
            files=asked.files,
        )

    async def command(self, request: web.Request) -> web.Response:
        """POST command: what was typed after the slash; answers with the reply."""
        asked = await _read(request, _Typed)
        if isinstance(asked, web.Response):
            return asked
        name, rest = commands.split(asked.text)
        return await self._answer(asked, "command", name, {"text": rest})

    async def note(self, request: web.Request) -> web.Response:
        """POST note: what a person writes in a thread; nobody but the console keeps or reads it."""
        asked = await _read(request, _Written)
        if isinstance(asked, web.Response):
            return asked
        person = self._who(asked)
        if isinstance(person, web.Response):
            return person
        kept = await self._surface.note(
            channel=asked.channel,
            root_id=asked.thread,
            person=person,
            delivery_id=asked.delivery_id,
            written=asked.text,
        )
        if isinstance(kept, str):
            return refuse(422, kept, notes.WORDS[kept])
        return _json({"id": kept})

    def _who(self, asked: _Asked) -> Person | web.Response:
        """The persona, in a channel that there is; else what is wrong."""
        people = self._kernel.loaded.policy.people
        person = next((p for p in people if p.email == asked.person), None)
        if person is None:
            return refuse(422, "person", f"The policy's people do not include {asked.person}.")
        if self._surface.place(asked.channel) is None:
            return refuse(422, "channel", f"There is no channel called {asked.channel}.")
        return person

    async def _answer(
        self,
        asked: _Asked,
        kind: Kind,
        name: str,
        inputs: dict[str, str],
        *,
        subject: str = "",
        version: int = 1,
        files: dict[str, str] | None = None,
    ) -> web.Response:
        person = self._who(asked)
        if isinstance(person, web.Response):
            return person
        interaction = Interaction(
            delivery_id=f"{person.email}:{asked.delivery_id}",
            kind=kind,
            name=name,
            subject=subject,
            version=version,
            inputs=inputs,
            files=files or {},
            actor=self._actor(person),
            place=Place(
                surface=NAME,
                tenant=TENANT,
                channel=asked.channel,
                thread=str(asked.thread) if asked.thread is not None else None,
            ),
        )
        if self._kernel.takes_files(interaction):
            for text in interaction.files.values():
                await read_ahead(text)
        reply = await self._kernel.answer(interaction)
        return _json(reply_json(reply, self._pictures))

    # --- the policy's people and channels ---------------------------------------------------------

    def _actor(self, person: Person) -> Actor:
        return Actor(
            person=person.email,
            name=person.name,
            surface=NAME,
            tenant=TENANT,
            user_id=person.email,
            roles=roles_of(self._kernel.loaded.policy, person.email),
        )

    def _persona(self, person: Person) -> dict[str, Any]:
        policy = self._kernel.loaded.policy
        roles = roles_of(policy, person.email)
        team = policy.teams.get(person.team) if person.team else None
        return {
            "person": person.email,
            "name": person.name,
            "team": person.team,
            "channel": team.channel if team else None,
            "roles": [r for r in ROLES if r in roles],
        }

    def _about(self, channel: str) -> str:
        policy = self._kernel.loaded.policy
        teams = [name for name, team in policy.teams.items() if team.channel == channel]
        if teams:
            return f"Alerts and decisions of {' and '.join(teams)}"
        if channel == policy.alerts.default:
            return "Alerts that no other channel takes"
        return "Alerts that the policy routes here"

    async def _kept(self, request: web.Request) -> console.Kept | None:
        message_id = int(request.match_info["id"])
        return await self._surface.database.in_read(lambda c: console.by_id(c, message_id))


def _json(data: dict[str, Any]) -> web.Response:
    return web.json_response(data, headers={"Cache-Control": "no-store"})


def _no_message() -> web.Response:
    return refuse(404, "not-found", "There is no such message.")


def _number(request: web.Request, name: str) -> int | None:
    given = request.query.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 10 else None


async def _read(request: web.Request, model: type[_T]) -> _T | web.Response:
    try:
        given = json.loads(await request.text())
    except LookupError:
        return refuse(400, "unreadable", "The request cannot be read: its charset is not known.")
    except RecursionError:
        return refuse(400, "unreadable", "The request cannot be read: it is nested too deeply.")
    except ValueError:  # no UTF-8, no JSON
        return refuse(400, "unreadable", "The request cannot be read: it is not JSON.")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "the body"
        return refuse(422, "unreadable", f"The request cannot be read: {where}: {first['msg']}.")


async def _picture(request: web.Request, chart: Chart) -> web.Response:
    # Imported here: only a page that shows a chart pays for it.
    from bot.charts import draw

    dark = request.query.get("theme") == "dark"
    content = await asyncio.to_thread(draw, chart, dark=dark)
    return cached(request, content, "image/png", "private, no-cache")
