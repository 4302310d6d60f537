"""Spans as text of an Adaptive Card, so that nobody's words ping, format, link or are evaluated.

A TextRun shows its words as they are; a TextBlock and a Fact read a subset of CommonMark, and all of
them replace ``{{DATE(…)}}`` and ``{{TIME(…)}}`` (learn.microsoft.com/adaptive-cards/authoring-cards/
text-features). Teams looks for ``<at>…</at>`` in TextBlocks and Facts. So: a line with a mention or a
time is a TextBlock with its marks escaped, every other line a RichTextBlock.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from urllib.parse import quote, urlsplit

from bot.cutting import clean, clip, parted
from bot.teams.card_limits import NAME, URL, weight
from handlers.conversation import At, Code, Link, Mention, Plain, Span, Strong, Text

_LEAST = 200  # characters: a shorter word is never cut
_JOINER = "\u2060"  # has no width and does not break lines
_BRACES = re.compile(r"\{(?=\{)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# What begins a heading, a list, a quote, a rule or a table at the start of a line.
_START = re.compile(r"(?=[#+\-=|~>]|\d{1,9}[.)])")
# Links, entities, strikethrough: kept apart, because not every client of Teams knows an escape.
_APART = re.compile(r"(\](?=[(\[:])|&(?=#?\w+;)|~(?=~))")
# Emphasis and code, for which every client knows one; an underscore inside of a word is none.
_MARKS = re.compile(r"(\\(?=[!-/:-@\[-`{-~]|$)|[`*]|(?<![^\W_])_|_(?![^\W_]))")
_BRACKET = re.compile(r"[\[\]]")
_NAME = re.compile(r"[\\`*_\[\]<>&~|{}#]+")


@dataclass(frozen=True)
class Account:
    """Somebody's account in Teams: ``id`` is the MRI (``29:…``)."""

    id: str
    name: str


@dataclass
class Mentions:
    """Who can be pinged in one card, and under which text each of them stands.

    Source: learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format,
    "Mention support within Adaptive Cards": an entity's text must be in the card exactly as it is.
    """

    accounts: Mapping[str, Account]
    _texts: dict[str, str] = field(default_factory=dict)

    def text(self, mention: Mention) -> str | None:
        """``<at>Name</at>``, another one for each person; None for somebody without an account."""
        account = self.accounts.get(mention.person)
        if account is None or not account.id:
            return None
        known = self._texts.get(mention.person)
        if known is None:
            name = _called(account.name) or _called(mention.name) or _called(mention.person)
            taken = set(self._texts.values())
            known = f"<at>{name}</at>"
            if known in taken:
                known = f"<at>{clip(f'{name} ({_called(mention.person)})', 2 * NAME)}</at>"
            number = 2
            while known in taken:
                known = f"<at>{name} ({number})</at>"
                number += 1
            self._texts[mention.person] = known
        return known

    def entities(self, made: Iterable[Any]) -> list[dict[str, Any]]:
        """The entities of those whose mention stands in the parts of the card."""
        found: set[str] = set()
        for part in made:
            _mentioned(part, found)
        return [
            {
                "type": "mention",
                "text": said,
                "mentioned": {
                    "id": self.accounts[person].id,
                    "name": said.removeprefix("<at>").removesuffix("</at>"),
                },
            }
            for person, said in self._texts.items()
            if said in found
        ]


def _called(name: str) -> str:
    """A name that is the same before and after Markdown, so that it is found again."""
    return clip(" ".join(_NAME.sub(" ", clean(name)).split()), NAME)


def _mentioned(part: Any, found: set[str]) -> None:
    if isinstance(part, str):
        found.update(re.findall(r"<at>[^<]*</at>", part))
    elif isinstance(part, dict):
        for inner in part.values():
            _mentioned(inner, found)
    elif isinstance(part, list):
        for inner in part:
            _mentioned(inner, found)


def literal(words: str) -> str:
    """Words for a TextRun, a label or a title: shown as they are, never evaluated, never a mention."""
    return _TAG.sub("<" + _JOINER, _BRACES.sub("{" + _JOINER, clean(words)))


def markdown(words: str) -> str:
    """Words for a TextBlock or a Fact that show as they are."""
    return "\n".join(_start(_inline(line)) for line in words.split("\n"))


def _inline(words: str) -> str:
    apart = _APART.sub(lambda found: found[1] + _JOINER, literal(words))
    return _MARKS.sub(_escaped, apart)


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


def _start(line: str) -> str:
    """The line, which begins nothing but itself."""
    line = line.lstrip(" \t")  # four spaces would be code
    return _JOINER + line if _START.match(line) else line


def plain(spans: Text) -> str:
    """The words alone."""
    return "".join(words(span) for span in spans)


def words(span: Span) -> str:
    """What a span says, where it can be nothing else than words."""
    match span:
        case Plain() | Strong() | Code():
            return clean(span.text)
        case Link():
            return clean(span.text) if span.text.strip() else web_address(span.url) or ""
        case Mention():
            return " ".join(clean(span.name).split()) or clean(span.person)
        case At():
            return f"{span.time.astimezone(UTC):%d %b %Y %H:%M} UTC"


def web_address(url: str) -> str | None:
    """The address as an Action.OpenUrl may carry it, None for anything but http and https."""
    url = clean(url).strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host:
        return None
    safe = quote(url, safe="!#$%&'*+,/:;=?@~-._")
    return safe if len(safe) <= URL else None


def as_markdown(spans: Text, mentions: Mentions) -> str:
    """The spans in one line for a TextBlock or a Fact."""
    joined = _joined(spans)
    made = []
    for i, span in enumerate(joined):
        if isinstance(span, Strong):
            before, after = joined[i - 1 : i], joined[i + 1 : i + 2]
            made.append(_strong(span.text, _edge(before, -1), _edge(after, 0)))
        else:
            made.append(_marked(span, mentions))
    return _start("".join(made).strip())


