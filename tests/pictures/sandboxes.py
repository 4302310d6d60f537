"""Sandboxes in the console, as the people who use them see them: the pictures of docs/sandboxes.md.

``python -m tests.pictures.sandboxes``: the sample company, a real console, a real browser, the example receiver of
webhooks. An engineer gets room inside a zone, a lead decides one outside, a runaway is warned, kept running once
and halted, a pilot is promoted. The planted spend stands in a bill of its own.
"""

import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, async_playwright
from sqlalchemy import insert, update

from bot.acting import Acting
from bot.actuators.making import make_actuators
from bot.console.surface import ConsoleSurface
from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.surface import Surface
from guardrails.money import MICROS
from handlers.daily import daily_round, look_at_budgets, look_at_sandboxes
from handlers.deadlines import run_due
from storage import sandboxes
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy, load_policy
from storage.sample.write import write_sample
from storage.tables.spend import BillPeriod, CostRollup, MetricPoint
from tests.actuators.receiving import SECRET, receiving
from tests.console.desk import Desk
from tests.console.windows import ARGUMENTS
from tests.pictures.overruns import ROOT, Day

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # ten in Berlin
RECS, ASSISTANT = "ml-recommendations", "genai-assistant"


class Clock:
    """The time of the play; the people in it do not wait for days."""

    now = MONDAY

    def __call__(self) -> datetime:
        return self.now


class Play(Day):
    """A day, with time that passes and a bill that grows."""

    def __init__(self, page: Page, desk: Desk, clock: Clock, acting: Acting) -> None:
        super().__init__(page, desk)
        self.clock = clock
        self.acting = acting

    async def settle(self) -> None:
        await self.page.wait_for_timeout(300)
        await self.acting.drain()
        await super().settle()

    async def type(self, words: str) -> None:
        """Types a command into the box below the messages."""
        box = self.page.get_by_role("combobox", name="Command")
        await box.fill(words)
        await box.press("Enter")
        await self.page.wait_for_timeout(600)

    async def form(self, submit: str, choose: dict[str, str], **values: str) -> None:
        """Fills in a form with menus, too."""
        for label, value in choose.items():
            await self.choose(label, value)
        await self.fill(submit, **values)

    async def choose(self, label: str, value: str) -> None:
        """Few choices are side by side, many are in a list."""
        dialog = self.page.get_by_role("dialog")
        few = dialog.get_by_role("group", name=label, exact=True)
        if await few.count():
            await few.get_by_role("radio", name=value, exact=True).check()
        else:
            named = re.compile(f"^{label}\\b")
            await dialog.get_by_role("combobox", name=named).first.select_option(value)

    async def open_thread(self, title: str) -> None:
        """Opens the thread of a card."""
        await self.card(title).get_by_role("button", name="repl").first.click()
        await self.settle()

    def in_thread(self, label: str) -> Locator:
        """The newest message of the open thread that has such a button."""
        button = self.page.get_by_role("button", name=label, exact=True)
        return self.page.locator("#thread article").filter(has=button).last

    async def morning(self, day: date) -> None:
        """Seven in the morning of a day: all that is due is done, and the bill is looked at."""
        self.clock.now = datetime(day.year, day.month, day.day, 6, 0, tzinfo=UTC)
        k = self.desk.kernel
        with k.database.write() as connection:  # as if the company's own bill had been read
            whole = update(BillPeriod.__table__)  # type: ignore[attr-defined]
            connection.execute(whole.values(complete_through=day - timedelta(days=1)))
        run_due(k.database, k.loaded, k.places, self.clock)
        look_at_budgets(k.database, k.loaded, k.places, self.clock)
        look_at_sandboxes(k.database, k.loaded, k.places, self.clock)
        await self.settle()

    def spends(self, name: str, first: date, amounts: list[float], **metrics: float) -> None:
        """So much on each day from the first on, and each metric on each of them."""
        with self.desk.kernel.database.write() as connection:
            row = sandboxes.named(connection, name)
            assert row is not None
            mine = {
                "experiment": name,
                "team": row.team,
                "feature": row.feature,
                "workload": row.workload,
                "stage": row.stage,
                "owner": row.owner,
            }
            for n, amount in enumerate(amounts):
                day = first + timedelta(days=n)
                cost = CostRollup(
                    bill="planted",
                    period=day.replace(day=1),
                    day=day,
                    cost_micros=int(amount * MICROS),
                    currency="USD",
                    **mine,
                )
                connection.execute(
                    insert(CostRollup.__table__),  # type: ignore[attr-defined]
                    cost.model_dump(exclude={"id"}),
                )
                for metric, value in metrics.items():
                    point = MetricPoint(
                        source="planted", metric=metric, day=day, value=value, **mine
                    )
                    connection.execute(
                        insert(MetricPoint.__table__),  # type: ignore[attr-defined]
                        point.model_dump(exclude={"id"}),
                    )


