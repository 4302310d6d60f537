"""``/spend claims``: what people have claimed, or called no AI, and how it is taken back."""

from guardrails.alerts import words
from handlers.conversation import (
    Block,
    Button,
    Code,
    Controls,
    Done,
    Heading,
    Interaction,
    Message,
    Paragraph,
    Private,
    Small,
    Strong,
    text,
)
from handlers.refusals import AlreadyDecided, NotFound
from handlers.router import command, press
from handlers.shadow.claim import next_reading, who
from handlers.shadow.message import key_of, question_message, said_of, what
from handlers.turn import Turn
from storage import shadow
from storage.shadow import ClaimRow

#: How many claims an answer shows: each is two blocks, and a message has 50 on Slack.
SHOWN = 12


@command(
    "spend claims",
    permission="spend.read",
    does="AI spend that people have claimed, or called no AI",
    usage="[words]",
    looks=True,
)
def show_claims(turn: Turn, it: Interaction) -> Private:
    """The claims that count, the newest first; with words those that have all of them."""
    words_given = it.inputs.get("text", "").casefold().split()
    every = sorted(shadow.claims(turn.connection), key=lambda c: (c.at, c.id), reverse=True)
    rows = [c for c in every if all(w in _line(turn, c).casefold() for w in words_given)]
    if not rows:
        sentence = (
            f"None of the {len(every)} claims has these words; /spend claims lists all."
            if every
            else "Nobody has claimed anything yet. /spend unclaimed lists AI spend that nobody has claimed."
        )
        return Private(message=Message(summary=sentence, blocks=(Small(text=text(sentence)),)))
    title = f"{len(rows)} claim{'s' if len(rows) > 1 else ''} of AI spend"
    blocks: list[Block] = [Heading(text=title)]
    for row in rows[:SHOWN]:
        thing = what(row.account, row.service)
        note = f" — {row.note}" if row.note else ""
        day = words.day(row.at.astimezone(turn.policy.workspace.zone).date())
        blocks.append(
            Paragraph(text=text(Strong(text=thing), f": {_said(row)} ({row.name}, {day}){note}"))
        )
        button = Button(
            label="Withdraw",
            action="shadow.withdraw",
            subject=row.id,
            confirm=f"{thing} is then nobody's again, unless tags or rules claim it.",
        )
        blocks.append(Controls(controls=(button,)))
    if len(rows) > SHOWN:
        blocks.append(
            Small(text=text(f"and {len(rows) - SHOWN} more: ", Code(text="/spend claims WORDS")))
        )
    return Private(message=Message(summary=title, blocks=tuple(blocks)))


@press("shadow.withdraw", permission="shadow.claim")
def withdraw(turn: Turn, it: Interaction) -> Done:
    """The claim no longer counts from the next reading on; what stays unclaimed is asked about anew."""
    # The question first, as an answer does: two who wait for each other's row would never end.
    found = shadow.get_claim(turn.connection, it.subject)
    question = shadow.get(turn.connection, found.question_id, lock=True) if found else None
    row = shadow.get_claim(turn.connection, it.subject, lock=True)
    if row is None:
        raise NotFound("This claim is not known here (any more). Nothing was changed.")
    if row.withdrawn_at is not None:
        by = next((p.name for p in turn.policy.people if p.email == row.withdrawn_by), None)
        raise AlreadyDecided(f"This was withdrawn before, by {by or row.withdrawn_by}.")
    shadow.withdraw_claim(turn.connection, row.id, who(it), turn.now)
    mine = question is not None and (question.facts.get("outcome") or {}).get("claim") == row.id
    if question is not None and mine:
        question = shadow.change(
            turn.connection,
            question,
            state="withdrawn",
            decided_by=who(it),
            decided_name=it.actor.name,
            decided_at=turn.now,
        )
        turn.edit(key_of(question), question_message(turn.policy, question))
    turn.audit(
        who(it),
        "shadow.withdrawn",
        f"shadow:{row.question_id}",
        account=row.account,
        service=row.service,
        claim=row.id,
        sets=dict(row.sets),
        not_ai=row.not_ai,
        claimed_by=row.person,
    )
    thing = what(row.account, row.service)
    if row.not_ai:
        return Done(note=f"Withdrawn: {thing} counts as AI spend again.")
    return Done(
        note=f"Withdrawn. From the next reading of the bill, at {next_reading(turn)}, {thing} is unclaimed again, "
        "unless tags or rules claim it."
    )


def _said(row: ClaimRow) -> str:
    return "not AI" if row.not_ai else said_of(row.sets)


def _line(turn: Turn, row: ClaimRow) -> str:
    return f"{what(row.account, row.service)} {_said(row)} {row.name} {row.person} {row.note}"
