"""A file in a form of the console, in a real browser."""

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from handlers.conversation import LARGEST_FILE
from storage.tables.rules import PolicyReplay
from tests.console.desk import POLICY, Desk
from tests.console.windows import Window
from tests.handlers.handing_in import bill

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def opened(window: Window, desk: Desk) -> Page:
    """The form of /policy replay, open for the FinOps owner."""
    bill(desk.database)
    page = await window("/?as=finops@example.com")
    await page.locator("#command").fill("/policy replay")
    await page.locator("#command").press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    return page


async def give(page: Page, content: bytes) -> None:
    file = {"name": "app.yaml", "mimeType": "application/yaml", "buffer": content}
    await page.get_by_label("The changed app.yaml").set_input_files(file)  # type: ignore[arg-type]
    await page.get_by_role("button", name="Replay", exact=True).click()


async def test_a_file_is_chosen_checked_and_taken(window: Window, busy_desk: Desk) -> None:
    page = await opened(window, busy_desk)
    error = page.locator(".field-error").first
    await page.get_by_role("button", name="Replay", exact=True).click()
    await expect(error).to_have_text("Please choose a file.")
    for content, said in (
        (POLICY.encode("utf-16"), "not text in UTF-8"),
        (b"#" * (LARGEST_FILE + 1), "larger than 512 kB"),
        (POLICY.replace("finops\n", "finop\n").encode(), "line 23, column 3: alerts.default"),
    ):
        await give(page, content)
        await expect(error).to_contain_text(said)
    await give(page, POLICY.encode())
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator("#toasts")).to_contain_text("Replaying 90 days")
    with busy_desk.database.read() as connection:
        (row,) = connection.execute(select(PolicyReplay.__table__))  # type: ignore[attr-defined]
    assert (row.policy_text, row.days, row.asked_by) == (POLICY, 90, "finops@example.com")
