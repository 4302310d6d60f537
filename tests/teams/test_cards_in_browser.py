"""Cards in the renderer that Teams' own is made from: nothing to complain about, and words stay words."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from bot.teams.card_controls import Opener, Pressed, opener_card, pressed
from bot.teams.card_forms import form_card, submitted
from bot.teams.cards import card
from handlers.conversation import (
    At,
    Band,
    Button,
    ChoiceField,
    Code,
    Controls,
    DateField,
    Fact,
    Facts,
    Form,
    Heading,
    Items,
    Link,
    Mention,
    Menu,
    Message,
    Option,
    Paragraph,
    Small,
    Strong,
    Table,
    TextField,
    text,
)
from tests.slack.said import FORMS, MESSAGES
from tests.teams import collected
from tests.teams.collected import ACCOUNTS, chain
from tests.teams.renderer import Renderer, Shown, open_renderer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

WHEN = At(time=datetime(2026, 11, 23, 10, 0, tzinfo=UTC))
LEE = Mention(person="lead@example.com", name="Lee")

NASTY = [
    "*a*",
    "**a**",
    "_a_",
    "__a__",
    "~~a~~",
    "`a`",
    "``` a",
    "[x](http://e.com)",
    "[x]: http://e.com",
    "[x][y]",
    "![x](http://e.com/x.png)",
    "<http://e.com>",
    "- a",
    "+ a",
    "* a",
    "1. a",
    "12) a",
    "# a",
    "> a",
    "---",
    "===",
    "| a | b |",
    "{{DATE(2026-01-01T00:00:00Z)}}",
    "{{DATE(2026-01-01T00:00:00Z, SHORT)}}",
    "{{{TIME(2026-01-01T00:00:00Z)}}}",
    "<at>x</at>",
    "<at>Lee Lead</at>",
    "<AT>Lee Lead</AT>",
    "&amp;",
    "&lt;b&gt;",
    "&#42;a&#42;",
    "<b>a</b>",
    "<script>alert(1)</script>",
    "<!-- a -->",
    "\\*a\\*",
    "\\",
    "a\\",
    "C:\\temp\\new_dir_",
    "snake_case_name and 2 * 3 * 4",
    "$[a](b) ${x}",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renderer() -> AsyncIterator[Renderer]:
    """One page for all tests of this file."""
    async with open_renderer() as renderer:
        yield renderer


def _everywhere(words: str) -> Message:
    """A message with the words in every place, as a TextRun, a TextBlock and a Fact."""
    band = Band(
        title="t", alt=words, unit="USD", days=(), observed=(), expected=(), lower=(), upper=(),
        anomalous=(), incomplete=(),
    )  # fmt: skip
    unknown = Mention(person="new@example.com", name=words)
    return Message(
        summary=words,
        blocks=(
            Heading(text=words),
            Paragraph(text=text(words)),
            Paragraph(text=text(words, WHEN)),
            Paragraph(text=text("a", words, "b ", WHEN, words)),
            Paragraph(text=text(Strong(text=words), " ", Code(text=words), " ", LEE, " ", unknown)),
            Paragraph(text=text(Link(text=words, url="https://example.com/"), words)),
            Paragraph(text=text(LEE, Link(text=words, url="https://example.com/"))),
            Small(text=text(words, " ", LEE)),
            Facts(
                facts=(
                    Fact(label=words, value=text(words)),
                    Fact(label="x", value=text(Strong(text=words), Code(text=words), unknown)),
                )
            ),
            Items(items=(text(words), text(words, WHEN)), title=words, numbered=True),
            Table(header=(words, "x"), rows=((words, words),), align="lr"),
            band,
            Controls(controls=(Button(label=words, action="a", subject="s"),)),
        ),
    )


def _form(words: str) -> Form:
    return Form(
        action="a",
        subject="s",
        title=words,
        intro=text(words, " ", Strong(text=words), WHEN),
        fields=(
            TextField(name="why", label=words, hint=words, initial=words),
            ChoiceField(name="which", label=words, options=(Option(value="1", label=words),)),
            DateField(name="until", label=words, hint=words),
        ),
        submit=words,
    )


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
async def test_any_card_is_parsed_and_rendered_without_complaint(renderer: Renderer) -> None:
    messages = collected.some(MESSAGES, 100)
    forms = collected.some(FORMS, 50)
    cards = [made.card for message in messages for made in chain(message)]
    cards += [
        form_card(f, in_dialog=bool(n % 2), errors={"why": "No.", "x": "y"})
        for n, f in enumerate(forms)
    ]
    assert len(cards) >= 150
    for made, shown in zip(cards, await renderer.show_all(cards), strict=True):
        assert shown.events == [], made
        assert shown.text.strip() or list(collected.elements(made, "Image"))


async def test_the_words_of_any_card_are_read_as_they_were_meant(renderer: Renderer) -> None:
    plain = _expected(await renderer.show(card(_everywhere("harmless"), ACCOUNTS).card))
    for words in NASTY:
        made = card(_everywhere(words), ACCOUNTS)
        assert made.rest is None
        shown = await renderer.show(made.card)
        assert shown.events == []
        said = collected.shown(shown.text)
        assert said.count(collected.shown(words)) >= plain.words, (words, said)
        assert set(shown.tags) - {"strong"} <= plain.tags, words
        assert set(shown.links) == {"https://example.com/"}, words
        assert "Jan 2026" not in said
        assert said.count("23 Nov 2026") == 3


async def test_the_words_of_any_form_are_read_as_they_were_meant(renderer: Renderer) -> None:
    wrong = {"why": "harmless", "which": "harmless", "x": "harmless"}
    made = form_card(_form("harmless"), errors=wrong, in_dialog=False)
    plain = _expected(await renderer.show(made))
    for words in NASTY:
        made = form_card(_form(words), errors=dict.fromkeys(wrong, words), in_dialog=False)
        shown = await renderer.show(made)
        assert shown.events == []
        said = collected.shown(shown.text)
        assert said.count(collected.shown(words)) >= plain.words, (words, said)
        assert set(shown.tags) - {"strong", "select", "option"} <= plain.tags, words
        assert shown.links == []
        value = renderer.page.locator("input.ac-textInput")
        assert collected.shown(await value.input_value()) == collected.shown(words)


class _expected:  # noqa: N801
    """What a card with harmless words shows of them."""

    def __init__(self, shown: Shown) -> None:
        self.words = shown.text.count("harmless")
        self.tags = set(shown.tags)
        assert self.words > 5


async def test_a_press_in_the_page_sends_what_was_meant(renderer: Renderer) -> None:
    many = tuple(Option(value=f"v{n}", label=f"Choice {n}") for n in range(20))
    controls = Controls(
        controls=(
            Button(label="Take", action="take", subject="a1", version=2, style="primary"),
            Button(label="Stop", action="stop", subject="a2", confirm="Really stop?"),
            Menu(label="Snooze", action="snooze", subject="a3", options=many[:3]),
            Menu(label="Cause", action="cause", subject="a4", options=many),
            Menu(label="Other", action="other", subject="a5", options=many),
            Button(label="Resolve", action="resolve", subject="a6", opens_form=True),
        )
    )
    shown = await renderer.show(card(Message(summary="x", blocks=(controls,))).card)
    assert shown.events == []
    page = renderer.page

    async def press(name: str) -> None:
        await page.get_by_role("button", name=name, exact=True).locator("visible=true").click()

    await press("Take")
    await press("Stop")
    await expect(page.get_by_text("Really stop?")).to_be_visible()
    await page.get_by_role("button", name="Stop", exact=True).nth(1).click()
    await press("Snooze")
    await press("Choice 1")
    await press("Cause")
    await press("OK")  # nothing is chosen yet
    await page.locator("select:visible").select_option(label="Choice 7")
    await press("OK")
    await press("Other")
    await page.locator("select:visible").select_option(label="Choice 9")
    await press("OK")
    await press("Resolve")
    sent = await renderer.sent()
    assert [pressed(s["data"]) for s in sent] == [
        Pressed("take", "a1", 2, None),
        Pressed("stop", "a2", 1, None),
        Pressed("snooze", "a3", 1, "v1"),
        Pressed("cause", "a4", 1, "v7"),
        Pressed("other", "a5", 1, "v9"),
        Pressed("resolve", "a6", 1, None),
    ]
    assert [s["type"] for s in sent] == ["Action.Execute"] * 5 + ["Action.Submit"]


async def test_a_form_in_the_page_sends_what_was_typed(renderer: Renderer) -> None:
    form = Form(
        action="anomaly.resolve",
        subject="a1",
        version=4,
        title="Resolve",
        fields=(
            ChoiceField(
                name="cause",
                label="Cause",
                options=tuple(Option(value=str(n), label=f"Cause {n}") for n in range(5)),
            ),
            TextField(name="type", label="In your words", multiline=True),
            DateField(name="until", label="Until", required=False, initial=date(2026, 12, 1)),
        ),
    )
    for in_dialog in (True, False):
        made = form_card(form, in_dialog=in_dialog, carried={"place": "19:x"})
        assert (await renderer.show(made)).events == []
        page = renderer.page
        save = page.get_by_role("button", name="Save")
        await save.click()
        await expect(page.get_by_text("Please choose one.")).to_be_visible()
        await expect(page.get_by_text("Please fill this in.")).to_be_visible()
        assert await renderer.sent() == []
        await page.locator("select").select_option(label="Cause 3")
        await page.get_by_label("In your words").fill("A *retry* loop,\nnow capped. ")
        await save.click()
        (sent,) = await renderer.sent()
        assert sent["type"] == ("Action.Submit" if in_dialog else "Action.Execute")
        back = submitted(sent["data"])
        assert (back.action, back.subject, back.version) == ("anomaly.resolve", "a1", 4)
        assert back.inputs == {
            "cause": "3",
            "type": "A *retry* loop,\nnow capped.",
            "until": "2026-12-01",
        }
        assert back.carried == {"place": "19:x"}
        assert back.form == form


async def test_the_opener_and_the_empty_card_are_rendered(renderer: Renderer) -> None:
    cards: list[dict[str, Any]] = [
        opener_card(
            "Fill in", text("For ", Strong(text="a sandbox")), Opener("sandbox", "request")
        ),
        card(Message(summary="", blocks=())).card,
    ]
    assert [shown.events for shown in await renderer.show_all(cards)] == [[], []]