def _edge(spans: Sequence[Span], which: int) -> str:
    """The character of the neighbour; a letter for what is replaced later, a space for nothing."""
    if not spans:
        return " "
    return "x" if isinstance(spans[0], At | Mention) else words(spans[0])[which]


def _joined(spans: Text) -> list[Span]:
    """Strong words next to each other as one span: their marks would not count."""
    out: list[Span] = []
    for span in spans:
        if out and isinstance(span, Strong) and isinstance(out[-1], Strong):
            out[-1] = Strong(text=out[-1].text + span.text)
        elif words(span):
            out.append(span)
    return out


def _marked(span: Plain | Code | Link | Mention | At, mentions: Mentions) -> str:
    match span:
        case Plain() | Code():
            return _inline(span.text.replace("\n", " "))
        case Link():
            url = web_address(span.url)
            shown = _inline(" ".join(clean(span.text).split()) or url or "")
            return f"[{_BRACKET.sub(_escaped, shown)}]({url})" if url else shown
        case Mention():
            return mentions.text(span) or _inline(words(span))
        case At():
            return _date(span)


def _strong(said: str, before: str, after: str) -> str:
    """Bold words. Marks count only where they touch the words and no sign is between two letters."""
    inner = " ".join(clean(said).split())
    if not inner:
        return " "
    opens = inner[0].isalnum() or said[:1].isspace() or not before.isalnum()
    closes = inner[-1].isalnum() or said[-1:].isspace() or not after.isalnum()
    mark = "**" if opens and closes else ""
    left = " " if said[:1].isspace() else ""
    right = " " if said[-1:].isspace() else ""
    return f"{left}{mark}{_inline(inner)}{mark}{right}"


def _date(span: At) -> str:
    when = f"{span.time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"{{{{DATE({when},SHORT)}}}} {{{{TIME({when})}}}}"


def _run(span: Span, **look: Any) -> dict[str, Any]:
    run: dict[str, Any] = {"type": "TextRun", "text": literal(words(span)), **look}
    match span:
        case Strong():
            run["weight"] = "Bolder"
        case Code():
            run["fontType"] = "Monospace"
        case Link():
            url = web_address(span.url)
            if url is not None:
                run["selectAction"] = {"type": "Action.OpenUrl", "url": url}
                run["color"] = "Accent"
    return run


def heading(said: str) -> dict[str, Any]:
    """A heading that screen readers know as one."""
    return {
        "type": "TextBlock",
        "text": markdown(said),
        "size": "Large",
        "weight": "Bolder",
        "wrap": True,
        "style": "heading",
    }


def elements(spans: Text, mentions: Mentions, lead: str = "", **look: Any) -> list[dict[str, Any]]:
    """The text, an element for each of its lines: a newline inside of one would show as a space.

    ``lead`` stands before the first line (``• ``); ``look`` is what every element gets (size, isSubtle, …).
    """
    made: list[dict[str, Any]] = []
    blank = False
    for line in lines(spans):
        if not plain(line).strip():
            blank = bool(made)
            continue
        element = _line((Plain(text=lead), *line) if lead and not made else line, mentions, look)
        if made:
            element["spacing"] = "Small" if blank else "None"
        made.append(element)
        blank = False
    return made


def _line(line: Text, mentions: Mentions, look: Mapping[str, Any]) -> dict[str, Any]:
    if any(isinstance(s, At) or (isinstance(s, Mention) and mentions.text(s)) for s in line):
        said = as_markdown(line, mentions)
        return {"type": "TextBlock", "text": said, "wrap": True, **look}
    return {
        "type": "RichTextBlock",
        "inlines": [_run(span, **look) for span in line if words(span)],
    }


def lines(spans: Text) -> list[Text]:
    """The spans, cut at their newlines."""
    out: list[list[Span]] = [[]]
    for span in spans:
        if isinstance(span, At):
            out[-1].append(span)
            continue
        for i, part in enumerate(words(span).split("\n")):
            if i:
                out.append([])
            if part:
                out[-1].append(_with(span, part))
    return [tuple(line) for line in out]


def _with(span: Span, said: str) -> Span:
    match span:
        case Mention():
            return span.model_copy(update={"name": said})
        case At():
            return span
    return span.model_copy(update={"text": said})


def length(spans: Text) -> int:
    """How many characters the spans have; :func:`split` counts the same way."""
    return sum(len(words(span)) for span in spans)


def split(spans: Text, at: int) -> tuple[Text, Text]:
    """The spans in two, at the end of a word; times and mentions stay whole.

    A word is cut only when it begins the text and is longer than a line: in an empty card there is room for more.
    """
    head: list[Span] = []
    for i, span in enumerate(spans):
        said = words(span)
        if len(said) <= at:
            head.append(span)
            at -= len(said)
            continue
        if isinstance(span, At | Mention):
            return tuple(head), spans[i:]
        first, rest = parted(said, at, len, whole=bool(head) or at < _LEAST)
        if first:
            head.append(_with(span, first))
        return tuple(head), (_with(span, rest), *spans[i + 1 :])
    return tuple(head), ()


def fitting(spans: Text, room: int, mentions: Mentions, **look: Any) -> tuple[Text, Text]:
    """The spans in two, so that the first part's elements are at most ``room`` bytes."""
    low, high = 0, min(length(spans), max(room, 0))  # no character is less than a byte
    while low < high:
        middle = (low + high + 1) // 2
        head, _ = split(spans, middle)
        if weight(elements(head, mentions, **look)) <= room:
            low = middle
        else:
            high = middle - 1
    return split(spans, low)
