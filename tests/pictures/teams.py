"""``python -m tests.pictures.teams``: docs/pictures/teams-*.png, drawn from the cards that the bot sends.

The whole bot reads the sample bill; what it says is made into cards, and these are drawn by the ``adaptivecards``
renderer with the host configuration of Teams. With a folder as argument the pictures are written there instead.
"""

import asyncio
import html
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.application import Application, put_together
from bot.kernel import utc_now
from bot.settings import read_settings
from bot.teams.card_forms import form_card
from bot.teams.cards import Account, card
from bot.teams.pictures import picture
from guardrails.authority import roles_of
from handlers.conversation import (
    Actor,
    Button,
    Chart,
    Controls,
    Form,
    Interaction,
    Kind,
    Message,
    OpenForm,
    Place,
    Private,
)
from handlers.router import AnyReply
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy, load_policy
from storage.sample import write_sample
from storage.tables.delivery import ConsoleMessage
from tests.pictures.workspace import ROOT
from tests.teams.renderer import Renderer, host_style, open_renderer

ENGINEER = "engineer@example.com"
_kept = ConsoleMessage.__table__  # type: ignore[attr-defined]

# What is around a card in Teams, and what its own style sheet leaves to the client.
STYLE = """
body{margin:0;padding:16px;background:#f5f5f5;color:#242424;width:760px;box-sizing:border-box;
  font:14px/20px "Segoe UI","Open Sans","Liberation Sans",Arial,sans-serif}
.said{display:grid;grid-template-columns:32px 1fr;gap:0 10px;margin-bottom:14px}
.face{width:32px;height:32px;border-radius:6px;background:#1f3a5f;color:#fff;font-weight:700;
  display:grid;place-items:center}
.who{font-size:12px;color:#616161;margin-bottom:4px}.who b{color:#242424;margin-right:8px}
.card{background:#fff;border:1px solid #e0e0e0;border-radius:6px;box-shadow:0 1px 3px #0001}
.reply{margin-left:42px}
.dialog{width:600px;margin:8px auto;background:#fff;border-radius:8px;box-shadow:0 8px 32px #0003}
.dialog h2{font-size:18px;margin:0;padding:20px 24px 0}.dialog .card{border:0;box-shadow:none;padding:0 8px 8px}
.ac-pushButton{font-weight:600;font-size:14px;border:1px solid #d1d1d1;color:#242424;padding:0 12px}
.ac-pushButton.style-positive{background:#5b5fc7;border-color:#5b5fc7;color:#fff}
.ac-pushButton.style-destructive{color:#c4314b;border-color:#c4314b}
.ac-pushButton.expandable:after{content:" \\25BE"}
.ac-input.ac-textInput.ac-multiline{font:inherit}
.at{color:#5b5fc7;font-weight:600}
.dot{display:inline-block;width:.8em;height:.8em;border-radius:50%;vertical-align:-.05em;margin-right:.15em}
p{margin:0}
"""

#: The signs that Teams draws itself; a machine without a font for them shows the same.
_DOTS = {"🔴": "#e3242b", "🟠": "#f0932b", "🟢": "#2bac76"}

# Takes the rendered card out of the page and keeps it in its surroundings.
_KEEP = """
([around, first]) => {
  const box = document.createElement('div');
  box.innerHTML = around;
  box.querySelector('.card').append(document.body.firstElementChild);
  if (first) window.kept = [];
  window.kept.push(box);
}
"""

# Mentions and coloured signs as the client shows them.
_DRESS = """
([names, dots]) => {
  document.body.replaceChildren(...window.kept);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) nodes.push(walker.currentNode);
  for (const node of nodes) {
    let made = node.textContent.replace(/&/g, '&amp;').replace(/</g, '&lt;');
    const before = made;
    for (const name of names)
      made = made.replaceAll(`&lt;at>${name}&lt;/at>`, `<span class="at">${name}</span>`);
    for (const [sign, colour] of Object.entries(dots))
      made = made.replaceAll(sign, `<i class="dot" style="background:${colour}"></i>`);
    if (made === before) continue;
    const dressed = document.createElement('span');
    dressed.innerHTML = made;
    node.replaceWith(dressed);
  }
}
"""


@dataclass(frozen=True)
class Part:
    """One card of a picture: a message, a reply to it, or a dialog with its title."""

    card: dict[str, Any]
    kind: str = "said"
    title: str = ""


@dataclass
class Office:
    """The bot without a chat platform, and someone who uses it."""

    application: Application
    database: Database
    loaded: LoadedPolicy

    def __post_init__(self) -> None:
        self._numbers = count()
        self.accounts = {
            p.email: Account(f"29:{n}", p.name) for n, p in enumerate(self.loaded.policy.people)
        }

    def messages(self, channel: str) -> list[tuple[int, int | None, Message]]:
        """Id, root and words of what stands in a channel."""
        rows = select(_kept).where(_kept.c.channel == channel).order_by(_kept.c.id)
        with self.database.read() as connection:
            return [
                (row.id, row.thread_id, Message.model_validate(row.content))
                for row in connection.execute(rows)
            ]

    async def act(self, kind: Kind, name: str, channel: str = "", **more: Any) -> AnyReply:
        """What the bot answers the engineer."""
        policy = self.loaded.policy
        actor = Actor(
            person=ENGINEER,
            name=next(p.name for p in policy.people if p.email == ENGINEER),
            surface="console",
            tenant="local",
            user_id=ENGINEER,
            roles=roles_of(policy, ENGINEER),
        )
        place = Place(surface="console", tenant="local", channel=channel)
        reply = await self.application.kernel.answer(
            Interaction(
                delivery_id=f"{next(self._numbers)}",
                kind=kind,
                name=name,
                actor=actor,
                place=place,
                **more,
            )
        )
        await self.application.kernel.delivery.drain()
        return reply

    async def press(self, message: Message, label: str) -> AnyReply:
        """Presses one of a message's buttons."""
        button = next(
            c
            for block in message.blocks
            if isinstance(block, Controls)
            for c in block.controls
            if isinstance(c, Button) and c.label == label
        )
        return await self.act(
            "press", button.action, subject=button.subject, version=button.version
        )

    def said(self, message: Message, kind: str = "said") -> Part:
        """The message as the card that is sent."""
        charts = [block for block in message.blocks if isinstance(block, Chart)]
        pictures = {c: drawn for c in charts if (drawn := picture(c)) is not None}
        return Part(card(message, self.accounts, pictures).card, kind)


