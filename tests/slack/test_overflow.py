"""What does not fit into a message goes to its thread: no word is lost, none is said twice, none out of order."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bot.cutting import parted, size
from bot.slack import limits
from bot.slack.blocks import Rendered, render, weight
from handlers.conversation import (
    Band,
    Button,
    Code,
    Controls,
    Divider,
    Fact,
    Facts,
    Heading,
    Items,
    Link,
    Message,
    Paragraph,
    Plain,
    Small,
    Span,
    Strong,
    Table,
    Text,
    text,
)
from tests.fakes.block_kit import problems, too_long
from tests.slack.said import MESSAGES, WORDS
from tests.slack.test_blocks import LARGE, PATIENT

TOKEN = re.compile(r"\bq\d+z")


def chain(message: Message, **how: Any) -> list[Rendered]:
    """The message and all that goes into its thread, however many messages that takes."""
    said = [render(message, **how)]
    while said[-1].rest is not None:
        assert len(said) < 80, "it never ends"
        said.append(render(said[-1].rest, **how))
    return said


def shown(blocks: list[dict[str, Any]]) -> str:
    """All that people read in blocks, in order."""
    return "\n".join(_texts(blocks))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("text", "alt_text") and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


# --- any message ------------------------------------------------------------------------------------


@LARGE
@PATIENT
@given(MESSAGES)
def test_every_part_of_any_message_fits(message: Message) -> None:
    for said in chain(message, accounts={"lead@example.com": "U0LEADER1"}):
        assert problems(said.blocks) == []
        assert not too_long(said.blocks)
        assert weight(said.blocks) <= limits.MESSAGE
        for block in said.blocks:
            assert Block.parse(block) is not None


def _marked(draw: st.DrawFn, number: Iterator[int], most: int) -> str:
    """Words that are each known by a number, with others between them."""
    other = st.sampled_from(
        ["cost", "$30,412", "a & b < c", "実験", "😀", "*x*", ". Then", "x" * 70]
    )
    words = []
    for _ in range(draw(st.integers(1, most))):
        words.append(f"q{next(number)}z")
        words.append(draw(other))
    return " ".join(words)


@st.composite
def marked_messages(draw: st.DrawFn) -> Message:
    """Messages of every kind of block, of which each word is known; headers and titles are not marked."""
    number = iter(range(10**6))

    def spans(most: int) -> Text:
        made: list[Plain | Strong | Code | Link] = []
        for _ in range(draw(st.integers(1, 3))):
            match draw(st.sampled_from(["plain", "strong", "code", "link"])):
                case "strong":
                    made += [Strong(text=_marked(draw, number, most)), Plain(text=" ")]
                case "code":
                    made += [Code(text=_marked(draw, number, most)), Plain(text=" ")]
                case "link":
                    url = "https://example.com/" + "x" * draw(st.sampled_from([5, 900]))
                    made.append(Link(text=f"q{next(number)}z", url=url))
                    made.append(Plain(text=" "))
                case _:
                    made.append(Plain(text=_marked(draw, number, most) + " "))
        return tuple(made)

    blocks: list[Any] = []
    for kind in draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=7)):
        match kind:
            case "heading":
                blocks.append(Heading(text=f"q{next(number)}z"))
            case "paragraph":
                blocks.append(Paragraph(text=spans(400)))
            case "small":
                blocks.append(Small(text=spans(150)))
            case "facts":
                facts = (
                    Fact(label=f"Fact {i}", value=spans(20))
                    for i in range(draw(st.integers(1, 25)))
                )
                blocks.append(Facts(facts=tuple(facts)))
            case "items":
                items = tuple(spans(12) for _ in range(draw(st.integers(1, 80))))
                numbered = draw(st.booleans())
                blocks.append(Items(items=items, numbered=numbered, title="The list"))
            case "table":
                across = draw(st.integers(1, 18))
                cells = [
                    tuple(
                        f"q{next(number)}z" if c == 0 or across < 8 else "x" for c in range(across)
                    )
                    for _ in range(draw(st.integers(1, 200)))
                ]
                header = tuple(f"column {c}" for c in range(across))
                blocks.append(Table(header=header, rows=tuple(cells), align="lr"))
            case "divider":
                blocks.append(Divider())
            case _:
                button = Button(label="Decide", action="decide", subject="s" * 300)
                blocks.append(Controls(controls=(button,) * draw(st.integers(1, 30))))
    return Message(summary="A long message", blocks=tuple(blocks))


_KINDS = ["heading", "paragraph", "small", "facts", "items", "table", "divider", "controls"]


def _at_the_end(of: type[Paragraph] | type[Small], free: int, *last: Span) -> Message:
    """A text that leaves so many characters of its block free, and then the spans."""
    most = limits.SECTION if of is Paragraph else limits.CONTEXT
    filled = ("x" * 69 + " ") * (most // 70)
    words = filled + "x" * (most - len(filled) - free)
    return Message(summary="x", blocks=(of(text=(Plain(text=words), *last)),))


@LARGE
@PATIENT
@given(marked_messages())
# A word that had room enough in the next block was cut where it stood.
@example(_at_the_end(Small, 5, Plain(text=" "), Strong(text="q1z"), Plain(text=" ")))
@example(_at_the_end(Small, 7, Plain(text=" "), Strong(text="q101z cost"), Plain(text=" ")))
@example(_at_the_end(Paragraph, 4, Plain(text=" "), Code(text="q101z"), Plain(text=" ")))
def test_no_word_is_lost_or_said_twice_or_out_of_order(message: Message) -> None:
    said = chain(message)
    found = TOKEN.findall(shown([b for one in said for b in one.blocks]))
    wide = any(isinstance(b, Table) and len(b.header) > 7 for b in message.blocks)
    if wide:  # the first column stands before each group of columns
        found = list(dict.fromkeys(found))
    wanted = TOKEN.findall(message.model_dump_json())
    assert found == wanted
    buttons = [
        e for one in said for b in one.blocks if b["type"] == "actions" for e in b["elements"]
    ]
    assert len(buttons) == sum(len(b.controls) for b in message.blocks if isinstance(b, Controls))


@LARGE
@PATIENT
@given(WORDS, st.integers(1, 400))
def test_words_in_two_are_the_same_words(words: str, limit: int) -> None:
    head, tail = parted(words, limit)
    assert size(head) <= limit
    assert "".join((head + tail).split()) == "".join(words.split())


@LARGE
@PATIENT
@given(WORDS, st.integers(1, 400))
def test_no_word_is_cut_that_has_room_elsewhere(words: str, limit: int) -> None:
    head, tail = parted(words, limit, whole=True)
    assert size(head) <= limit
    assert head.split() + tail.split() == words.split()


@pytest.mark.parametrize(
    ("words", "limit", "head"),
    [
        ("cost $30,412 a day", 12, "cost"),
        ("spent 12 345 678 USD yesterday", 18, "spent"),
        ("It rose. It fell again later", 20, "It rose. It fell"),
        ("It rose much. It fell again", 20, "It rose much."),
        ("The first line\nthe second one", 20, "The first line"),
        ("averyverylongname", 8, "averyver"),
        ("$30,412", 4, "$30,"),  # nothing else is left to cut
        ("whole", 5, "whole"),
    ],
)
def test_texts_are_parted_by_meaning(words: str, limit: int, head: str) -> None:
    assert parted(words, limit)[0] == head


def test_a_long_text_is_several_sections_before_it_goes_to_the_thread() -> None:
    words = " ".join(f"word-{n}" for n in range(900))
    said = render(Message(summary="x", blocks=(Paragraph(text=text(words)),)))
    assert said.rest is None
    assert len(said.blocks) == 3
    assert " ".join(shown(said.blocks).split()) == words


def test_a_heading_goes_with_what_it_stands_above() -> None:
    blocks = (
        Paragraph(text=text("word " * 2330)),
        Divider(),
        Heading(text="Drivers"),
        Items(items=(text("one " * 80),)),
        Controls(controls=(Button(label="Decide", action="decide", subject="s"),)),
    )
    said = render(Message(summary="Digest", blocks=blocks, tone="critical"))
    assert [b["type"] for b in said.blocks[-2:]] == ["actions", "context"]
    assert said.rest == Message(summary="Continued: Digest", blocks=blocks[2:4])
    assert shown(said.blocks[-1:]) == "1 more part in the thread."


def test_a_control_that_no_message_can_hold_does_not_hold_up_the_others() -> None:
    large = tuple(Button(label="x", action="a", subject="s" * 1900, confirm="c") for _ in range(9))
    said = chain(Message(summary="x", blocks=(Controls(controls=large),)))
    count = sum(len(b["elements"]) for one in said for b in one.blocks if b["type"] == "actions")
    assert (count, len(said)) == (9, 2)


def test_a_home_tab_and_a_form_count_what_they_cannot_show() -> None:
    said = render(
        Message(summary="x", blocks=(Table(header=("a",), rows=(("b " * 20,),) * 900, align="l"),)),
        goes="nowhere",
    )
    assert re.fullmatch(r"\d+ more rows did not fit\.", shown(said.blocks[-1:]))


def test_a_chart_that_does_not_fit_goes_to_the_thread_as_a_whole() -> None:
    band = Band(
        title="Spend",
        alt="q2z " * 60,
        unit="USD",
        days=(),
        observed=(),
        expected=(),
        lower=(),
        upper=(),
        anomalous=(),
        incomplete=(),
    )
    blocks = (Paragraph(text=text("word " * 2340)), band)
    said = render(Message(summary="x", blocks=blocks), None, {band: "F0123456789"})
    assert said.rest is not None
    assert said.rest.blocks == (band,)
