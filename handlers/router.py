"""From an interaction to its handler: found by name, permission checked at the click, one transaction."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from guardrails.authority import may, roles_that_may
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
from handlers.refusals import FieldsRefused, NotAllowed, NotFound, Refusal
from handlers.turn import Places, Turn
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.tables.delivery import Delivered

log = logging.getLogger(__name__)

AnyReply = Done | Private | OpenForm | FieldErrors | Refused
Handler = Callable[[Turn, Interaction], AnyReply]


@dataclass(frozen=True)
class Registered:
    """A handler with the permission it demands. ``does`` and ``usage`` are what a command's help shows."""

    kind: Kind
    name: str
    permission: Permission
    handler: Handler
    does: str = ""
    usage: str = ""


_registry: dict[tuple[Kind, str], Registered] = {}
_delivered = Delivered.__table__  # type: ignore[attr-defined]


def _register(
    kind: Kind, name: str, permission: Permission, does: str = "", usage: str = ""
) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        if (kind, name) in _registry:
            raise ValueError(f"two handlers for the {kind} {name}")
        _registry[kind, name] = Registered(kind, name, permission, handler, does, usage)
        return handler

    return keep


def press(name: str, *, permission: Permission) -> Callable[[Handler], Handler]:
    """Registers what a button or menu does."""
    return _register("press", name, permission)


def submission(name: str, *, permission: Permission) -> Callable[[Handler], Handler]:
    """Registers what a form's submission does."""
    return _register("submission", name, permission)


def command(
    name: str, *, permission: Permission, does: str, usage: str = ""
) -> Callable[[Handler], Handler]:
    """Registers a command by its words, such as ``spend mine``; the rest arrives as input ``text``."""
    return _register("command", name, permission, does, usage)


def home(*, permission: Permission) -> Callable[[Handler], Handler]:
    """Registers what a person's own page shows."""
    return _register("home", "home", permission)


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


def answer(
    database: Database,
    loaded: LoadedPolicy,
    places: Places,
    interaction: Interaction,
    now: datetime,
) -> AnyReply:
    """Handles an interaction in one transaction and returns the reply; blocks.

    The same delivery again gets the same reply and has no second effect. A refusal or an error changes
    nothing; an error that nobody foresaw is logged with the reference that its reply names.
    """
    try:
        with database.write() as connection:
            return answer_in(connection, loaded, places, interaction, now)
    except FieldsRefused as refusal:
        return FieldErrors(errors=refusal.errors)
    except Refusal as refusal:
        return Refused(reason=refusal.reason, sentence=refusal.sentence)
    except Exception:
        reference = secrets.token_hex(4)
        log.exception("interaction %s failed, reference %s", interaction.name, reference)
        return Refused(
            reason="failed",
            sentence="Something went wrong here and nothing was changed. "
            f"Try again; if it happens again, tell the operator the reference {reference}.",
        )


def answer_in(
    connection: Connection,
    loaded: LoadedPolicy,
    places: Places,
    interaction: Interaction,
    now: datetime,
) -> AnyReply:
    """The same inside a transaction that the caller has opened; refusals are raised."""
    key = f"{interaction.actor.surface}:{interaction.delivery_id}"
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    first = connection.execute(
        make(_delivered)
        .values(delivery_id=key, reply={}, at=now)
        .on_conflict_do_nothing()
        .returning(_delivered.c.delivery_id)
    ).first()
    if first is None:
        stored = connection.execute(
            select(_delivered.c.reply).where(_delivered.c.delivery_id == key)
        ).scalar_one()
        return REPLY.validate_python(stored)
    if interaction.kind == "command":
        found, rest = find_command(interaction.name, interaction.inputs.get("text", ""))
        interaction = interaction.model_copy(update={"inputs": {"text": rest}})
    else:
        found = find(interaction.kind, interaction.name)
    _check(loaded, found, interaction)
    reply = found.handler(Turn(connection, loaded, now, places), interaction)
    connection.execute(
        update(_delivered)
        .where(_delivered.c.delivery_id == key)
        .values(reply=reply.model_dump(mode="json"))
    )
    return reply


def _check(loaded: LoadedPolicy, found: Registered, interaction: Interaction) -> None:
    actor = interaction.actor
    if actor.standing != "member":
        raise NotAllowed(_STANDING[actor.standing])
    if not may(loaded.policy, found.permission, actor.roles):
        who = _or([_ROLE_WORDS.get(r, r) for r in roles_that_may(loaded.policy, found.permission)])
        mine = (
            _or([_ROLE_WORDS.get(r, r) for r in sorted(actor.roles)]) if actor.roles else "no role"
        )
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
_ROLE_WORDS = {"finops": "FinOps", "product": "product owner", "finance": "finance partner"}


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
