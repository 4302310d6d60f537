"""Messages as Adaptive Cards: any words fit, nothing is lost, and what people see is what was meant."""

import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.cutting import clean
from bot.teams import card_limits as limits
from bot.teams.card_controls import pressed
from bot.teams.card_text import Account, markdown, plain, split, web_address
from bot.teams.cards import card
from bot.teams.pictures import picture
from handlers.conversation import (
    At,
    Band,
    Button,
    Chart,
    Code,
    Controls,
    Divider,
    Fact,
    Facts,
    Heading,
    Items,
    Link,
    Listing,
    Mention,
    Message,
    Paragraph,
    Plain,
    Small,
    Strong,
    Table,
    text,
)
from tests.slack.said import MESSAGES, WORDS
from tests.slack.test_overflow import TOKEN, marked_messages
from tests.teams import collected
from tests.teams.adaptive_schema import problems
from tests.teams.collected import ACCOUNTS, PICTURE, chain

PATIENT = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
LARGE = pytest.mark.filterwarnings("ignore:Generating overly large repr")
WHEN = datetime(2026, 11, 23, 10, 0, 7, 123456, tzinfo=UTC)


def _band(alt: str = "Spend tripled on 20 November", days: int = 1) -> Band:
    some = tuple(100.0 + 7 * (n % 5) for n in range(days))
    return Band(
        title="Spend",
        alt=alt,
        unit="USD",
        days=tuple(date.fromordinal(739000 + n) for n in range(days)),
        observed=some,
        expected=some,
        lower=tuple(v - 20 for v in some),
        upper=tuple(v + 20 for v in some),
        anomalous=(False,) * (days - 1) + (True,),
        incomplete=(False,) * days,
    )


def _body(*blocks: Any, **how: Any) -> list[dict[str, Any]]:
    made = card(Message(summary="x", blocks=blocks), ACCOUNTS, **how)
    assert made.rest is None
    assert problems(made.card) == []
    body: list[dict[str, Any]] = made.card["body"]
    return body


# --- any message ----------------------------------------------------------------------------------


@LARGE
@PATIENT
@given(MESSAGES, st.booleans(), st.booleans())
def test_any_message_fits_is_valid_and_loses_nothing(
    message: Message, pictured: bool, refreshed: bool
) -> None:
    charts = [b for b in message.blocks if isinstance(b, Chart)]
    pictures = dict.fromkeys(charts, PICTURE) if pictured else {}
    refresh = [f"29:{n:064}" for n in range(70)] if refreshed else []
    made = chain(message, pictures=pictures, refresh=refresh)
    for rendered in made:
        size = len(json.dumps(rendered.card).encode())
        assert len(json.dumps(rendered.card, ensure_ascii=False).encode()) <= size < 80_000
        assert limits.weight(rendered.card) <= limits.CARD
        drawn = sum(len(e["url"]) for e in collected.elements(rendered.card, "Image"))
        assert limits.weight(rendered.card) - drawn <= limits.TEXT
        assert problems(rendered.card) == []
        assert 0 < len(rendered.summary) <= limits.SUMMARY
    cards = [rendered.card for rendered in made]
    lost = Counter(collected.said(message)) - Counter(collected.strings(cards))
    assert not lost
    words = collected.strings(cards)
    assert words.count("{{DATE(") == collected.counted(message, lambda s: isinstance(s, At))
    pings = collected.counted(message, lambda s: isinstance(s, Mention))
    assert words.count("<at>Lee Lead</at>") == pings
    assert _pressable(cards) == Counter(collected.pressable(message))


def _pressable(cards: list[dict[str, Any]]) -> Counter[tuple[str, str, int, str | None]]:
    found: Counter[tuple[str, str, int, str | None]] = Counter()
    for made in cards:
        lists = {e["id"]: e["choices"] for e in collected.elements(made, "Input.ChoiceSet")}
        for action in collected.actions(made):
            name = action["data"]["sandrail"].get("chosen")
            inputs = [{name: c["value"]} for c in lists[name]] if name else [{}]
            for typed in inputs:
                back = pressed({**action["data"], **typed})
                found[(back.action, back.subject, back.version, back.choice)] += 1
    return found


@LARGE
@PATIENT
@given(marked_messages())
def test_no_word_is_cut_or_said_out_of_order(message: Message) -> None:
    found = TOKEN.findall(collected.strings([rendered.card for rendered in chain(message)]))
    if any(isinstance(b, Table) and len(b.header) > 7 for b in message.blocks):
        found = list(dict.fromkeys(found))  # the first column stands before each group of columns
    assert found == TOKEN.findall(message.model_dump_json())


def test_a_word_that_has_room_in_the_next_card_is_not_cut() -> None:
    """Behind a full line, a bold word was parted where the card ended."""
    spans = (Plain(text="cost " * 30), Strong(text="q101z"), Plain(text=" "))
    for at in range(150, 155):
        head, tail = split(spans, at)
        assert TOKEN.findall(plain(tail)) == ["q101z"]
        assert TOKEN.findall(plain(head)) == []


