"""Imports every module that registers handlers. A new conversation is added here, once."""

from handlers import commands, home, later, runbooks, spend
from handlers.alerts import presses
from handlers.overruns import ask, decide, in_review, silence
from handlers.sandboxes import by_hand, daily, ladder, listing, outcome, request
from handlers.sandboxes import presses as sandbox_presses

__all__ = [
    "ask",
    "by_hand",
    "commands",
    "daily",
    "decide",
    "home",
    "in_review",
    "ladder",
    "later",
    "listing",
    "outcome",
    "presses",
    "request",
    "runbooks",
    "sandbox_presses",
    "silence",
    "spend",
]
