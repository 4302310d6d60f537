"""The joint review: who takes part, the case with its options, deliverables, notes, and the summary at the end."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any

from sqlalchemy import Row

from guardrails.business_time import add_hours, end_of_day, is_open, same_day
from guardrails.ladder import Slot, waits_for
from guardrails.money import MICROS, Money
from guardrails.policy.model import Policy
from handlers.alerts.message import mention_of
from handlers.conversation import (
    At,
    Block,
    Button,
    Control,
    Controls,
    Heading,
    Items,
    Mention,
    Menu,
    Message,
    Option,
    Paragraph,
    Small,
    Strong,
    Text,
    text,
)
from handlers.overruns.clocks import DUE, OPEN, remind
from handlers.overruns.deciders import (
    agreed,
    decided_by,
    interested,
    needed,
    roles_here,
    rung_of,
)
from handlers.overruns.message import called, currency_of, key_of, outcome
from handlers.overruns.placing import calendar
from handlers.overruns.showing import read
from handlers.runbooks import post_runbook
from handlers.turn import Turn
from storage import deadlines, overruns, reviews
from storage.overruns import OverrunRow

#: What a review owes, by who owes it: a role of the ladder, or the owner.
DELIVERABLES: tuple[tuple[str, str], ...] = (
    ("owner", "What the money is for, and what happens without it"),
    ("product", "What it is worth to the feature, in numbers"),
    ("finance", "Where the money comes from, and until when"),
    ("owner", "What is done so that it does not happen again"),
)
#: And for a sandbox, where nothing has happened yet.
SANDBOX_DELIVERABLES: tuple[tuple[str, str], ...] = (
    ("owner", "What the money is for, and what happens without it"),
    ("product", "What it is worth to the feature, in numbers"),
    ("finance", "Where the money comes from, and until when"),
)


def call_review(turn: Turn, row: OverrunRow) -> OverrunRow:
    """Names who takes part and when; on this business day when that is possible. Says nothing yet."""
    participants = _participants(turn, row)
    people = [p for p in participants.values() if p]
    workspace = calendar(turn.policy)
    cut_off = time.fromisoformat(turn.policy.ladder.review_cut_off)
    when = same_day([calendar(turn.policy, p) for p in people], turn.now, cut_off, workspace)
    values: dict[str, Any] = {
        "opens_at": when.opens_at,
        "due_at": when.due_at,
        "participants": participants,
        "moved": when.moved,
        "late": 0,
    }
    if not reviews.add(turn.connection, overrun_id=row.id, opened=False, summary="", **values):
        reviews.change(turn.connection, row.id, **values)
    overruns.change(turn.connection, row, state="review", placed_at=turn.now, due_at=when.due_at)
    turn.audit(
        "budgets",
        "review.called",
        key_of(row.id),
        when.moved or "same day",
        participants=participants,
        opens_at=when.opens_at.isoformat(),
        due_at=when.due_at.isoformat(),
    )
    deadlines.set_deadline(turn.connection, DUE, row.id, when.due_at)
    if when.opens_at > turn.now:
        deadlines.set_deadline(turn.connection, OPEN, row.id, when.opens_at)
    shares = turn.policy.ladder.silence.remind_at
    spans = ((when.due_at - when.opens_at) * share / 100 for share in shares)
    remind(turn, row.id, sorted((when.opens_at + span).isoformat() for span in spans))
    return read(turn, row.id)


def announce_review(turn: Turn, row: OverrunRow) -> None:
    """Posts the case under the card, or when the review begins."""
    review = reviews.get(turn.connection, row.id)
    if review is None or review.opened:
        return
    if review.opens_at <= turn.now:
        post_case(turn, row)
        return
    why = f" ({review.moved})" if review.moved else ""
    said = text("The joint review begins ", At(time=review.opens_at), f"{why}.")
    message = Message(
        summary=f"The joint review begins later{why}.", blocks=(Paragraph(text=said),)
    )
    turn.reply(key_of(row.id), f"{key_of(row.id)}:review-later-{row.version}", message)


def post_case(turn: Turn, row: OverrunRow) -> None:
    """Posts the case into the overrun's thread: who, options with their price, what is owed by whom."""
    review = reviews.get(turn.connection, row.id)
    if review is None or review.opened or row.state != "review":
        return
    reviews.change(turn.connection, row.id, opened=True)
    for who, label in SANDBOX_DELIVERABLES if row.kind == "sandbox" else DELIVERABLES:
        person = _owes(row, review.participants, who)
        reviews.add_item(
            turn.connection,
            overrun_id=row.id,
            kind="deliverable",
            label=label,
            person=person,
            name=mention_of(turn.policy, person).name if person else who,
            due_at=_half_way(turn, review.due_at),
            done_by="",
            at=turn.now,
        )
    turn.reply(key_of(row.id), case_key(row), case_message(turn, row))
    post_runbook(turn, "joint-review", key_of(row.id), key_of(row.id))


