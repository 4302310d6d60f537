"""A replay's report in words and tables, for chat, the command line and the retrospective."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.lists import every
from guardrails.money import Money
from guardrails.replay import Alert, Change, Event, Report, Side, together
from handlers.conversation import Block, Heading, Items, Message, Paragraph, Small, Table, text

#: Lines of each kind that are shown; the whole report is JSON.
MOST = 12
#: Rows of the sums that are also said in sentences.
WORDS, WAITED = "approvals needed", "working hours waited"
ALONE = "granted where an engineer's word suffices"
HALTED, AFTER_HALTS = "sandboxes halted", "spent after halts, as recorded"
BEYOND, UNASKED = "spent beyond limits", "of that before anybody was asked"
_TITLES = {
    "nudges": "Nudges",
    "overruns": "Overruns that begin by themselves",
    "zones": "Sandboxes allocated at once",
    "redlines": "Redlines",
    "gates": "Gates ready",
}


def report_message(report: Report, currency: str, *, most: int = MOST) -> Message:
    """The whole report; ``most`` lines of each kind, and how many more there are."""
    blocks: list[Block] = [Heading(text="What the changed policy would have done")]
    lines = [*reproduced(report), headline(report)]
    blocks += [Paragraph(text=text(line)) for line in lines]
    blocks += _ladder(report, currency, most)
    if report.alerts.differs:
        blocks.append(_items(_counted("Alerts", report.alerts), alert_lines(report.alerts), most))
    for name, part in report.sections:
        if part.change.differs:
            said = event_lines(part.change, currency)
            blocks.append(_items(_counted(_TITLES[name], part.change), said, most))
    blocks += [Small(text=text(line)) for line in doubts(report)]
    return Message(summary=headline(report), blocks=tuple(blocks))


def headline(report: Report) -> str:
    """One sentence: what differs, or that nothing does."""
    if not report.differs:
        return "Nothing would have been different."
    found = []
    if report.alerts.differs:
        found.append(_changed("alert", report.alerts))
    asked = sum(d.differs and not d.request.auto for d in report.decided)
    if asked:
        found.append(f"{_count(asked, 'request')} decided otherwise")
    singular = {"nudges": "nudge", "overruns": "overrun", "zones": "allocation in a zone"}
    singular |= {"redlines": "action of a redline", "gates": "gate"}
    for name, part in report.sections:
        if part.change.differs:
            found.append(_changed(singular[name], part.change))
    return f"Different: {every(found)}." if found else "Only sums would have been different."


def reproduced(report: Report) -> list[str]:
    """Which days were replayed, and how well the policy of now gives again what was recorded."""
    lines = [f"Replayed {report.first} to {report.last}."]
    begin = report.recorded_from
    if begin is None or begin > report.last:
        lines.append(
            "The bot has no records of these days: all is what the policies make of the bill."
        )
    elif begin > report.first:
        lines.append(
            f"The bot has records from {begin} on; what is before is what the policies make of the bill."
        )
    if report.alerts_from is not None and report.alerts_from > report.last:
        lines.append(
            f"No alert was told before {report.alerts_from}, so there is none to replay yet."
        )
    elif report.reproduced is not None:
        lines.append(_again(report.reproduced, "recorded alert"))
    if report.routed is not None and report.routed.all_before:
        lines.append(_again(report.routed, "recorded request", "on the same rung"))
    recorded = [p.reproduced for _, p in report.sections if p.reproduced is not None]
    if recorded:
        both = together(recorded)
        if both.all_before:
            kinds = "nudges, overruns, zones, redlines and gates"
            lines.append(_again(both, "recorded event", f"({kinds})"))
    return lines


def alert_lines(change: Change[Alert]) -> list[str]:
    """A line for each alert that differs."""
    lines = [f"new: {_alert(a)}, to {_to(a.channels)}" for a in change.new]
    lines += [f"gone: {_alert(a)}, to {_to(a.channels)}" for a in change.gone]
    for m in change.moved:
        said = f"moved: {_alert(m.before)}: {_to(m.before.channels)} → {_to(m.after.channels)}"
        if m.after.told_on != m.before.told_on:
            said += f" on {words.day(m.after.told_on)}"
        if m.after.owner != m.before.owner:
            said += f", for {m.after.owner or 'nobody'} in place of {m.before.owner or 'nobody'}"
        lines.append(said)
    return lines


def event_lines(change: Change[Event], currency: str) -> list[str]:
    """A line for each event that differs."""
    lines = [f"new: {_event(e, currency)}" for e in change.new]
    lines += [f"gone: {_event(e, currency)}" for e in change.gone]
    for m in change.moved:
        said = f"moved: {_event(m.before, currency)} →"
        if m.after.day != m.before.day:
            said += f" {words.day(m.after.day)}"
        if m.after.to != m.before.to:
            said += f" {m.after.to or 'nobody'}"
        if m.after.amount != m.before.amount and m.after.amount is not None:
            said += f" {Money(m.after.amount, currency)}"
        lines.append(said)
    return lines


def doubts(report: Report) -> list[str]:
    """What the report cannot know, and what was left out."""
    lines = []
    if report.after.guessed:
        lines.append(
            f"How long {_count(report.after.guessed, 'request')} would have waited is not known: what is usual on "
            "their rung, else its due time, stands for it."
        )
    if any(part.change.differs for name, part in report.sections if name != "gates"):
        lines.append(
            "What people decided and what was spent is taken as it was recorded, also where another policy would "
            "have changed it."
        )
    if report.not_replayed:
        lines.append(f"Also changed, but not replayed: {', '.join(report.not_replayed)}.")
    return lines


def sum_rows(report: Report, currency: str) -> list[tuple[str, str, str]]:
    """Rows of (what, now, new): requests by rung, approvals by role, waiting, halts, overspend."""
    sides = (report.before, report.after)
    rows = []
    for name in sorted({n for s in sides for n, _ in s.by_rung}):
        counts = [str(dict(s.by_rung).get(name, 0)) for s in sides]
        rows.append((name if name.startswith("zone ") else f"put on {name}", *counts))
    for roles in sorted({r.roles for s in sides for r in s.by_role}):
        loads = [next((r for r in s.by_role if r.roles == roles), None) for s in sides]
        said = [f"{r.words}, {_hours(r.waits)} h waiting" if r else "0" for r in loads]
        rows.append((f"approvals by {roles}", *said))
    rows.append((WORDS, *(str(s.words) for s in sides)))
    rows.append((WAITED, *(_hours(s.waits) for s in sides)))
    rows.append(("working hours to decide, at most", *(_hours(s.hours) for s in sides)))
    rows.append((ALONE, *_money(sides, currency)))
    sums = (report.sums_before, report.sums_after)
    rows.append((HALTED, *(str(s.halts) for s in sums)))
    for what, amounts in (
        (AFTER_HALTS, [s.after_halts for s in sums]),
        (BEYOND, [s.overspend for s in sums]),
        (UNASKED, [s.unasked for s in sums]),
    ):
        rows.append((what, *(str(Money(a, currency)) for a in amounts)))
    nothing = ("0", str(Money(Decimal(0), currency)))
    return [(a, b, c) for a, b, c in rows if not (b == c and b in nothing)]


def sentences(report: Report, currency: str, *, alerts: bool) -> tuple[str, ...]:
    """The numbers that differ in a sentence or two, as the retrospective has them under a proposal. ``alerts``:
    also those of alerts."""
    differ = {what: f"{now} → {new}" for what, now, new in sum_rows(report, currency) if now != new}
    said = [f"alerts: {_more(report.alerts)}"] if alerts and report.alerts.differs else []
    moved = sum(d.differs for d in report.decided)
    if moved:
        parts = [f"{moved} of {_count(len(report.decided), 'request')} on another rung"]
        parts += [f"{differ[what]} {what}" for what in (WORDS, WAITED, ALONE) if what in differ]
        said.append(", ".join(parts))
    said += [f"{name}: {_more(p.change)}" for name, p in report.sections if p.change.differs]
    whole = [what for what in (HALTED, AFTER_HALTS, BEYOND, UNASKED) if what in differ]
    said += [f"{what}: {differ[what]}" for what in whole]
    found = [f"Replayed over the quarter: {'; '.join(said)}."] if said else []
    if report.not_replayed:
        found.append(f"What this does cannot be replayed: {', '.join(report.not_replayed)}.")
    return tuple(found or ["Replayed over the quarter, it changes nothing by itself."])


def _more(change: Change[Any]) -> str:
    gone, new, moved = (len(some) for some in (change.gone, change.new, change.moved))
    return f"{gone} fewer, {new} more, {moved} otherwise, {change.kept} the same"


def _ladder(report: Report, currency: str, most: int) -> list[Block]:
    rows = sum_rows(report, currency)
    blocks: list[Block] = []
    if rows:
        blocks.append(Table(header=("", "Now", "New"), rows=tuple(rows), align="lrr"))
    changed = [
        f"{words.day(d.request.day)} {d.request.subject}, {Money(d.request.amount, currency)}: "
        f"{d.before.rung} → {d.after.rung}"
        for d in report.decided
        if d.before.rung != d.after.rung and not d.request.auto  # overruns are said below
    ]
    if changed:
        blocks.append(_items("Requests on another rung", changed, most))
    return blocks


def _money(sides: Sequence[Side], currency: str) -> tuple[str, ...]:
    return tuple(str(Money(s.alone, currency)) for s in sides)


def _items(title: str, lines: Sequence[str], most: int) -> Items:
    shown = list(lines[:most])
    if len(lines) > most:
        shown.append(f"and {len(lines) - most} more; sandrail replay --json has all")
    return Items(title=title, items=tuple(text(line) for line in shown))


def _counted(title: str, change: Change[Any]) -> str:
    counts = f"{len(change.new)} new, {len(change.gone)} gone, {len(change.moved)} moved"
    return f"{title}: {change.kept} the same, {counts}"


def _changed(what: str, change: Change[Any]) -> str:
    parts = [
        f"{len(some)} {word}"
        for word, some in (("new", change.new), ("gone", change.gone), ("moved", change.moved))
        if some
    ]
    total = len(change.new) + len(change.gone) + len(change.moved)
    return f"{_count(total, what)} ({', '.join(parts)})"


def _count(count: int, what: str) -> str:
    if count == 1:
        return f"1 {what}"
    head, space, rest = what.partition(" ")
    return f"{count} {head}s{space}{rest}"


def _again(change: Change[Any], what: str, which: str = "") -> str:
    total = change.all_before
    of = f"the {total} {what}s" if total != 1 else f"the only {what}"
    said = f"The policy of now gives {change.kept} of {of}{f' {which}' if which else ''} again"
    more = f", and {len(change.new)} that {'was' if len(change.new) == 1 else 'were'} not recorded"
    return f"{said}{more if change.new else ''}."


def _alert(alert: Alert) -> str:
    return f"{words.day(alert.told_on)} {alert.signal} of {alert.scope}"


def _event(event: Event, currency: str) -> str:
    said = f"{words.day(event.day)} {event.subject}, {event.what}"
    if event.amount is not None:
        said += f", {Money(event.amount, currency)}"
    return f"{said} ({event.to})" if event.to else said


def _hours(hours: Decimal) -> str:
    return f"{hours:,.1f}".removesuffix(".0")


def _to(channels: tuple[str, ...]) -> str:
    return ", ".join(f"#{c}" for c in channels) or "nobody"
