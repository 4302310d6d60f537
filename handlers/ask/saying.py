"""How sums, shares and changes are said in answers, and tables whose rows add up as they are shown."""

from collections.abc import Sequence
from decimal import Decimal

from guardrails import amounts
from guardrails.amounts import share as share
from guardrails.contributions import Part, rounded, shown_to, whole_of
from handlers.ask.subjects import called, unnamed
from handlers.conversation import Table
from handlers.turn import Turn
from storage.spend import Key

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


def as_shown(turn: Turn, parts: Sequence[Part]) -> tuple[tuple[Part, ...], Decimal]:
    """The parts as they are shown, and in which step."""
    whole = whole_of(parts)
    step = shown_to(max(abs(whole.now), abs(whole.before)), turn.policy.workspace.currency)
    return rounded(parts, step), step


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
