"""A week's digest in messages: five lines, then its parts, then what is to be decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guardrails.alerts import words
from guardrails.council import CHOICES, Outcome, Said, Vote, outcome
from guardrails.lists import every
from guardrails.sandboxes.life import after
from handlers.alerts.message import mention_of
from handlers.conversation import (
    At,
    Block,
    Button,
    Control,
    Controls,
    Heading,
    Items,
    Message,
    Paragraph,
    Small,
    Span,
    Strong,
    Text,
    Tone,
    text,
)
from handlers.council import costs, happened
from handlers.council.agenda import Item, about, agenda
from handlers.council.ended import ended
from handlers.council.frame import Frame, Part, closes_at, key_of, rules_of
from handlers.council.happened import WORDS
from handlers.council.voices import votes_of
from handlers.policy_rules.words import role_words
from handlers.turn import Turn
from storage import sandboxes

_HEADING = 140  # characters
_ASKED = 4  # spans of the root that say what is asked, of whom, until when
LABELS: dict[Said, str] = {
    "continue": "Continue",
    "scale": "Scale",
    "kill": "Kill",
    "defer": "Defer",
    "object": "Object",
}
_BY = {
    "consent": "The first decision stands unless somebody objects",
    "votes": "More than half of the votes decide",
    "roles": "These roles must say the same",
}


@dataclass(frozen=True)
class Digest:
    """A root message, and the replies in its thread: (name of the key's end, message)."""

    week: str
    root: Message
    parts: tuple[tuple[str, Message], ...]
    items: tuple[Item, ...]

    def every(self) -> tuple[Message, ...]:
        """Root first, then the thread."""
        return (self.root, *(message for _, message in self.parts))


def digest_of(frame: Frame) -> Digest:
    """The whole digest of a week: the same for the same week, policy and database."""
    cost, sandboxes = costs.costs(frame), happened.sandboxes(frame)
    overruns, anomalies = happened.overruns(frame), costs.anomalies(frame)
    gates, shadow = happened.gates(frame), costs.shadow(frame)
    closed, forecast = ended(frame), costs.forecast(frame)
    last = happened.last_time(frame)
    asked = agenda(frame)
    title = f"Experiment council {frame.week}, {words.day(frame.turn.today)}"
    spent = cost.line if cost is not None else text(_no_bill(frame))
    order = (last, cost, sandboxes, overruns, anomalies, gates, shadow, closed, forecast)
    if not asked and not any(p.loud for p in order if p is not None):
        lines = [spent, text(frame.rules.quiet)]
        lines += [p.line for p in (closed, last) if p is not None]
        return Digest(str(frame.week), _root(title, lines, "neutral"), (), ())
    lines = [
        spent,
        _joined(sandboxes, gates),
        _joined(overruns, anomalies),
        _joined(shadow, closed, forecast),
        _asked(frame, asked, last),
    ]
    parts = [(p.name, part_message(p)) for p in order if p is not None]
    until = closes_at(frame)
    for item in asked:
        said = votes_of(frame.turn, item.id)
        now = outcome(frame.rules, said, closed=item.state == "decided")
        parts.append((f"item:{item.id}", item_message(frame.turn, item, said, now, until)))
    root = _root(title, [line for line in lines if line], "warning" if asked else "neutral")
    return Digest(str(frame.week), root, tuple(parts), tuple(asked))


def _root(title: str, lines: Sequence[Text], tone: Tone) -> Message:
    summary = f"{title}. {''.join(_word(s) for s in lines[0])}"
    return Message(
        summary=summary, blocks=(Heading(text=title), Items(items=tuple(lines))), tone=tone
    )


def _word(span: Span) -> str:
    return "" if isinstance(span, At) else getattr(span, "text", getattr(span, "name", ""))


def _no_bill(frame: Frame) -> str:
    if frame.period is None:
        return f"No bill of {words.day(frame.week.before.first)} or later has been read yet."
    return "Nothing was spent in the week or in the one before."


def _joined(*parts: Part | None) -> Text:
    said: list[Span] = []
    for part in parts:
        if part is not None and part.line:
            said += [*text(" "), *part.line] if said else list(part.line)
    return tuple(said)


def _asked(frame: Frame, asked: Sequence[Item], last: Part | None) -> Text:
    said: list[str | Span] = []
    if asked:
        voices = every(role_words(frame.rules.voices))
        said += [_count(len(asked)), f" of {voices} in the thread, until "]
        said += [At(time=closes_at(frame)), "."]
    if last is not None:
        said += [" " if said else "", *last.line]
    return text(*said)


def _count(asked: int) -> Strong:
    count = "1 decision is" if asked == 1 else f"{asked} decisions are"
    return Strong(text=f"{count} asked")


def one_less(root: Message, left: int) -> Message:
    """A posted root when one of its decisions was taken off and so many are left. Nothing else of it is counted
    again: its numbers stay those of its thread."""
    return Message(
        summary=root.summary,
        blocks=tuple(
            block.model_copy(update={"items": tuple(_one_less(i, left) for i in block.items)})
            if isinstance(block, Items)
            else block
            for block in root.blocks
        ),
        tone=root.tone if left else "neutral",
    )


def _one_less(line: Text, left: int) -> Text:
    if line[:1] != (_count(left + 1),):
        return line
    if left:
        return (_count(left), *line[1:])
    return (*text("Nothing is asked any more."), *line[_ASKED:])


def part_message(part: Part) -> Message:
    """A part as a reply of its own."""
    return Message(summary=part.title, blocks=(Heading(text=part.title), *part.blocks))


def item_key(item: Item) -> str:
    """The message key of a decision that is asked for."""
    return f"{key_of(item.week)}:item:{item.id}"


def item_message(
    turn: Turn, item: Item, votes: Sequence[Vote], now: Outcome | None, until: datetime
) -> Message:
    """What is asked with its buttons, what people say, and what stands or was decided."""
    title = f"Decide: {item.title}" if item.state != "decided" else f"Decided: {item.title}"
    blocks: list[Block] = [Heading(text=title)]
    if len(title) > _HEADING:  # a surface would cut it
        head, _, rest = title.partition(": ")
        blocks = [Heading(text=head), Paragraph(text=text(Strong(text=rest)))]
    if item.why:
        blocks.append(Paragraph(text=text(words.ended(item.why))))
    who: list[str | Span] = []
    if item.asked_name:
        who.append(f"Added by {item.asked_name}.")
    if item.owner and item.owner != item.asked_by:
        who += [" Owner: " if who else "Owner: ", mention_of(turn.policy, item.owner), "."]
    link = about(item)
    if link:
        who += [" From" if who else "From", *link, "."]
    if who:
        blocks.append(Small(text=text(*who)))
    if votes:
        lines = tuple(
            text(Strong(text=v.name), f": {v.said}{f', because “{v.why}”' if v.why else ''}")
            for v in votes
        )
        blocks.append(Items(title="Who said what", items=lines))
    blocks.append(Paragraph(text=_state(turn, item, now, until)))
    if item.state != "decided":
        blocks.append(Controls(controls=_controls(item)))
    if item.decision == "kill" and item.kind == "sandbox" and _runs(turn, item):
        halt = Button(
            label="Halt it…",
            action="sandbox.halt",
            subject=item.subject,
            style="danger",
            opens_form=True,
        )
        blocks.append(Controls(controls=(halt,)))
    tone: Tone = "warning" if item.decision == "kill" else "good" if item.decision else "neutral"
    said = f" {WORDS[item.decision]}" if item.decision else f": {item.why}" if item.why else ""
    return Message(summary=f"{title}{said}", blocks=tuple(blocks), tone=tone)


def _state(turn: Turn, item: Item, now: Outcome | None, until: datetime) -> Text:
    rules = rules_of(turn.policy)
    if item.state in ("standing", "decided"):
        parts: list[str | Span] = [Strong(text=f"It {WORDS[item.decision]}")]
        if item.decided_names:
            parts.append(f", decided by {every(item.decided_names)}")
        if item.decided_at is not None:
            parts += [", ", At(time=item.decided_at)]
        parts.append(f". {item.reason}")
        if item.state == "standing":
            parts += [" Open until ", At(time=until), "."]
        return text(*parts)
    if now is not None and now.why:
        return text(f"{now.why} Open until ", At(time=until), ".")
    how = _BY[rules.decide_by]
    if rules.decide_by == "roles":
        how += f": {every(role_words(rules.agree))}"
    return text(f"{how}. Open until ", At(time=until), ".")


def _runs(turn: Turn, item: Item) -> bool:
    """Whether a sandbox can be halted; who may is asked at the click, as on its card."""
    box = sandboxes.get(turn.connection, item.subject)
    return box is not None and after(box.state, "halt") is not None


def _controls(item: Item) -> tuple[Control, ...]:
    said: list[Said] = [*CHOICES] + (["object"] if item.state == "standing" else [])
    return tuple(
        Button(
            label=LABELS[one] if one == "continue" else f"{LABELS[one]}…",
            action=f"council.{one}",
            subject=item.id,
            style="danger" if one == "kill" else "primary" if one == "continue" else "default",
            opens_form=one != "continue",
        )
        for one in said
    )
