"""``/spend top``: who spends most, or changed most, with shares that add up to all of it."""

import re
from collections.abc import Sequence
from decimal import Decimal

from guardrails.contributions import Part, largest, parts_of, whole_of
from guardrails.lists import either
from guardrails.periods import Period
from guardrails.policy.bills import DIMENSIONS
from guardrails.suggest import did_you_mean
from handlers.ask.days import Compared, earlier, noted, on, with_before
from handlers.ask.saying import (
    as_shown,
    change_table,
    money,
    name_of,
    share,
    share_table,
    signed,
)
from handlers.ask.subjects import WORDS, Names, also, called, namesake, one, read, usual
from handlers.conversation import (
    Block,
    Code,
    Heading,
    Interaction,
    Message,
    Private,
    Small,
    said,
    text,
)
from handlers.refusals import NotFound
from handlers.router import command
from handlers.turn import Turn
from storage import spend
from storage.spend import Key

SHOWN = 10
MOVERS = "movers"
_MOST = re.compile(
    r"(?:who|what|which\s+(?P<what>\w+))\s+(?:has\s+|have\s+)?(?:(?:is|are)\s+spending|spen[dt]s?|costs?)"
    r"\s+(?:the\s+)?most(?:\s+money)?",
    re.IGNORECASE,
)
_SAID = ("experiments", "features", "teams", "services", "models", "segments", "accounts", MOVERS)


@command(
    "spend top",
    permission="spend.read",
    does="who spends most; movers: what changed most",
    usage="[experiments, features, teams, services, models or movers] [last 30d]",
    example="/spend top teams this month",
    looks=True,
)
def show_top(turn: Turn, it: Interaction) -> Private:
    """The largest, or with ``movers`` the largest changes, against as many days before."""
    names = Names(turn)
    period, rest = read(names, it.inputs.get("text", ""))
    message = ranked(turn, usual(turn, period), rest)
    return Private(message=message if rest else also(message, namesake(names, "top")))


def ranked(turn: Turn, period: Period, what: str) -> Message:
    """The ranking of what was typed, such as ``teams`` or ``movers``. Raises NotFound."""
    key, movers = _what(what)
    days = with_before(turn, period)
    return said(days) if isinstance(days, str) else top(turn, key, days, movers=movers)


def asked_for_most(words: str) -> str | None:
    """What a question such as ``who spent the most`` or ``which team costs most`` ranks; None for other words."""
    found = _MOST.fullmatch(words.strip(" ?"))
    return None if found is None else found["what"] or ""


def _what(words: str) -> tuple[Key, bool]:
    """What is ranked, and whether by its change. Raises NotFound."""
    typed = [w for w in words.lower().split() if w not in ("by", "of", "the")]
    movers = any(w in (MOVERS, "mover") for w in typed)
    rest = [w for w in typed if w not in (MOVERS, "mover")]
    if not rest:
        return "experiment", movers
    if len(rest) == 1 and rest[0] in WORDS:
        return WORDS[rest[0]], movers
    near = did_you_mean(rest[0], [*WORDS, MOVERS]) if len(rest) == 1 else ""
    raise NotFound(f"“{words}” cannot be ranked{near or '.'} Type one of {either(_SAID)}.")


def top(turn: Turn, key: Key, days: Compared, *, movers: bool) -> Message:
    """The ranking as a table; its last row is all spend of these days."""
    parts = ranking(turn, key, days, movers=movers)
    if not any(p.now or p.before for p in parts):
        return said(f"Nothing was spent {on(turn, days.now)}, nor in {earlier(turn, days)}.")
    named = largest([p for p in parts if p.name], SHOWN)
    rows = (*named, *(p for p in parts if not p.name))
    first = next((p for p in parts if p.name), None)
    title = _title(turn, key, days, as_shown(turn, rows)[0], movers=movers)
    table = change_table(turn, key, rows) if movers else share_table(turn, key, rows, changes=True)
    blocks: list[Block] = [Heading(text=title), table, *noted(days.notes)]
    if not movers:
        blocks.append(Small(text=text(f"The change is against {earlier(turn, days)}.")))
    if first is not None:
        typed = one(key, first.name).typed
        blocks.append(
            Small(
                text=text("Why the first changed: ", Code(text=f"/spend why {typed} {days.asked}"))
            )
        )
    return Message(summary=title, blocks=tuple(blocks))


def ranking(turn: Turn, key: Key, days: Compared, *, movers: bool) -> tuple[Part, ...]:
    """All parts of both periods, the largest (or those that changed most) first."""

    def sums(period: Period) -> dict[str, Decimal]:
        found = spend.sums_by(turn.connection, turn.policy, period, key)
        return {name: amount for (name,), amount in found.items()}

    parts = parts_of(sums(days.before), sums(days.now))
    return parts if movers else tuple(sorted(parts, key=lambda p: (-p.now, p.name)))


def _title(turn: Turn, key: Key, days: Compared, shown: Sequence[Part], *, movers: bool) -> str:
    """What leads, in the numbers that are ``shown``."""
    when, whole = on(turn, days.now), whole_of(shown)
    first = shown[0]
    if not first.name:
        return f"{money(turn, whole.now)} {when}, none of it with a name under {called(key)}"
    name = f"{called(key).capitalize()} {name_of(first, key)}"
    if movers:
        much = signed(turn, first.change)
        return f"{name} changed most: {much}, of {signed(turn, whole.change)} in all, {when}"
    much = f"{money(turn, first.now)} of {money(turn, whole.now)} ({share(first.now, whole.now)})"
    return f"{name} {'spent' if key in DIMENSIONS else 'cost'} most: {much} {when}"
