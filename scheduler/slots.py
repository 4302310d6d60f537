"""Slots: the local times a job stands for, the same on every replica and across daylight saving."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


def latest_slot(times: Iterable[str], zone: ZoneInfo, now: datetime) -> str:
    """The newest slot that has begun, as local ``2026-11-23T06:00``.

    A slot is named by the wall clock, so an hour that comes twice in autumn is one slot; a time that the
    clock skips in spring begins when the clock has passed it.
    """
    local = now.astimezone(zone).replace(tzinfo=None)
    days = (local.date() - timedelta(days=1), local.date())
    begun = [
        moment
        for day in days
        for t in times
        if (moment := datetime.combine(day, time.fromisoformat(t))) <= local
    ]
    return max(begun).isoformat(timespec="minutes")
