"""The days of a replay, and when on each of them the bot looked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from guardrails.policy.model import Policy
from storage import spend
from storage.history import last_round, newest_day

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rounds:
    """From ``first`` to ``last``; ``newest`` is the newest day that the bills have now."""

    first: date
    last: date
    newest: date

    @property
    def days(self) -> list[date]:
        return [self.first + n * DAY for n in range((self.last - self.first).days + 1)]

    def seen(self, day: date) -> date:
        """The newest day that the bills had on a morning: the day before, for how late an export came then is not
        kept."""
        return min(self.newest, day - DAY)

    def through(self, policy: Policy, day: date) -> date:
        """The last day that was complete on a morning, when no bill was late."""
        late = max(b.complete_after_days for b in policy.bills)
        return min(self.seen(day) - late * DAY, day - DAY)


def rounds_of(connection: Connection, first: date, last: date) -> Rounds:
    """The rounds from ``first`` to ``last`` with the bills as they are now."""
    return Rounds(first, last, newest_day(connection) or first)


def window(
    connection: Connection, policy: Policy, days: int | None = None
) -> tuple[date, date] | None:
    """The first and the last of the ``days`` that a replay looks at, all that there are without a number; None
    without a bill.

    They end with the last round that is known, which is the morning after the bill's newest day: what that day
    cost was told, nudged and stopped then. A replay that ended on the bill's own last day would leave out what
    people heard last, and count it neither as given again nor as gone.
    """
    held = spend.covered(connection)
    last = last_round(connection, {b.name: b.complete_after_days for b in policy.bills})
    if held is None or last is None:
        return None
    first = held.first if days is None else max(held.first, last - (days - 1) * DAY)
    return first, last


def looks(policy: Policy, days: list[date]) -> Iterator[tuple[datetime, date]]:
    """(when, the workspace's day) of each reading of the bills, by the policy's schedule."""
    zone = policy.workspace.zone
    for day in days:
        for at in sorted(policy.schedule.read_bills_at):
            yield datetime.combine(day, time.fromisoformat(at), zone).astimezone(UTC), day


def begin_of(policy: Policy, day: date) -> datetime:
    """The first moment of a day of the workspace."""
    return datetime.combine(day, time(), policy.workspace.zone).astimezone(UTC)
