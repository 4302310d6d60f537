"""What the buttons of an alert do: each is recorded, shown to all, and teaches the detector."""

from datetime import datetime, time, timedelta
from typing import Any

from guardrails.alerts import words
from guardrails.alerts.states import Action, decide
from handlers.alerts.escalation import arm, disarm
from handlers.alerts.message import SNOOZE_DAYS, in_words, key_of, state_line
from handlers.alerts.publish import post_rest, show, tell
from handlers.alerts.record import found_of
from handlers.conversation import (
    ChoiceField,
    DateField,
    Done,
    Form,
    Interaction,
    OpenForm,
    Option,
    TextField,
    text,
)
from handlers.deadlines import due
from handlers.refusals import AlreadyDecided, FieldsRefused, NotFound, Stale, Unreadable
from handlers.router import press, submission
from handlers.runbooks import post_runbook
from handlers.turn import Turn
from storage import anomalies, deadlines
from storage.anomalies import AnomalyRow

LONGEST_QUIET = timedelta(days=366)
SNOOZE_OVER = "anomaly.snooze-over"
EXPECTED_OVER = "anomaly.expected-over"


@press("anomaly.investigate", permission="anomaly.triage")
def investigate(turn: Turn, it: Interaction) -> Done:
    """Somebody takes it up; everyone sees who."""
    row = _decide(turn, it, "investigate")
    _keep(turn, it, row, state="investigating")
    return Done(note="You are on it. Resolve it when you know the cause.")


