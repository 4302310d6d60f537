"""Public holidays by country and subdivision (the library ``holidays`` computes them), and their names.

A country is written as ISO 3166 has it: ``DE``, ``DE-BY``, ``US-CA``. What counts is the day on which a
holiday is observed: one that falls on a Sunday is off on Monday where the law says so. Half days and days on which
only banks close are working days. The library knows the years to 2100; after them nothing is a holiday.
Feasts by the moon are known to fewer years in some countries (India: 2035), in others they are estimates.
"""

import re
import threading
import warnings
from datetime import date
from functools import lru_cache

import holidays
from babel import Locale
from holidays.registry import EntityLoader

_WRITTEN = re.compile(r"([A-Z]{2})(?:-(\S.{0,40}))?")
_POPULATING = threading.Lock()

#: The library names a country's parts in the country's own language.
_IN_ENGLISH = {
    "DE-BY": "Bavaria",
    "DE-HE": "Hesse",
    "DE-MV": "Mecklenburg-Western Pomerania",
    "DE-NI": "Lower Saxony",
    "DE-NW": "North Rhine-Westphalia",
    "DE-RP": "Rhineland-Palatinate",
    "DE-SN": "Saxony",
    "DE-ST": "Saxony-Anhalt",
    "DE-TH": "Thuringia",
}


@lru_cache(maxsize=4096)
def holidays_of(country: str, year: int) -> frozenset[date]:
    """The days of ``year`` off in ``country``. Raises ValueError when the country is not known."""
    if not known_country(country):
        raise ValueError(f"{country} is not a country whose holidays are known")
    whole, _, part = country.partition("-")
    # The library warns, once a year it computes, of moon feasts it does not know: that is in the docstring above.
    with _POPULATING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return frozenset(holidays.country_holidays(whole, subdiv=part or None, years=year))


@lru_cache(maxsize=1024)
def known_country(country: str) -> bool:
    """Whether holidays are known for ``country``: capitals, a subdivision by its code (``DE-BY``)."""
    written = _WRITTEN.fullmatch(country)
    if not written or written[1] not in countries():
        return False
    return written[2] is None or written[2] in subdivisions(written[1])


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """All two-letter codes, for hints: 250, without their subdivisions."""
    return frozenset(c for c in EntityLoader.get_country_codes() if len(c) == 2)


def subdivisions(country: str) -> frozenset[str]:
    """The codes of a known country's parts, for hints: ``BY`` of ``DE``."""
    return frozenset(holidays.country_holidays(country).subdivisions)


@lru_cache(maxsize=1024)
def country_name(country: str) -> str:
    """``Germany``; ``Bavaria, Germany``. A code that has no name stays as it is written."""
    if not known_country(country):
        return country
    code, _, part = country.partition("-")
    entity = holidays.country_holidays(code)
    whole = str(Locale("en").territories.get(getattr(entity, "country", code), code))
    if not part:
        return whole
    names = [n for n, c in getattr(entity, "subdivisions_aliases", {}).items() if c == part]
    return f"{_IN_ENGLISH.get(country) or (names or [part])[0]}, {whole}"


def in_country(country: str) -> str:
    """``country_name`` as it stands after “in”: ``the United States``."""
    name = country_name(country)
    takes_article = name.startswith(
        ("United ", "Netherlands", "Philippines", "Bahamas", "Maldives")
    ) or name.endswith((" Islands", " Republic"))
    return f"the {name}" if takes_article and "," not in name else name
