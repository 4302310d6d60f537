"""A day with overruns in the console, as three kinds of people see it: the pictures of docs/overruns.md.

``python -m tests.pictures.overruns``: the sample company's bill, a real console, a real browser. An engineer
grants a small one, a lead decides a middle one, finance and product hold a joint review to its summary.
"""

import asyncio
import re
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from playwright.async_api import Locator, Page, async_playwright

from bot.console.surface import ConsoleSurface
from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.surface import Surface
from handlers.daily import daily_round
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import load_policy
from storage.sample.write import write_sample
from tests.console.desk import Desk
from tests.console.windows import ARGUMENTS

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # Monday, ten in Berlin
ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "pictures"


async def desk_of(folder: Path) -> Desk:
    """The console of the sample company on a Monday morning, after the daily round."""
    loaded = load_policy(ROOT / "app.yaml")
    loaded = replace(loaded, folder=folder)
    write_sample(folder / "sample", seed=7, days=120, until=date(2026, 11, 22))
    database = Database(f"sqlite:///{folder / 'sandrail.db'}")
    upgrade(database)

    def clock() -> datetime:
        return NOW

    surface = ConsoleSurface(database, loaded.policy.channels, clock)
    surfaces: dict[str, Surface] = {"console": surface}
    kernel = Kernel(database, loaded, surfaces, Delivery(database, surfaces, clock), clock)
    daily_round(database, loaded, kernel.places, clock)
    await kernel.delivery.drain()
    desk = Desk(database, surface, kernel)
    await desk.start()
    return desk


class Day:
    """One person after the other in front of the console."""

    def __init__(self, page: Page, desk: Desk) -> None:
        self.page = page
        self.desk = desk

    async def sit(self, who: str, channel: str) -> None:
        """Opens a channel as a person."""
        await self.page.goto(f"{self.desk.url}/?as={who}@example.com#/channel/{channel}")
        await self.page.reload()
        await self.page.locator("#messages article").first.wait_for()

    def card(self, title: str) -> Locator:
        """The newest message in the channel whose heading begins so."""
        return self.page.locator("#messages article", has_text=title).last

    async def press(self, where: Locator, label: str) -> None:
        """Presses a button and waits until what it changed is shown."""
        await where.get_by_role("button", name=label, exact=True).first.click()
        await self.settle()

    async def settle(self) -> None:
        await self.page.wait_for_timeout(400)
        await self.desk.kernel.delivery.drain()
        await self.page.wait_for_timeout(700)

    async def fill(self, submit: str, **values: str) -> None:
        """Fills in the open form and sends it."""
        form = self.page.get_by_role("dialog")
        for label, value in values.items():
            named = re.compile(f"^{label.replace('_', ' ')}")
            await form.get_by_role("textbox", name=named).first.fill(value)
        await form.get_by_role("button", name=submit, exact=True).click()
        await self.settle()

    async def picture(self, name: str, of: Locator | None = None) -> None:
        """Saves a picture of a part of the page, or of all of it."""
        OUT.mkdir(parents=True, exist_ok=True)
        target = self.page if of is None else of
        await target.screenshot(path=OUT / f"console-{name}.png")


async def the_day(day: Day) -> None:
    """Engineer, lead, finance and product, from the morning's messages to the summary."""
    await day.sit("assistant-engineering", "genai-assistant")
    await day.picture("overrun-small", day.card("Overrun of writing-helper"))
    await day.press(day.card("Overrun of writing-helper"), "Approve")

    await day.sit("vision-lead", "ml-vision")
    await day.picture("overrun", day.card("Overrun of vision-defects"))
    await day.press(day.card("Overrun of vision-defects"), "Approve less…")
    await day.picture("overrun-less")
    await day.fill("Approve", How_much="1,800", Why="Until the new labels are in")
    await day.picture("overrun-granted", day.card("Overrun of vision-defects"))

    await day.sit("finance", "ml-recommendations")
    card = day.card("Overrun of recommendations")
    await card.get_by_role("button", name="repl").first.click()
    await day.settle()
    await day.picture("review")
    await day.press(day.page.locator("#thread"), "Add a note…")
    await day.fill("Save", Note="The launch moved two weeks forward; Q4 has room for half of it.")
    await day.press(day.page.locator("#thread"), "Sign: approve")
    await day.sit("product", "ml-recommendations")
    await day.card("Overrun of recommendations").get_by_role("button", name="repl").first.click()
    await day.settle()
    await day.press(day.page.locator("#thread"), "Sign as product")
    summary = day.page.locator("#thread article", has_text="Summary of the joint review")
    await day.picture("review-summary", summary.last)


async def main() -> None:
    """Draws all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        desk = await desk_of(Path(folder))
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path="/usr/bin/chromium", args=ARGUMENTS
                )
                page = await browser.new_page(viewport={"width": 1280, "height": 1300})
                await the_day(Day(page, desk))
                await browser.close()
        finally:
            await desk.stop()


if __name__ == "__main__":
    asyncio.run(main())
