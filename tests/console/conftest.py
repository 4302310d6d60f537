"""The console's fixtures: a console that serves, and windows of a real browser on it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.console import answers, said
from tests.console.client import Client
from tests.console.desk import Desk, open_desk
from tests.console.windows import ARGUMENTS, Window


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A console that serves."""
    answers.effects.clear()
    async with open_desk(tmp_path) as desk:
        await desk.start()
        yield desk


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[Client]:
    """A client with the token of the running console."""
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{desk.url}/console/api/session") as got:
            token = (await got.json())["token"]
        yield Client(desk, http, token)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests of this file."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium.", pytrace=False)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def busy_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A console with one alert in #finops, which has a reply."""
    answers.effects.clear()
    async with open_desk(tmp_path) as desk:
        await desk.start()
        await desk.post("finops", "a1", said.alert())
        await desk.reply("a1", "a1.n1", said.news())
        yield desk


@pytest_asyncio.fixture(loop_scope="module")
async def window(browser: Browser, busy_desk: Desk) -> AsyncIterator[Window]:
    """Opens windows of one person each; whatever a page complains about or fetches elsewhere fails."""
    contexts = []
    wrong: list[str] = []
    tolerated: list[str] = []

    async def open_window(
        path: str = "/", *, tolerates: tuple[str, ...] = (), **options: Any
    ) -> Page:
        context = await browser.new_context(
            **{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **options}
        )
        contexts.append(context)
        page = await context.new_page()
        tolerated.extend(tolerates)
        page.on(
            "console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request", lambda r: None if r.url.startswith(busy_desk.url) else wrong.append(r.url)
        )
        await page.goto(busy_desk.url + path)
        await expect(page.locator("#channels li")).not_to_have_count(0)
        await expect(page.locator("#messages")).to_have_attribute("aria-busy", "false")
        return page

    yield open_window
    for context in contexts:
        await context.close()
    assert [w for w in wrong if not any(t in w for t in tolerated)] == []
