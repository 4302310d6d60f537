"""What an invoke is answered with, by how it came: the shapes that Teams knows.

learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/universal-actions-for-adaptive-cards,
…/task-modules-and-cards/task-modules/task-modules-bots, …/messaging-extensions/how-to/action-commands.
"""

from typing import Any

from bot.teams.adapter import Reply

CARD = "application/vnd.microsoft.card.adaptive"
MESSAGE = "application/vnd.microsoft.activity.message"
_LONGEST = 1000  # characters of a sentence: a client shows it in a small box
_TITLE = 64


def shown(card: dict[str, Any]) -> Reply:
    """An action of a card: the asker, and nobody else, sees this card in its place."""
    return Reply({"statusCode": 200, "type": CARD, "value": card})


def told(sentence: str) -> Reply:
    """An action of a card: the asker, and nobody else, is told this."""
    return Reply({"statusCode": 200, "type": MESSAGE, "value": sentence[:_LONGEST]})


def dialog(title: str, card: dict[str, Any]) -> Reply:
    """A dialog: it shows this card."""
    value = {
        "title": title[:_TITLE],
        "height": "medium",
        "width": "medium",
        "card": {"contentType": CARD, "content": card},
    }
    return Reply({"task": {"type": "continue", "value": value}})


def closed(sentence: str = "") -> Reply:
    """A dialog: it says a last sentence, or just closes."""
    if not sentence:
        return Reply({})
    return Reply({"task": {"type": "message", "value": sentence[:_LONGEST]}})


def failed(status: int, sentence: str) -> Reply:
    """An action of a card that this bot does not know; ``status`` is 400 or 500."""
    value = {"code": "BadRequest", "message": sentence[:_LONGEST]}
    return Reply({"statusCode": status, "type": "application/vnd.microsoft.error", "value": value})
