"""In a browser: a message is brought to the council, commands in messages run, a dashboard changes in place."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from guardrails.policy.council import Council
from handlers.conversation import Code, Items, Message, text
from storage.database import Database
from storage.tables.council import CouncilItem
from tests.conftest import Clock
from tests.console import said
from tests.console.desk import Desk, open_desk
from tests.console.windows import EXECUTIVE, Window, alert
from tests.handlers.councils import Hall, council_policy
from tests.handlers.sandboxing import labels
from tests.stored import rows_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

NAME = "To the council"
HELP = Message(
    summary="What to type",
    blocks=(
        Items(
            items=(
                text("See ", Code(text="/council next"), " and ", Code(text="/council add TEXT")),
                text("A file: ", Code(text="/readyz"), ", a tag: ", Code(text="team=search")),
            )
        ),
    ),
)


@pytest_asyncio.fixture(loop_scope="module")
async def busy_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A console of a company with a council."""
    async with open_desk(tmp_path) as desk:
        loaded = desk.kernel.loaded
        policy = loaded.policy.model_copy(update={"council": Council(channel="executives")})
        object.__setattr__(desk.kernel, "loaded", replace(loaded, policy=policy))
        await desk.start()
        await desk.post("finops", "a1", said.alert())
        yield desk


def items(desk: Desk) -> list[tuple[str, str]]:
    return [(r.title, r.subject) for r in rows_of(desk.database, CouncilItem)]


async def test_a_message_is_brought_with_its_address(window: Window, busy_desk: Desk) -> None:
    page = await window("/" + EXECUTIVE)
    button = alert(page).get_by_role("button", name=NAME)
    await button.focus()
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="Bring to the council")
    summary = said.alert().summary
    await expect(form.get_by_label("Topic")).to_have_value(summary)
    await form.get_by_label("What is to be decided").fill("Stop it?")
    await form.get_by_role("button", name="Add").click()
    await expect(form).to_have_count(0)
    await expect(page.locator("section.private")).to_contain_text("It is on the agenda")
    assert items(busy_desk) == [(summary, "#/channel/finops/1")]
    await page.get_by_label("Command", exact=True).fill("council next")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="the message", exact=True).click()
    await expect(alert(page)).to_be_focused()


async def test_without_a_council_there_is_no_such_button(window: Window, busy_desk: Desk) -> None:
    loaded = busy_desk.kernel.loaded
    policy = loaded.policy.model_copy(update={"council": None})
    object.__setattr__(busy_desk.kernel, "loaded", replace(loaded, policy=policy))
    page = await window()
    await expect(alert(page)).to_contain_text("Sandrail")
    await expect(page.get_by_role("button", name=NAME)).to_have_count(0)


async def test_a_command_in_a_message_runs_by_key_and_a_blank_waits_for_words(
    window: Window, busy_desk: Desk
) -> None:
    await busy_desk.post("finops", "help", HELP)
    page = await window()
    last = page.locator("#messages article").last
    await expect(last.locator("button.code-command")).to_have_count(2)  # /readyz is no command
    await last.get_by_role("button", name="Run /council next").focus()
    await page.keyboard.press("Enter")
    answer = page.locator("section.private").last
    await expect(answer).to_contain_text("The next council is")
    await expect(answer.locator(".private-asked")).to_have_text("/council next")
    await last.get_by_role("button", name="Write /council add TEXT").click()
    box = page.get_by_label("Command", exact=True)
    await expect(box).to_have_value("council add ")
    await expect(box).to_be_focused()


async def test_on_a_phone_the_answer_to_a_command_in_a_thread_is_seen(
    window: Window, busy_desk: Desk
) -> None:
    await busy_desk.reply("a1", "help", HELP)
    page = await window("/#/channel/finops/1/thread", viewport={"width": 390, "height": 844})
    await page.locator("#thread").get_by_role("button", name="Run /council next").click()
    answer = page.locator("section.private").last
    await expect(answer).to_contain_text("The next council is")
    await expect(answer).to_be_in_viewport()
    await expect(page.locator("#thread")).to_be_hidden()
    assert not await page.evaluate("document.scrollingElement.scrollWidth > innerWidth + 1")


async def test_a_dashboard_changes_in_its_place(window: Window, busy_desk: Desk) -> None:
    page = await window("/?as=finance@example.com")
    await typed(page, "dashboard")
    answer = page.locator("section.private")
    await expect(answer).to_contain_text("No bill has been read yet")
    await answer.get_by_role("button", name="Another dashboard").click()
    await page.get_by_role("menuitem", name="Executives").click()
    await expect(answer.locator(".private-asked")).to_have_text("/dashboard executive")
    await expect(answer).to_have_count(1)
    await expect(answer.get_by_role("button", name="Another dashboard")).to_be_focused()
    await answer.get_by_role("button", name="Refresh").click()
    await expect(answer).to_have_count(1)
    await expect(answer.get_by_role("button", name="Refresh")).to_be_focused()


async def test_the_golden_digest_fits_a_desk_and_a_phone(
    window: Window, busy_desk: Desk, sqlite: Database, clock: Clock
) -> None:
    hall = Hall(sqlite, council_policy(), clock)
    hall.busy()
    hall.post()
    digest = hall.digest()
    await busy_desk.post("executives", "digest", digest.root)
    for key, part in digest.parts:
        await busy_desk.reply("digest", f"digest:{key}", part)
    for scheme, size in (("light", (1280, 860)), ("dark", (390, 844))):
        page = await window(
            "/#/channel/executives/2/thread",
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
        )
        thread = page.locator("#thread article")
        await expect(thread).to_have_count(1 + len(digest.parts))
        for (_, part), shown in zip(digest.parts, (await thread.all())[1:], strict=True):
            await expect(shown.get_by_role("heading").first).to_have_text(part.blocks[0].text)
            for name in labels(part):
                await expect(shown.get_by_role("button", name=name, exact=True)).to_be_visible()
        assert not await page.evaluate("document.scrollingElement.scrollWidth > innerWidth + 1")


async def typed(page: Page, words: str) -> None:
    await page.get_by_label("Command", exact=True).fill(words)
    await page.keyboard.press("Enter")
    await expect(page.locator("section.private")).not_to_have_count(0)
