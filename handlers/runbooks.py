"""Runbooks in threads: a checklist whose ticks everybody sees, with who did what and when."""

import re
import secrets
from collections.abc import Callable, Sequence

from guardrails.authority import role_word
from guardrails.policy.alerts import SIGNALS
from guardrails.policy.model import Policy
from guardrails.policy.people import Role
from guardrails.runbooks import Escalation, Event, Runbook, in_words, plain, token
from handlers.alerts.message import mention_of
from handlers.conversation import (
    At,
    Block,
    Code,
    Controls,
    Done,
    Interaction,
    Items,
    Link,
    Mention,
    Menu,
    Message,
    Option,
    Paragraph,
    Small,
    Span,
    Strong,
    Text,
    text,
)
from handlers.refusals import AlreadyDecided, NotFound
from handlers.router import press
from handlers.turn import Turn
from storage import outbox, runbooks
from storage.runbooks import ShownRow, TickRow

#: A menu shows the next few steps: more do not fit a phone, and steps are done in their order.
OFFERED = 5
MOST_MENTIONED = 3


Over = Callable[[Turn, str], bool]
_over: dict[str, Over] = {}


def ends(kind: str) -> Callable[[Over], Over]:
    """Registers what says whether a subject of a kind (what stands before the colon) is over: nothing is ticked
    there any more."""

    def keep(function: Over) -> Over:
        _over[kind] = function
        return function

    return keep


def close_runbooks(turn: Turn, root: str) -> None:
    """Takes the menus from the checklists under a message whose subject is over."""
    for row in runbooks.shown_under(turn.connection, root):
        turn.edit(row.key, _message(turn, row))


def post_runbook(
    turn: Turn, event: Event, root: str, subject: str, people: Sequence[Mention] = ()
) -> bool:
    """Posts the checklist of an event into the thread of the message ``root``, and asks ``people`` to look.

    ``subject`` is what the ticks belong to, such as ``anomaly:1``. Where the checklist is already, it is not
    posted again. Returns whether anything was posted: not when there is no runbook and nobody to ask, and not
    when ``root`` has no message of its own (yet).
    """
    runbook = turn.loaded.runbooks.get(event)
    if (runbook is None and not people) or not outbox.posted_places(turn.connection, root):
        return False
    rows = runbooks.shown_under(turn.connection, root)
    row = next((r for r in rows if r.event == event), None)
    if row is None:
        row = _remember(turn, event, root, subject, people, first=not rows)
    if turn.is_posted(row.key, root):
        return False
    turn.reply(root, row.key, _message(turn, row), once=True)
    return True


def show_runbook(turn: Turn, event: Event, subject: str) -> None:
    """Brings the checklists about a subject in line with its ticks and with the runbook of now."""
    for row in runbooks.shown_of(turn.connection, subject, event):
        turn.edit(row.key, _message(turn, row))


def runbook_message(
    runbook: Runbook | None,
    ticks: Sequence[TickRow],
    people: Sequence[Mention] = (),
    shown_id: str = "",
) -> Message:
    """Who is asked, the steps with who ticked them, and menus to tick and to open again.

    Ticks of steps that the runbook no longer has are shown below it: what was done stays said.
    """
    blocks: list[Block] = []
    if people:
        asked: list[str | Span] = []
        for mention in people:
            asked += [" " if asked else "", mention]
        blocks.append(Paragraph(text=text(*asked, " please have a look.")))
    names = f"For {', '.join(m.name for m in people)}. " if people else ""
    if runbook is None and not ticks:
        return Message(summary=f"{names}Please have a look.", blocks=tuple(blocks))
    steps = runbook.steps if runbook else ()
    done = {tick.text: tick for tick in ticks}
    if runbook is not None:
        items = tuple(_step(step, done.get(step)) for step in steps)
        blocks.append(Items(title=f"Runbook: {runbook.title}", numbered=True, items=items))
    older = [tick for tick in ticks if tick.text not in steps]
    if older:
        items = tuple(_step(tick.text, tick) for tick in older)
        blocks.append(Items(title="Ticked before the runbook was changed", items=items))
    ticked = sum(step in done for step in steps)
    if runbook is None:
        said = "This runbook is no longer in the policy."
    elif ticked == len(steps):
        said = "Every step is ticked."
        blocks.append(Paragraph(text=text(Strong(text=said))))
    else:
        said = f"{ticked} of {len(steps)} steps ticked."
    small = _small(runbook, said if ticked < len(steps) or runbook is None else "")
    if small:
        blocks.append(Small(text=small))
    menus = _menus(steps, ticks, shown_id)
    if menus and shown_id:
        blocks.append(Controls(controls=menus))
    title = f"Runbook: {runbook.title}. " if runbook else ""
    complete = bool(steps) and ticked == len(steps)
    summary = f"{names}{title}{said}"
    return Message(summary=summary, blocks=tuple(blocks), tone="good" if complete else "neutral")


