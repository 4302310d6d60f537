"""How evidence is said: its name, its value against its limit, and how much is missing."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from guardrails.alerts import words
from guardrails.gates import Item
from guardrails.money import Money
from guardrails.policy.gates import Evidence
from guardrails.policy.model import Policy

MARKS = {"met": "✓", "unmet": "✗", "unknown": "?"}
MOST_DIGITS = 8
MOST = Decimal(10) ** 15  # what is beyond is shown as this: nobody reads more


def line(policy: Policy, item: Item, signed: str = "") -> str:
    """A piece of evidence in a line: ``✗ accuracy: 0.812, at least 0.84 (7 days); 0.028 short``.

    ``signed``: who signed, for a sign-off.
    """
    e = item.evidence
    if e.role is not None:
        return f"✓ {name(policy, e)}: {signed}" if signed else f"○ {name(policy, e)}: not yet"
    said = f"{MARKS[item.state]} {name(policy, e)}"
    if item.value is None:
        bound = f"{limit(policy, e)} " if limit(policy, e) else ""
        return f"{said}: {bound}({words.days(e.days)}); not known: {item.why}"
    said += f": {_in_unit(policy, e, _digits(e, item.value))}, {limit(policy, e)} ({words.days(e.days)})"
    return f"{said}; {_short(policy, item, item.value)}" if item.state == "unmet" else said


def brief(policy: Policy, item: Item) -> str:
    """The same for a small place: ``✓ accuracy 0.861 (at least 0.84)``."""
    e = item.evidence
    if e.role is not None:
        return f"{'✓' if item.state == 'met' else '○'} {name(policy, e).lower()}"
    if not limit(policy, e):
        return f"{MARKS[item.state]} {name(policy, e)} not known"
    now = "not known" if item.value is None else _in_unit(policy, e, _digits(e, item.value))
    return f"{MARKS[item.state]} {name(policy, e)} {now} ({limit(policy, e)})"


def name(policy: Policy, e: Evidence) -> str:
    """What is judged: ``accuracy``, ``Cost per successful output``, ``Sign-off by finance``."""
    whose = " of the feature" if e.of == "feature" else ""
    match e.judge:
        case "sign-off":
            return f"Sign-off by {e.role}"
        case "tags":
            return "Spend with complete tags"
        case "unit-cost":
            return f"Cost per {_unit(policy, e)}{whose}"
        case "return-on-spend":
            one = str(Money(Decimal(1), policy.workspace.currency)).removesuffix(".00")
            return f"{e.metric}{whose} for each {one} spent"
        case "target":
            return f"{e.metric or 'Its own target'}"
        case _:
            return f"{e.metric}{' a day' if e.daily == 'sum' else ''}{whose}"


def limit(policy: Policy, e: Evidence) -> str:
    """``at least 0.84``; empty for a sign-off."""
    if e.at_least is not None:
        return f"at least {_in_unit(policy, e, e.at_least)}"
    return f"at most {_in_unit(policy, e, e.at_most)}" if e.at_most is not None else ""


def _unit(policy: Policy, e: Evidence) -> str:
    label = next((u.label for u in policy.watch.units if u.metric == e.metric and u.per == 1), "")
    return label or f"unit of {e.metric}"


def _short(policy: Policy, item: Item, value: Decimal) -> str:
    e, shown = item.evidence, _digits(item.evidence, value)
    if e.at_least is not None:
        return f"{_in_unit(policy, e, e.at_least - shown)} short"
    return f"{_in_unit(policy, e, shown - (e.at_most or Decimal(0)))} too much"


def _digits(e: Evidence, value: Decimal) -> Decimal:
    """One digit more than the limit has. Rounded to the bad side, so that nothing looks better than it is."""
    bound = e.at_least if e.at_least is not None else e.at_most or Decimal(0)
    digits = min(max(-int(bound.normalize().as_tuple().exponent), 0) + 1, MOST_DIGITS)
    rounding = ROUND_FLOOR if e.at_least is not None else ROUND_CEILING
    return max(min(value, MOST), -MOST).quantize(Decimal(1).scaleb(-digits), rounding)


def _in_unit(policy: Policy, e: Evidence, value: Decimal) -> str:
    number = f"{value:,f}"
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    if e.judge == "tags":
        return f"{number} %"
    if e.judge in ("metric", "target"):
        return number
    sign = "-" if value < 0 else ""
    cents = number.partition(".")[2]
    if len(cents) == 1:
        number += "0"  # money has two digits or none
    symbol = str(Money(Decimal(0), policy.workspace.currency)).split("0", maxsplit=1)[0]
    return f"{sign}{symbol}{number.lstrip('-')}"
