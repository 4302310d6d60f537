"""How a redline, its limit and what was measured are put into words."""

from collections.abc import Sequence
from decimal import Decimal

from guardrails.alerts import words
from guardrails.lists import every
from guardrails.policy.redlines import Action, Redline
from guardrails.redlines.reading import Crossing

WATCHED = {
    "spend": "Spend",
    "spend-rate": "Rate of spend",
    "unit-cost": "Cost per output",
    "quality": "Quality",
    "error-rate": "Error rate",
    "idle-gpus": "Idle GPUs",
}


def value(line: Redline, amount: Decimal, currency: str) -> str:
    """A measured value or a limit: ``112 % of the cap``, ``$0.42 per output``, ``0.74 (accuracy)``."""
    if not amount.is_finite():
        return (
            "without end" if line.watch == "unit-cost" else "all of it: nothing is left of the cap"
        )
    match line.watch:
        case "spend":
            return f"{_percent(amount)} of the cap"
        case "spend-rate":
            return f"{_percent(amount)} of the even pace"
        case "unit-cost":
            return words.amount(float(amount), f"{currency} per unit of {line.metric}")
        case "quality":
            return f"{_number(amount)} ({line.metric})"
        case "error-rate":
            return f"{_percent(amount)} ({line.metric})"
        case "idle-gpus":
            return f"{_percent(amount)} of GPU hours idle"


def limit(line: Redline, currency: str) -> str:
    """``above 150 % of the even pace on 2 days in a row``."""
    side, bound = ("above", line.above) if line.above is not None else ("below", line.below)
    said = f"{side} {value(line, bound or Decimal(0), currency)}"
    return said if line.days == 1 else f"{said} on {line.days} days in a row"


def title(line: Redline, sandbox: str) -> str:
    """``Redline runaway: rate of spend of try-lora``."""
    return f"Redline {line.name}: {WATCHED[line.watch].lower()} of {sandbox}"


def doubt(crossing: Crossing) -> str:
    """Why a line cannot be judged, as a sentence."""
    match crossing.reason:
        case "no-data":
            return f"Nothing has come from {crossing.source} yet."
        case "stale":
            newest = words.day(crossing.through) if crossing.through else "long ago"
            return f"The newest complete day of {crossing.source} is {newest}."
        case _:
            missing = every([words.day(day) for day, v in crossing.values if v is None])
            return f"There is no value for {missing} ({crossing.source})."


def withheld(actions: Sequence[Action], reason: str, team: str, level: int, stage: str) -> str:
    """``Would warn and halt; team search is at level 1.``"""
    why = f"the stage {stage} is never stopped"
    if reason == "level":
        why = f"team {team} is at level {level}" if team else "the sandbox has no team"
    return f"Would {every(actions)}; {why}."


def _percent(amount: Decimal) -> str:
    return words.percent(float(amount / 100))


def _number(amount: Decimal) -> str:
    return f"{float(amount):.4g}"
