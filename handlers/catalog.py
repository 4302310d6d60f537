"""Imports every module that registers handlers. A new conversation is added here, once."""

from handlers import commands, dashboard_page, home, maturity, runbooks, spend, unit_costs
from handlers.alerts import presses as alerts
from handlers.ask import compare, forecast, top, why
from handlers.council import add as council_add
from handlers.council import decide as council_decide
from handlers.council import follow as council_follow
from handlers.council import from_message as council_from_message
from handlers.council import remove as council_remove
from handlers.dashboards import showing as dashboards
from handlers.gates import presses as gates
from handlers.overruns import ask, decide, in_review, silence
from handlers.policy_rules import ask as policy_ask
from handlers.policy_rules import show as policy_show
from handlers.redlines import look as redlines_look
from handlers.redlines import presses as redlines
from handlers.retro import show as retro
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
    "compare",
    "council_add",
    "council_decide",
    "council_follow",
    "council_from_message",
    "council_remove",
    "daily",
    "dashboard_page",
    "dashboards",
    "decide",
    "forecast",
    "gates",
    "home",
    "in_review",
    "ladder",
    "listing",
    "maturity",
    "outcome",
    "pass_on",
    "policy_ask",
    "policy_show",
    "redlines",
    "redlines_look",
    "request",
    "retro",
    "runbooks",
    "sandboxes",
    "silence",
    "spend",
    "top",
    "unit_costs",
    "why",
]