def policy_for(url: str, folder: Path) -> LoadedPolicy:
    """The demo's policy with a platform that is there."""
    text = (ROOT / "app.yaml").read_text(encoding="utf-8")
    text = text.replace("http://localhost:9000/sandboxes", url).replace("    dry_run: true\n", "")
    text = text.replace("\nrunbooks: runbooks\n", f"\nrunbooks: {ROOT / 'runbooks'}\n")
    file = folder / "app.yaml"
    file.write_text(text, encoding="utf-8")
    return load_policy(file)


@asynccontextmanager
async def the_house(folder: Path) -> AsyncIterator[tuple[Desk, Clock, Acting, Any]]:
    """The console of the sample company on a Monday morning, and the receiver."""
    async with receiving() as receiver:
        loaded = policy_for(receiver.url, folder)
        write_sample(folder / "sample", seed=7, days=120, until=date(2026, 11, 22))
        database = Database(f"sqlite:///{folder / 'sandrail.db'}")
        upgrade(database)
        clock = Clock()
        surface = ConsoleSurface(database, loaded.policy.channels, clock)
        surfaces: dict[str, Surface] = {"console": surface}
        delivery = Delivery(database, surfaces, clock)
        actuators = make_actuators(loaded.policy, {"SANDBOX_WEBHOOK_SECRET": SECRET})
        kernel = Kernel(database, loaded, surfaces, delivery, clock, actuators)
        daily_round(database, loaded, kernel.places, clock)
        await delivery.drain()
        desk = Desk(database, surface, kernel)
        await desk.start()
        acting = Acting(kernel)
        try:
            yield desk, clock, acting, receiver
        finally:
            await acting.close()
            await desk.stop()


async def inside_a_zone(play: Play, receiver: Any) -> None:
    """An engineer asks and has it within seconds."""
    await play.sit("assistant-engineering", ASSISTANT)
    await play.type("/sandbox request")
    dialog = play.page.get_by_role("dialog")
    await play.choose("Workload", "fine-tuning")
    await play.choose("GPU", "L4")
    await dialog.get_by_role("textbox", name="How many GPUs").fill("4")
    await dialog.get_by_role("textbox", name="Hours on each GPU").fill("200")
    await play.page.wait_for_timeout(200)
    filled = {
        "Name": "tone-lora",
        "What_you_want": "A small adapter answers in the customer's tone as well as the large model",
        "What_you_measure": "answer_score",
        "Success_is": ">= 0.8",
        "Feature": "support-assistant",
    }
    for label, value in filled.items():
        await dialog.get_by_role("textbox", name=label.replace("_", " ")).first.fill(value)
    await play.picture("sandbox-form", dialog)
    began = time.monotonic()
    await dialog.get_by_role("button", name="Ask", exact=True).click()
    await play.settle()
    card = play.card("Sandbox tone-lora")
    while "Active" not in await card.inner_text():
        await play.settle()
        assert time.monotonic() - began < 60, "not active within a minute"
    print(f"active {time.monotonic() - began:.1f} s after the click: {await receiver.sandboxes()}")
    await play.sit("assistant-engineering", ASSISTANT)
    await play.picture("sandbox-active", play.card("Sandbox tone-lora"))