def case_key(row: OverrunRow) -> str:
    """The message key of the review's case in the overrun's thread."""
    return f"{key_of(row.id)}:review"


def case_message(turn: Turn, row: OverrunRow) -> Message:
    """The case as it stands: participants, options, deliverables, notes, what is still to be signed."""
    review = reviews.get(turn.connection, row.id)
    if review is None:
        raise LookupError(f"overrun {row.id} has no review")
    rung = rung_of(turn.policy, row)
    signed_by = agreed(turn, row)
    over = row.state != "review"
    title = f"Joint review of {called(row)}"
    blocks: list[Block] = [Heading(text=title)]
    who: list[str | Mention] = []
    for role, person in sorted(review.participants.items()):
        who += (
            [", " if who else "", mention_of(turn.policy, person), f" ({role})"] if person else []
        )
    if who:
        blocks.append(Paragraph(text=text(*(w for w in who if w))))
    blocks.append(
        Items(title="Options", items=tuple(text(o) for o in _options(turn, row)), numbered=True)
    )
    owed = reviews.items(turn.connection, row.id, "deliverable")
    blocks.append(Items(title="Owed by then", items=tuple(_owed(i) for i in owed)))
    notes = reviews.items(turn.connection, row.id, "note")
    if notes:
        said = tuple(text(Strong(text=n.name), f" {n.label}") for n in notes)
        blocks.append(Items(title="Notes", items=said))
    left = waits_for(rung, [a for a, _ in signed_by])
    signed = ", ".join(name for _, name in signed_by)
    if over:
        blocks.append(
            Paragraph(text=text(Strong(text="Decision"), f" {outcome(turn.policy, row)}"))
        )
        if row.reason:
            blocks.append(Small(text=text(row.reason)))
    else:
        state = f"{signed} agreed; " if signed else ""
        wanted = needed(turn.policy, row, left) if left else "one of them"
        blocks.append(
            Small(text=text(f"{state}to be signed by {wanted}, until ", At(time=row.due_at)))
        )
        blocks.append(Controls(controls=_controls(turn.policy, row, owed, left)))
    decides = f"to be decided by {decided_by(turn.policy, row)}"
    summary = f"{title}: {outcome(turn.policy, row) if over else decides}"
    return Message(summary=summary, blocks=tuple(blocks), tone="good" if over else "warning")


def show_case(turn: Turn, row: OverrunRow) -> None:
    """Edits the case to what is true now."""
    review = reviews.get(turn.connection, row.id)
    if review is not None and review.opened:
        turn.edit(case_key(row), case_message(turn, row))


def conclude(turn: Turn, row: OverrunRow) -> None:
    """The summary at the end: decision, who signed, what is still owed; kept for the council."""
    review = reviews.get(turn.connection, row.id)
    if review is None:
        return
    owed = reviews.items(turn.connection, row.id, "deliverable")
    notes = reviews.items(turn.connection, row.id, "note")
    open_ = [i for i in owed if i.done_at is None]
    for item in open_:
        reviews.add_item(
            turn.connection,
            overrun_id=row.id,
            kind="follow-up",
            label=item.label,
            person=item.person,
            name=item.name,
            due_at=end_of_day(calendar(turn.policy, item.person), turn.now, 5),
            done_by="",
            at=turn.now,
        )
    follow = reviews.items(turn.connection, row.id, "follow-up")
    title = f"Summary of the joint review of {called(row)}: {outcome(turn.policy, row)}"
    blocks: list[Block] = [Heading(text=title)]
    if row.reason:
        blocks.append(Paragraph(text=text(row.reason)))
    done = [i for i in owed if i.done_at is not None]
    if done:
        blocks.append(Items(title="Delivered", items=tuple(text(i.label) for i in done)))
    if follow:
        blocks.append(Items(title="Follow-ups", items=tuple(_owed(i) for i in follow)))
    if notes:
        said = tuple(text(Strong(text=n.name), f" {n.label}") for n in notes)
        blocks.append(Items(title="Notes", items=said))
    reviews.change(turn.connection, row.id, summary=title)
    message = Message(summary=title, blocks=tuple(blocks), tone="good")
    show_case(turn, row)
    turn.reply(key_of(row.id), f"{key_of(row.id)}:summary", message)
    turn.audit(
        row.decided_by or "budgets",
        "review.concluded",
        key_of(row.id),
        row.reason,
        outcome=row.state,
        delivered=len(done),
        follow_ups=len(follow),
    )


