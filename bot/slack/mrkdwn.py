"""Spans as Slack's mrkdwn: escaped once, so that nobody's words ping, link or format.

Rules: docs.slack.dev/messaging/formatting-message-text. Only ``& < >`` are escaped; Slack knows no escape
for ``* _ ~ ```, so where a pair of them would format, a hair space keeps them apart.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import quote, urlsplit

from bot.cutting import clean, clip, parted, size
from bot.slack.limits import URL
from handlers.conversation import At, Code, Link, Mention, Plain, Span, Strong, Text, text

#: A person (e-mail) → the account's id in this workspace.
Accounts = Mapping[str, str]

# Each looks at one character and its neighbours, so that any words take time in step with their length.
_OPENS = re.compile(r"(?<![^\W_])[*_~`](?=\S)")
_CLOSES = re.compile(r"(?<=\S)[*_~`](?![^\W_])")
_QUOTE = re.compile(r"^(\s*)(>)", re.MULTILINE)
_HAIR = "\u200a"


def escape(words: str) -> str:
    """``& < >`` as Slack wants them; call it once, on words that are not escaped yet."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def literal(words: str) -> str:
    """Words for mrkdwn that show as they are."""
    words = "\n".join(_apart(line) for line in clean(words).split("\n"))
    return escape(_QUOTE.sub(lambda m: f"{m[1]}{_HAIR}{m[2]}", words))


def _apart(line: str) -> str:
    """The line with a hair space behind each mark that a later one of its kind would close."""
    last = {m[0]: m.start() for m in _CLOSES.finditer(line)}

    def mark(found: re.Match[str]) -> str:
        closed = last.get(found[0], -1) > found.start() + 1
        return found[0] + _HAIR if closed else found[0]

    return _OPENS.sub(mark, line)


def mrkdwn(spans: Text, limit: int, accounts: Accounts) -> str:
    """The spans as mrkdwn of at most ``limit`` characters; cut at a word when they are longer."""
    said, rest = parted_spans(spans, limit, accounts)
    if not rest:
        return said
    parts: list[str] = []
    left = limit
    for i, span in enumerate(spans):
        room = left if i == len(spans) - 1 else left - 2  # 2: for an ellipsis if the next is cut
        whole = _whole(span, room, accounts)
        if whole is not None:
            parts.append(whole)
            left -= size(whole)
            continue
        parts.append(_cut(span, left) if left > 1 else "…"[:left])
        break
    return "".join(parts)


def parted_spans(
    spans: Text, limit: int, accounts: Accounts, *, whole: bool = False
) -> tuple[str, Text]:
    """As much of the spans as ``limit`` characters of mrkdwn hold, and the spans that are left.

    What has no parts (a link, a mention, a time) goes whole into what is left, and so does a word, unless it
    begins the text: that one alone is too long. With ``whole`` even that one has room elsewhere.
    """
    parts: list[str] = []
    left = limit
    for i, span in enumerate(spans):
        said = _whole(span, left, accounts)
        if said is not None:
            parts.append(said)
            left -= size(said)
            continue
        head, tail = _parted(span, left, accounts, whole=whole or bool(parts))
        return "".join(parts) + head, (tail, *spans[i + 1 :])
    return "".join(parts), ()


def plain(spans: Text) -> str:
    """The spans as words alone, not escaped: for plain_text objects."""
    return "".join(_words(span) for span in spans)


def text_object(spans: Text, limit: int, accounts: Accounts) -> dict[str, Any] | None:
    """A text object of the spans, None when there is nothing to say.

    Words alone go in as plain_text, which Slack never reads as anything else.
    """
    if _words_alone(spans):
        return _plain_text(clip(clean(plain(spans)).strip(), limit))
    return _mrkdwn_text(mrkdwn(spans, limit, accounts))


def text_part(
    spans: Text, limit: int, accounts: Accounts, *, whole: bool = False
) -> tuple[dict[str, Any] | None, Text]:
    """A text object of as much as ``limit`` characters hold, and the spans that are left.

    ``whole``: no word is cut, because there is more room elsewhere.
    """
    if _words_alone(spans):
        words, rest = parted(clean(plain(spans)).strip(), limit, whole=whole)
        return _plain_text(words), text(rest) if rest else ()
    said, left = parted_spans(spans, limit, accounts, whole=whole)
    return _mrkdwn_text(said), left


