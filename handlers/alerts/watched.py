"""How far what is not open can be trusted: what is watched, and of which days."""

from datetime import timedelta

from guardrails.alerts import words
from handlers.turn import Turn
from storage import spend


def watched(turn: Turn) -> str:
    """A sentence: what is watched ends with the bill, and nothing is without a bill or a signal."""
    held = spend.covered(turn.connection)
    if held is None:
        return "No bill has been read yet, so nothing is watched."
    if not turn.policy.detection.signals:
        return "Nothing is watched: detection.signals in the policy is empty."
    last = min(held.last, turn.today)  # what is charged ahead is of days that nobody has watched
    sentence = f"The bill is watched up to {words.day(last)}"
    if held.last < turn.today - timedelta(days=1):
        return f"{sentence}; later days have not come yet."
    return f"{sentence}."
