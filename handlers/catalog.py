"""Imports every module that registers handlers. A new conversation is added here, once."""

from handlers import commands, home, later, maturity, runbooks, spend
from handlers.alerts import presses as alerts
from handlers.gates import presses as gates
from handlers.overruns import ask, decide, in_review, silence
from handlers.redlines import look as redlines_look
from handlers.redlines import presses as redlines
from handlers.sandboxes import by_hand, daily, ladder, listing, outcome, request
from handlers.sandboxes import presses as sandboxes
from handlers.shadow import claim, claims, pass_on

__all__ = [
    "alerts",
    "ask",
    "by_hand",
    "claim",
    "claims",
    "commands",
    "daily",
    "decide",
    "gates",
    "home",
    "in_review",
    "ladder",
    "later",
    "listing",
    "maturity",
    "outcome",
    "pass_on",
    "redlines",
    "redlines_look",
    "request",
    "runbooks",
    "sandboxes",
    "silence",
    "spend",
]
