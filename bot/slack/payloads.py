"""What Slack sends when someone does something, as what the handlers understand."""

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

from bot.cutting import clean
from bot.incoming import part
from bot.slack.controls import pressed
from bot.slack.forms import Opened, Uploads, submitted
from handlers.conversation import Actor, Interaction, Kind, Place

_MENTION = re.compile(r"<@[UW][A-Z0-9]+(?:\|[^>]*)?>")
_LINK = re.compile(r"<(?:[a-z]+:[^|>]*)\|([^>]+)>|<([a-z]+:[^>]*)>")
_NAMED = re.compile(r"<([@#])[A-Z0-9]+(?:\|([^>]*))?>")
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}")
_CHANNEL = re.compile(r"[A-Z0-9]{2,40}")
_TS = re.compile(r"\d{1,12}\.\d{1,8}")
_LONGEST = 3000  # characters of one input


@dataclass(frozen=True)
class Asked:
    """One thing that someone did in Slack, and how they can be answered."""

    kind: Kind
    name: str
    delivery_id: str
    user: str
    user_name: str
    subject: str = ""
    version: int = 1
    inputs: dict[str, str] = field(default_factory=dict)
    channel: str = ""
    thread: str | None = None
    trigger: str = ""
    response_url: str = ""
    fields: tuple[str, ...] = ()
    uploads: Uploads = field(default_factory=dict)  # what bot.slack.files turns into the next two
    files: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    ephemeral: bool = False  # done on a message that only this person sees
    page: str = ""  # what stood below the person's own page when it was used
    installed: str = ""  # the workspace or organisation whose installation this came through

    def interaction(self, actor: Actor, tenant: str) -> Interaction:
        """The same for a handler."""
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
            place=Place(surface="slack", tenant=tenant, channel=self.channel, thread=self.thread),
        )

    @property
    def at_home(self) -> bool:
        """Whether it was done on the person's own page: everything else has a channel."""
        return self.kind in ("press", "submission") and not self.channel

    def look(self) -> "Asked":
        """The same person looking at their own page now.

        Each look is a delivery of its own: looking changes nothing, and the page that was stored with an event
        that Slack sends again would show roles and decisions of then. The inputs say what was there and what was
        pressed.
        """
        inputs = {"page": self.page, "pressed": self.name, "subject": self.subject, **self.inputs}
        return Asked(
            kind="home",
            name="home",
            delivery_id=f"home-{secrets.token_hex(16)}",
            user=self.user,
            user_name=self.user_name,
            inputs=inputs if self.kind == "press" else {"page": self.page},
            page=self.page,
            installed=self.installed,
        )

    @property
    def opened(self) -> Opened:
        """Where a form that this opens belongs."""
        return Opened(self.channel, self.thread)


class PayloadError(ValueError):
    """Signed by Slack, but not of a shape that this bot sends or knows."""


def read_body(raw: bytes, content_type: str) -> dict[str, Any]:
    """What a request of Slack says: JSON, a form, or a form with JSON in its field ``payload``.

    Bolt's own reader takes any form with the word "payload" in it for the last kind, also a command in which
    somebody types it; and takes many times as long. Raises ValueError.
    """
    text = raw.decode("utf-8")
    if content_type == "application/json" or text.startswith("{"):
        body = json.loads(text)
    else:
        form = dict(URL.build(query_string=text, encoded=True).query)
        body = json.loads(form["payload"]) if "payload" in form else form
    if not isinstance(body, dict):
        raise ValueError("not an object")
    return body


def from_press(body: dict[str, Any]) -> Asked:
    """A ``block_actions`` payload: a button or a menu."""
    actions = body.get("actions") or []
    if not actions or not isinstance(actions[0], dict):
        raise PayloadError("a press without an action")
    user = part(body, "user")
    what = pressed(actions[0])
    container = part(body, "container")
    message = part(body, "message")
    channel = container.get("channel_id") or part(body, "channel").get("id") or ""
    thread = container.get("thread_ts") or message.get("thread_ts")
    return Asked(
        kind="press",
        name=clean(what.action),
        delivery_id=_delivery("press", body, str(actions[0].get("action_id", ""))),
        user=_required(user, "id"),
        user_name=str(user.get("name") or user.get("username") or ""),
        subject=clean(what.subject)[:_LONGEST],
        version=what.version,
        inputs={} if what.choice is None else {"choice": clean(what.choice)},
        channel=str(channel),
        thread=str(thread) if thread else None,
        trigger=str(body.get("trigger_id") or ""),
        response_url=str(body.get("response_url") or ""),
        ephemeral=container.get("is_ephemeral") is True,
        page=_page(part(body, "view")),
        installed=installed(body),
    )


def from_message_menu(body: dict[str, Any]) -> Asked:
    """A ``message_action`` payload: our entry in a message's own menu; its ``callback_id`` is the action.

    The inputs are the message's words, its id and its address.
    """
    user, message, channel = part(body, "user"), part(body, "message"), part(body, "channel")
    name = _required(body, "callback_id")
    where = _required(channel, "id")
    ts = str(message.get("ts") or body.get("message_ts") or "")
    thread = message.get("thread_ts")
    return Asked(
        kind="press",
        name=clean(name),
        delivery_id=_delivery("menu", body, name),
        user=_required(user, "id"),
        user_name=str(user.get("name") or user.get("username") or ""),
        inputs={
            "text": _lines(str(message.get("text") or "")),
            "message": ts,
            "link": _permalink(part(body, "team"), where, ts, str(thread or "")),
        },
        channel=where,
        thread=str(thread) if thread else None,
        trigger=str(body.get("trigger_id") or ""),
        response_url=str(body.get("response_url") or ""),
        installed=installed(body),
    )


