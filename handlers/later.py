"""Commands whose conversations are not there yet: each says so, and what works today."""

from handlers.conversation import Interaction, Private, said
from handlers.router import command
from handlers.turn import Turn

_COUNCIL = {
    "next": "when the council meets next, and its agenda",
    "digest": "shows the weekly digest",
    "add": "adds an item to the agenda",
}


def _not_yet(first: str, words: dict[str, str]) -> None:
    def answer(turn: Turn, it: Interaction) -> Private:
        return Private(
            message=said(
                f"/{first} is not set up yet; nothing was asked for or changed. "
                "What works today: /spend help."
            )
        )

    for word, does in words.items():
        command(f"{first} {word}", permission="read", does=does)(answer)
    command(first, permission="read", does="is not set up yet")(answer)
    command(f"{first} help", permission="read", does=f"shows what /{first} will do")(answer)


_not_yet("council", _COUNCIL)
