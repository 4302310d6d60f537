"""``/council``: when it is next, its digest, and what people add to the agenda."""

import secrets

from guardrails.alerts import words
from guardrails.council import Week, moment
from handlers.commands import help_message
from handlers.conversation import (
    At,
    Block,
    Code,
    Divider,
    Heading,
    Interaction,
    Items,
    Message,
    Paragraph,
    Private,
    Small,
    Span,
    Strong,
    Text,
    said,
    text,
)
from handlers.council.agenda import Item, about, agenda, is_asked, item_id
from handlers.council.frame import Frame, closes_at, coming_week, frame_of, key_of, rules_of, set_up
from handlers.council.message import digest_of
from handlers.overruns.placing import calendar
from handlers.refusals import AlreadyDecided, NotFound, Unreadable
from handlers.router import command
from handlers.turn import Turn
from storage import council, sandboxes
from storage.sandboxes import SandboxRow

LONGEST = 300  # characters of a topic
SHOWN = 20


@command(
    "council", permission="read", does="when the council meets next, and its agenda", looks=True
)
@command(
    "council next",
    permission="read",
    does="when the council meets next, and its agenda",
    looks=True,
)
def show_next(turn: Turn, it: Interaction) -> Private:
    """Day, time, channel, and what is on the agenda so far."""
    _no_words(it, "next")
    frame = next_frame(turn)
    rules = frame.rules
    title = f"The next council is {frame.week}"
    asked = agenda(frame)
    blocks: list[Block] = [
        Heading(text=title),
        Paragraph(
            text=text(
                At(time=frame.until),
                f", in #{rules.channel}. Decisions are by {rules.decide_by}, until ",
                At(time=closes_at(frame)),
                ".",
            )
        ),
    ]
    if asked:
        lines = [
            (*text(Strong(text=i.title), f": {i.why}" if i.why else ""), *about(i), *_added(i))
            for i in asked[:SHOWN]
        ]
        if len(asked) > SHOWN:
            lines.append(text(f"and {len(asked) - SHOWN} more"))
        blocks.append(Items(title="On the agenda so far", items=tuple(lines)))
    else:
        blocks.append(Paragraph(text=text("Nothing is on the agenda so far.")))
    more: list[str | Span] = ["Add something: ", Code(text="/council add TEXT")]
    more += [", or in the menu of any message. Take it off again: "]
    more += [Code(text="/council remove TEXT"), "."]
    blocks.append(Small(text=text(*more)))
    return Private(
        message=Message(summary=f"{title}, {words.day(frame.turn.today)}", blocks=tuple(blocks))
    )


def _added(item: Item) -> Text:
    """Who added it; nothing for what only the numbers ask."""
    return text(f" (added by {item.asked_name})") if item.asked_name else ()


@command(
    "council digest",
    permission="spend.read",
    does="shows the weekly digest",
    usage="[2026-W48]",
    looks=True,
)
def show_digest(turn: Turn, it: Interaction) -> Private:
    """The digest of a week, as one private message; of the newest that was posted, else of the next."""
    typed = it.inputs.get("text", "").strip()
    try:
        week = Week.parse(typed) if typed else _newest(turn)
    except ValueError as error:
        raise Unreadable(str(error)) from None
    try:
        digest = digest_of(frame_of(turn, week))
    except LookupError as error:
        raise NotFound(str(error)) from None
    blocks: list[Block] = []
    for message in digest.every():
        if blocks:
            blocks.append(Divider())
        # Decisions are taken in the thread, where everybody sees them.
        blocks += [b for b in message.blocks if b.kind != "controls"]
    return Private(message=Message(summary=digest.root.summary, blocks=tuple(blocks)))


@command(
    "council add",
    permission="read",
    does="adds an item to the agenda",
    usage="TEXT or a sandbox's name",
)
def add(turn: Turn, it: Interaction) -> Private:
    """A topic, or the sandbox of that name, for the next council."""
    words_typed = " ".join(it.inputs.get("text", "").split())
    if not words_typed:
        raise Unreadable("Say what the council should decide: /council add TEXT.")
    if len(words_typed) > LONGEST:
        raise Unreadable(f"Say it in {LONGEST} characters at most; the rest belongs in the thread.")
    box = sandboxes.named(turn.connection, words_typed)
    if box is not None:
        return Private(message=said(put_sandbox(turn, it, box)))
    return Private(message=said(put_on_agenda(turn, it, words_typed)))


def put_on_agenda(
    turn: Turn, it: Interaction, topic: str, *, why: str = "", owner: str = "", about: str = ""
) -> str:
    """Puts a topic on the next council's agenda and says so. ``about`` is the address of the message that it comes
    from: a message is on a week's agenda once. Raises AlreadyDecided, NotFound."""
    me = it.actor.person.strip().lower()
    subject = about or secrets.token_urlsafe(9)
    return _put(turn, it, "topic", subject, topic, why, owner or me)


def put_sandbox(turn: Turn, it: Interaction, box: SandboxRow, why: str = "") -> str:
    """Puts a sandbox on the next council's agenda and says so. Raises AlreadyDecided, NotFound."""
    return _put(turn, it, "sandbox", box.id, box.name, why, box.owner)


def _put(
    turn: Turn,
    it: Interaction,
    kind: str,
    subject: str,
    title: str,
    why: str,
    owner: str,
) -> str:
    # First: the digest may be posted at this moment, and two who add the same words differ in everything else.
    council.lock_agenda(turn.connection)
    frame = next_frame(turn)
    week, person = str(frame.week), it.actor.person.strip().lower()
    if is_asked(turn, week, kind, subject, title):
        raise AlreadyDecided("This is on the agenda already.")
    council.add_item(
        turn.connection,
        id=item_id(week, kind, subject),
        week=week,
        kind=kind,
        subject=subject,
        title=title,
        why=why,
        owner=owner,
        asked_by=person,
        asked_name=it.actor.name,
        created_at=turn.now,
    )
    turn.audit(person, "council.added", key_of(week), title, kind=kind, thing=subject)
    return f"It is on the agenda of the council on {words.day(frame.turn.today)} ({week})."


@command("council help", permission="read", does="shows what /council can do", looks=True)
def show_help(turn: Turn, it: Interaction) -> Private:
    """The commands that begin with /council."""
    return Private(message=help_message(turn.policy, "council"))


def _no_words(it: Interaction, name: str) -> None:
    if it.inputs.get("text", "").strip():
        raise Unreadable(
            f"“{it.inputs['text']}” was not used. Type /council help to see what there is."
        )


def next_frame(turn: Turn) -> Frame:
    """The council whose digest is posted next. Raises NotFound when the policy has none."""
    if set_up(turn.policy) is None:
        raise NotFound(
            "The policy has no council. The FinOps owner sets it up in the policy, under council."
        )
    try:
        return frame_of(turn, coming_week(turn))
    except LookupError as error:
        raise NotFound(str(error)) from None


def _newest(turn: Turn) -> Week:
    """The newest council that was, when its digest was posted; else the next."""
    rules, own = rules_of(turn.policy), calendar(turn.policy)
    week = coming_week(turn)
    for back in range(1, 5):
        before = week.plus(-back)
        if moment(rules, own, before) and council.digest(turn.connection, str(before)) is not None:
            return before
    return week
