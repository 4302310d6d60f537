"""Spans as Slack's mrkdwn: escaped once, so that nobody's words ping, link or format.

Rules: docs.slack.dev/messaging/formatting-message-text. Only ``& < >`` are escaped; Slack knows no escape
for ``* _ ~ ```, so where a pair of them would format, a hair space keeps them apart.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import quote, urlsplit

from bot.slack.limits import URL, clean, clip, size
from handlers.conversation import At, Code, Link, Mention, Plain, Span, Strong, Text

#: A person (e-mail) → the account's id in this workspace.
Accounts = Mapping[str, str]

_PAIR = re.compile(r"(?<![^\W_])([*_~`])(?=\S)(?=[^\n]*?\S\1(?![^\W_]))")
_QUOTE = re.compile(r"^(\s*)(>)", re.MULTILINE)
_HAIR = "\u200a"


def escape(words: str) -> str:
    """``& < >`` as Slack wants them; call it once, on words that are not escaped yet."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def literal(words: str) -> str:
    """Words for mrkdwn that show as they are."""
    words = _PAIR.sub(lambda m: m[1] + _HAIR, clean(words))
    return escape(_QUOTE.sub(lambda m: f"{m[1]}{_HAIR}{m[2]}", words))


def mrkdwn(spans: Text, limit: int, accounts: Accounts) -> str:
    """The spans as mrkdwn of at most ``limit`` characters; cut at a word when they are longer."""
    parts: list[str] = []
    left = limit
    for i, span in enumerate(spans):
        whole = _span(span, accounts)
        room = left if i == len(spans) - 1 else left - 2  # 2: for an ellipsis if the next is cut
        if size(whole) <= room:
            parts.append(whole)
            left -= size(whole)
            continue
        parts.append(_cut(span, left) if left > 1 else "…"[:left])
        break
    return "".join(parts)


def plain(spans: Text) -> str:
    """The spans as words alone, not escaped: for plain_text objects."""
    return "".join(_words(span) for span in spans)


def text_object(spans: Text, limit: int, accounts: Accounts) -> dict[str, Any] | None:
    """A text object of the spans, None when there is nothing to say.

    Words alone go in as plain_text, which Slack never reads as anything else.
    """
    if all(isinstance(span, Plain) for span in spans):
        words = clip(clean(plain(spans)).strip(), limit)
        return {"type": "plain_text", "text": words, "emoji": False} if words else None
    said = mrkdwn(spans, limit, accounts)
    return {"type": "mrkdwn", "text": said, "verbatim": True} if said.strip() else None


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


def labelled(label: str, value: Text, limit: int, accounts: Accounts) -> str:
    """A bold label above its value, within ``limit``."""
    head = _around("*", clip(clean(label), min(limit // 4, 150))) or "–"
    said = mrkdwn(value, limit - size(head) - 1, accounts).strip() or "–"
    return f"{head}\n{said}"
