"""The reading of one bill: from its files or table to what is stored."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from guardrails.policy.bills import Bill
from guardrails.shadow import Claimed
from storage.bills.broken import add_broken_lines, refuse_swallowed_lines
from storage.bills.charges import readable
from storage.bills.completeness import complete_through
from storage.bills.errors import BillError
from storage.bills.files import open_files
from storage.bills.find_files import first_line
from storage.bills.period import Found, fingerprint, period_rows, periods_found
from storage.bills.quarantine import Quarantine, add_unreadable_rows
from storage.bills.report import BillReport, KeptPeriod, PeriodReport, QuarantineReport
from storage.bills.rollup import CHARGES, TAGS, roll_up
from storage.bills.shared import metric_reader
from storage.bills.source import Source
from storage.bills.store import (
    period_fact,
    periods_beside,
    replace_period,
    stored_money,
    stored_periods,
    touch_period,
)
from storage.bills.warehouse import open_table
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.progress import Progress

#: A prepayment may be dated at the end of its month; what is dated later is worth a note.
_AHEAD = timedelta(days=31)


class Reading:
    """The reading of one bill."""

    def __init__(
        self,
        loaded: LoadedPolicy,
        database: Database,
        bill: Bill,
        today: date,
        since: date | None,
        tell: Progress,
        claims: tuple[Claimed, ...] = (),
    ) -> None:
        self.loaded, self.policy, self.database = loaded, loaded.policy, database
        self.bill, self.today, self.since, self.tell = bill, today, since, tell
        self.claims = claims
        self.now = datetime.now(UTC)
        self.notes: list[str] = []
        self.periods: list[PeriodReport] = []
        self.quarantine: tuple[QuarantineReport, ...] = ()
        self.kept: tuple[KeptPeriod, ...] = ()
        self.bad = Quarantine(bill.name)
        self.report = BillReport(bill.name, 0, 0, 0, ())

    def run(self, local: Any) -> None:
        self.tell(f"Reading the bill {self.bill.name}", 0.0)
        with self._rolled(local) as source:
            self.tell(f"Reading the bill {self.bill.name}", 1.0)
            found = periods_found(local, self.today)
            self._add_unreadable_rows(local, source)
            self._refuse_if_useless(found)
            self._refuse_unknown_currencies(found)
            self._note_the_future(found)
            self.quarantine = self.bad.report()
            self._store(local, found)
            with self.database.write() as connection:
                self.bad.store(connection)
                self.kept = periods_beside(connection, self.bill.name, found)
            self.report = BillReport(
                bill=self.bill.name,
                files=len(source.files),
                rows=sum(f.rows for f in found) + self.bad.rows,
                unreadable_tags=_unreadable_tags(local),
                notes=(*source.notes, *dict.fromkeys(self.notes)),
            )

    @contextmanager
    def _rolled(self, local: Any) -> Iterator[Source]:
        """The source after its rollup was made; its broken lines are in quarantine."""
        if self.bill.table is not None:
            with open_table(self.bill) as source:
                self._roll_up(local, source)
                yield source
            return
        source = open_files(local, self.bill, self.loaded.folder)
        import duckdb

        try:
            roll_up(local, source, self.bill, self.policy, self.claims)
        except duckdb.InvalidInputException:
            # A line with a wrong number of fields, or a quote that is not closed. Only bills with
            # such lines are read again without them, and then line by line to keep them.
            source = open_files(local, self.bill, self.loaded.folder, skip_broken=True)
            self._roll_up(local, source)
            add_broken_lines(local, source, self.bill, self.bad)
        except duckdb.Error as error:
            raise self._failed(error) from None
        refuse_swallowed_lines(local, source)
        yield source

    def _roll_up(self, local: Any, source: Source) -> None:
        try:
            roll_up(local, source, self.bill, self.policy, self.claims)
        except BillError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> BillError:
        said = first_line(error)
        if "state machine" in said:
            said = "the lines of a CSV file end in two ways, Windows' and Unix'; save it with one."
        return BillError(f"bill {self.bill.name} cannot be read: {said}")

    def _add_unreadable_rows(self, local: Any, source: Source) -> None:
        charges = local.table(CHARGES)
        bad = charges.filter(~readable(charges, self.bill)).count()
        if not local.to_pyarrow(bad).as_py():
            return
        what = f"Keeping rows of {self.bill.name} that cannot be read"
        self.tell(what, 0.0)
        add_unreadable_rows(source, self.bill, self.bad)
        self.tell(what, 1.0)

    def _refuse_if_useless(self, found: list[Found]) -> None:
        if found:
            return
        if self.bad.rows:
            first = self.bad.report()[0]
            raise BillError(
                f"bill {self.bill.name}: none of its {self.bad.rows:,} rows can be read, most of "
                f"them because {first.reason} (first in {first.file}, row {first.line})."
            )
        raise BillError(f"bill {self.bill.name} has no rows.")

    def _refuse_unknown_currencies(self, found: list[Found]) -> None:
        workspace = self.policy.workspace
        unknown = [f for f in found if f.currency not in (workspace.currency, *workspace.rates)]
        if unknown:
            codes = sorted({f.currency for f in unknown})
            periods = ", ".join(sorted({f"{f.period:%Y-%m}" for f in unknown}))
            raise BillError(
                f"bill {self.bill.name} has charges in {', '.join(codes)} (billing period "
                f"{periods}) but workspace.rates says nothing of {'it' if len(codes) == 1 else 'them'}"
                f"; give the rate to {workspace.currency}, currencies are never added up without one."
            )

    def _note_the_future(self, found: list[Found]) -> None:
        latest = max(max(f.newest, f.period) for f in found)
        if latest > self.today + _AHEAD:
            self.notes.append(
                f"it has charges dated as late as {latest}, which is far in the future; "
                "they count on that day"
            )

    def _store(self, local: Any, found: list[Found]) -> None:
        newest = max((f.grown for f in found if f.grown is not None), default=self.today)
        by_period = [list(group) for _, group in groupby(found, key=lambda f: f.period)]
        for number, currencies in enumerate(by_period):
            period = currencies[0].period
            self.tell(f"Storing the bill {self.bill.name}", number / len(by_period))
            through = complete_through(period, newest, self.today, self.bill.complete_after_days)
            counts = {f.currency: self.bad.of(period, f.currency) for f in currencies}
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
                try:
                    rows, notes = period_rows(
                        local, found, self.policy.allocation.shared, metric_reader(connection)
                    )
                except OverflowError as error:
                    raise BillError(
                        f"bill {name}, period {period}: its charges are more money than can be "
                        f"kept ({error}); see whether the cost column is right."
                    ) from None
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


def _unreadable_tags(local: Any) -> int:
    """Rows whose Tags are neither JSON nor empty; they count as untagged."""
    found = local.raw_sql(
        f"SELECT coalesce(sum(c.lines), 0) FROM {CHARGES} c JOIN {TAGS} k USING (kind) "
        "WHERE NOT k.tags_read"
    ).fetchone()
    return int(found[0])