@LARGE
@PATIENT
@given(WORDS)
def test_markdown_has_no_mention_and_no_function_in_it(words: str) -> None:
    made = markdown(words)
    assert "{{" not in made
    assert "<at" not in made
    assert Counter(made) >= Counter(clean(words).replace(" ", "").replace("\t", ""))


def test_the_rest_of_the_rest_says_once_that_it_continues() -> None:
    blocks = (Paragraph(text=text("word " * 60_000)),)
    made = chain(Message(summary="Long", blocks=blocks))
    assert len(made) > 4
    assert [r.summary for r in made[:3]] == ["Long", "Continued: Long", "Continued: Long"]
    assert "Continued in the next message." in collected.strings(made[0].card)
    assert "Continued in the next message." not in collected.strings(made[-1].card)


def test_when_room_is_short_the_buttons_stay_in_the_first_card() -> None:
    blocks = (
        *(Paragraph(text=text("word " * 5000)) for _ in range(4)),
        Controls(controls=(Button(label="Decide", action="decide", subject="s"),)),
    )
    made = chain(Message(summary="x", blocks=blocks))
    assert len(made) == 3
    assert [len(list(collected.actions(r.card))) for r in made] == [1, 0, 0]


def test_a_numbered_list_keeps_its_numbers_in_the_rest() -> None:
    items = tuple(text("experiment " * 60) for _ in range(100))
    made = chain(Message(summary="x", blocks=(Items(items=items, numbered=True, title="Worst"),)))
    said = collected.strings([r.card for r in made]).split("\n")
    assert [s for s in said if s.rstrip(". ").isdecimal()] == [f"{n}. " for n in range(1, 101)]


def test_a_tables_rest_has_its_header_again() -> None:
    rows = tuple((f"experiment-{n}", f"${n}") for n in range(600))
    made = chain(
        Message(summary="x", blocks=(Table(header=("name", "cost"), rows=rows, align="lr"),))
    )
    tables = [t for r in made for t in collected.elements(r.card, "Table")]
    assert len(tables) == len(made) > 1
    for table in tables:
        assert collected.strings(table["rows"][0]) == "name\ncost"
    assert sum(len(t["rows"]) - 1 for t in tables) == 600


def test_a_wide_table_becomes_several_that_name_their_rows() -> None:
    header = tuple(f"c{n}" for n in range(12))
    body = _body(Table(header=header, rows=(header,), align="l" + "r" * 11))
    assert [collected.strings(t["rows"][0]).split("\n") for t in body] == [
        ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"],
        ["c0", "c8", "c9", "c10", "c11"],
    ]


def test_many_lines_between_blocks_are_counted_too() -> None:
    blocks = (Small(text=text("word " * 8)), Divider()) * 400
    made = chain(Message(summary="x", blocks=blocks))
    assert len(made) > 1
    for rendered in made:
        assert limits.weight(rendered.card) <= limits.TEXT


# --- one block ------------------------------------------------------------------------------------


def test_words_alone_are_runs_and_keep_their_look() -> None:
    (made,) = _body(
        Paragraph(
            text=text(
                "a *b* ",
                Strong(text="c"),
                Code(text="d_e_f"),
                Link(text="run", url="https://example.com/x?a=1"),
            )
        )
    )
    assert made["type"] == "RichTextBlock"
    assert made["inlines"] == [
        {"type": "TextRun", "text": "a *b* "},
        {"type": "TextRun", "text": "c", "weight": "Bolder"},
        {"type": "TextRun", "text": "d_e_f", "fontType": "Monospace"},
        {
            "type": "TextRun",
            "text": "run",
            "selectAction": {"type": "Action.OpenUrl", "url": "https://example.com/x?a=1"},
            "color": "Accent",
        },
    ]


def test_lines_of_a_file_keep_their_indentation() -> None:
    """Spaces side by side are shown as one."""
    body = _body(Listing(lines=("   a: b", " ", "-  c: 1   # d", "+  c: 2   # d")))
    runs = [element["inlines"][0] for element in body]
    assert [run["text"].replace("\u00a0", "·") for run in runs] == [
        "···a: b",
        "·",  # a line without words counts, too
        "-··c: 1···# d",
        "+··c: 2···# d",
    ]
    assert {run["fontType"] for run in runs if run["text"] != "\u00a0"} == {"Monospace"}
    assert [element.get("spacing") for element in body] == [None, "None", "None", "None"]


def test_a_time_is_shown_in_the_readers_zone() -> None:
    (made,) = _body(Paragraph(text=text("since ", At(time=WHEN))))
    assert made["type"] == "TextBlock"
    assert made["text"] == (
        "since {{DATE(2026-11-23T10:00:07Z,SHORT)}} {{TIME(2026-11-23T10:00:07Z)}}"
    )


