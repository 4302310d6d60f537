"""Findings become anomalies and messages: new ones are posted, lasting ones edited, ended ones closed."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from guardrails.alerts import words
from guardrails.alerts.routing import Audience, audience, split_flood
from guardrails.alerts.states import DECIDED
from guardrails.detection.feedback import FeedbackRule, quietened
from guardrails.detection.found import Found
from guardrails.money import MICROS, Money
from handlers.alerts.escalation import GRAVE, arm, disarm
from handlers.alerts.message import alert_message, group_message, key_of, mention_of
from handlers.alerts.record import found_of, rule_of, to_json
from handlers.conversation import Message, Paragraph, text
from handlers.runbooks import post_runbook
from handlers.turn import Turn
from storage import anomalies
from storage.anomalies import AnomalyRow

DETECTOR = "detector"
#: What was resolved may run on for a day before it is said to go on.
RUN_OUT = timedelta(days=1)


@dataclass(frozen=True)
class Published:
    """What one run did: how many anomalies are new and posted, went on, ended, were kept quiet."""

    posted: int = 0
    went_on: int = 0
    ended: int = 0
    quiet: int = 0
    recorded: int = 0


def publish(turn: Turn, found: list[Found]) -> Published:
    """Brings anomalies and messages in line with what the detector found, in the turn's transaction.

    The same findings again change nothing: one anomaly is one message however often this runs.
    """
    zone = turn.policy.workspace.zone
    rules = [rule_of(r, zone) for r in anomalies.feedback(turn.connection)]
    seen: set[str] = set()
    new: list[tuple[Found, Audience]] = []
    went_on = ended = quiet = recorded = 0
    for one in found:
        known = anomalies.overlapping(
            turn.connection, one.signal, str(one.scope), one.direction, one.started_on, one.last_on
        )
        if known is not None:
            seen.add(known.id)
            if known.ended_on is None or one.last_on > known.last_on or one.ongoing:
                went_on += _goes_on(turn, known, one, rules)
            continue
        if quietened(one, rules, turn.today) is not None:
            quiet += 1
        elif _is_news(turn, one):
            new.append((one, audience(turn.policy, one)))
        else:
            _record(turn, one, Audience((), ()))
            recorded += 1
    for row in anomalies.unfinished(turn.connection):
        if row.id not in seen and row.created_at < turn.now:
            _restated_away(turn, row)
            ended += 1
    _post(turn, new)
    return Published(len(new), went_on, ended, quiet, recorded)


def _is_news(turn: Turn, found: Found) -> bool:
    old = turn.today - timedelta(days=turn.policy.alerts.news_days)
    return found.ongoing or found.last_on >= old


def _post(turn: Turn, new: list[tuple[Found, Audience]]) -> None:
    by_channel: dict[str, list[AnomalyRow]] = {}
    recorded: list[tuple[AnomalyRow, tuple[str, ...]]] = []
    for found, who in new:
        row = _record(turn, found, who)
        recorded.append((row, who.people))
        for channel in who.channels:
            by_channel.setdefault(channel, []).append(row)
    floods: dict[str, list[AnomalyRow]] = {}
    for channel, rows in by_channel.items():
        single, grouped = split_flood(rows, turn.policy.alerts.flood)
        for row in single:
            turn.post(channel, key_of(row.id), _alert(turn, row))
        if grouped:
            floods[channel] = grouped
    for row, asked in recorded:  # before the groups: their threads stay short
        others = [
            p for p in asked if p != row.owner
        ]  # the owner is mentioned in the message itself
        mentions = tuple(mention_of(turn.policy, p) for p in others)
        key = key_of(row.id)
        post_runbook(turn, row.signal, key, key, mentions)
    for channel, rows in floods.items():
        _post_group(turn, channel, rows)
    for row, _ in recorded:
        arm(turn, row.id)


def _alert(turn: Turn, row: AnomalyRow, *, short: bool = False) -> Message:
    return alert_message(turn.policy, row, turn.loaded.runbooks.get(row.signal), short=short)


def _record(turn: Turn, found: Found, who: Audience) -> AnomalyRow:
    anomaly_id = anomalies.new_id()
    values: dict[str, Any] = {
        "id": anomaly_id,
        "version": 1,
        "signal": found.signal,
        "scope": str(found.scope),
        "direction": found.direction,
        "state": "open",
        "created_at": turn.now,
        "owner": who.people[0] if who.people else "",
        "channels": list(who.channels),
        "policy_hash": turn.loaded.hash,
        "decided_by": "",
        "reason": "",
        "cause": "",
        **_of(found),
    }
    if not found.ongoing:
        values["ended_on"] = found.last_on + timedelta(days=1)
    anomalies.add(turn.connection, **values)
    if who.channels:
        turn.audit(
            DETECTOR,
            "anomaly.opened",
            key_of(anomaly_id),
            words.headline(found),
            channels=list(who.channels),
            impact=str(found.impact),
            currency=found.currency,
        )
    row = anomalies.get(turn.connection, anomaly_id)
    if row is None:
        raise LookupError(f"anomaly {anomaly_id} was not recorded")
    return row


def _of(found: Found) -> dict[str, Any]:
    return {
        "started_on": found.started_on,
        "last_on": found.last_on,
        "severity": found.severity,
        "impact_micros": int(found.impact * MICROS),
        "currency": found.currency,
        "found": to_json(found),
    }


def _post_group(turn: Turn, channel: str, rows: list[AnomalyRow]) -> None:
    group_id = anomalies.new_id()
    anomalies.add_group(
        turn.connection, id=group_id, channel=channel, day=turn.today, created_at=turn.now
    )
    for row in rows:
        anomalies.join_group(turn.connection, group_id, row.id)
    kept = anomalies.in_group(turn.connection, group_id)
    key = f"group:{group_id}"
    turn.post(channel, key, group_message(group_id, kept, turn.policy.alerts.worst, turn.today))
    for row in kept[: turn.policy.alerts.worst]:
        turn.reply(key, key_of(row.id), _alert(turn, row, short=True))


def post_rest(turn: Turn, group_id: str) -> int:
    """Posts the group's members that have no message yet into its thread; returns how many there were."""
    root = f"group:{group_id}"
    rest = [
        row
        for row in anomalies.in_group(turn.connection, group_id)
        if not turn.is_posted(key_of(row.id), root)
    ]
    for row in rest:
        turn.reply(root, key_of(row.id), _alert(turn, row, short=True))
    return len(rest)