@press("runbook.tick", permission="anomaly.triage")
def tick(turn: Turn, it: Interaction) -> Done:
    """A step is done; everybody sees by whom."""
    row, runbook, ticks = _read(turn, it)
    chosen = it.inputs.get("choice", "")
    by = next((t for t in ticks if token(t.text) == chosen), None)
    if by is not None:
        raise _done_already(it, by)
    steps = runbook.steps if runbook else ()
    number = next((n for n, step in enumerate(steps, 1) if token(step) == chosen), None)
    if number is None:
        show_runbook(turn, row.event, row.subject)
        return Done(
            note="The runbook has changed, and this step is no longer in it. "
            "The message shows its steps of now; nothing was ticked."
        )
    step = steps[number - 1]
    runbooks.tick(
        turn.connection,
        subject=row.subject,
        event=row.event,
        step=number,
        text=step,
        person=it.actor.person,
        name=it.actor.name,
        at=turn.now,
    )
    return _keep(turn, it, row, "ticked", number, step)


@press("runbook.untick", permission="anomaly.triage")
def untick(turn: Turn, it: Interaction) -> Done:
    """A step was ticked by mistake: it is open again, and the audit knows who had ticked it."""
    row, _, ticks = _read(turn, it)
    chosen = it.inputs.get("choice", "")
    was = next((t for t in ticks if token(t.text) == chosen), None)
    if was is None or not runbooks.untick(turn.connection, was.id):
        raise AlreadyDecided("This step is open already; nothing was changed.")
    return _keep(turn, it, row, "unticked", was.step, was.text, ticked_by=was.person)


def path_in_words(escalation: Sequence[Escalation]) -> str:
    """``lead after 1 hour, finance partner after 4 hours``."""
    return ", ".join(f"{role_word(e.role)} after {in_words(e.after_minutes)}" for e in escalation)


def people_of(policy: Policy, role: Role, team: str) -> tuple[Mention, ...]:
    """At most three whom the policy names for a role: those of the team when it has any, else the first."""
    members = policy.roles.get(role)
    named = members.emails if members else ()
    lead = policy.teams[team].lead if team in policy.teams else None
    in_team = {p.email for p in policy.people if team and p.team == team} | {lead}
    near = [email for email in named if email in in_team]
    return tuple(mention_of(policy, email) for email in (near or list(named))[:MOST_MENTIONED])


def _remember(
    turn: Turn, event: Event, root: str, subject: str, people: Sequence[Mention], *, first: bool
) -> ShownRow:
    shown_id = secrets.token_urlsafe(9)
    runbooks.add_shown(
        turn.connection,
        id=shown_id,
        key=f"{root}:runbook" if first else f"{root}:runbook:{event}",
        root=root,
        event=event,
        subject=subject,
        people=[[m.person, m.name] for m in people],
        at=turn.now,
    )
    row = runbooks.get_shown(turn.connection, shown_id)
    if row is None:
        raise LookupError(f"the checklist of {root} was not recorded")
    return row