@asynccontextmanager
async def open_office(folder: Path, *, flood: bool = False) -> AsyncIterator[Office]:
    """The demo's policy and bill, read; with ``flood`` everything is one channel's and grouped."""
    config = Path(shutil.copy(ROOT / "app.yaml", folder))
    shutil.copytree(ROOT / "runbooks", folder / "runbooks")
    loaded = load_policy(config)
    policy = loaded.policy
    assert policy.sample is not None
    until = utc_now().astimezone(policy.workspace.zone).date() - timedelta(days=1)
    sample = folder / policy.sample.folder
    await asyncio.to_thread(write_sample, sample, seed=policy.sample.seed, until=until)
    if flood:
        alerts = policy.alerts.model_copy(update={"routes": (), "flood": 1})
        loaded = replace(loaded, policy=policy.model_copy(update={"alerts": alerts}))
    settings = read_settings(
        {
            "SANDRAIL_CONFIG": str(config),
            "DATABASE_URL": f"sqlite:///{folder / 'sandrail.db'}",
            "HOST": "127.0.0.1",
        }
    )
    database = Database(settings.database_url)
    upgrade(database)
    application = put_together(settings, loaded, database)
    try:
        await asyncio.to_thread(application.first_round)
        await application.kernel.delivery.drain()
        yield Office(application, database, loaded)
    finally:
        database.close()


async def scenes(office: Office) -> dict[str, list[Part]]:
    """Name of a picture → its cards; uses the bot on the way."""
    channel = "ml-recommendations"
    root, _, alert = office.messages(channel)[0]

    def now() -> tuple[Message, list[Message]]:
        said = {i: (thread, m) for i, thread, m in office.messages(channel)}
        return said[root][1], [m for thread, m in said.values() if thread == root]

    made = {"alert": [office.said(alert)]}
    await office.press(alert, "Investigating")
    taken, replies = now()
    made["thread"] = [office.said(taken), *(office.said(m, "said reply") for m in replies[:3])]
    opened = await office.press(taken, "Resolve…")
    assert isinstance(opened, OpenForm)
    made["form"] = [_dialog(opened.form)]
    await office.act(
        "submission",
        opened.form.action,
        subject=opened.form.subject,
        version=opened.form.version,
        inputs={"cause": "1", "words": "A retry loop, now capped."},
    )
    done, replies = now()
    made["resolved"] = [office.said(done), office.said(replies[-1], "said reply")]
    for name, reply in (
        ("spend", await office.act("command", "spend", "finops", inputs={"text": ""})),
        ("home", await office.act("home", "home", "finops")),
    ):
        assert isinstance(reply, Private), reply
        made[name] = [office.said(reply.message)]
    return made


def _dialog(form: Form) -> Part:
    return Part(form_card(form, in_dialog=True), "dialog", form.title)


async def draw(renderer: Renderer, pages: dict[str, list[Part]], folder: Path) -> None:
    """Each page as a picture."""
    page = renderer.page
    for name, parts in pages.items():
        for number, part in enumerate(parts):
            shown = await renderer.show(part.card)
            assert shown.events == [], shown.events
            await page.evaluate(_KEEP, [_around(part), number == 0])
        names = [e["mentioned"]["name"] for p in parts for e in _entities(p.card)]
        await page.evaluate(_DRESS, [names, _DOTS])
        await page.locator("body").screenshot(path=folder / f"teams-{name}.png")


def _entities(made: dict[str, Any]) -> list[dict[str, Any]]:
    entities: list[dict[str, Any]] = made.get("msteams", {}).get("entities", [])
    return entities


def _around(part: Part) -> str:
    if part.kind == "dialog":
        return (
            f'<div class="dialog"><h2>{html.escape(part.title)}</h2><div class="card"></div></div>'
        )
    who = '<div class="who"><b>Sandrail</b>9:00</div>'
    return (
        f'<div class="{part.kind}"><div class="face">S</div>'
        f'<div>{who}<div class="card"></div></div></div>'
    )


async def main(folder: Path) -> None:
    """Writes the pictures."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        async with open_office(Path(temporary)) as office:
            pages = await scenes(office)
    with tempfile.TemporaryDirectory() as temporary:
        async with open_office(Path(temporary), flood=True) as office:
            flood = next(m for _, _, m in office.messages("finops"))
            pages["flood"] = [office.said(flood)]
    async with open_renderer() as renderer:
        await renderer.page.add_style_tag(content=host_style() + STYLE)
        await draw(renderer, pages, folder)
    for name in pages:
        file = folder / f"teams-{name}.png"
        print(f"{file}: {file.stat().st_size // 1024} kB")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "pictures"))
