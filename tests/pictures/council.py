"""The council's digest, decisions and dashboards on every surface: the pictures of docs/council.md.

``python -m tests.pictures.council``: the sample company on a Tuesday morning; the whole bot in front of the fake
Slack, the fake Teams and a real browser, each on its own copy of the database. With a folder as argument pictures
are written there instead.
"""

import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from bot.console.surface import ConsoleSurface
from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.settings import SlackSettings
from bot.slack.door import add_routes
from bot.slack.surface import SlackSurface
from bot.surface import Surface
from handlers.council.post import post_digest
from handlers.daily import daily_round
from handlers.turn import Turn
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy, load_policy
from storage.sample.write import write_sample
from tests.conftest import Clock
from tests.console.desk import Desk
from tests.console.windows import ARGUMENTS
from tests.fakes.slack_hands import Hands
from tests.fakes.slack_server import FakeSlack
from tests.pictures import dashboards
from tests.pictures.look import STYLE, Look
from tests.pictures.overruns import NOW, OUT, ROOT
from tests.pictures.teams import STYLE as TEAMS_STYLE
from tests.pictures.teams import Part
from tests.pictures.teams import draw as draw_cards
from tests.teams.house import House, house
from tests.teams.renderer import host_style, open_renderer

TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # ten in Berlin: the council
TOPIC = "Which model serves search next year?"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
ENTRY = "Bring to the council"
SAID = "The reranker costs as much as the ranker. Do we need both?"


async def company(folder: Path) -> LoadedPolicy:
    """The sample company on the Monday before, with what people did in the last weeks, in ``folder``/first.db."""
    loaded = replace(load_policy(ROOT / "app.yaml"), folder=folder)
    await asyncio.to_thread(
        write_sample, folder / "sample", seed=7, days=120, until=NOW.date().replace(day=22)
    )
    database = Database(f"sqlite:///{folder / 'first.db'}")
    upgrade(database)
    surfaces: dict[str, Surface] = {}
    clock = Clock(NOW)
    kernel = Kernel(database, loaded, surfaces, Delivery(database, surfaces, clock), clock)
    await asyncio.to_thread(daily_round, database, loaded, lambda _: (), clock)
    dashboards.plant(Desk(database, ConsoleSurface(database, ()), kernel))
    with database.write() as connection:
        from handlers.council.add import put_on_agenda

        turn = Turn(connection, loaded, NOW, lambda _: ())
        put_on_agenda(turn, _asked(loaded), TOPIC, why="Two are in pilots; we pay for both.")
    database.close()
    return loaded


def _asked(loaded: LoadedPolicy) -> Any:
    from handlers.conversation import Actor, Interaction, Place

    product = next(p for p in loaded.policy.people if p.email == "product@example.com")
    return Interaction(
        delivery_id="picture",
        kind="command",
        name="council",
        actor=Actor(
            person=product.email, name=product.name, surface="console", tenant="", user_id=""
        ),
        place=Place(surface="console", tenant="", channel="finops"),
    )


def copy_of(folder: Path, name: str) -> Database:
    """The company's database once more."""
    path = folder / f"{name}.db"
    source = sqlite3.connect(folder / "first.db")
    source.execute("VACUUM INTO ?", (str(path),))
    source.close()
    return Database(f"sqlite:///{path}")


# --- Slack ----------------------------------------------------------------------------------------


