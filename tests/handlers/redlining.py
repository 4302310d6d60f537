"""What the tests of redlines share: a sandbox with a cap of $1,200 for 12 days, lines, a bill of so much a day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from handlers.conversation import Button, Controls, Message
from handlers.redlines import presses as _presses  # noqa: F401  (registers the buttons)
from handlers.redlines.look import look_at_redlines
from handlers.turn import Turn
from storage import redlines
from storage.policy_file import LoadedPolicy
from storage.tables.audit import AuditEntry
from storage.tables.delivery import Outbox
from storage.tables.sandboxes import RedlineCase
from storage.tables.spend import CostRollup, MetricPoint
from tests.conftest import runbook
from tests.handlers.alerting import places
from tests.handlers.sandboxing import Sand, sandbox_policy

BEGUN = date(2026, 11, 23)
LEVEL = "maturity: {override: {search: {level: 3, because: a test}}}\n"
RUNAWAY = """redlines:
  lines:
    - {name: runaway, watch: spend-rate, above: 150, days: 2, wait_hours: 24, countdown_hours: 24,
       actions: [nudge, warn, halt], keep_running: {roles: [lead], hours: 30, times: 1}}
"""
STEPS = runbook(
    "redline", "A redline is crossed", ("Look at what runs.", "Stop what nobody needs.")
)


def redline_policy(
    *edits: tuple[str, str], lines: str = RUNAWAY, level: str = LEVEL
) -> LoadedPolicy:
    """The policy of sandboxes with redlines, and a bill whose days are whole when they are over; ``edits`` replace
    text."""
    whole = ("{name: main, files: bill}", "{name: main, files: bill, complete_after_days: 0}")
    found = sandbox_policy(whole, *edits, more=lines + level)
    return replace(found, runbooks={"redline": STEPS})


def at(day: int, hour: int = 9, minute: int = 0) -> datetime:
    """A day of November 2026, from 31 on of December; in UTC."""
    return datetime(2026, 11, 1, hour, minute, tzinfo=UTC) + timedelta(days=day - 1)


class Lines(Sand):
    """The bot's handlers with sandboxes and their redlines."""

    def version(self, subject: str) -> int:
        case = next((c for c in self.cases() if c.id == subject), None)
        return int(case.version) if case is not None else super().version(subject)

    def spends(self, a_day: float, first: date = BEGUN, through: date | None = None) -> None:
        """The bill says so much a day for the sandbox, up to today or ``through``."""
        self.bill(a_day, first, through or self.clock.now.date(), experiment="try-lora")

    def measures(self, metric: str, value: float, first: date, last: date) -> None:
        """A metric of the sandbox has this value on each of these days."""
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        rows = [
            MetricPoint(
                source="m", metric=metric, value=value, day=day, experiment="try-lora"
            ).model_dump(exclude={"id"})
            for day in days
        ]
        with self.database.write() as connection:
            connection.execute(insert(MetricPoint.__table__), rows)  # type: ignore[attr-defined]

    def round(self, day: int, hour: int = 9, a_day: float | None = 300) -> int:
        """A day comes: its bill (none: it does not come), the look, what is due. Returns what the look did."""
        self.clock.now = at(day, hour)
        if a_day is not None:
            self.spends(a_day, self.newest())
        done = self.look_at_lines()
        self.due()
        return done

    def newest(self) -> date:
        """The newest day that the bill has of the sandbox: it was still growing."""
        days = [r.day for r in self.rows(CostRollup) if r.experiment == "try-lora"]
        return max(days, default=BEGUN)

    def look_at_lines(self) -> int:
        return self.turn(look_at_redlines)

    def later(self, day: int, hour: int, minute: int = 0) -> int:
        """A time comes, without a bill; returns how many deadlines were done."""
        self.clock.now = at(day, hour, minute)
        return self.due()

    def warned(self) -> Any:
        """A sandbox whose runaway was nudged on Wednesday and warned on Thursday, both at 9."""
        self.active()
        self.round(25)
        self.round(26)
        return self.case()

    def cases(self) -> list[Any]:
        rows = self.rows(RedlineCase)
        return sorted(rows, key=lambda r: r.opened_at)

    def case(self) -> Any:
        """The newest case."""
        return self.cases()[-1]

    def click(self, what: str, who: str = "lead", **more: Any) -> Any:
        """Presses one of the newest case's buttons."""
        return self.act("press", f"redline.{what}", self.case().id, who=who, **more)

    def shown(self, key: str = "") -> Message:
        """What the newest case's card, or another of its messages, says now."""
        name = f"redline:{self.case().id}{key}"
        last = max((r for r in self.rows(Outbox) if r.key == name), key=lambda r: r.id)
        return Message.model_validate(last.content)

    def buttons(self, key: str = "") -> list[str]:
        found = [b for b in self.shown(key).blocks if isinstance(b, Controls)]
        return [c.label for b in found for c in b.controls if isinstance(c, Button)]

    def told(self, who: str = "engineer") -> list[str]:
        """What a person was told in their own chat about redlines."""
        rows = [r for r in self.posts("redline:") if r.message_key.endswith(f":@{who}@example.com")]
        return [Message.model_validate(r.content).summary for r in rows]

    def done(self) -> list[str]:
        """What the audit has of redlines and of stops, the oldest first."""
        stops = ("sandbox.halt", "sandbox.throttle", "sandbox.resume")
        return [
            e.action for e in self.trail() if e.action.startswith("redline.") or e.action in stops
        ]

    def trail(self) -> list[Any]:
        """The audit's entries, the oldest first."""
        return sorted(self.rows(AuditEntry), key=lambda e: e.seq)

    def turn_on(self, connection: Connection) -> Turn:
        """A turn in a transaction that the test holds."""
        return Turn(connection, self.loaded, self.clock(), places)

    def open_cases(self) -> list[Any]:
        with self.database.read() as connection:
            ids = redlines.with_open_cases(connection)
        return [c for c in self.cases() if c.sandbox_id in ids and c.closed_at is None]
