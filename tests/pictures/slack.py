"""``python -m tests.pictures.slack``: docs/pictures/slack-*.png, drawn from the blocks that the bot sends.

The whole bot reads the sample bill in front of the fake Slack; what arrives there is drawn. With a folder as
argument the pictures are written there instead.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from tests.console.windows import ARGUMENTS
from tests.fakes.slack_hands import find_element
from tests.pictures.look import STYLE, Look
from tests.pictures.workspace import ROOT, Workspace, first_day


async def scenes(work: Workspace) -> dict[str, str]:
    """Name of a picture → its HTML; uses the bot on the way."""
    slack, hands = work.slack, work.hands
    channel, root = _open_alert(work)
    engineer = work.accounts["engineer@example.com"]
    lead = work.accounts["lead@example.com"]
    made: dict[str, str] = {}

    def look() -> Look:
        return Look(work.names, work.files, work.zone)

    made["alert"] = look().message(root["blocks"])
    await hands.press(lead, channel, root, "Expected…")
    made["form"] = look().modal(slack.views[-1])
    await hands.press(engineer, channel, root, "Investigating")
    await work.quiet()
    taken = slack.message(slack.channels[channel], root["ts"])
    replies = work.thread(channel, taken)
    made["thread"] = look().message(taken["blocks"]) + "".join(
        look().message(m["blocks"], "thread") for m in replies[:3]
    )
    await hands.command(engineer, "/spend", "", channel)
    made["spend"] = look().message(slack.ephemerals[-1]["blocks"], "private")
    await hands.open_home(engineer)
    await work.quiet()
    made["home"] = look().blocks(_own(slack.homes[engineer]["blocks"]))
    await hands.press(engineer, channel, taken, "Resolve…")
    await hands.submit(engineer, slack.views[-1], cause="1", words="A retry loop, now capped.")
    await work.quiet()
    done = slack.message(slack.channels[channel], root["ts"])
    told = work.thread(channel, done)[-1]["blocks"]
    made["resolved"] = look().message(done["blocks"]) + look().message(told, "thread")
    return made


def _own(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The person's own page: the dashboard below it is in a picture of its own (tests.pictures.council)."""
    at = next(i for i, b in enumerate(blocks) if '"Refresh"' in str(b).replace("'", '"'))
    return blocks[: at - 1]


def _open_alert(work: Workspace) -> tuple[str, dict[str, Any]]:
    """The alert of a recommendations experiment; the first with buttons when there is none."""
    first = work.channel("ml-recommendations")
    for channel in (first, *work.slack.channels):
        for root in work.roots(channel):
            try:
                find_element(root, "Expected…")
            except AssertionError:
                continue
            return channel, dict(root)
    raise LookupError("the sample made no alert")


async def draw(pages: dict[str, str], folder: Path) -> None:
    """Each page as a picture."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=ARGUMENTS
        )
        page = await browser.new_page(viewport={"width": 760, "height": 400})
        for name, body in pages.items():
            await page.set_content(f"<meta charset=utf-8><style>{STYLE}</style><body>{body}")
            await page.locator("body").screenshot(path=folder / f"slack-{name}.png")
        await browser.close()


async def main(folder: Path) -> None:
    """Writes the pictures."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        async with first_day(Path(temporary)) as work:
            pages = await scenes(work)
    await draw(pages, folder)
    for name in pages:
        file = folder / f"slack-{name}.png"
        print(f"{file}: {file.stat().st_size // 1024} kB")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "pictures"))
