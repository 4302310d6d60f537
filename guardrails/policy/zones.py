"""Names of time zones and of countries with holidays, checked."""

from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator

from guardrails.suggest import did_you_mean


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"is not a time zone{did_you_mean(value, available_timezones())}")
    return value


def _country(value: str) -> str:
    # Imported here: a policy without holidays need not load the library.
    from guardrails.business_time import known_country

    if not known_country(value):
        raise ValueError("is not a country with known holidays, such as DE, DE-BY or US-CA")
    return value


TimeZone = Annotated[str, AfterValidator(_zone)]
Country = Annotated[str, AfterValidator(_country)]