@press("anomaly.expect", permission="anomaly.expect")
def ask_expected(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: why, and until when."""
    row = _decide(turn, it, "expect")
    found = found_of(row)
    return OpenForm(
        form=Form(
            action="anomaly.expect",
            subject=row.id,
            version=row.version,
            title="This is expected",
            intro=text(
                f"{words.headline(found)}. The same pattern stays quiet until the day you choose; "
                "more than a quarter above today's level is told again."
            ),
            fields=(
                TextField(
                    name="why",
                    label="Why is it expected?",
                    hint="A launch, a planned training run, a price change…",
                    max_length=300,
                ),
                DateField(
                    name="until", label="Quiet until", initial=turn.today + timedelta(days=7)
                ),
            ),
            submit="It is expected",
        )
    )


@submission("anomaly.expect", permission="anomaly.expect")
def expect(turn: Turn, it: Interaction) -> Done:
    """The same pattern is quiet until the day."""
    row = _decide(turn, it, "expect")
    why, until_text = it.inputs.get("why", "").strip(), it.inputs.get("until", "").strip()
    errors: dict[str, str] = {}
    if not why:
        errors["why"] = "Say in a few words why it is expected."
    try:
        until = datetime.strptime(until_text, "%Y-%m-%d").date()  # noqa: DTZ007
    except ValueError:
        raise FieldsRefused({**errors, "until": "Choose a day, such as 2026-11-30."}) from None
    if until < turn.today:
        errors["until"] = "That day is over; choose today or a later day."
    elif until > turn.today + LONGEST_QUIET:
        errors["until"] = "Choose a day within a year; what lasts longer belongs in a budget."
    if errors:
        raise FieldsRefused(errors)
    _keep(turn, it, row, state="expected", reason=why, quiet_until=until)
    _feedback(turn, it, row, "expected", until=until)
    after = datetime.combine(until + timedelta(days=1), time(), turn.policy.workspace.zone)
    deadlines.set_deadline(turn.connection, EXPECTED_OVER, row.id, after)
    return Done()


@press("anomaly.snooze", permission="anomaly.triage")
def snooze(turn: Turn, it: Interaction) -> Done:
    """Quiet for some days; then it is told again if it still lasts."""
    row = _decide(turn, it, "snooze")
    choice = it.inputs.get("choice", "")
    if choice not in {str(d) for d in SNOOZE_DAYS}:
        raise Unreadable("Snooze for 1, 3 or 7 days.")
    due_at = turn.now + timedelta(days=int(choice))
    back_on = due_at.astimezone(turn.policy.workspace.zone).date()
    _keep(turn, it, row, state="snoozed", quiet_until=back_on)
    deadlines.set_deadline(turn.connection, SNOOZE_OVER, row.id, due_at)
    return Done()


@press("anomaly.false-alarm", permission="anomaly.close")
def false_alarm(turn: Turn, it: Interaction) -> Done:
    """The detector was wrong; it demands more of this series from now on."""
    row = _decide(turn, it, "false-alarm")
    _keep(turn, it, row, state="false-alarm")
    _feedback(turn, it, row, "false-alarm")
    return Done(note="Thank you. The detector will be less sensitive to this series.")


@press("anomaly.resolve", permission="anomaly.close")
def ask_resolved(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: the root cause from the list, and in words."""
    row = _decide(turn, it, "resolve")
    return OpenForm(
        form=Form(
            action="anomaly.resolve",
            subject=row.id,
            version=row.version,
            title="What was it?",
            intro=text(f"{words.headline(found_of(row))}."),
            fields=(
                ChoiceField(
                    name="cause",
                    label="Root cause",
                    options=tuple(
                        Option(value=str(i), label=cause)
                        for i, cause in enumerate(turn.policy.root_causes)
                    ),
                ),
                TextField(
                    name="words",
                    label="In your words",
                    hint="What happened, and what was done about it",
                    multiline=True,
                    max_length=1000,
                ),
            ),
            submit="Resolve",
        )
    )


@submission("anomaly.resolve", permission="anomaly.close")
def resolve(turn: Turn, it: Interaction) -> Done:
    """It is over; its cause is kept for the council and the retrospective."""
    row = _decide(turn, it, "resolve")
    errors: dict[str, str] = {}
    causes = turn.policy.root_causes
    chosen = it.inputs.get("cause", "")
    if not (chosen.isdigit() and int(chosen) < len(causes)):
        errors["cause"] = "Choose a root cause from the list."
    said = it.inputs.get("words", "").strip()
    if not said:
        errors["words"] = "Say in a sentence what happened."
    if errors:
        raise FieldsRefused(errors)
    _keep(turn, it, row, state="resolved", cause=causes[int(chosen)], reason=said)
    return Done()


@press("anomaly.reopen", permission="anomaly.triage")
def reopen(turn: Turn, it: Interaction) -> Done:
    """Takes back what was decided, and what the detector learned from it."""
    row = _decide(turn, it, "reopen")
    anomalies.forget_feedback(turn.connection, row.id)
    _keep(turn, it, row, state="open")
    return Done()


@press("anomaly.release", permission="anomaly.triage")
def release(turn: Turn, it: Interaction) -> Done:
    """Nobody looks into it any more: it is open for anyone."""
    row = _decide(turn, it, "release")
    _keep(turn, it, row, state="open")
    return Done()


@press("anomaly.group-rest", permission="anomaly.triage")
def show_rest(turn: Turn, it: Interaction) -> Done:
    """Posts the rest of a group into its thread."""
    count = post_rest(turn, it.subject)
    if not count:
        raise NotFound("All anomalies of this group are in the thread already.")
    turn.audit(it.actor.person, "group.shown", f"group:{it.subject}", count=count)
    return Done(note=f"{count} more {'is' if count == 1 else 'are'} in the thread now.")


@press("anomaly.runbook", permission="read")
def show_checklist(turn: Turn, it: Interaction) -> Done:
    """Posts the runbook's checklist of one of a group into the thread."""
    row = _row(turn, it)
    if row.signal not in turn.loaded.runbooks:
        raise NotFound("The policy has no runbook for this any more.")
    if not post_runbook(turn, row.signal, key_of(row.id), key_of(row.id)):
        raise AlreadyDecided("Its checklist is in the thread already.")
    return Done(note="The checklist is in the thread.")


@due(SNOOZE_OVER)
def snooze_over(turn: Turn, anomaly_id: str, inputs: dict[str, Any]) -> None:
    """The snooze ends: told again if it still lasts, said to be over if not."""
    _quiet_over(turn, anomaly_id, "snoozed", "The snooze is over")


@due(EXPECTED_OVER)
def expected_over(turn: Turn, anomaly_id: str, inputs: dict[str, Any]) -> None:
    """The day until which it was expected has passed."""
    _quiet_over(turn, anomaly_id, "expected", "The time in which this was expected is over")


def _quiet_over(turn: Turn, anomaly_id: str, state: str, said: str) -> None:
    row = anomalies.get(turn.connection, anomaly_id, lock=True)
    if row is None or row.state != state:
        return
    who, ended = row.decided_by, row.ended_on
    cleared: dict[str, Any] = {
        "quiet_until": None,
        "decided_by": "",
        "reason": "",
        "decided_at": None,
    }
    anomalies.change(turn.connection, row, state="open", **cleared)
    arm(turn, row.id)
    show(turn, row.id)
    if ended is None:
        told = f"{said} and it still goes on, so it is open again."
    else:
        told = f"{said}; it had ended on {words.day(ended)}. Resolve it when you know the cause."
    tell(turn, row, str(row.version), told)
    turn.audit("scheduler", f"anomaly.{state}-over", key_of(row.id), told, set_by=who)


def _row(turn: Turn, it: Interaction) -> AnomalyRow:
    row = anomalies.get(turn.connection, it.subject, lock=True)
    if row is None:
        raise NotFound("This anomaly is no longer known here. Nothing was changed.")
    return row


def _decide(turn: Turn, it: Interaction, action: Action) -> AnomalyRow:
    """The row under lock, when the action is allowed in its state of now.

    What teaches the detector, or ends the matter, is refused when the anomaly is no longer what the
    person saw: a level that nobody looked at must not become the expected one.
    """
    row = _row(turn, it)
    me = _signature(it)
    decision = decide(row.state, action, by=me, holder=row.decided_by)
    if decision.allowed:
        if it.version != row.version and action in ("expect", "false-alarm", "resolve"):
            line = _in_words(row, turn)
            raise Stale(f"It has changed since you looked ({line}). Look again, then press again.")
        return row
    if decision.reason == "already-so":
        raise AlreadyDecided("You have done that already; nothing was changed.")
    if decision.reason == "not-decided":
        raise AlreadyDecided("It is open already; nothing was changed.")
    line = _in_words(row, turn)
    if decision.reason == "taken":
        raise AlreadyDecided(f"{line}. You can resolve it, or press Release to take it over.")
    raise AlreadyDecided(f"{line}. Nothing was changed; press Reopen to take it up again.")


def _keep(turn: Turn, it: Interaction, row: AnomalyRow, *, state: str, **values: Any) -> None:
    """Writes the new state, one audit entry, the edited message and a line in the thread."""
    cleared: dict[str, Any] = {"reason": "", "cause": "", "quiet_until": None}
    decided: dict[str, Any] = (
        {"decided_by": "", "decided_at": None}
        if state == "open"
        else {"decided_by": _signature(it), "decided_at": turn.now}
    )
    changed = anomalies.change(
        turn.connection, row, **{**cleared, **decided, "state": state, **values}
    )
    if not changed:
        raise AlreadyDecided("Somebody was faster; look at the message again.")
    for kind in (SNOOZE_OVER, EXPECTED_OVER):
        deadlines.drop_deadline(turn.connection, kind, row.id)
    disarm(turn, row.id)
    if state == "open":
        arm(turn, row.id)
    show(turn, row.id)
    after = anomalies.get(turn.connection, row.id)
    opened = "Released" if row.state == "investigating" else "Reopened"
    said = f"{opened} by {it.actor.name}." if state == "open" else f"{_in_words(after, turn)}."
    tell(turn, row, str(row.version), said)
    turn.audit(
        it.actor.person,
        f"anomaly.{state if state != 'open' else 'reopened'}",
        key_of(row.id),
        str(values.get("reason", "")),
        before=row.state,
        surface=it.actor.surface,
        roles=sorted(it.actor.roles),
        **{k: str(v) for k, v in values.items() if k != "reason" and v is not None},
    )


def _feedback(turn: Turn, it: Interaction, row: AnomalyRow, kind: str, until: Any = None) -> None:
    found = found_of(row)
    anomalies.add_feedback(
        turn.connection,
        anomaly_id=row.id,
        signal=row.signal,
        scope=row.scope,
        direction=row.direction,
        kind=kind,
        level=found.observed,
        score=found.score,
        until=until,
        said_by=it.actor.name,
        said_at=turn.now,
    )


def _signature(it: Interaction) -> str:
    return f"{it.actor.name} <{it.actor.person}>"


def _in_words(row: Any, turn: Turn) -> str:
    """The state line as plain words, without its full stop."""
    return in_words(turn.policy, state_line(row)).rstrip(".")
