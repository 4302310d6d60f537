"""Values of dirty columns as Ibis expressions that mean the same on every engine.

Text is checked with plain regular expressions before it is cast, because a cast that fails ends the
query on engines that know no ``TRY_CAST``. Where a bill is typed already, nothing is parsed.
"""

from typing import Any

#: A day of this century that exists, leap years included: what a charge can have.
CALENDAR_DAY = (
    "^(20[0-9][0-9]-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)$"
)
_TIME_OF_DAY = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
_OFFSET = "[+-][0-9][0-9](:?[0-9][0-9])?"
_MOMENT = f"{CALENDAR_DAY[:-1]}[T ]{_TIME_OF_DAY} ?(Z|UTC)?$"
_SHIFTED_MOMENT = f"{CALENDAR_DAY[:-1]}[T ]{_TIME_OF_DAY} ?{_OFFSET}$"

#: Plain and scientific notation within what DECIMAL(38,18) holds. No thousands separators: FOCUS has
#: none, and 1,234 is another number in another country.
_NUMBER = "^[-+]?([0-9]{1,12}([.][0-9]*)?|[.][0-9]+)([eE]([+]?0?[0-7]|-[0-9]{1,2}))?$"
#: What fits 64 bits with twelve decimals: parsed many times faster than 128 bits.
_SHORT_NUMBER = "^-?[0-9]{1,6}([.][0-9]{1,12})?$"
#: More digits, as providers write doubles: still 64 bits when read in two halves.
_LONG_NUMBER = "^-?[0-9]{1,12}[.][0-9]{1,18}$"

#: One charge beyond this is an error in the bill, not money.
TOO_MUCH = 10**12

#: What a double holds exactly enough; most quantities, checked faster than all numbers.
_SHORT_QUANTITY = "^[0-9]{1,15}([.][0-9]{1,18})?$"

_NOTHING = ("", "NULL", "null")


def cleaned(column: Any) -> Any:
    """Text without surrounding blanks; null for the ways in which bills write nothing."""
    import ibis

    stripped = column.cast("string").strip()
    return ibis.ifelse(stripped.isin(_NOTHING), ibis.null("string"), stripped)


def says_nothing(column: Any) -> Any:
    """True where a column of any type is null, empty, blank or the word NULL."""
    if not column.type().is_string():
        return column.isnull()
    return column.isnull() | column.strip().isin(_NOTHING)


def day_of(column: Any) -> Any:
    """The day in UTC of a time column: a date when the column is typed, else ``YYYY-MM-DD``.

    Null when it is not a time. Offsets are honoured; text without one is UTC, as FOCUS says. Text
    may be a day that does not exist: :func:`is_day` tells.
    """
    kind = column.type()
    if kind.is_date():
        return column
    if kind.is_timestamp():
        return column.cast("date")
    return _time_text(column, 10, "%Y-%m-%d")


def hour_of(column: Any) -> Any:
    """:func:`day_of` with the hour: a timestamp, or ``YYYY-MM-DD HH``."""
    kind = column.type()
    if kind.is_date():
        return column.cast("timestamp")
    if kind.is_timestamp():
        return column.truncate("h").cast("timestamp")
    return _time_text(column, 13, "%Y-%m-%d %H")


def _time_text(column: Any, length: int, pattern: str) -> Any:
    import ibis

    text = column.cast("string")
    usual = text.like("____-__-__T__:__:__Z") | text.like("____-__-__ __:__:__")
    stripped = text.strip()
    # The usual spelling is only cut: parsing a million times of day would cost more than the rollup.
    return ibis.cases(
        (usual, text.left(length)),
        (
            stripped.re_search(_SHIFTED_MOMENT),
            stripped.cast("timestamp('UTC')").strftime(pattern),
        ),
        (stripped.re_search(_MOMENT), stripped.left(length)),
        (
            stripped.re_search(CALENDAR_DAY),
            stripped if length == 10 else stripped.concat(" 00"),
        ),
        else_=ibis.null("string"),
    )


def is_day(day: Any) -> Any:
    """True where a :func:`day_of` is a day of this century; never null."""
    import ibis

    if day.type().is_string():
        return day.re_search(CALENDAR_DAY).fill_null(False)
    return day.between(ibis.date("2000-01-01"), ibis.date("2099-12-31")).fill_null(False)


def is_hour(hour: Any) -> Any:
    """True where an :func:`hour_of` is an hour of this century; never null."""
    import ibis

    if hour.type().is_string():
        good = hour.left(10).re_search(CALENDAR_DAY) & hour.right(2).re_search(
            "^([01][0-9]|2[0-3])$"
        )
        return good.fill_null(False)
    first, last = ibis.timestamp("2000-01-01 00:00:00"), ibis.timestamp("2099-12-31 23:59:59")
    return hour.between(first, last).fill_null(False)


def money(column: Any, exact: str) -> Any:
    """A cost column as decimals; null where it is no amount (text, NaN, 10¹² and more).

    Text becomes ``exact``; decimals and integers stay what they are, so that they are added up fast.
    """
    import ibis

    kind = column.type()
    nothing = ibis.null(exact)
    if kind.is_string():
        stripped = column.strip()
        return ibis.cases(
            (column.re_search(_SHORT_NUMBER), column.cast("decimal(18, 12)").cast(exact)),
            (column.re_search(_LONG_NUMBER), _in_halves(column, exact)),
            (stripped.re_search(_NUMBER), _bounded(stripped.cast(exact), exact)),
            else_=nothing,
        )
    if kind.is_floating():
        finite = ~(column.isnan() | column.isinf()) & (column.abs() < TOO_MUCH)
        # A double has sixteen digits; what stands beyond twelve decimals is noise, not money.
        return ibis.ifelse(finite, column.cast("decimal(38, 12)"), ibis.null("decimal(38, 12)"))
    if kind.is_decimal() or kind.is_integer():
        # PostgreSQL's numeric knows NaN, which is greater than every number, and infinities.
        small = column.between(-TOO_MUCH, TOO_MUCH)
        return ibis.ifelse(small, column, ibis.null(kind))
    return nothing


def _in_halves(text: Any, exact: str) -> Any:
    import ibis

    point = text.find(".")
    whole = text.left(point).cast("int64").abs().cast(exact)
    rest = ibis.literal("0").concat(text.substr(point)).cast("decimal(18, 18)").cast(exact)
    return ibis.ifelse(text.startswith("-"), -(whole + rest), whole + rest).cast(exact)


def _bounded(amount: Any, exact: str) -> Any:
    import ibis

    return ibis.ifelse(amount.abs() < TOO_MUCH, amount, ibis.null(exact))


def quantity(column: Any) -> Any:
    """A number as a double; 0 where there is none. A quantity never sends a row to quarantine."""
    import ibis

    kind = column.type()
    if kind.is_string():
        stripped = column.strip()
        parsed = ibis.cases(
            (column.re_search(_SHORT_QUANTITY), column.cast("float64")),
            (stripped.re_search(_NUMBER), stripped.cast("float64")),
            else_=0.0,
        )
    elif kind.is_floating():
        parsed = ibis.ifelse(column.isnan() | column.isinf(), 0.0, column.cast("float64"))
    elif kind.is_numeric():
        parsed = column.cast("float64")
    else:
        return ibis.literal(0.0)
    return parsed.fill_null(0.0)