async def outside_a_zone(play: Play) -> None:
    """A lead decides what is above the zone's cap."""
    await play.sit("recs-engineering", RECS)
    await play.type("/sandbox request")
    await play.form(
        "Ask",
        {"Workload": "training"},
        Name="ranker-distill",
        What_you_want="A tenth of the ranker's size ranks as well",
        What_you_measure="ndcg_at_10",
        Success_is=">= 0.42",
        Feature="recommendations-v2",
        Estimate="3,500",
    )
    await play.sit("lead", RECS)
    await play.picture("sandbox-asked", play.card("Sandbox ranker-distill asks"))
    await play.press(play.card("Sandbox ranker-distill asks"), "Approve")
    await play.settle()


async def a_runaway(play: Play) -> None:
    """It spends five times its pace: nudged, warned, kept running once, halted, resumed by a lead."""
    play.spends("ranker-distill", date(2026, 11, 23), [180, 900, 1000, 1100, 900, 900, 900, 900])
    for day in (26, 27, 28):
        await play.morning(date(2026, 11, day))
    await play.sit("recs-engineering", RECS)
    await play.open_thread("Sandbox ranker-distill")
    warning = play.in_thread("Keep running")
    await play.picture("redline-warned", warning)
    await play.press(warning, "Keep running")
    await play.picture(
        "redline-kept", play.page.locator("#thread article", has_text="Kept running").last
    )
    for at in (datetime(2026, 11, 29, 6, tzinfo=UTC), datetime(2026, 11, 30, 6, tzinfo=UTC)):
        await play.morning(at.date())
    await play.sit("recs-engineering", RECS)
    await play.picture("sandbox-halted", play.card("Sandbox ranker-distill"))


async def a_pilot(play: Play) -> None:
    """A pilot shows what its gate asks for, is signed for, and promoted."""
    play.clock.now = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
    await play.sit("assistant-lead", ASSISTANT)
    await play.type("/sandbox request")
    await play.form(
        "Ask",
        {"Workload": "inference", "Stage": "pilot"},
        Name="answers-pilot",
        What_you_want="Answers by the small model satisfy mid-market customers",
        What_you_measure="answer_score",
        Success_is=">= 0.85",
        Feature="support-assistant",
        Owner="assistant-engineering@example.com",
        Estimate="4,000",
    )
    days = date(2026, 12, 1)
    play.spends(
        "answers-pilot", days, [110.0] * 10, answer_score=0.88, successful_outputs=2900, revenue=900
    )
    await play.morning(date(2026, 12, 10))
    await play.sit("vision-lead", ASSISTANT)
    await play.open_thread("Sandbox answers-pilot")
    sign = play.in_thread("Sign as lead")
    await play.press(sign, "Sign as lead")
    await play.morning(date(2026, 12, 10))
    await play.sit("product", ASSISTANT)
    await play.open_thread("Sandbox answers-pilot")
    gate = play.in_thread("Promote")
    await play.picture("gate", gate)
    await play.press(gate, "Promote")
    await play.sit("assistant-engineering", ASSISTANT)
    await play.press(play.card("Sandbox answers-pilot"), "What came of it…")
    dialog = play.page.get_by_role("dialog")
    await dialog.get_by_role("textbox").first.fill("0.88")
    await play.choose("Was it worth it?", "Yes")
    await play.picture("sandbox-answer", dialog)
    await dialog.get_by_role("button", name="Save", exact=True).click()
    await play.settle()
    await play.sit("assistant-engineering", ASSISTANT)
    await play.picture("sandbox-outcome", play.card("Sandbox answers-pilot"))


async def main() -> None:
    """Draws all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            the_house(Path(folder)) as (desk, clock, acting, receiver),
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=ARGUMENTS
            )
            page = await browser.new_page(viewport={"width": 1280, "height": 1300})
            page.set_default_timeout(10_000)
            play = Play(page, desk, clock, acting)
            await inside_a_zone(play, receiver)
            await outside_a_zone(play)
            await a_runaway(play)
            await a_pilot(play)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
