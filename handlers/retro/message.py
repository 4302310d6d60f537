"""A quarter's retrospective in messages: five lines and the rules as a table, then its parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.money import Money
from guardrails.retro.changes import Change
from guardrails.retro.patch import written
from guardrails.retro.tally import Outcome, Tally, middle
from guardrails.retro.verdict import needless_word
from handlers.conversation import (
    Block,
    Code,
    Heading,
    Items,
    Listing,
    Message,
    Paragraph,
    Small,
    Strong,
    Text,
    text,
)
from handlers.retro.build import Quarterly
from handlers.retro.frame import MOST, said_hours
from handlers.retro.opening import became_of, counted, every, lines_of, table
from handlers.retro.proposals import Proposal, all_at_once, kept, named
from storage.policy_file import LoadedPolicy

_DO = {"tighten": "Tighten", "loosen": "Loosen", "drop": "Drop", "keep": "Keep"}


@dataclass(frozen=True)
class Retro:
    """A root message, and the replies in its thread: (name of the key's end, message). ``proposals``: what is
    remembered of them. ``patch``: all of their changes that go together."""

    quarter: str
    root: Message
    parts: tuple[tuple[str, Message], ...]
    proposals: tuple[dict[str, Any], ...]
    patch: str

    def every(self) -> tuple[Message, ...]:
        """Root first, then the thread."""
        return (self.root, *(message for _, message in self.parts))

    def to_json(self) -> dict[str, Any]:
        """What is kept of it when it is posted."""
        return {
            "root": self.root.model_dump(mode="json"),
            "parts": [[name, part.model_dump(mode="json")] for name, part in self.parts],
            "proposals": list(self.proposals),
            "patch": self.patch,
        }

    @classmethod
    def from_json(cls, quarter: str, said: dict[str, Any]) -> "Retro":
        """As it was posted."""
        parts = tuple((name, Message.model_validate(part)) for name, part in said["parts"])
        root = Message.model_validate(said["root"])
        return cls(quarter, root, parts, tuple(said["proposals"]), said["patch"])


def key_of(quarter: object) -> str:
    """The message key of a quarter's retrospective."""
    return f"retro:{quarter}"


def retro_of(loaded: LoadedPolicy, made: Quarterly) -> Retro:
    """The whole retrospective: the same for the same quarter, policy and database."""
    quarter = str(made.frame.quarter)
    so_far = " so far" if made.frame.turn.today <= made.frame.quarter.period.last else ""
    title = f"Retrospective {quarter}{so_far}: the rules, by what they did"
    if not made.tallies:
        said = "No rule fired, and nobody waited for one."
        if not made.known:
            said = f"Nothing is known of {quarter}: the bot did not run then."
        root = Message(
            summary=f"{title}. {said}",
            blocks=(Heading(text=title), Paragraph(text=text(said)), *became_of(made)),
        )
        return Retro(quarter, root, (), (), "")
    patch, in_patch = all_at_once(loaded, made.proposals)
    lines = lines_of(made)
    root = Message(
        summary=f"{title}. {_plain(lines[0])}",
        blocks=(
            Heading(text=title),
            Items(items=lines),
            *table(made),
            *became_of(made),
        ),
        tone="warning" if made.proposals else "neutral",
    )
    parts = [
        (f"proposal:{p.tally.rule.id}", proposal_message(loaded, p, in_patch))
        for p in made.proposals
    ]
    if in_patch:
        parts.append(("patch", _patch_message(quarter, len(in_patch), patch)))
    for name, heading, sentences in (
        ("missed", "What the rules missed", _missed(made)),
        ("resumed", "Stopped, and later let run again", list(made.resumed)),
        ("kept", "Kept as they are", _kept(made)),
    ):
        if sentences:
            parts.append((name, _list(heading, sentences)))
    parts.append(("how", _how(made)))
    return Retro(
        quarter, root, tuple(parts), tuple(kept(loaded.policy, p) for p in made.proposals), patch
    )


# --- the thread ---------------------------------------------------------------------------------------


def proposal_message(
    loaded: LoadedPolicy, proposal: Proposal, in_patch: Sequence[Proposal]
) -> Message:
    """One rule: what should become of it and why, what it did, what the replay says, the exact change."""
    tally, judged = proposal.tally, proposal.judged
    title = f"{_DO[judged.verdict]}: {tally.rule.name}"
    blocks: list[Block] = [Heading(text=title), Paragraph(text=text(judged.reason))]
    blocks.append(Small(text=text(_did(loaded, tally))))
    if not proposal.edit:
        blocks.append(Paragraph(text=text(f"No patch: {proposal.no_change}")))
        return Message(summary=f"{title}. {judged.reason}", blocks=tuple(blocks))
    for change in proposal.edit:
        place = named(loaded.policy, change.path)
        blocks.append(Paragraph(text=text(Strong(text=place), f": {_becomes(change)}.")))
    for sentence in proposal.replayed:
        blocks.append(Paragraph(text=text(sentence)))
    where = f"{loaded.name}, line {proposal.line}:"
    blocks += [Paragraph(text=text(where)), _listing(proposal.diff)]
    if proposal not in in_patch:
        blocks.append(
            Small(text=text("It does not go together with the other changes: make it alone."))
        )
    change = proposal.edit[0]
    what = f"{named(loaded.policy, change.path)}: {_becomes(change)}."
    return Message(summary=f"{title}. {judged.reason} {what}", blocks=tuple(blocks))


def _becomes(change: Change) -> str:
    if change.new is None:
        return "taken out"
    return f"{written(change.old)} becomes {written(change.new)}"


def _did(loaded: LoadedPolicy, tally: Tally) -> str:
    said = [f"Fired {counted(tally.fired, 'time')}"]
    called: list[tuple[Outcome, str]] = [
        ("right", "right"),
        ("needless", needless_word(tally)),
        ("overruled", "overruled"),
        ("open", "not judged"),
    ]
    said += [f"{tally.count(o)} {word}" for o, word in called if tally.count(o)]
    if tally.missed:
        said.append(f"{len(tally.missed)} missed")
    sentence = f"{said[0]}: {', '.join(said[1:])}." if len(said) > 1 else f"{said[0]}."
    if tally.waits:
        half = middle(tally.waits) or Decimal(0)
        sentence += (
            f" People waited {said_hours(tally.waited)}, half of them up to {said_hours(half)}."
        )
    elif tally.answers:
        sentence += f" Half were judged within {said_hours(middle(tally.answers) or Decimal(0))}."
    if tally.saved:
        sentence += f" It saved about {Money(tally.saved, loaded.policy.workspace.currency)}."
    return sentence


def _listing(patch: str) -> Listing:
    """The patch, line by line, to be read."""
    return Listing(lines=tuple(patch.removesuffix("\n").split("\n")))


def _patch_message(quarter: str, count: int, patch: str) -> Message:
    title = "All changes as one patch"
    said = text(
        f"{counted(count, 'change')}, to review before anything is changed: ",
        Code(text=f"sandrail retro --quarter {quarter} --format patch"),
        " prints it; ",
        Code(text="git apply"),
        " takes it in the policy's folder, and ",
        Code(text="sandrail check"),
        " reads the result.",
    )
    blocks = (Heading(text=title), Paragraph(text=said), _listing(patch))
    return Message(summary=title, blocks=blocks)


def _missed(made: Quarterly) -> list[str]:
    return [f"{t.rule.name}: {one}" for t in made.tallies for one in t.missed]


def _kept(made: Quarterly) -> list[str]:
    kept_ones = [(t, j) for t, j in made.fired if j.verdict == "keep"]
    said = [f"{t.rule.name}: {j.reason}" for t, j in kept_ones if not j.few]
    few = [f"{t.rule.name} ({t.judged})" for t, j in kept_ones if j.few]
    if few:
        least = made.frame.rules.least_cases
        said.append(f"Too few judged cases, {least} are needed: {every(few)}")
    return said


def _list(title: str, sentences: list[str]) -> Message:
    most = 2 * MOST
    items = [text(s if s.endswith(".") else f"{s}.") for s in sentences[:most]]
    if len(sentences) > most:
        items.append(text(f"and {len(sentences) - most} more"))
    return Message(summary=title, blocks=(Heading(text=title), Items(items=tuple(items))))


def _how(made: Quarterly) -> Message:
    rules, days = made.frame.rules, made.frame.rules.saving_days
    title = "How this is counted"
    said = (
        "Waiting: working hours from when somebody asked to the decision, and from a stop to when it was let run "
        "again. What the bot opened by itself held nobody up and is not counted.",
        f"Saved: what was spent a day before a stop, less what was spent after it, for {days} days at most; an "
        "anomaly's money a day for as long, when somebody resolved it while it ran. What was let run again saved "
        "nothing, and no day of a scope is counted twice.",
        f"Verdicts: from {rules.least_cases} judged cases on, {rules.false_alarms} % needless, or "
        f"{rules.overruled} % needless or overruled, loosen; {rules.missed} missed tighten; "
        f"{rules.never_right} without one that was right drop.",
    )
    first, last = (
        words.day(d) for d in (made.frame.quarter.period.first, made.frame.quarter.period.last)
    )
    small = Small(text=text(f"{first} to {last} {made.frame.quarter.year}."))
    return Message(
        summary=title,
        blocks=(Heading(text=title), Items(items=tuple(text(s) for s in said)), small),
    )


def _plain(said: Text) -> str:
    return "".join(getattr(span, "text", "") for span in said)
