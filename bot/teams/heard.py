"""What Teams sends when someone does something, as what the handlers understand.

Activities are read as plain JSON: the SDK's own types drop the tenant of a conversation and what they do not know.
"""

import hashlib
import html
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.cutting import clean
from bot.incoming import part
from bot.teams.card_controls import opened, pressed
from bot.teams.card_forms import Submitted, submitted
from bot.teams.cards import REFRESH
from handlers.conversation import Actor, Interaction, Kind, Place

NAME = "teams"
FILE = "application/vnd.microsoft.teams.file.download.info"  # of an attachment, see files.py
COMMAND = "sandrail.command"  # the form of the message extension in which a command is typed
_LONGEST = 3000  # characters of one input
_NAME = 200  # of a handler's name: whatever is forged, the search for the nearest one is quick
_WHOLE = 4 * _LONGEST  # characters of a message that are read: markup is longer than what it says
_AT = re.compile(r"<at(?:\s[^<>]{0,100})?>([^<>]{0,200})</at>", re.IGNORECASE)
_LINE = re.compile(r"(?:<br\s{0,5}/?>|</(?:p|div|h\d|li|blockquote)>)", re.IGNORECASE)
_TAG = re.compile(r"<[^>]{0,200}>")
_SPACE = re.compile(r"\s+")

#: How it was done, which decides what an answer looks like.
Way = Literal["message", "card", "dialog", "extension"]


class Unreadable(ValueError):
    """Of a shape that this bot neither sends nor knows."""


@dataclass(frozen=True)
class Sender:
    """The account that an activity comes from."""

    mri: str  # 29:…, the same in every conversation with this bot
    oid: str  # the Entra object id; empty for someone without an account
    name: str


@dataclass(frozen=True)
class Where:
    """A conversation. ``thread`` is the id of its root message when it is a thread in a channel."""

    tenant: str
    service_url: str
    conversation: str
    thread: str | None = None
    personal: bool = False
    team: str = ""

    @property
    def address(self) -> str:
        """The id that the connector takes: of the thread when there is one."""
        return f"{self.conversation};messageid={self.thread}" if self.thread else self.conversation


@dataclass(frozen=True)
class Heard:
    """One thing that someone did in Teams, and how they can be answered."""

    kind: Kind
    name: str
    delivery_id: str
    sender: Sender
    where: Where
    way: Way
    subject: str = ""
    version: int = 1
    inputs: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    attached: tuple[
        str, ...
    ] = ()  # where the files of a message in the personal chat can be fetched
    message_id: str = ""  # the message whose card was used
    form: Submitted | None = None

    def interaction(self, actor: Actor) -> Interaction:
        """The same for a handler."""
        w = self.where
        return Interaction(
            delivery_id=self.delivery_id,
            kind=self.kind,
            name=self.name,
            subject=self.subject,
            version=self.version,
            inputs=self.inputs,
            files=self.files,
            faults=self.faults,
            actor=actor,
            place=Place(surface=NAME, tenant=w.tenant, channel=w.conversation, thread=w.thread),
        )


def where(activity: dict[str, Any]) -> Where:
    """Where an activity happened. Raises Unreadable."""
    conversation = part(activity, "conversation")
    data = part(activity, "channelData")
    whole = _required(conversation, "id")
    there, _, root = whole.partition(";messageid=")
    kind = str(conversation.get("conversationType") or "")
    tenant = part(data, "tenant").get("id") or conversation.get("tenantId") or ""
    return Where(
        tenant=str(tenant).lower(),
        service_url=_required(activity, "serviceUrl"),
        conversation=there,
        # Of replyToId and the thread of the conversation the thread counts: replies go to the root.
        thread=root or None,
        # Two people's own chat is called personal too; the bot's begins otherwise.
        personal=kind in ("", "personal") and not there.startswith("19:"),
        team=str(part(data, "team").get("id") or ""),
    )


