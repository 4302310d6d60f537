"""How sums, shares and changes are said in answers, and tables whose rows add up as they are shown."""

from collections.abc import Sequence
from decimal import Decimal

from guardrails.alerts import words
from guardrails.contributions import Part, rounded, shown_to, smallest, whole_of
from guardrails.money import Money
from handlers.ask.subjects import called, unnamed
from handlers.conversation import Table
from handlers.turn import Turn
from storage.spend import Key

LONGEST = 60  # of a name in a table or chart; resources have long ones


def money(turn: Turn, amount: Decimal) -> str:
    """In the workspace's currency, ``$7,600``."""
    return str(Money(amount, turn.policy.workspace.currency))


def signed(turn: Turn, amount: Decimal) -> str:
    """``+$800``, ``−$20``, ``$0.00``."""
    amount = amount.quantize(smallest(turn.policy.workspace.currency))
    sign = "+" if amount > 0 else "−" if amount < 0 else ""
    return f"{sign}{money(turn, abs(amount))}"


def share(amount: Decimal, whole: Decimal) -> str:
    """``42 %``; a dash of nothing."""
    if whole <= 0:
        return "–"
    sign = "−" if amount < 0 else ""
    return f"{sign}{words.percent(abs(float(amount / whole)))}"


def moved(part: Part) -> str:
    """``+12 %`` against what was before; ``new`` and ``ended`` where one of both is nothing."""
    if not part.change:
        return "no change" if part.now else "–"
    if part.before <= 0 or not part.now:
        return "new" if part.now > 0 and part.before <= 0 else "ended" if not part.now else "–"
    ratio = float(part.change / part.before)
    if abs(ratio) < 0.0005:
        return "no change"
    return f"{'+' if ratio >= 0 else '−'}{words.percent(abs(ratio))}"


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
    said = Money(amount, turn.policy.workspace.currency).exact()
    return said.partition(".")[0] if step == 1 else said


def by(turn: Turn, amount: Decimal, step: Decimal) -> str:
    """The same with its sign: ``+$800``."""
    sign = "+" if amount > 0 else "−" if amount < 0 else ""
    return f"{sign}{exact(turn, abs(amount), step)}"
