"""What the card of a crossed redline says, from its row: the same wherever and whenever it is shown."""

from datetime import date
from typing import Any

from guardrails.alerts import words
from guardrails.authority import role_word, roles_that_may
from guardrails.lists import either
from guardrails.policy.redlines import Redline
from guardrails.redlines.step import stops
from handlers.alerts.message import in_words, mention_of
from handlers.conversation import (
    At,
    Block,
    Button,
    Control,
    Controls,
    Fact,
    Facts,
    Heading,
    Message,
    Paragraph,
    Small,
    Span,
    Strong,
    Text,
    Tone,
    text,
)
from handlers.redlines.cases import has_stopped
from handlers.redlines.reading import line_of
from handlers.turn import Turn
from storage.redlines import CaseRow
from storage.sandboxes import SandboxRow

RUNNING = ("allocated", "active", "throttled")
_DOES = {"throttle": "Throttles", "halt": "Halts"}
_DID = {"throttle": "Throttled", "halt": "Halted"}


def key_of(case_id: str) -> str:
    """The message key of a case: one crossing is one message in its sandbox's thread."""
    return f"redline:{case_id}"


def warning_key(case_id: str, number: int) -> str:
    """The message key of a case's warning, which has the card's buttons; they are numbered from 1."""
    return f"{key_of(case_id)}:warning:{number}"


def warnings(case: CaseRow) -> int:
    """How many warnings a case had: a second one when a stop that was withheld no longer is."""
    return sum(did == "warn" for did, _ in case.taken)


def card(turn: Turn, row: SandboxRow, case: CaseRow) -> Message:
    """The whole card: what line, what was measured, what happens when, who may keep it running."""
    line = line_of(turn.policy, case.redline)
    state = state_line(turn, case, line)
    title = case.facts["title"]
    blocks: list[Block] = [
        Heading(text=title),
        Paragraph(text=state),
        Facts(facts=_facts(turn, row, case, line)),
    ]
    blocks += [Small(text=text(said)) for said in _small(case)]
    controls = controls_of(row, case, line)
    if controls:
        blocks.append(Controls(controls=controls))
    return Message(
        summary=f"{title}. {in_words(turn.policy, state)}",
        blocks=tuple(blocks),
        tone=_tone(case),
    )


def warning(turn: Turn, row: SandboxRow, case: CaseRow) -> Message:
    """The warning in the thread: to whom, what happens when, and the buttons."""
    line = line_of(turn.policy, case.redline)
    said = text(
        mention_of(turn.policy, row.owner),
        f" {headline(case)} ",
        *state_line(turn, case, line),
    )
    blocks: list[Block] = [Paragraph(text=said)]
    controls = controls_of(row, case, line)
    if controls:
        blocks.append(Controls(controls=controls))
    return Message(summary=in_words(turn.policy, said), blocks=tuple(blocks), tone=_tone(case))


def headline(case: CaseRow) -> str:
    """``Rate of spend of try-lora: 312 % of the even pace on Sun 22 Nov; the redline is above 150 % …``"""
    f = case.facts
    day, value = f["measured"][-1]
    when = words.day(date.fromisoformat(day))
    return f"{f['watched']} of {f['sandbox']}: {value} on {when}; the redline is {f['limit']}."


def state_line(turn: Turn, case: CaseRow, line: Redline | None) -> Text:
    """What happens when, unless somebody presses; or what happened."""
    f = case.facts
    if case.closed_at is not None or line is None:
        return _closed(case)
    did = f.get("stopped", "")
    if case.act_at is None:
        said = _DID.get(did) or ("Warned" if warnings(case) else "Crossed")
        return text(Strong(text=said), f". {_next(line, case)}".rstrip())
    parts: list[str | Span] = []
    if did:
        parts += [Strong(text=_DID[did]), ". "]
    if case.kept_until is not None and turn.now < case.kept_until:
        parts += [
            Strong(text=f"Kept running by {f['kept_by']}"),
            " until ",
            At(time=case.kept_until),
        ]
        parts.append(". ")
    parts += [Strong(text=_DOES[next_stop(line, case)]), " ", At(time=case.act_at)]
    if case.kept_times < line.keep_running.times:
        parts.append(" unless somebody presses Keep running.")
    elif line.keep_running.times:
        parts.append("; it cannot be kept running any longer.")
    else:
        parts.append(".")
    return text(*parts)


