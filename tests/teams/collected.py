"""What the tests read out of cards: words, actions, the chain of messages of what did not fit."""

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from bot.cutting import clean
from bot.teams.card_text import Account
from bot.teams.cards import Rendered, card
from handlers.conversation import (
    At,
    Block,
    Button,
    Controls,
    Drawn,
    Facts,
    Heading,
    Items,
    Listing,
    Mention,
    Message,
    Paragraph,
    Small,
    Table,
    Text,
)

T = TypeVar("T")

LEAD = Account("29:1-lead", "Lee Lead")
ACCOUNTS = {"lead@example.com": LEAD}
PICTURE = "data:image/png;base64," + "A" * 9000


def some(strategy: SearchStrategy[T], count: int) -> list[T]:
    """That many values of the strategy, always the same ones."""
    found: list[T] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    collect()
    return found[:count]


def chain(message: Message, **how: Any) -> list[Rendered]:
    """The message's card and the cards of what did not fit, as they are posted one after the other."""
    made = [card(message, ACCOUNTS, **how)]
    while (rest := made[-1].rest) is not None:
        made.append(card(rest, ACCOUNTS, **how))
        assert len(made) < 500, "the rest does not get any smaller"
    return made


def strings(value: Any, keys: tuple[str, ...] = ("text", "title", "value", "altText")) -> str:
    """All words that a card shows, one after the other."""
    return "\n".join(_strings(value, keys))


def _strings(value: Any, keys: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in keys and isinstance(inner, str):
                yield inner
            elif key not in ("data", "msteams", "refresh"):
                yield from _strings(inner, keys)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, keys)


def actions(value: Any) -> Iterator[dict[str, Any]]:
    """The actions that send something; a fallback is not counted beside its action."""
    if isinstance(value, dict):
        if value.get("type") in ("Action.Execute", "Action.Submit"):
            yield value
            return
        for key, inner in value.items():
            if key != "refresh":
                yield from actions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from actions(inner)


def elements(value: Any, kind: str) -> Iterator[dict[str, Any]]:
    """The elements of one type, wherever they stand."""
    if isinstance(value, dict):
        if value.get("type") == kind:
            yield value
        for inner in value.values():
            yield from elements(inner, kind)
    elif isinstance(value, list):
        for inner in value:
            yield from elements(inner, kind)


def said(message: Message) -> str:
    """All the words of a message that a reader must find again; of times and pings none."""
    return "".join(_visible("".join(_said(block))) for block in message.blocks)


def _said(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            yield block.text
        case Paragraph() | Small():
            yield _words(block.text)
        case Facts():
            for fact in block.facts:
                yield fact.label + _words(fact.value)
        case Items():
            yield block.title
            yield from map(_words, block.items)
        case Listing():
            yield from block.lines
        case Table():
            for row in (block.header, *block.rows):
                yield "".join(row)
        case Drawn():
            yield clean(block.alt).strip() or block.title


def _words(spans: Text) -> str:
    said = []
    for span in spans:
        if isinstance(span, Mention):
            said += [] if span.person in ACCOUNTS else [span.name]
        elif not isinstance(span, At):
            said.append(span.text)
    return "".join(said)


def counted(message: Message, kind: Callable[[Any], bool]) -> int:
    """How many spans of a kind the message has."""
    return sum(kind(span) for block in message.blocks for text in _texts(block) for span in text)


def _texts(block: Block) -> Iterator[Text]:
    match block:
        case Paragraph() | Small():
            yield block.text
        case Facts():
            yield from (fact.value for fact in block.facts)
        case Items():
            yield from block.items


def pressable(message: Message) -> list[tuple[str, str, int, str | None]]:
    """What can be pressed in a message."""
    found: list[tuple[str, str, int, str | None]] = []
    for block in message.blocks:
        for control in block.controls if isinstance(block, Controls) else ():
            key = (control.action, control.subject, control.version)
            if isinstance(control, Button):
                found.append((*key, None))
            else:
                found += [(*key, option.value) for option in control.options]
    return found


def _visible(words: str) -> str:
    return re.sub(r"\s+", "", clean(words))


def shown(words: str) -> str:
    """Words as they were meant: without what keeps marks apart, whitespace as it is read."""
    return " ".join(words.replace("\u2060", "").replace("\u00a0", " ").split())
