"""From an interaction to its handler: found by name, permission checked at the click, one transaction."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from guardrails.authority import may, role_word, roles_that_may
from guardrails.lists import either
from guardrails.policy.people import Permission
from guardrails.suggest import did_you_mean
from handlers.conversation import (
    REPLY,
    Done,
    FieldErrors,
    Interaction,
    Kind,
    OpenForm,
    Private,
    Refused,
)
from handlers.refusals import FieldsRefused, NotAllowed, NotChecked, NotFound, Refusal
from handlers.turn import Places, Turn
from storage.policy_file import LoadedPolicy
from storage.prepared import Prepared
from storage.tables.delivery import Delivered

log = logging.getLogger(__name__)

AnyReply = Done | Private | OpenForm | FieldErrors | Refused
Handler = Callable[[Turn, Interaction], AnyReply]


@dataclass(frozen=True)
class Registered:
    """A handler with the permission it demands. ``does``, ``usage``, ``example``: what a command's help shows.

    ``looks``: it changes nothing, so that it is given a view of the database, and clicks do not wait for it.
    ``takes_files``: a surface fetches what is handed in with it.
    """

    kind: Kind
    name: str
    permission: Permission
    handler: Handler
    does: str = ""
    usage: str = ""
    example: str = ""
    looks: bool = False
    takes_files: bool = False


_registry: dict[tuple[Kind, str], Registered] = {}
_delivered = Delivered.__table__  # type: ignore[attr-defined]


def _register(
    kind: Kind,
    name: str,
    permission: Permission,
    does: str = "",
    usage: str = "",
    example: str = "",
    looks: bool = False,
    takes_files: bool = False,
) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        if (kind, name) in _registry:
            raise ValueError(f"two handlers for the {kind} {name}")
        _registry[kind, name] = Registered(
            kind, name, permission, handler, does, usage, example, looks, takes_files
        )
        return handler

    return keep


def press(
    name: str, *, permission: Permission, looks: bool = False
) -> Callable[[Handler], Handler]:
    """Registers what happens when a button or menu with this action is used."""
    return _register("press", name, permission, looks=looks)


def submission(
    name: str, *, permission: Permission, takes_files: bool = False
) -> Callable[[Handler], Handler]:
    """Registers what a form's submission does."""
    return _register("submission", name, permission, takes_files=takes_files)


def command(
    name: str,
    *,
    permission: Permission,
    does: str,
    usage: str = "",
    example: str = "",
    looks: bool = False,
    takes_files: bool = False,
) -> Callable[[Handler], Handler]:
    """Registers a command by its words, such as ``spend mine``; the rest arrives as input ``text``."""
    return _register("command", name, permission, does, usage, example, looks, takes_files)


def home(*, permission: Permission) -> Callable[[Handler], Handler]:
    """Registers what a person's own page shows."""
    return _register("home", "home", permission, looks=True)


def registered(kind: Kind | None = None) -> list[Registered]:
    """All handlers, or those of one kind, by name."""
    return sorted(
        (r for r in _registry.values() if kind in (None, r.kind)), key=lambda r: (r.kind, r.name)
    )


def find(kind: Kind, name: str) -> Registered:
    """The handler of a name. Raises NotFound with the nearest name."""
    found = _registry.get((kind, name))
    if found is None:
        names = [r.name for r in registered(kind)]
        what = "button" if kind == "press" else kind
        raise NotFound(
            f"This {what} is not known here (any more){did_you_mean(name, names)} Nothing was changed."
        )
    return found


def find_command(name: str, words: str) -> tuple[Registered, str]:
    """The command that the most words name, and the words after it: ``/spend team`` before ``/spend``.

    Raises NotFound with the nearest command.
    """
    typed = [name.lstrip("/"), *words.split()]
    for count in range(min(3, len(typed)), 0, -1):
        found = _registry.get(("command", " ".join(typed[:count]).lower()))
        if found is not None:
            rest = words.split(maxsplit=count - 1)
            return found, rest[count - 1] if len(rest) >= count else ""
    names = ["/" + r.name for r in registered("command")]
    hint = did_you_mean("/" + " ".join(typed[:2]), names) or did_you_mean("/" + typed[0], names)
    raise NotFound(
        f"There is no command /{typed[0]} here{hint or '.'} Type /spend help to see what there is."
    )


def beside(first: str) -> list[str]:
    """The words that may follow a command's first word: ``budgets``, ``overrun`` for ``spend``."""
    return [
        r.name.partition(" ")[2] for r in registered("command") if r.name.startswith(f"{first} ")
    ]


@dataclass(frozen=True)
class Answered:
    """A reply, good once its transaction has committed. ``spoke``: something waits in the outbox."""

    reply: AnyReply
    spoke: bool = False


_KNOWN = Prepared(
    select(_delivered.c.delivery_id).where(_delivered.c.delivery_id == bindparam("key"))
)
_STORED = select(_delivered.c.reply).where(_delivered.c.delivery_id == bindparam("key"))
_STORE = {
    name: Prepared(
        insert(_delivered)
        .values(delivery_id=bindparam("key"), reply=bindparam("answer"), at=bindparam("now"))
        .on_conflict_do_nothing()
        .returning(_delivered.c.delivery_id)
    )
    for name, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}


class AnsweredElsewhere(Exception):
    """The same delivery was answered while this one was; what this one did is rolled back."""