def test_people_with_an_account_are_pinged_and_others_named() -> None:
    known = Mention(person="lead@example.com", name="Lee")
    unknown = Mention(person="new@example.com", name="Nia <at>Lee Lead</at>")
    made = card(
        Message(summary="x", blocks=(Paragraph(text=text(known, " and ", unknown)),)), ACCOUNTS
    ).card
    assert problems(made) == []
    assert made["msteams"]["entities"] == [
        {
            "type": "mention",
            "text": "<at>Lee Lead</at>",
            "mentioned": {"id": "29:1-lead", "name": "Lee Lead"},
        }
    ]
    said = made["body"][0]["text"]
    assert said.count("<at>Lee Lead</at>") == 1
    assert collected.shown(said) == "<at>Lee Lead</at> and Nia <at>Lee Lead</at>"


def test_people_of_the_same_name_are_pinged_each_for_themselves() -> None:
    accounts = {f"lee{n}@example.com": Account(f"29:{n}", "Lee") for n in range(3)}
    pings = [Mention(person=person, name="x") for person in accounts]
    made = card(Message(summary="x", blocks=(Small(text=text(*pings)),)), accounts).card
    assert problems(made) == []
    assert {e["text"]: e["mentioned"]["id"] for e in made["msteams"]["entities"]} == {
        "<at>Lee</at>": "29:0",
        "<at>Lee (lee1@example.com)</at>": "29:1",
        "<at>Lee (lee2@example.com)</at>": "29:2",
    }


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "mailto:a@b.c", "//x", "http://[", "https:", ""],
)
def test_only_web_addresses_become_links(url: str) -> None:
    assert web_address(url) is None
    (made,) = _body(Paragraph(text=text(Link(text="here", url=url))))
    assert made["inlines"] == [{"type": "TextRun", "text": "here"}]


def test_the_tone_colours_the_first_heading_only() -> None:
    blocks = (Heading(text="Spike"), Heading(text="Drivers"))
    made = card(Message(summary="x", blocks=blocks, tone="critical")).card["body"]
    assert (made[0]["type"], made[0]["style"]) == ("Container", "attention")
    assert made[0]["items"][0]["text"] == "🔴 Spike"
    assert (made[1]["type"], made[1]["text"]) == ("TextBlock", "Drivers")


def test_a_divider_is_a_line_above_what_follows() -> None:
    body = _body(Divider(), Small(text=text("a")), Divider(), Small(text=text("b")), Divider())
    assert [e.get("separator", False) for e in body] == [False, True]


def test_a_chart_is_a_picture_or_its_words() -> None:
    band = _band()
    assert collected.strings(_body(band)) == band.alt
    made = card(Message(summary="x", blocks=(band,)), pictures={band: PICTURE}).card
    assert made["body"][0]["url"] == PICTURE
    assert made["body"][0]["altText"] == band.alt
    assert made["msteams"] == {"width": "Full"}


def test_pictures_that_are_too_many_go_into_further_messages() -> None:
    bands = tuple(_band(f"chart {n}") for n in range(9))
    made = chain(Message(summary="x", blocks=bands), pictures=dict.fromkeys(bands, PICTURE))
    assert [len(list(collected.elements(r.card, "Image"))) for r in made] == [3, 3, 3]


def test_the_picture_of_a_chart_is_small() -> None:
    drawn = picture(_band(days=90))
    assert drawn is not None
    assert drawn.startswith("data:image/png;base64,")
    assert len(drawn) <= 25_000


def test_a_chart_that_cannot_be_drawn_is_words() -> None:
    assert picture(_band().model_copy(update={"observed": (1.0, 2.0)})) is None


def test_an_empty_message_says_its_summary() -> None:
    made = card(Message(summary="Just *this*", blocks=(Paragraph(text=()),)))
    assert collected.strings(made.card["body"]) == "Just *this*"
    assert made.card["fallbackText"] == "Just \\*this\\*"
    assert problems(made.card) == []
    assert problems(card(Message(summary="", blocks=())).card) == []


def test_a_link_without_words_shows_its_address() -> None:
    link = Link(text=" ", url="https://example.com/x")
    (alone,) = _body(Paragraph(text=text(link)))
    assert collected.strings(alone) == "https://example.com/x"
    (dated,) = _body(Paragraph(text=text(link, " ", At(time=WHEN))))
    assert dated["text"].startswith("[https://example.com/x](https://example.com/x) {{DATE(")


def test_facts_that_are_short_stand_in_a_set_and_long_ones_below() -> None:
    body = _body(
        Facts(
            facts=(
                Fact(label="Cost", value=text(Strong(text="$30"), " *a* day")),
                Fact(label="Why", value=text("word " * 300)),
            )
        )
    )
    assert [e["type"] for e in body] == ["FactSet", "RichTextBlock", "RichTextBlock"]
    assert body[0]["facts"] == [{"title": "Cost", "value": "**$30** \\*a\\* day"}]
