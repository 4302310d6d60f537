"""Imports every module that registers handlers. A new conversation is added here, once."""

from handlers import commands, home, maturity, runbooks, spend, unit_costs
from handlers.alerts import presses as alerts
from handlers.council import add as council_add
from handlers.council import decide as council_decide
from handlers.council import follow as council_follow
from handlers.dashboards import showing as dashboards
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
    "council_add",
    "council_decide",
    "council_follow",
    "daily",
    "dashboards",
    "decide",
    "gates",
    "home",
    "in_review",
    "ladder",
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
    "unit_costs",
]
