"""``/help``: what can be typed, first what this policy has a use for."""

from guardrails.policy.model import Policy
from guardrails.typed_periods import EXAMPLES
from handlers.conversation import Block, Code, Interaction, Items, Message, Private, Small, text
from handlers.router import Registered, command, registered
from handlers.turn import Turn

#: The beginning of commands → the section of the policy that they work with. Without it they are not set up.
_WORKS_WITH = {
    "spend budgets": "budgets",
    "spend overrun": "budgets",
    "sandbox zones": "sandboxes",
    "sandbox": "teams",
    "council": "council",
}


@command("help", permission="read", does="shows what can be typed", looks=True)
def show_help(turn: Turn, it: Interaction) -> Private:
    """All commands, with what each does."""
    return Private(message=help_message(turn.policy, ""))


@command("spend help", permission="read", does="shows what /spend can do", looks=True)
def show_spend_help(turn: Turn, it: Interaction) -> Private:
    """The commands that begin with /spend."""
    return Private(message=help_message(turn.policy, "spend"))


def help_message(policy: Policy, first: str) -> Message:
    """The commands that begin with a word, all for ``""``: what can be used with what it does, then the rest."""
    commands = [
        c for c in registered("command") if not first or c.name.split()[0] == first
    ]  # in the order of their names
    usable = [c for c in commands if is_set_up(policy, c)]
    later = [c for c in commands if c not in usable]
    title = "What you can type"
    lines = tuple(
        text(
            Code(text=f"/{c.name}{' ' + c.usage if c.usage else ''}"),
            f" {c.does}",
            *((" · ", Code(text=c.example)) if first and c.usage and c.example else ()),
        )
        for c in usable
    )
    blocks: list[Block] = [
        Items(title=title, items=lines),
        Small(
            text=text(
                f"Periods: {EXAMPLES}. A name that is also a command, or a month: ",
                Code(text="/spend experiment top"),
            )
        ),
    ]
    if later:
        blocks.append(
            Items(
                title="Not set up in this policy",
                items=tuple(text(Code(text=f"/{c.name}")) for c in later),
            )
        )
    return Message(summary=title, blocks=tuple(blocks))


def is_set_up(policy: Policy, found: Registered) -> bool:
    """Whether the policy has the section that a command works with."""
    for beginning, section in _WORKS_WITH.items():
        if f"{found.name} ".startswith(f"{beginning} "):
            field = type(policy).model_fields.get(section)
            return field is not None and getattr(policy, section) != field.get_default()
    return True