def _goes_on(turn: Turn, row: AnomalyRow, found: Found, rules: list[FeedbackRule]) -> int:
    """A day more, money more, the end, or back after an end. Returns 1 when anything changed."""
    before = found_of(row)
    back = row.ended_on is not None and found.ongoing
    if to_json(found) == row.found and not back:
        return 0
    values = _of(found)
    values["ended_on"] = None if found.ongoing else found.last_on + timedelta(days=1)
    again = _opens_again(row, before, found, rules, turn.today) if found.ongoing else ""
    if again:
        values |= {"state": "open", "decided_by": "", "decided_at": None}
        values |= {"reason": "", "cause": "", "quiet_until": None}
    if back and not again:
        again = "It had ended, or the bill was incomplete; now it goes on."
    if again:
        turn.audit(DETECTOR, "anomaly.opened-again", key_of(row.id), again, before=row.state)
    if back and not row.channels:  # it was only recorded: now there is something to say
        who = audience(turn.policy, found)
        values |= {"channels": list(who.channels), "owner": who.people[0] if who.people else ""}
    anomalies.change(turn.connection, row, **values)
    if back and not row.channels:
        _announce(turn, row.id)
        return 1
    show(turn, row.id)
    if again or row.severity not in GRAVE:
        arm(turn, row.id)
    if not found.ongoing:
        disarm(turn, row.id)
    news = " ".join(w for w in (again, _news(row, before, found)) if w)
    if news and (again or row.state not in DECIDED):
        tell(turn, row, str(row.version), news)
    if not found.ongoing and row.ended_on is None:
        turn.audit(DETECTOR, "anomaly.ended", key_of(row.id), words.headline(found))
    return 1


def _announce(turn: Turn, anomaly_id: str) -> None:
    """Posts an anomaly that was recorded without a message."""
    row = anomalies.get(turn.connection, anomaly_id)
    if row is None:
        return
    for channel in row.channels:
        turn.post(channel, key_of(row.id), _alert(turn, row))
    post_runbook(turn, row.signal, key_of(row.id), key_of(row.id))
    arm(turn, row.id)


def _opens_again(
    row: AnomalyRow, before: Found, found: Found, rules: list[FeedbackRule], today: date
) -> str:
    """Why what was decided no longer holds, as a sentence; empty when it does. A snooze ends by itself."""
    if found.last_on <= before.last_on:
        return ""
    if row.state == "expected" and quietened(found, rules, today) is None:
        return "It is beyond what was called expected, so it is open again."
    if row.state == "false-alarm" and quietened(found, rules, today) is None:
        return "It is well beyond what was called a false alarm, so it is open again."
    if row.state == "resolved" and found.last_on > row.decided_at.date() + RUN_OUT:
        return "It was resolved but still goes on, so it is open again."
    return ""


def _news(row: AnomalyRow, before: Found, now: Found) -> str:
    impact = Money(now.impact, now.currency)
    if not now.ongoing:
        said = f"Back inside its band since {words.day(now.last_on + timedelta(days=1))}."
        return f"{said} In all {impact} beyond the expected value." if now.impact else said
    if now.last_on > before.last_on:
        day = (now.last_on - now.started_on).days + 1
        said = (
            f"Day {day}: {words.amount(now.observed, now.unit)}, "
            f"{words.amount(now.expected, now.unit)} expected."
        )
        said = f"{said} {impact} so far." if now.impact else said
        if now.severity != row.severity:
            said += f" It is now {now.severity}."
        return said
    if now.severity != row.severity:
        said = f"The bill changed: it is now {now.severity}"
        return f"{said}, {impact} so far." if now.impact else f"{said}."
    return ""


def _restated_away(turn: Turn, row: AnomalyRow) -> None:
    anomalies.change(turn.connection, row, ended_on=turn.today)
    disarm(turn, row.id)
    show(turn, row.id)
    tell(
        turn,
        row,
        str(row.version),
        "With the bill as it is now this is no longer an anomaly: charges were restated or corrected.",
    )
    turn.audit(DETECTOR, "anomaly.ended", key_of(row.id), "restated")


def show(turn: Turn, anomaly_id: str) -> None:
    """Edits the anomaly's message, and those of the groups that name it, to what is true now."""
    row = anomalies.get(turn.connection, anomaly_id)
    if row is None:
        return
    groups = anomalies.groups_of(turn.connection, anomaly_id)
    turn.edit(key_of(row.id), _alert(turn, row, short=bool(groups)))
    for group in groups:
        rows = anomalies.in_group(turn.connection, group.id)
        message = group_message(group.id, rows, turn.policy.alerts.worst, group.day)
        turn.edit(f"group:{group.id}", message)


def tell(turn: Turn, row: AnomalyRow, stamp: str, sentence: str) -> None:
    """News into the anomaly's thread. ``stamp`` names the piece of news among the anomaly's."""
    message = Message(summary=sentence, blocks=(Paragraph(text=text(sentence)),))
    turn.reply(key_of(row.id), f"{key_of(row.id)}:news:{stamp}", message)
