"""Who may do what with one sandbox: beyond the permission, which says who may press at all."""

from guardrails.policy.people import Role
from handlers.conversation import Interaction
from handlers.refusals import NotAllowed
from handlers.turn import Turn
from storage.sandboxes import SandboxRow

#: Beside its owner and whoever asked.
RUN: frozenset[Role] = frozenset({"lead", "finops", "operator"})
STOP: frozenset[Role] = RUN | {"finance"}
RESUME: frozenset[Role] = RUN


def may_run(turn: Turn, row: SandboxRow, it: Interaction) -> None:
    """Extend, close, see the key, say the outcome. Raises NotAllowed."""
    if not (_mine(row, it) or it.actor.roles & RUN):
        raise NotAllowed(_said("Its owner", RUN))


def may_stop(turn: Turn, row: SandboxRow, it: Interaction) -> None:
    """Halt. Raises NotAllowed."""
    if not (_mine(row, it) or it.actor.roles & STOP):
        raise NotAllowed(_said("Its owner", STOP))


def may_resume(turn: Turn, row: SandboxRow, it: Interaction) -> None:
    """Resume: whoever halted it, or somebody with the role whose sandbox it is not. Raises NotAllowed."""
    if it.actor.person.strip().lower() == row.halted_by.lower():
        return
    if _mine(row, it):
        raise NotAllowed(f"Others halted it, so others let it run again: {_roles(RESUME)}.")
    if not it.actor.roles & RESUME:
        raise NotAllowed(_said("", RESUME))


def may_see_key(row: SandboxRow, it: Interaction) -> None:
    """The key is its owner's and whoever asked for it: nobody else's. Raises NotAllowed."""
    if not _mine(row, it):
        raise NotAllowed("The key is shown to the sandbox's owner and to whoever asked for it.")


def _mine(row: SandboxRow, it: Interaction) -> bool:
    return it.actor.person.strip().lower() in (row.owner.lower(), row.asked_by.lower())


def _said(owner: str, roles: frozenset[Role]) -> str:
    first = f"{owner} may do this, or a person" if owner else "A person may do this"
    return f"{first} with the role {_roles(roles)}. Ask one of them."


def _roles(roles: frozenset[Role]) -> str:
    return " or ".join(sorted(roles))