@asynccontextmanager
async def in_slack(
    folder: Path, loaded: LoadedPolicy, clock: Clock
) -> AsyncIterator[tuple[FakeSlack, Hands, Kernel, Any]]:
    """The bot in front of the fake Slack."""
    database = copy_of(folder, "slack")
    async with FakeSlack(now=lambda: clock().timestamp()) as slack:
        for n, person in enumerate(loaded.policy.people):
            slack.add_user(f"U0PERSON{n}", person.name, person.email)
        for n, channel in enumerate(loaded.policy.channels.values()):
            if channel.slack:
                slack.add_channel(f"C0CHANNEL{n}", channel.slack.lstrip("#"))
        settings = SlackSettings(slack.token, SECRET, None, slack.api_url)
        surface = SlackSurface(settings, loaded, database, clock)
        surface.pace = 0.0
        surfaces: dict[str, Surface] = {"slack": surface}
        kernel = Kernel(database, loaded, surfaces, Delivery(database, surfaces, clock), clock)
        app = web.Application()
        door = add_routes(app, surface, kernel)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        hands = Hands(slack, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events", SECRET)
        try:
            yield slack, hands, kernel, door
        finally:
            await hands.close()
            await runner.cleanup()
            database.close()


async def slack_pages(folder: Path, loaded: LoadedPolicy, clock: Clock) -> dict[str, str]:
    """Name of a picture → its HTML."""
    async with in_slack(folder, loaded, clock) as (slack, hands, kernel, door):
        users = {u["profile"]["email"]: i for i, u in slack.users.items()}
        await kernel.turn(post_digest)
        await kernel.delivery.drain()
        channel = next(c.id for c in slack.channels.values() if c.name == "leadership")
        root = slack.messages(channel)[0]
        topic = next(m for m in slack.messages(channel) if TOPIC in str(m["blocks"]))
        await hands.press(users["finance@example.com"], channel, topic, "Continue")
        await kernel.delivery.drain()
        topic = slack.message(slack.channels[channel], topic["ts"])
        other = next(m for m in slack.messages(channel) if "Decide: " in str(m["blocks"]))
        search = next(c for c in slack.channels.values() if c.name == "ml-search")
        written = {"type": "message", "ts": slack.ts(), "user": "U0PERSON1", "text": SAID}
        search.messages.append(written)
        await hands.menu(users["product@example.com"], search.id, written, ENTRY)
        finance = users["finance@example.com"]
        await hands.open_home(finance)
        await door.settle()
        look = Look(
            {i: str(u["profile"]["display_name"]) for i, u in slack.users.items()},
            {i: f["content"] for i, f in slack.files.items() if "content" in f},
            loaded.policy.workspace.zone,
        )
        thread = [m for m in slack.messages(channel) if m.get("thread_ts")]
        report = next(m for m in thread if "Cost report" in str(m["blocks"]))
        return {
            "council": look.message(root["blocks"])
            + look.message(report["blocks"], "thread")
            + look.message(other["blocks"], "thread")
            + look.message(topic["blocks"], "thread"),
            "council-form": look.modal(slack.views[-1]),
            "home-dashboard": look.blocks(slack.homes[finance]["blocks"]),
        }


# --- Teams ----------------------------------------------------------------------------------------


async def teams_parts(folder: Path, loaded: LoadedPolicy, clock: Clock) -> dict[str, list[Part]]:
    """Name of a picture → its cards, as they stand in Teams."""
    database = copy_of(folder, "teams")
    async with house(database, loaded, clock) as home:
        await home.kernel.turn(post_digest)
        await home.settle()
        there = home.channel("leadership")
        root = home.fake.roots(there)[0]
        thread = home.fake.thread(there, root["id"])
        topic = next(m for m in thread if TOPIC in str(m["activity"]))
        await home.press("finance", topic, "Continue")
        report = next(m for m in thread if "Cost report" in str(m["activity"]))
        chat = home.fake.chats[home.channel("ml-search")]
        said = {"type": "message", "text": SAID}
        written = home.fake.store(chat, said, home.users["product"].mri, None)
        opened = await home.hands.menu(home.users["product"], ENTRY, chat.id, written)
        await home.hands.say(home.users["finance"], "dashboard")
        await home.settle()
        own = home.fake.personal_chat(home.users["finance"])
        shown = home.fake.messages(own)[-1]
        made = {
            "council": [
                _part(root),
                _part(report, "said reply"),
                _part(_now(home, there, topic), "said reply"),
            ],
            "council-form": [Part(opened.card(), "dialog", ENTRY)],
            "dashboard": [_part(shown)],
        }
    database.close()
    return made


def _now(home: House, channel: str, message: dict[str, Any]) -> dict[str, Any]:
    return next(m for m in home.fake.messages(channel) if m["id"] == message["id"])


def _part(message: dict[str, Any], kind: str = "said") -> Part:
    return Part(message["activity"]["attachments"][0]["content"], kind)


# --- the console ----------------------------------------------------------------------------------


async def console(
    browser: Browser, folder: Path, loaded: LoadedPolicy, clock: Clock, out: Path
) -> None:
    """The digest and its thread on a desk, light and dark, and on a phone."""
    database = copy_of(folder, "console")
    surface = ConsoleSurface(database, loaded.policy.channels, clock)
    surfaces: dict[str, Surface] = {"console": surface}
    kernel = Kernel(database, loaded, surfaces, Delivery(database, surfaces, clock), clock)
    desk = Desk(database, surface, kernel)
    await desk.start()
    await kernel.turn(post_digest)
    await desk.sent()
    address = f"{desk.url}/?as=product@example.com#/channel/leadership/1/thread"
    for name, size, scheme in (
        ("light", (1280, 900), "light"),
        ("dark", (1280, 900), "dark"),
        ("phone", (390, 844), "light"),
    ):
        context = await browser.new_context(
            viewport=ViewportSize(width=size[0], height=size[1]),
            color_scheme="dark" if scheme == "dark" else "light",
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        page = await context.new_page()
        wrong: list[str] = []
        page.on("console", lambda m, to=wrong: to.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error, to=wrong: to.append(str(error)))
        await page.goto(address if name != "phone" else address.removesuffix("/thread"))
        await page.locator("#messages article").first.wait_for()
        await page.wait_for_timeout(900)
        await _keep(page, out / f"console-council-{name}.png")
        assert not wrong, wrong
        await context.close()
    await desk.stop()
    database.close()


async def _keep(page: Page, path: Path) -> None:
    await page.screenshot(path=path)
    small(path)


def small(path: Path) -> None:
    """The picture with as few colours as it needs."""
    with Image.open(path) as picture:
        made = picture.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT)
    made.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1024} kB")


async def main(out: Path) -> None:
    """Writes the pictures."""
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder, clock = Path(temporary), Clock(TUESDAY)
        loaded = await company(folder)
        pages = await slack_pages(folder, loaded, clock)
        parts = await teams_parts(folder, loaded, clock)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=ARGUMENTS
            )
            await console(browser, folder, loaded, clock, out)
            page = await browser.new_page(viewport={"width": 760, "height": 400})
            for name, body in pages.items():
                await page.set_content(f"<meta charset=utf-8><style>{STYLE}</style><body>{body}")
                path = out / f"slack-{name}.png"
                await page.locator("body").screenshot(path=path)
                small(path)
            await browser.close()
    async with open_renderer() as renderer:
        await renderer.page.add_style_tag(content=host_style() + TEAMS_STYLE)
        await draw_cards(renderer, parts, out)
    for name in parts:
        small(out / f"teams-{name}.png")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if sys.argv[1:] else OUT))
