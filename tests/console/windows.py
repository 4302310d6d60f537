"""What the browser tests share: how Chromium is started, and where things are on the page."""

from collections.abc import Awaitable, Callable

from playwright.async_api import Locator, Page, expect

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EXECUTIVE = "?as=executive@example.com"
LEAD = "?as=lead@example.com"

Window = Callable[..., Awaitable[Page]]
expect.set_options(timeout=10_000)  # a busy machine is slow


def alert(page: Page) -> Locator:
    """The alert in the channel's own column."""
    return page.locator("#messages article").first


def control(page: Page, name: str) -> Locator:
    """One of the alert's buttons."""
    return alert(page).get_by_role("button", name=name, exact=True)
