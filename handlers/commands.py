"""``/help``: what can be typed."""

from handlers.conversation import Code, Interaction, Items, Message, Private, Small, text
from handlers.router import command, registered
from handlers.turn import Turn


@command("help", permission="read", does="shows what can be typed")
def show_help(turn: Turn, it: Interaction) -> Private:
    """All commands, with what each does."""
    return Private(message=help_message(""))


@command("spend help", permission="read", does="shows what /spend can do")
def show_spend_help(turn: Turn, it: Interaction) -> Private:
    """The commands that begin with /spend."""
    return Private(message=help_message("spend"))


def help_message(first: str) -> Message:
    """The commands that begin with a word, all for ``""``."""
    lines = tuple(  # in the order of their names
        text(Code(text=f"/{c.name}{' ' + c.usage if c.usage else ''}"), f" {c.does}")
        for c in registered("command")
        if not first or c.name.split()[0] == first
    )
    return Message(
        summary="What you can type",
        blocks=(
            Items(title="What you can type", items=lines),
            Small(
                text=text(
                    "Periods: last 30d, last 2 weeks, this month, last month, since 2026-11-01."
                )
            ),
        ),
    )