def extend(turn: Turn, row: OverrunRow) -> datetime:
    """A late review gets until the end of the next working day; returns when that is."""
    review = reviews.get(turn.connection, row.id)
    late = 0 if review is None else review.late
    workspace = calendar(turn.policy)
    due = end_of_day(workspace, turn.now, 1 if is_open(workspace, turn.now) else 0)
    reviews.change(turn.connection, row.id, due_at=due, late=late + 1)
    overruns.change(turn.connection, row, due_at=due)
    deadlines.set_deadline(turn.connection, DUE, row.id, due)
    return due


# --- how ------------------------------------------------------------------------------------------


def _participants(turn: Turn, row: OverrunRow) -> dict[str, str]:
    """One person a role, in turns, so that not everybody is called; whoever is interested does not sign."""
    rung = rung_of(turn.policy, row)
    turns = reviews.count(turn.connection)
    own = interested(turn, row)
    found: dict[str, str] = {}
    for role in rung.roles:
        members = turn.policy.roles.get(role)
        mine = frozenset({role})
        people = [
            p for p in (members.emails if members else ()) if roles_here(turn.policy, row, p, mine)
        ]
        free = [p for p in people if p not in own and p not in found.values()]
        wanted = free or [p for p in people if p not in found.values()]
        found[role] = wanted[turns % len(wanted)] if wanted else ""
    if row.owner and row.owner not in found.values():
        found["owner"] = row.owner
    return found


def _owes(row: OverrunRow, participants: dict[str, Any], who: str) -> str:
    if who == "owner":
        return str(row.owner or row.asked_by)
    return str(participants.get(who) or "")


def _half_way(turn: Turn, due: datetime) -> datetime:
    """What is owed is owed before the decision: an hour before it, or now when that is over."""
    return max(due - timedelta(hours=1), add_hours(calendar(turn.policy), turn.now, 0))


def _options(turn: Turn, row: OverrunRow) -> Sequence[str]:
    """What can be decided, each with its price."""
    currency = currency_of(turn.policy, row)
    amount = Decimal(row.amount_micros) / MICROS
    half = Money((amount / 2).quantize(Decimal(1), ROUND_UP), currency).in_full()
    more = Money(amount, currency).in_full()
    if row.kind == "sandbox":
        return (
            f"Grant: {more} until {row.until:%d %b}",
            f"Grant less, such as {half}: it has to reach its target with that",
            "Decline: it is not set up, and nothing is spent",
        )
    limit = Decimal(row.facts.get("limit") or 0)
    return (
        f"Grant: {more} more, {Money(limit + amount, currency).in_full()} in all",
        f"Grant less, such as {half}: the rest has to be saved before the period ends",
        f"Throttle to the budget: {more} less than planned until {row.until:%d %b}",
        "Halt: nothing more is spent; what has run is lost unless it is checkpointed",
        f"Move to the next period: decline now, and plan {more} in its budget",
    )


def _owed(item: Row[Any]) -> Text:
    mark = "✓" if item.done_at is not None else "○"
    who = item.name or "nobody yet"
    return text(f"{mark} {item.label} — {who}, until ", At(time=item.due_at))


def _controls(
    policy: Policy, row: OverrunRow, owed: Sequence[Row[Any]], left: Sequence[Slot]
) -> tuple[Control, ...]:
    controls: list[Control] = [
        Button(
            label=f"Sign as {needed(policy, row, left)}" if len(left) == 1 else "Sign: approve",
            action="overrun.approve",
            subject=row.id,
            version=row.revision,
            style="primary",
        ),
        Button(label="Add a note…", action="review.note", subject=row.id, opens_form=True),
    ]
    open_ = [i for i in owed if i.done_at is None]
    if open_:
        options = tuple(Option(value=str(i.id), label=i.label[:75]) for i in open_[:5])
        controls.append(
            Menu(label="Delivered", action="review.tick", subject=row.id, options=options)
        )
    return tuple(controls)
