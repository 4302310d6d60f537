"""Finds the FOCUS columns in a source, whatever case or separators its names have."""

from collections.abc import Iterable

from guardrails.focus import COLUMNS, REQUIRED


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


_BY_PLAIN = {_plain(name): name for name in COLUMNS}


def find_columns(names: Iterable[str]) -> dict[str, str]:
    """FOCUS name → the source's own name, for those it has.

    Case, underscores and spaces do not count: ``billed_cost`` is BilledCost. When two columns of
    the source mean the same FOCUS column, the one that is spelled exactly wins, then the first.
    """
    found: dict[str, str] = {}
    for name in names:
        focus = _BY_PLAIN.get(_plain(name))
        if focus is not None and (focus not in found or name == focus):
            found[focus] = name
    return found


def missing_columns(found: Iterable[str], cost: str) -> list[str]:
    """The columns without which a source is no FOCUS bill, sorted; ``cost`` is the one that counts."""
    return sorted({*REQUIRED, cost} - set(found))


def not_focus(where: str, missing: list[str]) -> str:
    """The sentence for a source that is no FOCUS bill."""
    s = "s" if len(missing) > 1 else ""
    return f"{where} is not a FOCUS bill: it lacks the column{s} {', '.join(missing)}."
