"""The bill as CSV (RFC 4180) that a spreadsheet reads as values: no cell of text is ever a formula."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from storage.dashboards import COLUMNS, Line

#: What a cell begins with that a spreadsheet may take for a formula (OWASP, CSV injection), also in full-width
#: forms and after spaces, which some programs strip.
_FORMULA = re.compile(r"^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)

MONEY_COLUMNS = ("billed_currency", "billed", "currency", "amount")


def neutral(words: str) -> str:
    """The text as a cell that no spreadsheet runs: an apostrophe goes before what begins like a formula. A plain
    number stays one."""
    if _FORMULA.match(words) and not _NUMBER.fullmatch(words):
        return f"'{words}"
    return words


def number(amount: Decimal) -> str:
    """An exact amount without exponent and without zeros that say nothing: ``-12.5``."""
    plain = f"{amount:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def csv_of(lines: Iterable[Line], currency: str) -> Iterator[str]:
    """The header, then a line each; ``currency`` is the workspace's, of the last column."""
    page = io.StringIO(newline="")
    writer = csv.writer(page, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)

    def written(cells: Iterable[str]) -> str:
        page.seek(0)
        page.truncate()
        writer.writerow(cells)
        return page.getvalue()

    yield written((*COLUMNS, *MONEY_COLUMNS))
    for line in lines:
        yield written(
            (
                *map(neutral, line.keys),
                neutral(line.currency),
                number(line.billed),
                currency,
                number(line.amount),
            )
        )
