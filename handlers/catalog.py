"""Imports every module that registers handlers. A new conversation is added here, once."""

from handlers import commands, home, later, runbooks, spend
from handlers.alerts import presses
from handlers.overruns import ask, decide, in_review, silence

__all__ = [
    "ask",
    "commands",
    "decide",
    "home",
    "in_review",
    "later",
    "presses",
    "runbooks",
    "silence",
    "spend",
]
