"""From any message to the agenda: a surface's own menu on a message opens a form, the form puts it there.

However a surface calls that menu, it comes as the press ``council.add`` with three inputs: ``text``, what the
message says; ``message``, its id where it stands; ``link``, its address, when there is one.
"""

import re
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from guardrails.policy.base import Email
from guardrails.suggest import did_you_mean
from handlers.conversation import (
    Form,
    FormField,
    Interaction,
    OpenForm,
    Private,
    Strong,
    TextField,
    said,
    text,
)
from handlers.council.add import LONGEST, next_frame, put_on_agenda, put_sandbox
from handlers.council.agenda import HERE
from handlers.refusals import FieldsRefused, NotFound
from handlers.router import press, submission
from handlers.sandboxes.message import key_of as sandbox_key
from handlers.turn import Turn
from storage import sandboxes
from storage.said import content_at, key_at
from storage.sandboxes import SandboxRow

WHY = 1000  # characters of what is to be decided
ADDRESS = 1000  # of a message's address; a longer one is left out
_HERE = re.compile(re.escape(HERE) + r"[^\s/]{1,240}/[0-9]{1,9}(/thread)?")
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)


@press("council.add", permission="read")
def ask(turn: Turn, it: Interaction) -> OpenForm:
    """The form with the message's first line, or with the sandbox that the message is about."""
    frame = next_frame(turn)
    me = it.actor.person.strip().lower()
    why = TextField(
        name="why",
        label="What is to be decided",
        hint="stands below it on the agenda",
        required=False,
        multiline=True,
        max_length=WHY,
    )
    where = text(f"For the council {frame.week} in #{frame.rules.channel}.")
    box = _sandbox_of(turn, it)
    if box is not None:
        return OpenForm(
            form=Form(
                action="council.add",
                subject=sandbox_key(box.id),
                title="Bring to the council",
                intro=(*text("The sandbox ", Strong(text=box.name), ". "), *where),
                fields=(why,),
                submit="Add",
            )
        )
    topic = TextField(
        name="topic",
        label="Topic",
        initial=_first_line(turn, it),
        max_length=LONGEST,
    )
    owner = TextField(
        name="owner",
        label="Owner",
        hint="an e-mail address: who carries out what is decided",
        initial=me,
        max_length=120,
    )
    fields: tuple[FormField, ...] = (topic, why, owner)
    return OpenForm(
        form=Form(
            action="council.add",
            subject=_address(it.inputs.get("link", "")),
            title="Bring to the council",
            intro=where,
            fields=fields,
            submit="Add",
        )
    )


@submission("council.add", permission="read")
def add(turn: Turn, it: Interaction) -> Private:
    """Puts the topic, with its message's address, or the sandbox on the next council's agenda."""
    why = it.inputs.get("why", "").strip()[:WHY]
    sandbox_id = it.subject.removeprefix(sandbox_key(""))
    if sandbox_id != it.subject:
        box = sandboxes.get(turn.connection, sandbox_id)
        if box is None:
            raise NotFound("This sandbox is not known here (any more). Nothing was changed.")
        return Private(message=said(put_sandbox(turn, it, box, why)))
    topic = " ".join(it.inputs.get("topic", "").split())
    owner = it.inputs.get("owner", "").strip().lower()
    wrong = _wrong(turn, it, topic, owner)
    if wrong:
        raise FieldsRefused(wrong)
    link = _address(it.subject)
    return Private(message=said(put_on_agenda(turn, it, topic, why=why, owner=owner, about=link)))


def _sandbox_of(turn: Turn, it: Interaction) -> SandboxRow | None:
    """The sandbox when the message is its card, or a word about it in the card's thread."""
    place, message = it.place, it.inputs.get("message", "")
    key = key_at(turn.connection, place.surface, place.channel, message) if message else None
    begins = sandbox_key("")
    if key is None or not key.startswith(begins):
        return None
    return sandboxes.get(turn.connection, re.split("[:@]", key.removeprefix(begins))[0])


def _first_line(turn: Turn, it: Interaction) -> str:
    """The first line of the message; of the bot's own, what it says in a line. At most as long as a topic."""
    place, message = it.place, it.inputs.get("message", "")
    ours = content_at(turn.connection, place.surface, place.channel, message) if message else None
    words = str(ours.get("summary", "")) if ours else it.inputs.get("text", "")
    line = next((" ".join(w.split()) for w in words.splitlines() if w.strip()), "")
    if len(line) <= LONGEST:
        return line
    return line[: LONGEST - 1].rsplit(" ", 1)[0] + "…"


def _address(link: str) -> str:
    """The address of a message when it can be one; it came through the person's own client."""
    if _HERE.fullmatch(link):
        return link
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    good = parts.scheme == "https" and parts.hostname and not parts.username
    plain = link.isprintable() and not any(c.isspace() or c in "<>|\"'`" for c in link)
    return link if good and plain and len(link) <= ADDRESS else ""


def _wrong(turn: Turn, it: Interaction, topic: str, owner: str) -> dict[str, str]:
    """What cannot be used, by field. The owner is whoever asks, or somebody whom the policy knows."""
    wrong = {}
    if not topic:
        wrong["topic"] = "Say what the council should decide."
    elif len(topic) > LONGEST:
        wrong["topic"] = f"Say it in {LONGEST} characters at most; the rest belongs in the thread."
    known = {p.email for p in turn.policy.people} | {it.actor.person.strip().lower()}
    try:
        _EMAIL.validate_python(owner)
        if owner not in known and turn.policy.people:
            hint = did_you_mean(owner, known)
            wrong["owner"] = f"The policy knows nobody with the address {owner}{hint or '.'}"
    except ValidationError:
        wrong["owner"] = "Write an e-mail address such as name@example.com."
    return wrong
