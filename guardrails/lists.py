"""Names in a row, as people say them."""

from collections.abc import Sequence

from babel.lists import format_list

_ENGLISH = "en_GB"  # no comma before the last


def every(names: Sequence[str]) -> str:
    """``finance, product and compliance``."""
    return format_list(names, style="standard", locale=_ENGLISH)


def either(names: Sequence[str]) -> str:
    """``engineer, lead or finops``."""
    return format_list(names, style="or", locale=_ENGLISH)
