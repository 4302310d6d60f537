"""What the card of a question about unclaimed AI spend says, from its row: the same wherever it is shown."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from guardrails.alerts import words
from guardrails.money import Money
from guardrails.policy.bills import DIMENSIONS
from guardrails.policy.model import Policy
from guardrails.shadow import AGAIN, DAYS
from handlers.alerts.message import in_words, mention_of
from handlers.conversation import (
    At,
    Block,
    Button,
    Code,
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
    text,
)
from storage.shadow import QuestionRow

_NO_LONGER = {
    "tags": "Tags or rules have claimed it since; nobody has to answer.",
    "gone": f"It has not spent anything unclaimed for {DAYS} days; nobody has to answer.",
}


def key_of(row: QuestionRow) -> str:
    """The message key of a question. Each time that it is asked has a message of its own."""
    return f"shadow:{row.id}" if row.times == 1 else f"shadow:{row.id}:{row.times}"


def what(account: str, service: str) -> str:
    """``Amazon Bedrock in sales-operations``."""
    if account and service:
        return f"{service} in {account}"
    return service or f"account {account}"


def said_of(sets: Mapping[Any, Any]) -> str:
    """What a claim says: ``experiment ranker · feature search · workload inference``."""
    return " · ".join(f"{d} {sets[d]}" for d in DIMENSIONS if sets.get(d))


def question_message(policy: Policy, row: QuestionRow) -> Message:
    """The question while it waits, its outcome afterwards."""
    money = Money.from_micros(row.cost_micros, row.currency)
    thing = what(row.account, row.service)
    if row.state == "asked":
        return _question(policy, row, f"Whose is {money} of {thing}?")
    title = {
        "claimed": f"Claimed: {money} of {thing}",
        "not-ai": f"Not AI: {money} of {thing}",
    }.get(row.state, f"No longer asked: {money} of {thing}")
    outcome = row.facts.get("outcome") or {}
    state = state_line(row)
    blocks: list[Block] = [Heading(text=title), Paragraph(text=state)]
    if "before" in outcome:
        now = "With this claim" if row.state == "claimed" else "Without it"
        blocks.append(
            Facts(
                facts=(
                    Fact(label="AI spend that is claimed, before", value=text(outcome["before"])),
                    Fact(label=now, value=text(outcome["after"])),
                    Fact(label=f"Of these {DAYS} days", value=text(outcome["money"])),
                )
            )
        )
    if outcome.get("note"):
        blocks.append(Paragraph(text=text(Strong(text="Note"), f" {outcome['note']}")))
    if outcome.get("counts"):
        blocks.append(
            Small(text=text(f"{outcome['counts']} To take it back: ", Code(text="/spend claims")))
        )
    return Message(
        summary=f"{title}. {in_words(policy, state)}",
        blocks=tuple(blocks),
        tone="good" if row.state in ("claimed", "not-ai") else "neutral",
    )


def asked_again(policy: Policy, row: QuestionRow) -> Message:
    """What the message of an earlier time says once it is asked again."""
    money = Money.from_micros(row.cost_micros, row.currency)
    title = f"Asked again: {money} of {what(row.account, row.service)}"
    said = "This was asked again in a newer message; please answer there."
    return Message(
        summary=f"{title}. {said}", blocks=(Heading(text=title), Paragraph(text=text(said)))
    )


def state_line(row: QuestionRow) -> Text:
    """Who decided what and when; or why it is no longer asked."""
    outcome = row.facts.get("outcome") or {}
    who: list[str | Span] = [row.decided_name or "Somebody"]
    when: list[str | Span] = [] if row.decided_at is None else [", ", At(time=row.decided_at)]
    if row.state == "claimed":
        return text(Strong(text="Claimed"), " by ", *who, f" for {outcome['said']}", *when, ".")
    if row.state == "not-ai":
        return text(*who, " says that this is ", Strong(text="not AI"), *when, ".")
    if row.state == "withdrawn":
        return text(
            *who,
            " withdrew what was said about it",
            *when,
            ". If it stays unclaimed it is asked anew.",
        )
    return text(_NO_LONGER[outcome.get("why", "tags")])


def outcome_of(policy: Policy, row: QuestionRow) -> str:
    """For those who came later."""
    return in_words(policy, state_line(row))


def _question(policy: Policy, row: QuestionRow, title: str) -> Message:
    f = row.facts
    asked: list[dict[str, str]] = f.get("asked") or []
    parts: list[str | Span] = []
    last = asked[-1] if asked else None
    if last is not None:
        parts += [_named(policy, last), ", do you know whose this is? "]
    again = (
        f"Nobody has answered for {AGAIN.days} days, so it is asked again. "
        if row.times > 1
        else ""
    )
    parts.append(
        f"{again}It has no experiment, team or feature, so it is in nobody's budget and no team hears when it "
        "grows. Nothing is stopped: please say whose it is."
    )
    until = date.fromisoformat(f["until"])
    facts = [
        Fact(
            label="Spend",
            value=text(
                f"{Money.from_micros(row.cost_micros, row.currency)} in the {words.days(DAYS)} "
                f"to {words.day(until)}"
            ),
        ),
        Fact(label="Since", value=text(_day(row.first_day, until))),
        Fact(label="Likely owner", value=_likely(policy, f)),
    ]
    if f.get("provider"):
        facts.append(Fact(label="Provider", value=text(f["provider"])))
    if f.get("resources"):
        facts.append(Fact(label="Resources", value=text(", ".join(f["resources"]))))
    blocks: list[Block] = [
        Heading(text=title),
        Paragraph(text=text(*parts)),
        Facts(facts=tuple(facts)),
    ]
    if asked:
        said: list[str | Span] = ["Asked: "]
        for n, one in enumerate(asked):
            by = f" (by {one['by']})" if one.get("by") else ""
            said += [", " if n else "", one["name"], by]
        blocks.append(Small(text=text(*said)))
    blocks.append(Controls(controls=_controls(row)))
    words_of = in_words(policy, text(*parts))
    return Message(summary=f"{title} {words_of}", blocks=tuple(blocks))


def _controls(row: QuestionRow) -> tuple[Button, ...]:
    def button(label: str, action: str, **more: Any) -> Button:
        return Button(label=label, action=f"shadow.{action}", subject=row.id, **more)

    return (
        button("Claim…", "claim", style="primary", opens_form=True),
        button(
            "Not AI",
            "not-ai",
            confirm="It is no longer asked about or counted as AI spend. /spend claims takes it back.",
        ),
        button("Ask someone else…", "pass-on", opens_form=True),
    )


def _named(policy: Policy, asked: dict[str, str]) -> Span | str:
    return mention_of(policy, asked["person"]) if asked.get("person") else asked["name"]


def _likely(policy: Policy, facts: dict[str, Any]) -> Text:
    if not facts.get("likely"):
        return text("not known")
    known = next((p.name for p in policy.people if p.email == facts["likely"]), facts["likely"])
    return text(f"{known}, who {facts['why']}")


def _day(first: date, until: date) -> str:
    return words.day(first) + (f" {first.year}" if first.year != until.year else "")
