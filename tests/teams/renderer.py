"""The ``adaptivecards`` renderer in a page of Chromium, with the host configuration of Teams.

The npm packages stand in the environment, put there by ``make install-test``; nothing of them is in the project.
"""

import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from tests.console.windows import ARGUMENTS

MODULES = Path(sys.prefix) / "share" / "sandrail-node" / "node_modules"
#: What ``npm install --no-save --no-package-lock --legacy-peer-deps --prefix …/share/sandrail-node`` is given.
PACKAGES = (
    "adaptivecards@3.0.6",
    "adaptivecards-designer@2.4.4",
    "markdown-it@14.1.0",
    "@microsoft/app-manifest@1.1.2",
)

_SCRIPTS = ("adaptivecards/dist/adaptivecards.min.js", "markdown-it/dist/markdown-it.min.js")
_LIGHT = "adaptivecards-designer/lib/hostConfigs/microsoft-teams-light.json"
_STYLE = "adaptivecards-designer/dist/containers/teams-container-light.css"

# One card: what parsing and rendering complain about, what a reader sees, and what the page is made of.
_RENDER = """
(config) => {
  const markdown = window.markdownit();
  AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
    result.outputHtml = markdown.render(text); result.didProcess = true;
  };
  const host = new AdaptiveCards.HostConfig(config);
  window.show = (json) => {
    const events = [];
    const context = new AdaptiveCards.SerializationContext();
    const card = new AdaptiveCards.AdaptiveCard();
    card.hostConfig = host;
    card.parse(json, context);
    for (let i = 0; i < context.eventCount; i++) events.push(context.getEventAt(i).message);
    for (const e of card.validateProperties().validationEvents) events.push(e.message);
    window.sent = [];
    card.onExecuteAction = (action) => window.sent.push({
      type: action.getJsonTypeName(), verb: action.verb, data: action.data,
    });
    const element = card.render();
    document.body.replaceChildren(element);
    return {
      events,
      text: element.innerText,
      tags: [...new Set([...element.querySelectorAll('*')].map((e) => e.tagName.toLowerCase()))],
      links: [...element.querySelectorAll('a')].map((a) => a.getAttribute('href')),
    };
  };
}
"""


@dataclass(frozen=True)
class Shown:
    """What the renderer made of a card."""

    events: list[str]
    text: str
    tags: list[str]
    links: list[str | None]


class Renderer:
    """One page that renders one card after the other."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def show(self, card: dict[str, Any]) -> Shown:
        """Renders the card in place of the last one."""
        return Shown(**await self.page.evaluate("(json) => window.show(json)", card))

    async def show_all(self, cards: Iterable[dict[str, Any]]) -> list[Shown]:
        """Renders the cards one after the other."""
        made = await self.page.evaluate("(all) => all.map(window.show)", list(cards))
        return [Shown(**shown) for shown in made]

    async def sent(self) -> list[dict[str, Any]]:
        """The actions that were executed since the last card was shown."""
        said: list[dict[str, Any]] = await self.page.evaluate("window.sent")
        return said


def package_file(name: str) -> Path:
    """A file of an npm package; the test fails when the package is not installed."""
    file = MODULES / name
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: make install-test installs {' '.join(PACKAGES)}"
        )
    return file


def host_config() -> dict[str, Any]:
    """How Teams shows cards on a light ground, as the designer of Adaptive Cards has it."""
    config: dict[str, Any] = json.loads(package_file(_LIGHT).read_text())
    return config


def host_style() -> str:
    """The style sheet that goes with it."""
    return package_file(_STYLE).read_text()


@asynccontextmanager
async def open_renderer(width: int = 760) -> AsyncIterator[Renderer]:
    """A Chromium with the renderer loaded. The reader's time zone is that of the tests' company."""
    scripts = [package_file(script) for script in _SCRIPTS]
    config = host_config()
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise FileNotFoundError("the tests of cards need Chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        page = await browser.new_page(
            viewport={"width": width, "height": 900}, locale="en-GB", timezone_id="Europe/Berlin"
        )
        await page.set_content("<!doctype html><meta charset=utf-8><body></body>")
        for script in scripts:
            await page.add_script_tag(path=script)
        await page.evaluate(_RENDER, config)
        yield Renderer(page)
        await browser.close()
