"""How sums, shares and changes are said in answers, and tables whose rows add up as they are shown."""

from collections.abc import Sequence
from decimal import Decimal

from guardrails import amounts
from guardrails.amounts import share as share
from guardrails.contributions import Part, largest, rounded, shown_to, whole_of
from guardrails.lists import every
from handlers.ask.subjects import called, unnamed
from handlers.conversation import Step, Table, Waterfall
from handlers.turn import Turn
from storage.spend import Key

CHANGES = 6  # that have a row of their own
LONGEST = 60  # of a name in a table or chart; resources have long ones


def money(turn: Turn, amount: Decimal) -> str:
    """In the workspace's currency, ``$7,600``."""
    return amounts.money(amount, turn.policy.workspace.currency)


def signed(turn: Turn, amount: Decimal) -> str:
    """``+$800``, ``−$20``, ``$0.00``."""
    return amounts.signed(amount, turn.policy.workspace.currency)


def moved(part: Part) -> str:
    """``+12 %``: how a part changed."""
    return amounts.change(part.now, part.before)


def name_of(part: Part, key: Key | str) -> str:
    """A part's name as it is shown."""
    short = part.name.rpartition("/")[2] if key == "resource" else part.name
    short = short or unnamed(key)
    return short if len(short) <= LONGEST else f"{short[: LONGEST - 1]}…"


def heading(key: Key | str) -> str:
    """``Experiment``, ``Model or SKU``: over a column."""
    return "Model or SKU" if key == "sku" else called(key).capitalize()


def rows_of(parts: Sequence[Part], unchanged: str = "unchanged") -> tuple[Part, ...]:
    """The parts that changed most, the smaller ones as one, and what did not change as one."""
    same = whole_of([p for p in parts if not p.change], unchanged)
    return (*largest([p for p in parts if p.change], CHANGES), *([same] if same.now else []))


def as_shown(turn: Turn, parts: Sequence[Part]) -> tuple[tuple[Part, ...], Decimal]:
    """The parts as they are shown, and in which step."""
    return _shown(parts, turn.policy.workspace.currency)


def _shown(parts: Sequence[Part], currency: str) -> tuple[tuple[Part, ...], Decimal]:
    whole = whole_of(parts)
    step = shown_to(max(abs(whole.now), abs(whole.before)), currency)
    return rounded(parts, step), step


def waterfall_of(
    title: str, key: Key, rows: Sequence[Part], ends: tuple[str, str], currency: str
) -> list[Waterfall]:
    """From one sum to the other by what changed it, in the amounts that a table of the rows has; nothing where
    there is no sum to begin with, or no change."""
    shown, step = _shown(rows, currency)
    whole = whole_of(shown)
    moved = [p for p in shown if p.change]
    if not whole.before or not moved:
        return []
    steps = [(name_of(p, key), p.change) for p in moved]
    sums = [*zip(ends, (whole.before, whole.now), strict=True)]
    said = ", ".join(f"{end} {amounts.exact(a, currency, step)}" for end, a in sums)
    said += f" ({amounts.change(whole.now, whole.before)})"
    changes = [f"{n} {amounts.exactly_signed(a, currency, step)}" for n, a in steps]
    start, end = (Step(name=n, amount=a) for n, a in sums)
    return [
        Waterfall(
            title=title,
            alt=f"{said}: {every(changes)}.",
            unit=currency,
            start=start,
            steps=tuple(Step(name=n, amount=a) for n, a in steps),
            end=end,
        )
    ]


def change_table(
    turn: Turn,
    key: Key | str,
    parts: Sequence[Part],
    header: tuple[str, str, str] = ("Now", "Before", "Change"),
) -> Table:
    """Parts now, before and what changed; each column adds up to its last row, as shown."""
    shown, step = as_shown(turn, parts)
    rows = [
        (
            name_of(p, key),
            exact(turn, p.now, step),
            exact(turn, p.before, step),
            by(turn, p.change, step),
        )
        for p in (*shown, whole_of(shown))
    ]
    return Table(header=(heading(key), *header), rows=tuple(rows), align="lrrr")


def share_table(
    turn: Turn, key: Key | str, parts: Sequence[Part], *, changes: bool = False
) -> Table:
    """Parts with their share of all, and how they changed when that is asked for; the rows add up as shown."""
    shown, step = as_shown(turn, parts)
    whole = whole_of(parts)
    rows = [
        (
            name_of(p, key),
            exact(turn, s.now, step),
            share(p.now, whole.now),
            *([moved(p)] if changes else []),
        )
        for p, s in zip((*parts, whole), (*shown, whole_of(shown)), strict=True)
    ]
    header = (heading(key), "Spend", "Share", *(["Change"] if changes else []))
    return Table(header=header, rows=tuple(rows), align="lrrr"[: len(header)])


def exact(turn: Turn, amount: Decimal, step: Decimal) -> str:
    """In whole units where the step is one, else to the smallest unit: the same for all of a table."""
    return amounts.exact(amount, turn.policy.workspace.currency, step)


def by(turn: Turn, amount: Decimal, step: Decimal) -> str:
    """The same with its sign: ``+$800``."""
    return amounts.exactly_signed(amount, turn.policy.workspace.currency, step)