def next_stop(line: Redline, case: CaseRow) -> str:
    """What the countdown leads to."""
    first = stops(line) or "halt"
    taken = {did for did, _ in case.taken}
    return "halt" if first in taken else first


def controls_of(row: SandboxRow, case: CaseRow, line: Redline | None) -> tuple[Control, ...]:
    """What can be pressed now."""

    def button(label: str, action: str, **more: Any) -> Button:
        return Button(
            label=label, action=f"redline.{action}", subject=case.id, version=case.version, **more
        )

    controls: list[Control] = []
    if case.closed_at is None and line is not None and row.state in RUNNING:
        if case.act_at is not None and case.kept_times < line.keep_running.times:
            controls.append(button("Keep running", "keep", style="primary"))
        controls.append(
            button(
                "Halt now",
                "halt",
                style="danger",
                confirm=f"Everything that {row.name} runs is stopped; its data stay. Halt it now?",
            )
        )
    if has_stopped(case) and row.state in ("halted", "throttled"):
        style = "default" if case.closed_at is None else "primary"
        controls.append(button("Resume", "resume", style=style))
    return tuple(controls)


def _closed(case: CaseRow) -> Text:
    f = case.facts
    if case.resumed_at is not None:
        by = f" by {f['resumed_by']}" if f.get("resumed_by") else ""
        return text(Strong(text="Resumed"), by, ", ", At(time=case.resumed_at), ".")
    if case.stopped_at is not None:
        by = f" by {f['stopped_by']}" if f.get("stopped_by") else ""
        what = Strong(text=_DID[f["stopped"]])
        return text(what, by, ", ", At(time=case.stopped_at), f". {f.get('end', '')}".rstrip())
    return text(Strong(text="Over"), f". {f.get('end', '')}".rstrip())


def _next(line: Redline, case: CaseRow) -> str:
    """What follows when it stays crossed and nothing is announced yet."""
    if case.facts.get("withheld"):
        return ""
    if warnings(case) == 0 and "warn" in line.actions:
        return "A warning follows if it stays crossed."
    return ""


def _facts(turn: Turn, row: SandboxRow, case: CaseRow, line: Redline | None) -> tuple[Fact, ...]:
    f = case.facts
    days = ", ".join(f"{words.day(date.fromisoformat(d))}: {value}" for d, value in f["measured"])
    facts = [
        Fact(label="Redline", value=text(f["limit"])),
        Fact(label="Measured", value=text(Strong(text=days))),
    ]
    if f["since"]:
        facts.append(
            Fact(label="Crossed since", value=text(words.day(date.fromisoformat(f["since"]))))
        )
    facts.append(Fact(label="Owner", value=text(mention_of(turn.policy, row.owner))))
    if case.closed_at is None and line is not None and case.act_at is not None:
        facts.append(Fact(label="May keep it running", value=text(_who_keeps(line, case))))
    if has_stopped(case):
        roles = [r for r in f["resume"] if r in roles_that_may(turn.policy, "redline.resume")]
        if roles:
            said = either([role_word(r) for r in roles])
            facts.append(Fact(label="May resume it", value=text(said)))
    return tuple(facts)


def _who_keeps(line: Redline, case: CaseRow) -> str:
    keep = line.keep_running
    left = keep.times - case.kept_times
    if left <= 0:
        return "nobody any more" if keep.times else "nobody"
    times = "once" if left == 1 else f"{left} times"
    return f"{either([role_word(r) for r in keep.roles])}, for {keep.hours} hours, {times}"


def _small(case: CaseRow) -> list[str]:
    f = case.facts
    if case.closed_at is not None:
        return [f["verified"]] if f.get("verified") else []
    return [said for said in (f.get("withheld"), f.get("needs"), f.get("doubt")) if said]


def _tone(case: CaseRow) -> Tone:
    if case.resumed_at is not None:
        return "good"
    if case.closed_at is not None:
        return "critical" if case.stopped_at is not None else "good"
    return "critical" if case.act_at is not None else "warning"
