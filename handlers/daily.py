"""The daily round: read the bills, find anomalies, bring the alerts in line."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from guardrails.alerts import words
from handlers.alerts.publish import Published, publish
from handlers.budgets.joins import join_anomalies
from handlers.budgets.look import Looked, end_what_is_gone, look_at
from handlers.budgets.standing import budgets_of
from handlers.find_anomalies import find_anomalies
from handlers.gates.look import look_at_gate
from handlers.maturity import look_at_maturity
from handlers.redlines.look import look_at as look_at_redlines
from handlers.redlines.look import sandboxes_to_look_at
from handlers.sandboxes.daily import look_at as look_at_sandbox
from handlers.sandboxes.verify import LOOKED_AT
from handlers.shadow.look import look_at_shadow
from handlers.turn import Places, Turn
from storage import gates, sandboxes
from storage.bills.ingest import ingest
from storage.bills.report import IngestReport
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.progress import Progress

log = logging.getLogger(__name__)
Look = Callable[[Turn, str], int]


@dataclass(frozen=True)
class Round:
    """What one round did."""

    report: IngestReport
    published: Published
    looked: Looked = field(default_factory=Looked)

    def __str__(self) -> str:
        did = self.published
        return (
            f"{_count(did.posted, 'new alert')}, {did.went_on} went on, {did.ended} ended, "
            f"{did.quiet} kept quiet"
            + (f", {_count(self.looked.overruns, 'new overrun')}" if self.looked.overruns else "")
        )


def daily_round(
    database: Database,
    loaded: LoadedPolicy,
    places: Places,
    clock: Callable[[], datetime],
    progress: Progress = lambda what, share: None,
) -> Round:
    """Reads the bills, finds anomalies and publishes them; blocks. Doing it again changes nothing."""
    today = clock().astimezone(loaded.policy.workspace.zone).date()
    report = ingest(loaded, database, today=clock().astimezone(UTC).date(), progress=progress)
    progress("Looking for anomalies", 0.0)
    with database.read() as connection:
        found = find_anomalies(connection, loaded.policy, today)
    progress("Looking for anomalies", 1.0)
    published = database.transact(lambda c: publish(Turn(c, loaded, clock(), places), found))
    looked = look_at_budgets(database, loaded, places, clock)
    look_at_sandboxes(database, loaded, places, clock)
    done = Round(report, published, looked)
    log.info("daily round as of %s: %s", words.day(today), done)
    return done


def look_at_budgets(
    database: Database, loaded: LoadedPolicy, places: Places, clock: Callable[[], datetime]
) -> Looked:
    """Every budget in a transaction of its own, then what anomalies and overruns have to do with each other."""

    def turn(connection: Connection) -> Turn:
        return Turn(connection, loaded, clock(), places)

    database.transact(lambda c: end_what_is_gone(turn(c)))
    looked = Looked()
    with database.read() as connection:
        budgets = budgets_of(turn(connection))
    for budget in budgets:
        looked += database.transact(partial(lambda b, c: look_at(turn(c), b), budget))
    database.transact(lambda c: join_anomalies(turn(c)))
    return looked


def look_at_sandboxes(
    database: Database, loaded: LoadedPolicy, places: Places, clock: Callable[[], datetime]
) -> int:
    """Every sandbox, then its redlines, then its gate, each in a transaction of its own; then the levels of teams
    and what nobody claims. Returns how much was said or done."""

    def turn(connection: Connection) -> Turn:
        return Turn(connection, loaded, clock(), places)

    with database.read() as connection:
        every = sorted(
            {
                *sandboxes_to_look_at(turn(connection)),
                *gates.with_open(connection),
                *sandboxes.just_ended(connection, clock() - LOOKED_AT),
            }
        )
    done = 0
    for sandbox_id in every:
        for look in (look_at_sandbox, look_at_redlines, look_at_gate):

            def one(c: Connection, look: Look = look, sandbox_id: str = sandbox_id) -> int:
                return look(turn(c), sandbox_id)

            done += database.transact(one)
    done += database.transact(lambda c: look_at_maturity(turn(c)))
    return done + database.transact(lambda c: look_at_shadow(turn(c)))


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
