"""What an answer costs: the bot's, with its transaction, against a bare Bolt app's that only acknowledges.

``python -m tests.bench.clicks``: two servers and a client, each in a process of its own, in one run; the same
signed requests go to both, by 1, 16 and 64 connections. The bot checks the signature, knows the person, runs the
handler, commits on SQLite (and syncs the disk), and answers:

* a press of a button changes a row, writes an audit entry and keeps its reply; it is answered by an empty 200.
  Bench's own handler: what an alert's button posts and edits besides is sent behind the answer.
* the slash command ``/spend help`` keeps its reply, and is answered by that reply as Slack's blocks.
* an Action.Execute of Teams does what the press does, with a token of the Bot Framework instead of a signature; it
  stands beside the press of the same run, because the SDK's own adapter answers 500 to it.
"""

import asyncio
import gc
import hashlib
import hmac
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CONNECTIONS = (1, 16, 64)
SECONDS = 3.0
ROUNDS = 2
USER, CHANNEL = "U0ENGINEER", "C0ALERTS1"

POLICY = """
version: 1
workspace: {name: Example AI}
bills:
  - {name: main, files: bill}
channels:
  alerts: {slack: C0ALERTS1}
roles:
  engineer: {emails: [engineer@example.com]}
alerts: {default: alerts}
"""


