"""The dashboard of every role in the console: the pictures of docs/dashboards.md.

``python -m tests.pictures.dashboards``: the sample company's bill, a real console, a real browser. With a folder
as argument, every role is drawn light and dark, on a desk and on a phone; else the eight of the documentation.
"""

import asyncio
import sys
import tempfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, ViewportSize, async_playwright

import handlers.dashboards.showing  # noqa: F401  (registers the command)
from guardrails.money import Money
from storage import budgets
from tests.console.desk import Desk
from tests.console.windows import ARGUMENTS
from tests.pictures.overruns import OUT, desk_of

DESK = ViewportSize(width=1180, height=900)
PHONE = ViewportSize(width=390, height=844)
#: Who has which dashboard, in the sample company.
PEOPLE = {
    "engineer": "recs-engineering@example.com",
    "product": "product@example.com",
    "finance": "finance@example.com",
    "executive": "executive@example.com",
    "finops": "finops@example.com",
}
KEPT = (
    ("engineer", "light", "desk"),
    ("engineer", "dark", "phone"),
    ("product", "dark", "desk"),
    ("finance", "dark", "phone"),
    ("finance", "light", "desk"),
    ("executive", "dark", "desk"),
    ("executive", "light", "phone"),
    ("finops", "light", "desk"),
)
EVERY = tuple(
    (role, theme, where)
    for role in PEOPLE
    for theme in ("light", "dark")
    for where in ("desk", "phone")
)


async def draw(browser: Browser, desk: Desk, role: str, theme: str, where: str, out: Path) -> None:
    """Asks for the dashboard as the person who has it, and keeps the answer as a picture."""
    context = await browser.new_context(
        viewport=PHONE if where == "phone" else DESK,
        color_scheme="dark" if theme == "dark" else "light",
        locale="en-GB",
    )
    page = await context.new_page()
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(desk.url) else wrong.append(r.url))
    await page.goto(f"{desk.url}/?as={PEOPLE[role]}#/channel/finops")
    await page.locator("#messages article").first.wait_for()
    box = page.get_by_role("combobox", name="Command")
    await box.fill("/spend dashboard")
    await box.press("Enter")
    answer = page.locator("section.private").last
    await answer.get_by_role("heading").first.wait_for()
    for picture in await answer.locator("img").all():
        await picture.scroll_into_view_if_needed()
    await page.evaluate(
        "Promise.all([...document.querySelectorAll('section.private img')].map((i) => i.decode()))"
    )
    wide = await page.evaluate("document.scrollingElement.scrollWidth > innerWidth + 1")
    assert not wide, f"{role} {where}: the page scrolls sideways"
    for name in await answer.get_by_role("rowheader").all():
        box = await name.bounding_box()
        assert box is not None and box["height"] < 110, f"{role} {where}: a name is squeezed"  # noqa: PT018
    # As high as the answer, so that nothing of the page covers it.
    height = await answer.evaluate("(node) => Math.ceil(node.getBoundingClientRect().height)")
    size = PHONE if where == "phone" else DESK
    await page.set_viewport_size(ViewportSize(width=size["width"], height=height + 400))
    await page.wait_for_timeout(300)
    path = out / f"dashboard-{role}-{theme}-{where}.png"
    await answer.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(192, Image.Quantize.MEDIANCUT, kmeans=3)
    small.save(path, optimize=True)
    assert not wrong, wrong
    await context.close()


def plant(desk: Desk) -> None:
    """What people did in the last weeks: a few sandboxes and decisions, as the tests make them."""
    from tests.conftest import NOW
    from tests.handlers.dashboarding import Desk as Planter
    from tests.handlers.dashboarding import gate, overrun, sandbox

    planter = Planter(desk.database, desk.kernel.loaded, lambda: NOW)  # type: ignore[arg-type]
    for n, name in enumerate(("tone-lora", "ranker-distill", "answers-pilot", "caption-tiny")):
        first = date(2026, 11, 2 + n)
        sandbox(planter, name, zone="exploring" if n % 2 else "", starts_on=first)
        with desk.database.write() as connection:
            budgets.move(
                connection, budget=f"sandbox/{name}", period=f"from {first}", key="set", kind="set",
                amount=Money(Decimal(2000), "USD"), until=None, actor="", reason="", policy_hash="",
                now=NOW,
            )  # fmt: skip
        late = timedelta(hours=(n * 7) % 5 - 1)
        overrun(planter, f"o{n}", kind="sandbox" if n % 2 else "asked", state="granted",
                opened_at=NOW - timedelta(days=3, hours=5 + n), decided_at=NOW - timedelta(days=3),
                due_at=NOW - timedelta(days=3) + late)  # fmt: skip
    sandbox(planter, "old-idea", state="closed", ended_at=NOW - timedelta(days=4))
    gate(planter, "answers-pilot")


async def main(chosen: tuple[tuple[str, str, str], ...], out: Path) -> None:
    """Draws the chosen ones."""
    with tempfile.TemporaryDirectory() as folder:
        desk = await desk_of(Path(folder))
        plant(desk)
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path="/usr/bin/chromium", args=ARGUMENTS
                )
                for role, theme, where in chosen:
                    await draw(browser, desk, role, theme, where, out)
                await browser.close()
        finally:
            await desk.stop()
            desk.database.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(EVERY, Path(sys.argv[1])))
    else:
        asyncio.run(main(KEPT, OUT))