def _lines(said: str) -> str:
    """The lines of a message as people read them; a mention of an account is named when Slack says the name."""
    said = _NAMED.sub(lambda m: f"{m[1]}{m[2]}" if m[2] else f"{m[1]}someone", said[:_LONGEST])
    return "\n".join(typed(line) for line in said.splitlines())


def _permalink(team: dict[str, Any], channel: str, ts: str, thread: str) -> str:
    """The address of a message, as chat.getPermalink makes it; asking that would take time that a form has not.

    Empty when the payload does not say where the workspace is.
    """
    domain = str(team.get("domain") or "")
    if not _DOMAIN.fullmatch(domain) or not _TS.fullmatch(ts) or not _CHANNEL.fullmatch(channel):
        return ""
    there = f"https://{domain}.slack.com/archives/{channel}/p{ts.replace('.', '')}"
    reply = _TS.fullmatch(thread) and thread != ts
    return f"{there}?thread_ts={thread}&cid={channel}" if reply else there


def from_submission(body: dict[str, Any]) -> Asked:
    """A ``view_submission`` payload: a form that was filled in."""
    user = part(body, "user")
    try:
        form = submitted(part(body, "view"))
    except (ValueError, TypeError, AttributeError) as error:
        raise PayloadError(f"a form that cannot be read: {type(error).__name__}") from error
    return Asked(
        kind="submission",
        name=clean(form.action),
        delivery_id=_delivery("submission", body, str(part(body, "view").get("hash", ""))),
        user=_required(user, "id"),
        user_name=str(user.get("name") or user.get("username") or ""),
        subject=clean(form.subject)[:_LONGEST],
        version=form.version,
        inputs={k: v[:_LONGEST] for k, v in form.inputs.items()},
        channel=form.opened.channel,
        thread=form.opened.thread,
        trigger=str(body.get("trigger_id") or ""),
        fields=form.fields,
        uploads=form.uploads,
        installed=installed(body),
    )


def from_command(body: dict[str, Any]) -> Asked:
    """A slash command. Its text is what was typed; Slack has escaped ``& < >`` in it."""
    return Asked(
        kind="command",
        name=str(body.get("command") or "").lstrip("/"),
        delivery_id=_delivery("command", body, ""),
        user=_required(body, "user_id"),
        user_name=str(body.get("user_name") or ""),
        inputs={"text": typed(str(body.get("text") or ""))},
        channel=str(body.get("channel_id") or ""),
        trigger=str(body.get("trigger_id") or ""),
        response_url=str(body.get("response_url") or ""),
        installed=installed(body),
    )


def from_mention(body: dict[str, Any], bot_user: str) -> Asked:
    """An ``app_mention`` event: a command in a thread, where slash commands do not run."""
    event = part(body, "event")
    said = _MENTION.sub(
        lambda m: " " if m[0].startswith(f"<@{bot_user}") else m[0], str(event.get("text") or "")
    )
    name, _, rest = typed(said).partition(" ")
    thread = event.get("thread_ts")
    return Asked(
        kind="command",
        name=name.lstrip("/").lower() or "help",
        delivery_id=_required(body, "event_id"),
        user=_required(event, "user"),
        user_name="",
        inputs={"text": rest.strip()},
        channel=str(event.get("channel") or ""),
        thread=str(thread) if thread else None,
        installed=installed(body),
    )


def from_home(body: dict[str, Any]) -> Asked | None:
    """An ``app_home_opened`` event: someone looks at their own page. None for the app's other tabs."""
    event = part(body, "event")
    if event.get("tab") != "home":
        return None
    user = _required(event, "user")
    page = _page(part(event, "view"))  # what was published last
    return Asked("home", "home", "", user, "", page=page, installed=installed(body)).look()


def _page(view: dict[str, Any]) -> str:
    """What :func:`bot.slack.forms.home` has left in a home tab."""
    return clean(str(view.get("private_metadata") or "")) if view.get("type") == "home" else ""


def installed(body: dict[str, Any]) -> str:
    """The installation that a payload came through: an organisation's id when it covers all of it, else the
    workspace's. An event that several installations may see says which in its ``authorizations``.
    """
    authorizations = body.get("authorizations")
    said = body
    if isinstance(authorizations, list) and authorizations and isinstance(authorizations[0], dict):
        said = authorizations[0]
    team, enterprise = part(said, "team"), part(said, "enterprise")
    if str(said.get("is_enterprise_install")).lower() == "true":
        found = said.get("enterprise_id") or enterprise.get("id")
    else:
        found = said.get("team_id") or team.get("id") or part(said, "user").get("team_id")
    return str(found or "")


def typed(text: str) -> str:
    """What a person typed: Slack's escapes and automatic links undone, on one line."""
    text = _LINK.sub(lambda m: m[1] or m[2], text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return " ".join(clean(text).split())[:_LONGEST]


def _delivery(kind: str, body: dict[str, Any], what: str) -> str:
    """The same for the same bytes sent again; another click has another trigger."""
    trigger = body.get("trigger_id")
    told = f"{kind}|{trigger}|{what}" if trigger else json.dumps(body, sort_keys=True)
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:40]


def _required(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise PayloadError(f"a payload without {key}")
    return value
