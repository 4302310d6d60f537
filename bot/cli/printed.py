"""Messages as commands print them: plain text, one page for mail, and what Slack and Teams are sent."""

import json
from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

from guardrails.alerts import words
from handlers.conversation import (
    At,
    Block,
    Controls,
    Divider,
    Drawn,
    Facts,
    Heading,
    Items,
    Link,
    Listing,
    Mention,
    Message,
    Paragraph,
    Small,
    Strong,
    Table,
    Text,
)

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}"
    "th,td{padding:.25rem .6rem;text-align:left;border-bottom:1px solid #8886}"
    "pre{overflow-x:auto}.r{text-align:right;font-variant-numeric:tabular-nums}small{opacity:.75}"
    "article{border-top:1px solid #8886;padding-top:.5rem;margin-top:1.5rem}"
)


def printed(messages: Sequence[Message], zone: ZoneInfo, form: str) -> str:
    """The messages in a form: text, html, slack or teams; times in the zone."""
    match form:
        case "text":
            return "\n\n".join(as_text(m, zone) for m in messages)
        case "html":
            return as_page(messages, zone)
        case "slack":
            from bot.slack.blocks import render

            return as_json([render(m).as_arguments() for m in messages])
        case "teams":
            from bot.teams.cards import card

            return as_json([card(m).card for m in messages])
    raise ValueError(form)


def as_json(said: object) -> str:
    """Indented, with the letters of every language as they are."""
    return json.dumps(said, indent=2, ensure_ascii=False)


def as_text(message: Message, zone: ZoneInfo) -> str:
    """The message as lines of plain text; times in the zone."""
    return "\n".join(line for block in message.blocks for line in _lines(block, zone))


def as_page(messages: Sequence[Message], zone: ZoneInfo) -> str:
    """The messages as one page without scripts; all words are escaped."""
    title = escape(messages[0].summary)
    articles = "\n".join(
        f"<article>\n{''.join(_html(b, zone, n) for b in m.blocks)}</article>"
        for n, m in enumerate(messages)
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n{articles}\n</html>"
    )


def _lines(block: Block, zone: ZoneInfo) -> list[str]:
    match block:
        case Heading(text=said):
            return [said, "─" * len(said)]
        case Paragraph(text=said) | Small(text=said):
            return [plain(said, zone)]
        case Facts(facts=facts):
            return [f"{f.label}: {plain(f.value, zone)}" for f in facts]
        case Items(items=items, numbered=numbered, first=first, title=title):
            marks = [f"{n}." if numbered else "·" for n in range(first, first + len(items))]
            lines = [f"{m} {plain(i, zone)}" for m, i in zip(marks, items, strict=True)]
            return [f"{title}:", *lines] if title else lines
        case Listing(lines=lines):
            return list(lines)
        case Table():
            return _columns(block)
        case Drawn(alt=alt):
            return [alt]
        case Controls(controls=controls):
            return [" ".join(f"[{c.label}]" for c in controls)]
        case Divider():
            return [""]


def _columns(table: Table) -> list[str]:
    rows = (table.header, *table.rows)
    widths = [max(len(row[c]) for row in rows) for c in range(len(table.header))]
    return [
        "  ".join(
            cell.rjust(w) if side == "r" else cell.ljust(w)
            for cell, w, side in zip(row, widths, table.align, strict=True)
        ).rstrip()
        for row in rows
    ]


def plain(said: Text, zone: ZoneInfo) -> str:
    """The words; times in the zone."""
    parts = []
    for span in said:
        if isinstance(span, At):
            local = span.time.astimezone(zone)
            parts.append(f"{words.day(local.date())}, {local:%H:%M}")
        else:
            parts.append(span.name if isinstance(span, Mention) else span.text)
    return "".join(parts)


def _html(block: Block, zone: ZoneInfo, level: int) -> str:
    match block:
        case Heading(text=said):
            tag = "h1" if level == 0 else "h2"
            return f"<{tag}>{escape(said)}</{tag}>\n"
        case Paragraph(text=said):
            return f"<p>{_spans(said, zone)}</p>\n"
        case Small(text=said):
            return f"<p><small>{_spans(said, zone)}</small></p>\n"
        case Facts(facts=facts):
            rows = [f"<dt>{escape(f.label)}</dt><dd>{_spans(f.value, zone)}</dd>" for f in facts]
            return f"<dl>{''.join(rows)}</dl>\n"
        case Items(items=items, numbered=numbered, first=first, title=title):
            head = f"<h3>{escape(title)}</h3>\n" if title else ""
            tag, start = ("ol", f' start="{first}"') if numbered else ("ul", "")
            lines = "".join(f"<li>{_spans(i, zone)}</li>" for i in items)
            return f"{head}<{tag}{start}>{lines}</{tag}>\n"
        case Listing(lines=lines):
            return f"<pre>{escape(chr(10).join(lines))}</pre>\n"
        case Table():
            return _table(block)
        case Drawn(alt=alt):
            return f"<p>{escape(alt)}</p>\n"
        case Controls(controls=controls):
            said = " · ".join(c.label for c in controls)
            return f"<p><small>To decide, in chat: {escape(said)}</small></p>\n"
        case Divider():
            return "<hr>\n"


def _table(table: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        made = (
            f"<{tag}{' class=r' if side == 'r' else ''}>{escape(cell)}</{tag}>"
            for cell, side in zip(cells, table.align, strict=True)
        )
        return f"<tr>{''.join(made)}</tr>"

    rows = "".join(row(cells, "td") for cells in table.rows)
    return f"<table><thead>{row(table.header, 'th')}</thead><tbody>{rows}</tbody></table>\n"


def _spans(said: Text, zone: ZoneInfo) -> str:
    parts = []
    for span in said:
        shown = escape(plain((span,), zone))
        if isinstance(span, Strong):
            shown = f"<strong>{shown}</strong>"
        elif isinstance(span, Link) and span.url.startswith(("https://", "http://")):
            shown = f'<a href="{escape(span.url)}">{shown}</a>'
        parts.append(shown)
    return "".join(parts)
