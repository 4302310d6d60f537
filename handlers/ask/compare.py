"""``/spend compare``: two names in the same days, or one in two periods, side by side."""

import re
from collections.abc import Iterator

from handlers.ask.compare_names import compare_names
from handlers.ask.compare_periods import compare_periods, side_by_side
from handlers.ask.days import with_before
from handlers.ask.subjects import (
    EVERYTHING,
    Names,
    Subject,
    also,
    find,
    namesake,
    read_two,
    usual,
)
from handlers.conversation import (
    Interaction,
    Private,
    said,
)
from handlers.refusals import NotFound, Unreadable
from handlers.router import command
from handlers.turn import Turn

_BESIDE = re.compile(
    r"\s+(?:and|with|vs\.?|versus|against|to|or|&)\s+|\s*,\s*|\s+/\s+", re.IGNORECASE
)
#: Words that are left when a period is taken out from between or behind them.
_LOOSE = frozenset(
    ["and", "with", "vs", "vs.", "versus", "against", "to", "or", "&", ",", "between", "in", "of"]
)


@command(
    "spend compare",
    permission="spend.read",
    does="two names, or two periods, side by side",
    usage="A and B [last 30d] | [NAME] this month with last month",
    example="/spend compare {experiment} and {other} this month",
    looks=True,
)
def show_compare(turn: Turn, it: Interaction) -> Private:
    """Two names in one period, or one name (or all spend) in two periods."""
    known = Names(turn)
    periods, rest = read_two(known, it.inputs.get("text", ""))
    names = _names(known, rest)
    if len(names) == 2:
        if len(periods) == 2:
            raise Unreadable("Compare two names in one period, or one name in two periods.")
        period = usual(turn, periods[0] if periods else None)
        return Private(message=compare_names(turn, names[0], names[1], period))
    subject = names[0] if names else EVERYTHING
    if len(periods) == 2:
        message = compare_periods(turn, subject, periods[0], periods[1])
    else:
        days = with_before(turn, usual(turn, periods[0] if periods else None))
        message = said(days) if isinstance(days, str) else side_by_side(turn, subject, days)
    if names or periods:
        return Private(message=message)
    return Private(message=also(message, namesake(known, "compare")))


# --- what was typed -----------------------------------------------------------------------------------


def _names(known: Names, rest: str) -> list[Subject]:
    """One name or two; a name that has an “and” in it counts as one. Raises NotFound for what is none."""
    rest = _trimmed(rest)
    if not rest:
        return []
    whole = _try(known, rest)
    if whole is not None:
        return [whole]
    pairs = list(_pairs(rest))
    for left, right in pairs:
        a, b = _try(known, left), _try(known, right)
        if a is not None and b is not None:
            if a == b:
                raise Unreadable(f"Both are {a.name}; name two that differ, or two periods.")
            return [a, b]
    for name in pairs[0] if pairs else (rest,):  # says which one is not known
        find(known, name)
    return []


def _pairs(rest: str) -> Iterator[tuple[str, str]]:
    """Where two names may be parted: at a word between them, else at a space."""
    found = list(_BESIDE.finditer(rest)) or list(re.finditer(r"\s+", rest))
    for match in found:
        left, right = rest[: match.start()].strip(), rest[match.end() :].strip()
        if left and right:
            yield left, right


def _trimmed(rest: str) -> str:
    """Without the words that stood between or before what was taken out."""
    typed = rest.split()
    while typed and typed[0].lower() in _LOOSE:
        typed = typed[1:]
    while typed and typed[-1].lower() in _LOOSE:
        typed = typed[:-1]
    return " ".join(typed)


def _try(known: Names, name: str) -> Subject | None:
    try:
        return find(known, name)
    except NotFound:
        return None