def _read(turn: Turn, it: Interaction) -> tuple[ShownRow, Runbook | None, Sequence[TickRow]]:
    """The checklist that was pressed, locked, its runbook of now and its ticks."""
    row = runbooks.get_shown(turn.connection, it.subject)
    if row is None:
        raise NotFound("This checklist is no longer known here. Nothing was changed.")
    runbooks.shown_of(turn.connection, row.subject, row.event)  # locks
    if _is_over(turn, row):
        raise AlreadyDecided(
            "What this checklist is for is decided, so nothing is ticked here any more."
        )
    ticks = runbooks.ticks(turn.connection, row.subject, row.event)
    return row, turn.loaded.runbooks.get(row.event), ticks


def _keep(
    turn: Turn, it: Interaction, row: ShownRow, did: str, number: int, step: str, **detail: str
) -> Done:
    show_runbook(turn, row.event, row.subject)
    turn.audit(
        it.actor.person,
        f"runbook.{did}",
        row.subject,
        step,
        event=row.event,
        step=number,
        surface=it.actor.surface,
        roles=sorted(it.actor.roles),
        **detail,
    )
    return Done()


def _done_already(it: Interaction, by: TickRow) -> AlreadyDecided:
    who = "You have" if by.person == it.actor.person else f"{by.name} has"
    return AlreadyDecided(
        f"{who} ticked this step already: “{plain(by.text)}” Nothing was changed."
    )


def _message(turn: Turn, row: ShownRow) -> Message:
    people = tuple(Mention(person=person, name=name) for person, name in row.people)
    ticks = runbooks.ticks(turn.connection, row.subject, row.event)
    shown_id = "" if _is_over(turn, row) else row.id
    return runbook_message(turn.loaded.runbooks.get(row.event), ticks, people, shown_id)


def _is_over(turn: Turn, row: ShownRow) -> bool:
    over = _over.get(row.subject.partition(":")[0])
    return over is not None and over(turn, row.subject)


def _step(step: str, by: TickRow | None) -> Text:
    if by is None:
        return text("○ ", *_spans(step))
    return text("✓ ", *_spans(step), " — ", Strong(text=by.name), ", ", At(time=by.at))


def _small(runbook: Runbook | None, said: str) -> Text:
    parts: list[str | Span] = [said] if said else []
    if runbook is not None and runbook.escalation:
        path = path_in_words(runbook.escalation)
        # an alert that is low or medium is not escalated, so it must not seem to be
        graver = any(event in SIGNALS for event in runbook.events)
        when = "High or critical, and nobody takes it" if graver else "If nobody decides"
        parts += [" " if parts else "", f"{when}: {path}."]
    if runbook is not None and runbook.link:
        parts += [" " if parts else "", Link(text="More about this", url=runbook.link)]
    return text(*parts)


def _menus(steps: Sequence[str], ticks: Sequence[TickRow], shown_id: str) -> tuple[Menu, ...]:
    done = {tick.text for tick in ticks}
    still = [(n, step) for n, step in enumerate(steps, 1) if step not in done]
    last = [(tick.step, tick.text) for tick in reversed(ticks)]
    offers = (("Tick off", "runbook.tick", still), ("Open again", "runbook.untick", last))
    return tuple(
        Menu(label=label, action=action, subject=shown_id, options=_options(offered))
        for label, action, offered in offers
        if offered
    )


def _options(steps: Sequence[tuple[int, str]]) -> tuple[Option, ...]:
    return tuple(
        Option(value=token(step), label=f"{number}. {plain(step)}")
        for number, step in steps[:OFFERED]
    )


_MARKED = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)[^)]*\)")


def _spans(step: str) -> Text:
    """A step with its Markdown as spans; a link to a file is its words, since chat has no such file."""
    parts: list[str | Span] = []
    end = 0
    for match in _MARKED.finditer(step):
        strong, code, words, url = match.groups()
        parts.append(step[end : match.start()])
        if strong:
            parts.append(Strong(text=strong))
        elif code:
            parts.append(Code(text=code))
        else:
            parts.append(Link(text=words, url=url) if "://" in url else words)
        end = match.end()
    parts.append(step[end:])
    return text(*(p for p in parts if p))