def answer(
    connection: Connection,
    loaded: LoadedPolicy,
    places: Places,
    interaction: Interaction,
    now: datetime,
) -> Answered:
    """Handles an interaction in the caller's transaction; raises what :func:`refused` puts into words.

    The same delivery again gets the same reply and has no second effect: the reply is kept in the transaction of
    the effect. Where two transactions handle one delivery at once (on PostgreSQL), the later one waits for the
    first as it keeps its reply, finds that one is kept, and is rolled back.
    """
    kept = _kept(connection, interaction)
    if kept is not None:
        return Answered(kept)
    found, interaction = _find_for(interaction)
    _check(loaded, found, interaction)
    turn = Turn(connection, loaded, now, places)
    reply = found.handler(turn, interaction)
    if not _keep(connection, interaction, reply, now):
        raise AnsweredElsewhere
    return Answered(reply, bool(turn.said))


def takes_files(loaded: LoadedPolicy, interaction: Interaction) -> bool:
    """Whether files are of use in this, from somebody who may do it: they are fetched and read only then."""
    try:
        found, _ = _find_for(interaction)
        _check(loaded, found, interaction)
    except Refusal:
        return False
    return found.takes_files


def looks(interaction: Interaction) -> bool:
    """Whether its handler changes nothing, so that :func:`look` may answer it."""
    try:
        return _find_for(interaction)[0].looks
    except NotFound:
        return False


def look(
    connection: Connection,
    loaded: LoadedPolicy,
    places: Places,
    interaction: Interaction,
    now: datetime,
) -> AnyReply:
    """The answer to one who only looks, with the state and the roles of now.

    A view of the database is enough, and nothing is kept: the same delivery again is looked at again. Raises what
    :func:`refused` puts into words.
    """
    found, interaction = _find_for(interaction)
    _check(loaded, found, interaction)
    return found.handler(Turn(connection, loaded, now, places), interaction)


def _find_for(interaction: Interaction) -> tuple[Registered, Interaction]:
    """The handler, and the interaction as it is given to it: a command with the words after its name."""
    if interaction.kind != "command":
        return find(interaction.kind, interaction.name), interaction
    found, rest = find_command(interaction.name, interaction.inputs.get("text", ""))
    return found, interaction.model_copy(update={"inputs": {"text": rest}})


def remember_refusal(
    connection: Connection, interaction: Interaction, reply: FieldErrors | Refused, now: datetime
) -> AnyReply:
    """Keeps a refusal, so that the same delivery again is refused again, whatever has changed meanwhile.

    What failed, or could not be checked, may be tried again with the same delivery. Returns the reply that
    counts: the kept one when the same delivery was answered at the same time, and this one refused because of it.
    """
    passing = isinstance(reply, Refused) and reply.reason in ("failed", "not-checked")
    if not passing and _keep(connection, interaction, reply, now):
        return reply
    return _kept(connection, interaction) or reply


def _kept(connection: Connection, interaction: Interaction) -> AnyReply | None:
    key = {"key": _key(interaction)}
    if _KNOWN.run(connection, key) is None:
        return None
    return REPLY.validate_python(connection.execute(_STORED, key).scalar_one())


def _keep(connection: Connection, interaction: Interaction, reply: AnyReply, now: datetime) -> bool:
    """False when the delivery has a reply already."""
    values = {"key": _key(interaction), "answer": reply.model_dump(mode="json"), "now": now}
    return _STORE[connection.dialect.name].run(connection, values) is not None


def _key(interaction: Interaction) -> str:
    return f"{interaction.actor.surface}:{interaction.delivery_id}"


def refused(error: Exception, interaction: Interaction) -> FieldErrors | Refused:
    """The reply to what was refused, or failed: its transaction was rolled back, nothing was changed.

    An error that nobody foresaw is logged with the reference that the reply names.
    """
    if isinstance(error, AnsweredElsewhere):  # its reply is kept, and takes this one's place
        return Refused(reason="failed", sentence="This was answered already.")
    if isinstance(error, FieldsRefused):
        return FieldErrors(errors=error.errors)
    if isinstance(error, Refusal):
        return Refused(reason=error.reason, sentence=error.sentence)
    reference = secrets.token_hex(4)
    log.error("interaction %s failed, reference %s", interaction.name, reference, exc_info=error)
    # A commit whose answer is lost may have been carried out.
    known = not isinstance(error, DBAPIError)
    what = "nothing was changed" if known else "it is not known whether it was done: look first"
    return Refused(
        reason="failed",
        sentence=f"Something went wrong here and {what}. "
        f"Try again; if it happens again, tell the operator the reference {reference}.",
    )


def _check(loaded: LoadedPolicy, found: Registered, interaction: Interaction) -> None:
    actor = interaction.actor
    if actor.standing == "unknown":
        raise NotChecked(_STANDING["unknown"])
    if actor.standing != "member":
        raise NotAllowed(_STANDING[actor.standing])
    if not may(loaded.policy, found.permission, actor.roles):
        who = either([role_word(r) for r in roles_that_may(loaded.policy, found.permission)])
        mine = either([role_word(r) for r in sorted(actor.roles)]) if actor.roles else "no role"
        raise NotAllowed(
            f"This needs the role {who}; you have {mine}. "
            "Ask one of them, or ask the FinOps owner to give you the role in the policy."
        )


_STANDING = {
    "guest": "Guests cannot decide here. Ask a member of the team to press it.",
    "stranger": "People of another organisation cannot decide here. Ask someone who works here.",
    "deactivated": "This account is deactivated, so it cannot decide.",
    "unknown": "Your account could not be checked just now; nothing was changed. Try again in a minute.",
}