def sender(activity: dict[str, Any]) -> Sender:
    """Who an activity comes from. Raises Unreadable."""
    said = part(activity, "from")
    name = _SPACE.sub(" ", clean(str(said.get("name") or ""))).strip()
    return Sender(_required(said, "id"), str(said.get("aadObjectId") or "").lower(), name[:200])


def from_message(activity: dict[str, Any]) -> Heard | None:
    """A message: a command, or a button of a client that knows no Action.Execute.

    None for what is not said to the bot: in a channel it must be mentioned, and what counts is the mention that
    Teams vouches for in ``entities``, not what looks like one in the text.
    """
    there = where(activity)
    value = activity.get("value")
    if isinstance(value, dict) and not str(activity.get("text") or "").strip():
        return _acted(activity, value, "message")
    words = _spoken(activity)
    if words is None and not there.personal:
        return None
    said = _plain(words if words is not None else str(activity.get("text") or ""))
    name, _, rest = said.partition(" ")
    name = name.lstrip("/").lower()
    home = there.personal and name in ("", "home", "hi", "hello", "start")
    return Heard(
        kind="home" if home else "command",
        name="home" if home else name or "help",
        delivery_id=delivery(activity),
        sender=sender(activity),
        where=there,
        way="message",
        inputs={} if home else {"text": rest.strip()[:_LONGEST]},
        attached=_attached(activity) if there.personal else (),
    )


def _attached(activity: dict[str, Any]) -> tuple[str, ...]:
    """Where the files of a message can be fetched."""
    attachments = activity.get("attachments")
    return tuple(
        str(part(one, "content").get("downloadUrl") or "")
        for one in (attachments if isinstance(attachments, list) else [])
        if isinstance(one, dict) and one.get("contentType") == FILE
    )


def from_card(activity: dict[str, Any]) -> Heard | None:
    """An ``adaptiveCard/action`` invoke: a button or a form of a card. None for a card's own refresh."""
    action = part(part(activity, "value"), "action")
    if action.get("verb") == REFRESH:
        return None
    return _acted(activity, part(action, "data"), "card")


def from_dialog(activity: dict[str, Any]) -> Heard:
    """A ``task/fetch`` or ``task/submit`` invoke: a button that opens a dialog, or the dialog's form."""
    return _acted(activity, part(part(activity, "value"), "data"), "dialog")


def from_extension(activity: dict[str, Any]) -> Heard:
    """A ``composeExtension/fetchTask`` or ``submitAction`` invoke: a command of the message extension.

    The command ids are those of the manifest: a command's words with hyphens; in a message's own menu an action.
    """
    value = part(activity, "value")
    data = value.get("data")
    if activity.get("name") == "composeExtension/submitAction":
        return _acted(activity, data if isinstance(data, dict) else {}, "extension")
    if value.get("commandContext") == "message":
        return _in_menu(activity, value)
    name, _, rest = str(value.get("commandId") or "").replace("-", " ").partition(" ")
    return Heard(
        kind="command",
        name=name.lower()[:_NAME],
        delivery_id=delivery(activity),
        sender=sender(activity),
        where=where(activity),
        way="extension",
        inputs={"text": rest[:_LONGEST]},
    )


def _in_menu(activity: dict[str, Any], value: dict[str, Any]) -> Heard:
    """An entry in a message's own menu: the inputs are the message's words, its id and its address."""
    message = part(value, "messagePayload")
    body = part(message, "body")
    said = str(body.get("content") or "")[:_WHOLE]
    if body.get("contentType") == "html":
        said = _LINE.sub("\n", said)
        lines = [_plain(line) for line in said.split("\n")]
    else:
        lines = said.split("\n")
    return Heard(
        kind="press",
        name=_required(value, "commandId")[:_NAME],
        delivery_id=delivery(activity),
        sender=sender(activity),
        where=where(activity),
        way="extension",
        inputs={
            "text": clean("\n".join(lines))[:_LONGEST].strip(),
            "message": str(message.get("id") or "")[:_NAME],
            "link": str(message.get("linkToMessage") or "")[:_LONGEST],
        },
    )