def in_words(span: Span) -> Plain:
    """What a span says, without its link or its ping: this has parts."""
    return Plain(text=_words(span))


def _words_alone(spans: Text) -> bool:
    return all(isinstance(span, Plain) for span in spans)


def _plain_text(words: str) -> dict[str, Any] | None:
    return {"type": "plain_text", "text": words, "emoji": False} if words.strip() else None


def _mrkdwn_text(said: str) -> dict[str, Any] | None:
    return {"type": "mrkdwn", "text": said, "verbatim": True} if said.strip() else None


def _whole(span: Span, limit: int, accounts: Accounts) -> str | None:
    """The span if it fits; of what has more characters than that nothing is looked at."""
    if not isinstance(span, Mention) and len(_words(span)) > limit:
        return None
    whole = _span(span, accounts)
    return whole if size(whole) <= limit else None


def _parted(span: Span, limit: int, accounts: Accounts, *, whole: bool) -> tuple[str, Span]:
    if isinstance(span, Mention) and span.person not in accounts:
        span = in_words(span)
    if not isinstance(span, Plain | Strong | Code):
        return "", span

    def shown(words: str) -> str:
        return _span(span.model_copy(update={"text": words}), accounts)

    head, tail = parted(clean(span.text), limit, lambda words: size(shown(words)), whole=whole)
    return shown(head), span.model_copy(update={"text": tail})


def _span(span: Span, accounts: Accounts) -> str:
    match span:
        case Plain():
            return literal(span.text)
        case Strong():
            return _around("*", span.text)
        case Code():
            return _around("`", span.text)
        case Link():
            return _link(span)
        case Mention():
            account = accounts.get(span.person)
            return f"<@{account}>" if account else literal(span.name)
        case At():
            return _date(span)


def _cut(span: Span, limit: int) -> str:
    """As much of the span as fits; what has no parts (a mention, a date, a link) only as its words."""
    words = clean(_words(span))

    def measure(rest: str) -> int:
        return size(literal(rest))

    return literal(clip(words, limit, measure))


def _words(span: Span) -> str:
    match span:
        case Plain() | Strong() | Code() | Link():
            return clean(span.text)
        case Mention():
            return clean(span.name)
        case At():
            return f"{span.time.astimezone(UTC):%d %b %Y %H:%M} UTC"


def _around(mark: str, words: str) -> str:
    inner = " ".join(clean(words).replace(mark, _LOOKS_LIKE[mark]).split())
    return f"{mark}{escape(inner)}{mark}" if inner else ""


_LOOKS_LIKE = {"*": "∗", "`": "ˋ"}


def _link(span: Link) -> str:
    url = web_address(span.url)
    words = " ".join(clean(span.text).split())
    if url is None:
        return literal(words)
    shown = escape(words.replace("|", "¦"))
    return f"<{url}|{shown}>" if shown else f"<{url}>"


def web_address(url: str) -> str | None:
    """The address as it may stand in a link, None for anything that is not a web or mail address."""
    url = clean(url).strip()
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError:
        return None
    if scheme not in ("http", "https", "mailto"):
        return None
    safe = quote(url, safe="!#$%&'()*+,/:;=?@[]~-._").replace("&", "&amp;")
    return safe if size(safe) <= URL else None


def _date(span: At) -> str:
    seconds = int(span.time.timestamp())
    return f"<!date^{seconds}^{{date_short_pretty}} at {{time}}|{_words(span)}>"


def labelled(label: str, value: Text, limit: int, accounts: Accounts) -> tuple[str, Text]:
    """A bold label above as much of its value as ``limit`` holds, and what is left of the value."""
    head = _around("*", clip(clean(label), min(limit // 4, 150))) or "–"
    said, left = parted_spans(value, limit - size(head) - 1, accounts)
    return f"{head}\n{said.strip() or '–'}", left
