"""What is asked of a week's council: found by the numbers, added by people."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from guardrails.alerts import words
from guardrails.budgets import Standing
from guardrails.money import Money
from handlers.budgets import message as budget_words
from handlers.budgets.standing import standing
from handlers.conversation import Link, Text, text
from handlers.council.frame import Frame
from handlers.sandboxes import money as sandbox_money
from handlers.turn import Turn
from storage import council, council_week, redlines, sandboxes
from storage.council import ItemRow

#: How the address of a message on the local console begins; elsewhere it is a web address.
HERE = "#/channel/"


@dataclass(frozen=True)
class Item:
    """One decision that is asked for; what was decided, once it was. ``state``: open, standing, decided."""

    id: str
    week: str
    kind: str
    subject: str
    title: str
    why: str
    owner: str
    asked_by: str = ""
    asked_name: str = ""
    state: str = "open"
    decision: str = ""
    decided_at: datetime | None = None
    decided_names: tuple[str, ...] = ()
    reason: str = ""


def item_id(week: str, kind: str, subject: str) -> str:
    """The id of what is asked about one thing in one week: the same however often it is looked for."""
    return hashlib.sha256(f"{week} {kind} {subject}".encode()).hexdigest()[:16]


def about(item: Item) -> Text:
    """The link to the message that a topic comes from, with where it leads; nothing for what has none."""
    if item.kind != "topic":
        return ()
    if item.subject.startswith(HERE):
        return text(" ", Link(text="the message", url=item.subject))
    if not item.subject.startswith("https://"):
        return ()
    # It came through somebody's client, so it says where it leads.
    host = urlsplit(item.subject).hostname or ""
    return text(" ", Link(text=f"the message on {host}", url=item.subject))


def item_of(row: ItemRow) -> Item:
    """An item as it is kept."""
    return Item(
        id=row.id,
        week=row.week,
        kind=row.kind,
        subject=row.subject,
        title=row.title,
        why=row.why,
        owner=row.owner,
        asked_by=row.asked_by,
        asked_name=row.asked_name,
        state=row.state,
        decision=row.decision,
        decided_at=row.decided_at,
        decided_names=tuple(row.decided_names),
        reason=row.reason,
    )


def agenda(frame: Frame) -> list[Item]:
    """A week's items: those that are kept when its digest was posted; before, also those that the numbers of now
    would ask."""
    posted = council.digest(frame.turn.connection, str(frame.week)) is not None
    there = _kept(frame) if posted else coming(frame)
    return sorted(there, key=lambda i: (i.kind == "topic", i.title, i.kind, i.id))


def coming(frame: Frame) -> list[Item]:
    """What a week is asked when its digest is posted: what is kept, what was left over, what the numbers ask.

    What people added and the numbers ask too is the numbers' (``asked_by`` is empty): their reason stands first,
    and nobody can take it off.
    """
    there = {(i.kind, i.subject): i for i in (*left_over(frame), *_kept(frame))}
    for item in found(frame):
        added = there.get((item.kind, item.subject))
        if added is not None:
            why = f"{words.ended(item.why)} {added.why}" if added.why else item.why
            item = replace(added, why=why, asked_by="")
        there[item.kind, item.subject] = item
    return list(there.values())


def _kept(frame: Frame) -> list[Item]:
    return [item_of(r) for r in council.items(frame.turn.connection, str(frame.week))]


def is_asked(turn: Turn, week: str, kind: str, subject: str, title: str) -> bool:
    """Whether people have put it on a week's agenda, or a topic in the same words; what was left over counts."""
    rows = [*council.items(turn.connection, week), *council.left_over(turn.connection, week)]
    return any(
        (r.kind, r.subject) == (kind, subject)
        or (kind == "topic" and r.title.casefold() == title.casefold())
        for r in rows
    )


def left_over(frame: Frame) -> list[Item]:
    """What was on the agenda of a week whose council was not held, as items of this one."""
    week = str(frame.week)
    return [
        replace(item_of(row), id=item_id(week, row.kind, row.subject), week=week)
        for row in council.left_over(frame.turn.connection, week)
    ]


def found(frame: Frame) -> list[Item]:
    """What the numbers ask: most of a cap is spent, a redline has warned, the outcome is not said. By name."""
    return sorted(
        [*_sandboxes(frame), *_ended(frame), *_budgets(frame)], key=lambda i: (i.title, i.kind)
    )


def _sandboxes(frame: Frame) -> Iterator[Item]:
    turn = frame.turn
    for row in sandboxes.living(turn.connection):
        whys = []
        stands = sandbox_money.standing_of(turn, row)
        if stands is not None and _much(frame, stands):
            whys.append(_spent(frame, stands))
        warned = [
            case.redline
            for case in redlines.of_sandbox(turn.connection, row.id)
            if case.closed_at is None and any(did == "warn" for did, _ in case.taken)
        ]
        whys += [f"the redline {name} has warned" for name in warned]
        if whys:
            yield _item(frame, "sandbox", row.id, row.name, "; ".join(whys), row.owner)


def _ended(frame: Frame) -> Iterator[Item]:
    zone = frame.turn.policy.workspace.zone
    for row in council_week.without_outcome(frame.turn.connection, frame.until):
        on = words.day(row.ended_at.astimezone(zone).date())
        why = f"it ended on {on}, and nobody has said what came of it"
        yield _item(frame, "sandbox", row.id, row.name, why, row.owner)


def _budgets(frame: Frame) -> Iterator[Item]:
    for budget in frame.turn.policy.budgets:
        if budget.scope.experiment is None:
            continue
        stands = standing(frame.turn, budget)
        if stands is not None and _much(frame, stands):
            why = _spent(frame, stands)
            yield _item(frame, "budget", budget.name, budget.name, why, budget.owner or "")


def _much(frame: Frame, s: Standing) -> bool:
    return s.limit > 0 and s.spent_share * 100 >= frame.rules.ask_at


def _spent(frame: Frame, s: Standing) -> str:
    currency = frame.turn.policy.workspace.currency
    limit = Money(s.limit, currency).in_full()
    last = words.day(s.span.last)
    return (
        f"{budget_words.share(s.spent_share)} of {limit} is spent, and it has to last until {last}"
    )


def _item(frame: Frame, kind: str, subject: str, title: str, why: str, owner: str) -> Item:
    week = str(frame.week)
    return Item(
        item_id(week, kind, subject), week, kind, subject, title, why[:1].upper() + why[1:], owner
    )