@dataclass(frozen=True)
class Measured:
    """One run of the client: answers a second, and their times in milliseconds."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Load:
    """One run to be made. ``run`` is in every request, so that none is a redelivery of another run's.

    ``says``: what every answer holds; without it every answer is empty. ``teams``: what an activity needs to know.
    """

    port: int
    kind: str
    connections: int
    seconds: float
    run: str
    says: bytes
    teams: dict[str, str]


# --- the servers ----------------------------------------------------------------------------------


async def _serve(app: Any, ready: Connection, **told: str) -> None:
    from aiohttp import web

    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    gc.collect()
    gc.freeze()  # as the running bot does
    ready.send((runner.addresses[0][1], told))
    await asyncio.to_thread(ready.recv)
    await runner.cleanup()


def _bare(ready: Connection) -> None:
    """A Bolt app as its documentation shows it, at its fastest setting."""

    async def run() -> None:
        from aiohttp import web
        from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
        from slack_bolt.async_app import AsyncAck, AsyncApp
        from slack_bolt.authorization import AuthorizeResult

        async def authorize() -> AuthorizeResult:
            return AuthorizeResult(enterprise_id=None, team_id="T0SANDRAIL", bot_token="xoxb-1")

        bolt = AsyncApp(signing_secret=SECRET, authorize=authorize, process_before_response=True)

        @bolt.action("bench.press")
        async def acknowledge(ack: AsyncAck) -> None:
            await ack()

        @bolt.command("/spend")
        async def acknowledge_command(ack: AsyncAck) -> None:
            await ack()

        async def events(request: web.Request) -> web.Response:
            return await to_aiohttp_response(
                await bolt.async_dispatch(await to_bolt_request(request))
            )

        app = web.Application()
        app.router.add_post("/slack/events", events)
        await _serve(app, ready)

    asyncio.run(run())


def _bot(ready: Connection, folder: str) -> None:
    """The bot: its door, kernel, outbox and database, in front of a fake Web API."""

    async def run() -> None:
        from tests.fakes.slack_server import FakeSlack
        from tests.fakes.teams_server import FakeTeams

        async with FakeSlack() as slack, FakeTeams() as teams:
            slack.add_user(USER, "Erin", "engineer@example.com")
            slack.add_channel(CHANNEL, "alerts")
            user = teams.add_user("engineer@example.com", "Erin")
            teams.install(team := teams.add_team("AI", ["alerts"]))
            told = {
                "token": teams.mint(),
                "service_url": teams.service_url,
                "tenant": teams.tenant,
                "bot": teams.bot_id,
                "mri": user.mri,
                "oid": user.oid,
                "channel": team.channels["alerts"],
            }
            await _serve(_bot_application(slack, teams, Path(folder)), ready, **told)

    asyncio.run(run())


def _bot_application(slack: Any, teams: Any, folder: Path) -> Any:
    from aiohttp import web
    from sqlalchemy import (
        Column,
        Integer,
        MetaData,
        String,
        Table,
        bindparam,
        insert,
        update,
    )

    from bot.delivery import Delivery
    from bot.kernel import Kernel, utc_now
    from bot.settings import SlackSettings
    from bot.slack.door import add_routes
    from bot.slack.surface import SlackSurface
    from bot.surface import Surface
    from bot.teams.door import add_routes as add_teams
    from bot.teams.surface import TeamsSurface
    from handlers.conversation import Done, Interaction
    from handlers.router import AnyReply, press
    from handlers.turn import Turn
    from storage.database import Database
    from storage.migrate import upgrade
    from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
    from tests.teams.house import settings_of

    database = Database(f"sqlite:///{folder / 'bench.db'}")
    upgrade(database)
    things = Table(
        "bench", MetaData(), Column("id", String, primary_key=True), Column("presses", Integer)
    )
    things.create(database.writer)
    with database.write() as connection:
        connection.execute(insert(things).values(id="recs-v2", presses=0))

    more = (
        update(things)
        .where(things.c.id == bindparam("subject"))
        .values(presses=things.c.presses + 1)
        .returning(things.c.presses)
    )

    @press("bench.press", permission="anomaly.triage")
    def count(turn: Turn, ask: Interaction) -> AnyReply:
        turn.connection.execute(more, {"subject": ask.subject}).one()
        turn.audit(ask.actor.person, "bench.press", ask.subject)
        return Done()

    policy = parse_policy(POLICY)
    loaded = LoadedPolicy(policy, policy_hash(policy), folder)
    settings = SlackSettings(slack.token, SECRET, None, slack.api_url)
    surface = SlackSurface(settings, loaded, database, utc_now)
    surfaces: dict[str, Surface] = {"slack": surface}
    delivery = Delivery(database, surfaces, utc_now)
    kernel = Kernel(database, loaded, surfaces, delivery, utc_now)
    app = web.Application()
    add_routes(app, surface, kernel)
    other = TeamsSurface(settings_of(teams), loaded, database, utc_now)
    surfaces["teams"] = other
    add_teams(app, other, kernel)
    running: list[asyncio.Task[None]] = []

    async def start(_: web.Application) -> None:
        running.append(asyncio.create_task(delivery.run()))

    async def stop(_: web.Application) -> None:
        running[0].cancel()
        await asyncio.gather(*running, return_exceptions=True)
        database.close()

    app.on_startup.append(start)
    app.on_cleanup.append(stop)
    return app


# --- the client -----------------------------------------------------------------------------------


def click(number: int, run: str, teams: dict[str, str]) -> bytes:
    """The body of one click, of the size that a real alert's has; each has its own trigger."""
    section = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "over what was expected " * 12},
    }
    payload: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": USER, "username": "erin", "name": "erin", "team_id": "T0SANDRAIL"},
        "api_app_id": "A0SANDRAIL",
        "token": "legacy",
        "container": {"type": "message", "message_ts": "1795000000.000100", "channel_id": CHANNEL},
        "trigger_id": f"{run}.{number}",
        "team": {"id": "T0SANDRAIL", "domain": "sandrail"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": CHANNEL, "name": "alerts"},
        "message": {"type": "message", "ts": "1795000000.000100", "blocks": [section] * 6},
        "state": {"values": {}},
        "response_url": "https://hooks.slack.com/actions/T0SANDRAIL/1/2",
        "actions": [
            {
                "action_id": "bench.press",
                "block_id": "b1",
                "type": "button",
                "value": json.dumps({"s": "recs-v2", "v": 1}),
                "action_ts": "1795000001.0",
            }
        ],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def slash(number: int, run: str, teams: dict[str, str]) -> bytes:
    """The body of one ``/spend help``, with all that Slack sends along."""
    said = {
        "token": "legacy",
        "team_id": "T0SANDRAIL",
        "team_domain": "sandrail",
        "channel_id": CHANNEL,
        "channel_name": "alerts",
        "user_id": USER,
        "user_name": "erin",
        "command": "/spend",
        "text": "help",
        "api_app_id": "A0SANDRAIL",
        "is_enterprise_install": "false",
        "response_url": "https://hooks.slack.com/commands/T0SANDRAIL/1/2",
        "trigger_id": f"{run}.{number}",
    }
    return urlencode(said).encode()


def execute(number: int, run: str, teams: dict[str, str]) -> bytes:
    """The body of one Action.Execute in a thread of a channel."""
    data = {"sandrail": {"action": "bench.press", "subject": "recs-v2", "version": 1}}
    return json.dumps(
        {
            "type": "invoke",
            "name": "adaptiveCard/action",
            "id": f"f:{run}.{number}",
            "channelId": "msteams",
            "serviceUrl": teams["service_url"],
            "from": {"id": teams["mri"], "name": "Erin", "aadObjectId": teams["oid"]},
            "recipient": {"id": teams["bot"], "name": "Sandrail"},
            "conversation": {
                "id": f"{teams['channel']};messageid=1795000000000",
                "conversationType": "channel",
                "isGroup": True,
                "tenantId": teams["tenant"],
            },
            "channelData": {
                "tenant": {"id": teams["tenant"]},
                "channel": {"id": teams["channel"]},
                "team": {"id": teams["channel"]},
            },
            "replyToId": "1795000000000",
            "value": {
                "action": {"type": "Action.Execute", "verb": "bench.press", "data": data},
                "trigger": "manual",
            },
            "locale": "en-GB",
            "entities": [{"type": "clientInfo", "locale": "en-GB", "platform": "Windows"}],
        }
    ).encode()


#: Kind → what makes a body of it, and what the bot's answer holds.
KINDS = {
    "press": (click, b""),
    "command": (slash, b"/spend alerts"),
    "execute": (execute, b'"statusCode": 200'),
}
#: What only the bot can answer → what it stands beside.
BESIDE = {"execute": "press"}


def _request(body: bytes, teams: dict[str, str]) -> bytes:
    if body.startswith(b"{"):
        head = (
            "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: Bearer {teams['token']}\r\n\r\n"
        )
        return head.encode() + body
    timestamp = str(int(time.time()))
    signed = hmac.new(SECRET.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256)
    head = (
        "POST /slack/events HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\nX-Slack-Request-Timestamp: {timestamp}\r\n"
        f"X-Slack-Signature: v0={signed.hexdigest()}\r\n\r\n"
    )
    return head.encode() + body


async def _load(load: Load) -> Measured:
    body_of, port = KINDS[load.kind][0], load.port
    count = int(load.seconds * 4000) + 200
    bodies = (body_of(n, load.run, load.teams) for n in range(count))
    requests = iter([_request(body, load.teams) for body in bodies])
    times: list[float] = []
    end = 0.0

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            data = next(requests, None)
            if data is None:
                break
            began = time.perf_counter()
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            if load.says not in body or (body and not load.says):
                raise RuntimeError(f"refused: {body!r}")
            times.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    end = began + load.seconds
    await asyncio.gather(*(one() for _ in range(load.connections)))
    took = time.perf_counter() - began
    cuts = statistics.quantiles(times, n=100)
    return Measured(len(times) / took, cuts[49] * 1000, cuts[98] * 1000)


def _client(pipe: Connection) -> None:
    while (asked := pipe.recv()) is not None:
        pipe.send(asyncio.run(_load(asked)))


# --- the run --------------------------------------------------------------------------------------


def measure(
    seconds: float = SECONDS, rounds: int = ROUNDS
) -> dict[tuple[str, int], dict[str, Measured]]:
    """(kind, connections) → server → the better of the rounds, which take turns so that both servers meet the
    same noise."""
    spawn = multiprocessing.get_context("spawn")
    best: dict[tuple[str, int], dict[str, Measured]] = {}
    with tempfile.TemporaryDirectory() as folder:
        servers: dict[str, tuple[Any, Connection, tuple[int, dict[str, str]]]] = {}
        for name, target, given in (("bare", _bare, ()), ("bot", _bot, (folder,))):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=target, args=(theirs, *given), daemon=True)
            process.start()
            servers[name] = (process, ours, ours.recv())
        mine, its = spawn.Pipe()
        client = spawn.Process(target=_client, args=(its,), daemon=True)
        client.start()

        def ask(name: str, kind: str, connections: int, length: float, run: str) -> Measured:
            says = KINDS[kind][1] if name == "bot" else b""
            run = f"{run}-{name}-{connections}"
            port, teams = servers[name][2]
            mine.send(Load(port, kind, connections, length, run, says, teams))
            return mine.recv()  # type: ignore[no-any-return]

        def asked(kind: str) -> list[str]:
            return ["bot"] if kind in BESIDE else list(servers)

        for kind in KINDS:
            for name in asked(kind):
                ask(name, kind, 4, 1.0, "warm")
        for n in range(rounds):
            for kind in KINDS:
                for connections in CONNECTIONS:
                    known = best.setdefault((kind, connections), {})
                    for name in asked(kind):
                        got = ask(name, kind, connections, seconds, str(n))
                        if name not in known or got.rate > known[name].rate:
                            known[name] = got
        mine.send(None)
        for process, pipe, _ in servers.values():
            pipe.send("stop")
            process.join(10)
        client.join(10)
    return best


def main() -> None:
    """Prints a line for each kind of request and number of connections."""
    print(f"A signed request with its transaction on SQLite, {os.cpu_count()} cores")
    print(
        f"{'':<8} {'connections':>11} {'beside/s':>8} {'bot/s':>8} {'ratio':>6} {'p50 ms':>8} {'p99 ms':>8}"
    )
    measured = measure()
    for (kind, connections), by in measured.items():
        bot = by["bot"]
        bare = by.get("bare") or measured[BESIDE[kind], connections]["bot"]
        print(
            f"{kind:<8} {connections:>11} {bare.rate:>8.0f} {bot.rate:>8.0f} {bot.rate / bare.rate:>6.2f}"
            f" {bot.p50:>8.1f} {bot.p99:>8.1f}"
        )


if __name__ == "__main__":
    main()
