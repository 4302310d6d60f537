"""What people and rules decided in the week: sandboxes, overruns and exceptions, gates, the last council."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.business_time import hours_between
from guardrails.lists import every
from guardrails.money import MICROS
from handlers.alerts.message import mention_of
from handlers.conversation import Block, Strong, Text, text
from handlers.council.costs import counted, items, money
from handlers.council.frame import Frame, Part
from handlers.gates.message import OUTCOMES
from handlers.overruns.deciders import decided_by
from handlers.overruns.message import called, money_of, outcome
from handlers.sandboxes import money as sandbox_money
from handlers.sandboxes.message import outcome_line
from storage import council, council_week
from storage.budgets import NoRate


def day_of(frame: Frame, at: datetime) -> str:
    """A moment's day in the workspace's zone."""
    return words.day(at.astimezone(frame.turn.policy.workspace.zone).date())


def fast(frame: Frame, a: datetime, b: datetime) -> str:
    """``after 3.5 working hours``."""
    hours = hours_between(frame.calendar, a, b)
    if hours < 0.1:
        return "at once"
    said = f"{hours:.0f}" if hours >= 10 else f"{hours:.1f}".removesuffix(".0")
    return f"after {said} working {'hour' if said == '1' else 'hours'}"


def sandboxes(frame: Frame) -> Part | None:
    """Requests that wait, what was granted and what ended."""
    turn, c = frame.turn, frame.turn.connection
    waiting = council_week.sandboxes_waiting(c, frame.until)
    granted = council_week.sandboxes_granted(c, frame.since, frame.until)
    ended = council_week.sandboxes_ended(c, frame.since, frame.until)
    blocks: list[Block] = []
    if waiting:
        blocks.append(items("Waiting", [_asked(frame, r) for r in waiting]))
    if granted:
        blocks.append(items("Granted", [_granted(frame, r) for r in granted]))
    if ended:
        lines = [
            text(
                Strong(text=r.name),
                f": {r.state}, {sandbox_money.money(turn, sandbox_money.spent(turn, r))} spent. ",
                *(outcome_line(turn, r) if r.outcome else text("Nobody has said what came of it.")),
            )
            for r in ended
        ]
        blocks.append(items("Ended", lines))
    if not blocks:
        return None
    counts = counted((len(waiting), "waiting"), (len(granted), "granted"), (len(ended), "ended"))
    return Part("sandboxes", f"Sandboxes: {counts}", tuple(blocks), text(f"Sandboxes: {counts}."))


def _asked(frame: Frame, r: Any) -> Text:
    asked = sandbox_money.money(frame.turn, Decimal(int(r.asked_micros)) / MICROS)
    return text(
        Strong(text=r.name),
        f": {asked} for {r.team}, asked for by {r.asked_name}, {day_of(frame, r.asked_at)}. "
        f"“{r.hypothesis}”",
    )


def _granted(frame: Frame, r: Any) -> Text:
    if r.zone or r.granted_at is None:
        how = f"at once, inside the zone {r.zone}" if r.zone else "at once"
    else:
        who = r.granted_name or "nobody in time"
        how = f"by {who} {fast(frame, r.asked_at, r.granted_at)}"
    try:
        cap = sandbox_money.money(frame.turn, sandbox_money.cap(frame.turn, r))
    except NoRate:  # one amount that cannot be counted does not hold up the digest
        cap = f"an amount without a rate in {frame.turn.policy.workspace.currency}"
    return text(Strong(text=r.name), f": {cap} for {r.team}, {how}")


def overruns(frame: Frame) -> Part | None:
    """Overruns with who decided and how fast, those that wait, and redlines that were crossed or overruled."""
    c, policy = frame.turn.connection, frame.turn.policy
    decided = council_week.overruns_decided(c, frame.since, frame.until)
    told = {r.overrun_id for r in _of_sandboxes(frame)}  # they stand in the sandboxes' part
    decided = [r for r in decided if r.id not in told]
    waiting = [r for r in council_week.overruns_waiting(c, frame.until) if r.id not in told]
    crossed = council_week.redlines_crossed(c, frame.since, frame.until)
    blocks: list[Block] = []
    if decided:
        lines = [
            text(
                Strong(text=called(r)),
                f": {money_of(policy, r)} asked for, {outcome(policy, r)} "
                f"{fast(frame, r.opened_at, r.decided_at)}",
            )
            for r in decided
        ]
        blocks.append(items("Decided", lines))
    if waiting:
        lines = [
            text(
                Strong(text=called(r)),
                f": {money_of(policy, r)}, waits for {decided_by(policy, r)}, "
                f"due {day_of(frame, r.due_at)}",
            )
            for r in waiting
        ]
        blocks.append(items("Waiting", lines))
    if crossed:
        blocks.append(items("Redlines", [_crossed(frame, r) for r in crossed]))
    if not blocks:
        return None
    asked = counted((len(decided), "decided"), (len(waiting), "waiting"))
    said = [f"Overruns: {asked}"] if asked else []
    said += [f"Redlines: {len(crossed)} crossed"] if crossed else []
    title = ". ".join(said)
    return Part("overruns", title, tuple(blocks), text(f"{title}."))


def _of_sandboxes(frame: Frame) -> list[Any]:
    c = frame.turn.connection
    granted = council_week.sandboxes_granted(c, frame.since, frame.until)
    return [*granted, *council_week.sandboxes_waiting(c, frame.until)]


def _crossed(frame: Frame, r: Any) -> Text:
    did = [d for d, at in r.taken if datetime.fromisoformat(at) < frame.until]
    last = did[-1] if did else ""
    said = f": the redline {r.redline} {_DID.get(last, 'has done nothing yet')}"
    if r.kept_times:
        said += f", kept running {'once' if r.kept_times == 1 else f'{r.kept_times} times'}"
    if r.closed_at is not None and r.closed_at < frame.until:
        said += f", over since {day_of(frame, r.closed_at)}"
    return text(Strong(text=r.sandbox_name), said)


_DID = {
    "nudge": "told the owner",
    "warn": "warned",
    "throttle": "throttled",
    "halt": "halted",
    "would-throttle": "would have throttled it",
    "would-halt": "would have halted it",
}


def gates(frame: Frame) -> Part | None:
    """Gates that wait for a decision, and what was decided at gates."""
    c = frame.turn.connection
    ready = council_week.gates_ready(c, frame.until)
    decided = council_week.gates_decided(c, frame.since, frame.until)
    blocks: list[Block] = []
    if ready:
        lines = [
            text(
                Strong(text=r.sandbox_name),
                f": {_gate(r)}. {r.facts.get('met', 0)} of {len(r.facts.get('items', []))} met, "
                f"{money(frame, Decimal(int(r.amount_micros)) / MICROS)}, "
                f"waits since {day_of(frame, r.proposed_at)}",
            )
            for r in ready
        ]
        blocks.append(items("Ready", lines))
    if decided:
        lines = [
            text(
                Strong(text=r.sandbox_name),
                f": {_gate(r)}, {OUTCOMES[r.kind, r.state].lower()} by {r.decided_name} "
                f"{fast(frame, r.proposed_at, r.decided_at)}",
            )
            for r in decided
        ]
        blocks.append(items("Decided", lines))
    if not blocks:
        return None
    counts = counted((len(ready), "ready"), (len(decided), "decided"))
    return Part("gates", f"Gates: {counts}", tuple(blocks), text(f"Gates: {counts}."))


def _gate(r: Any) -> str:
    if r.kind == "promote":
        return f"{r.gate}, {r.facts.get('from', '')} to {r.facts.get('to', '')}"
    return f"{r.gate}, a lower cap"


def last_time(frame: Frame) -> Part | None:
    """What the last council decided and what became of it, and older follow-ups that are not done."""
    c, turn = frame.turn.connection, frame.turn
    before = council.digest_before(c, str(frame.week))
    rows = council.items(c, before.week) if before is not None else ()
    decided = [r for r in rows if r.state == "decided"]
    follow = (
        {f.item_id: f for f in council.follow_ups(c, before.week)} if before is not None else {}
    )
    older = [
        f
        for f in council.open_follow_ups(c, str(frame.week))
        if before is None or f.week != before.week
    ]
    blocks: list[Block] = []
    if decided:
        lines = []
        for r in decided:
            said = text(Strong(text=r.title), f" {decided_as(r)}.")
            if r.id in follow:
                said = (*said, *text(" "), *_became(frame, follow[r.id]))
            lines.append(said)
        blocks.append(items("Decided", lines))
    if older:
        lines = [
            text(
                mention_of(turn.policy, f.owner),
                f": {f.what} ({f.week}, due {words.day(f.due_on)})",
            )
            for f in older
        ]
        blocks.append(items("Older follow-ups", lines))
    if not blocks:
        return None
    left = sum(f.done_at is None for f in follow.values()) + len(older)
    said_left = f", {left} {'follow-up is' if left == 1 else 'follow-ups are'} open" if left else ""
    title = f"Last council: {len(decided)} decided{said_left}"
    return Part("last", title, tuple(blocks), text(f"{title}."), loud=False)


def _became(frame: Frame, f: Any) -> Text:
    if f.done_at is not None:
        return text(f"Done by {f.done_name}, {day_of(frame, f.done_at)}.")
    late = ", and late" if f.due_on < frame.turn.today else ""
    return text(
        f"Open{late}: ", mention_of(frame.turn.policy, f.owner), f" by {words.day(f.due_on)}."
    )


WORDS = {"continue": "continues", "scale": "is scaled", "kill": "ends", "defer": "was deferred"}


def decided_as(row: Any) -> str:
    """``continues, decided by Finance partner``."""
    names = f", decided by {every(row.decided_names)}" if row.decided_names else ""
    return f"{WORDS[row.decision]}{names}"