def _acted(activity: dict[str, Any], data: dict[str, Any], way: Way) -> Heard:
    """A button, a menu, a form, or the button that opens a command's form."""
    who, there = sender(activity), where(activity)
    on = str(activity.get("replyToId") or "")
    opener = opened(data)
    if opener is not None:
        inputs = {"text": opener.text[:_LONGEST]}
        name = opener.name[:_NAME]
        return Heard("command", name, delivery(activity), who, there, way, inputs=inputs)
    try:
        form = submitted(data)
    except ValueError:
        form = None
    if form is not None:
        if form.action == COMMAND:
            name, _, rest = _plain(form.inputs.get("typed", "")).partition(" ")
            name = name.lstrip("/").lower() or "help"
            key = _form_delivery(form, who)
            return Heard("command", name, key, who, there, way, inputs={"text": rest}, form=form)
        return Heard(
            kind="submission",
            name=form.action[:_NAME],
            delivery_id=_form_delivery(form, who),
            sender=who,
            where=there,
            way=way,
            subject=form.subject[:_LONGEST],
            version=form.version,
            inputs={k: v[:_LONGEST] for k, v in form.inputs.items()},
            files=form.files,
            message_id=on,
            form=form,
        )
    try:
        what = pressed(data)
    except ValueError as error:
        raise Unreadable(str(error)) from None
    return Heard(
        kind="press",
        name=what.action[:_NAME],
        delivery_id=delivery(activity),
        sender=who,
        where=there,
        way=way,
        subject=what.subject[:_LONGEST],
        version=what.version,
        inputs={} if what.choice is None else {"choice": what.choice[:_LONGEST]},
        message_id=on,
    )


def is_bot(activity: dict[str, Any], account: str) -> bool:
    """Whether an account id is the bot that the activity was sent to."""
    return bool(account) and account == part(activity, "recipient").get("id")


def _spoken(activity: dict[str, Any]) -> str | None:
    """What is said to the bot: the words behind its mention, or before it; None when it is not mentioned."""
    text = str(activity.get("text") or "")[:_WHOLE]
    entities = activity.get("entities")
    marks = [
        str(entity.get("text") or "")
        for entity in (entities if isinstance(entities, list) else [])
        if isinstance(entity, dict)
        and entity.get("type") == "mention"
        and is_bot(activity, str(part(entity, "mentioned").get("id") or ""))
    ]
    if not marks:
        return None
    before, _, after = text.partition(next((m for m in marks if m and m in text), "\0"))
    for mark in filter(None, marks):
        before, after = before.replace(mark, " "), after.replace(mark, " ")
    return after if _plain(after) else before


def _plain(text: str) -> str:
    """What a person typed: Teams' markup undone, on one line."""
    text = _AT.sub(lambda m: m[1], text[:_WHOLE])
    text = clean(html.unescape(_TAG.sub(" ", text)))
    return _SPACE.sub(" ", text).strip()[:_LONGEST]


def delivery(activity: dict[str, Any]) -> str:
    """The same for the same activity sent again."""
    told = [activity.get("id"), part(activity, "conversation").get("id"), activity.get("name")]
    if not activity.get("id"):
        told += [activity.get(k) for k in ("from", "timestamp", "replyToId", "value", "text")]
    return _digest(told)


def _form_delivery(form: Submitted, who: Sender) -> str:
    """The same for the same form with the same values: Teams sends a late submission again under a new id."""
    nonce = form.carried.get("form") or secrets.token_hex(16)
    said = sorted({**form.inputs, **form.files}.items())
    return _digest([nonce, who.mri, form.action, form.subject, said])


def _digest(told: list[Any]) -> str:
    text = json.dumps(told, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _required(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"an activity without {key}")
    return value
