"""Reads every bill and metric of the policy and stores what changed."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from guardrails.policy.bills import Bill
from guardrails.policy.model import Policy
from storage.bills.completeness import complete_through
from storage.bills.engine import local_engine
from storage.bills.errors import BillError
from storage.bills.files import open_files
from storage.bills.period import Found, fingerprint, period_rows, periods_found
from storage.bills.quarantine import (
    BadRow,
    broken_lines,
    replace_quarantine,
    summarize,
    unreadable_rows,
)
from storage.bills.report import (
    BillReport,
    IngestReport,
    MetricsReport,
    PeriodReport,
    QuarantineReport,
)
from storage.bills.rollup import CHARGES, TAGS, check_patterns, roll_up
from storage.bills.shared import metric_reader
from storage.bills.source import Source
from storage.bills.store import (
    period_fact,
    replace_period,
    stored_money,
    stored_periods,
    touch_period,
)
from storage.bills.warehouse import open_table
from storage.coverage import coverage, shadow_spend
from storage.database import Database
from storage.metrics_file import store_metrics
from storage.policy_file import LoadedPolicy

#: Told what is being done, such as “Reading the bill aws”, and how much of that is done, 0 to 1.
Progress = Callable[[str, float], None]


def ingest(
    loaded: LoadedPolicy,
    database: Database,
    *,
    today: date,
    since: date | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Reads the policy's metrics and bills, stores them, and returns what happened.

    ``today`` (UTC) decides which days are complete. With ``since`` only billing periods that have a
    charge on or after that day are replaced. Each billing period is one transaction; one that is
    stored like this already is left alone. Raises BillError with one sentence when something
    cannot be read: paths, tables and headers of all bills before anything is stored; what only the
    rows show (currencies, a bill without a readable row) before anything of that bill is stored.
    """
    began = time.monotonic()
    tell = progress or (lambda _what, _done: None)
    policy = loaded.policy
    _refuse_early(loaded)
    metrics = _metrics(loaded, database, tell)
    bills: list[BillReport] = []
    periods: list[PeriodReport] = []
    quarantine: list[QuarantineReport] = []
    for bill in policy.bills:
        reading = _Reading(loaded, database, bill, today, since, tell)
        with local_engine() as local:
            reading.run(local)
        bills.append(reading.report)
        periods += reading.periods
        quarantine += reading.quarantine
    with database.read() as connection:
        covered = coverage(connection, policy)
        shadow = tuple(shadow_spend(connection, policy))
    return IngestReport(
        bills=tuple(bills),
        periods=tuple(periods),
        quarantine=tuple(quarantine),
        metrics=metrics,
        coverage=covered,
        shadow=shadow,
        seconds=time.monotonic() - began,
    )


def _refuse_early(loaded: LoadedPolicy) -> None:
    """Looks at every bill's header before anything is stored: a wrong path in the last bill should
    not leave the others half done."""
    with local_engine() as local:
        check_patterns(local, loaded.policy)
        for bill in loaded.policy.bills:
            if bill.table is None:
                open_files(local, bill, loaded.folder)
            else:
                with open_table(bill):
                    pass


def _metrics(loaded: LoadedPolicy, database: Database, tell: Progress) -> tuple[MetricsReport, ...]:
    """Metrics come first: shared costs may be split by them."""
    reports = []
    for source in loaded.policy.metrics:
        tell(f"Reading the metrics {source.name}", 0.0)
        with local_engine() as local:
            points, names = store_metrics(local, database, source, loaded.folder)
        tell(f"Reading the metrics {source.name}", 1.0)
        reports.append(MetricsReport(source.name, points, names))
    return tuple(reports)


class _Reading:
    """The reading of one bill."""

    def __init__(
        self,
        loaded: LoadedPolicy,
        database: Database,
        bill: Bill,
        today: date,
        since: date | None,
        tell: Progress,
    ) -> None:
        self.loaded, self.policy, self.database = loaded, loaded.policy, database
        self.bill, self.today, self.since, self.tell = bill, today, since, tell
        self.now = datetime.now(UTC)
        self.notes: list[str] = []
        self.periods: list[PeriodReport] = []
        self.quarantine: tuple[QuarantineReport, ...] = ()
        self.report = BillReport(bill.name, 0, 0, 0, ())

    def run(self, local: Any) -> None:
        self.tell(f"Reading the bill {self.bill.name}", 0.0)
        with self._rolled(local) as (source, broken):
            self.tell(f"Reading the bill {self.bill.name}", 1.0)
            found = periods_found(local)
            bad = self._bad_rows(local, source, broken)
            self._refuse_if_useless(found, bad)
            _refuse_unknown_currencies(found, self.policy)
            self.quarantine = summarize(self.bill.name, bad)
            self._store(local, found, bad, source)
            with self.database.write() as connection:
                replace_quarantine(connection, self.bill.name, bad)
            self.report = BillReport(
                bill=self.bill.name,
                files=len(source.files),
                rows=sum(f.rows for f in found) + len(bad),
                unreadable_tags=_unreadable_tags(local),
                notes=(*source.notes, *dict.fromkeys(self.notes)),
            )

    @contextmanager
    def _rolled(self, local: Any) -> Iterator[tuple[Source, list[BadRow]]]:
        """The source after its rollup was made, and its broken lines."""
        if self.bill.table is not None:
            with open_table(self.bill) as source:
                self._roll_up(local, source)
                yield source, []
            return
        source = open_files(local, self.bill, self.loaded.folder)
        import duckdb

        try:
            roll_up(local, source, self.bill, self.policy)
        except duckdb.InvalidInputException:
            # A line with a wrong number of fields. Reading again with rejects costs more, so it is
            # done only for bills that have such lines.
            source = open_files(local, self.bill, self.loaded.folder, keep_broken=True)
            self._roll_up(local, source)
            yield source, broken_lines(source, self.bill)
            return
        except duckdb.Error as error:
            raise self._failed(error) from None
        yield source, []

    def _roll_up(self, local: Any, source: Source) -> None:
        try:
            roll_up(local, source, self.bill, self.policy)
        except BillError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> BillError:
        from storage.bills.find_files import first_line

        return BillError(f"bill {self.bill.name} cannot be read: {first_line(error)}")

    def _bad_rows(self, local: Any, source: Source, broken: list[BadRow]) -> list[BadRow]:
        from storage.bills.charges import readable

        charges = local.table(CHARGES)
        bad = charges.filter(~readable(charges, self.bill)).count()
        if not local.to_pyarrow(bad).as_py():
            return broken
        what = f"Keeping rows of {self.bill.name} that cannot be read"
        self.tell(what, 0.0)
        rows = [*broken, *unreadable_rows(source, self.bill)]
        self.tell(what, 1.0)
        return rows

    def _refuse_if_useless(self, found: list[Found], bad: list[BadRow]) -> None:
        if found:
            return
        if bad:
            first = summarize(self.bill.name, bad)[0]
            raise BillError(
                f"bill {self.bill.name}: none of its {len(bad):,} rows can be read, most of them "
                f"because {first.reason} (first in {first.file}, row {first.line})."
            )
        raise BillError(f"bill {self.bill.name} has no rows.")

    def _store(self, local: Any, found: list[Found], bad: list[BadRow], source: Source) -> None:
        newest = max(f.newest for f in found)
        quarantined = _by_period(bad, source)
        by_period = [list(group) for _, group in groupby(found, key=lambda f: f.period)]
        for number, currencies in enumerate(by_period):
            period = currencies[0].period
            self.tell(f"Storing the bill {self.bill.name}", number / len(by_period))
            through = complete_through(period, newest, self.today, self.bill.complete_after_days)
            counts = {f.currency: quarantined.get((period, f.currency), 0) for f in currencies}
            reaches = self.since is None or max(f.newest for f in currencies) >= self.since
            self._store_period(local, currencies, through, counts, replace=reaches)
        self.tell(f"Storing the bill {self.bill.name}", 1.0)

    def _store_period(
        self,
        local: Any,
        found: list[Found],
        through: date | None,
        quarantined: dict[str, int],
        *,
        replace: bool,
    ) -> None:
        name, period = self.bill.name, found[0].period
        unchanged = False
        with self.database.write() as connection:
            stored = stored_periods(connection, name, period)
            out = stored_money(connection, name, period)
            if replace:
                rows, notes = period_rows(
                    local, found, self.policy.allocation.shared, metric_reader(connection)
                )
                self.notes += notes
                mark = fingerprint(local, rows)
                unchanged = self._is_stored(found, stored, out, mark)
                if unchanged:
                    for one in found:
                        touch_period(
                            connection,
                            name,
                            period,
                            one.currency,
                            rows=one.rows,
                            complete_through=through,
                            quarantined_rows=quarantined[one.currency],
                            ingested_at=self.now,
                        )
                else:
                    facts = [
                        period_fact(
                            one.currency,
                            rows=one.rows,
                            money_in_micros=one.micros,
                            quarantined_rows=quarantined[one.currency],
                            complete_through=through,
                            ingested_at=self.now,
                            fingerprint=mark,
                        )
                        for one in found
                    ]
                    out = replace_period(connection, name, period, rows, facts)
        for one in found:
            micros, rollups = out.get(one.currency, (0, 0))
            self.periods.append(
                PeriodReport(
                    bill=name,
                    period=period,
                    currency=one.currency,
                    rows=one.rows,
                    rollups=rollups,
                    money_in=Decimal(one.micros).scaleb(-6),
                    money_out=Decimal(micros).scaleb(-6),
                    quarantined=quarantined[one.currency],
                    complete_through=through,
                    unchanged=unchanged,
                    kept=not replace,
                )
            )

    @staticmethod
    def _is_stored(
        found: list[Found], stored: dict[str, Any], out: dict[str, tuple[int, int]], mark: str
    ) -> bool:
        """True when the database has just this: the same content, and the money is really there."""
        return set(stored) == {f.currency for f in found} and all(
            stored[f.currency].fingerprint == mark and out.get(f.currency, (0, 0))[0] == f.micros
            for f in found
        )


def _refuse_unknown_currencies(found: list[Found], policy: Policy) -> None:
    known = {policy.workspace.currency, *policy.workspace.rates}
    unknown = sorted({f.currency for f in found} - known)
    if unknown:
        raise BillError(
            f"The bill has charges in {', '.join(unknown)} but workspace.rates says nothing of "
            f"{'it' if len(unknown) == 1 else 'them'}; give the rate to {policy.workspace.currency}, "
            "currencies are never added up without one."
        )


def _by_period(bad: list[BadRow], source: Source) -> dict[tuple[date, str], int]:
    """How many rows in quarantine belong to a period and currency, where both can be read."""
    counts: dict[tuple[date, str], int] = {}
    own = source.columns["BillingPeriodStart"]
    for row in bad:
        try:
            period = date.fromisoformat(str(row.row.get(own, ""))[:10])
        except ValueError:
            continue
        key = (period, row.currency.strip().upper())
        counts[key] = counts.get(key, 0) + 1
    return counts


def _unreadable_tags(local: Any) -> int:
    """Rows whose Tags are neither JSON nor empty; they count as untagged."""
    found = local.raw_sql(
        f"SELECT coalesce(sum(c.lines), 0) FROM {CHARGES} c JOIN {TAGS} k USING (kind) "
        "WHERE NOT k.tags_read"
    ).fetchone()
    return int(found[0])
