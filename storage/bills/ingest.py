"""Reads every bill and metric of the policy and stores what changed."""

import logging
import os
import time
from dataclasses import replace
from datetime import date

from guardrails.sandboxes.spelling import with_sandboxes
from storage import sandboxes
from storage.bills.engine import local_engine
from storage.bills.errors import BillError
from storage.bills.files import open_files
from storage.bills.reading import Reading
from storage.bills.report import (
    BillReport,
    IngestReport,
    KeptPeriod,
    MetricsReport,
    PeriodReport,
    QuarantineReport,
    RemovedBill,
)
from storage.bills.rollup import check_patterns
from storage.bills.store import remove_bills_without
from storage.bills.warehouse import open_table
from storage.coverage import coverage, shadow_spend
from storage.database import Database
from storage.metric_sources import remove_sources_without, store_metrics
from storage.mlflow import store_mlflow
from storage.policy_file import LoadedPolicy
from storage.progress import Progress
from storage.shadow import claim_rules

log = logging.getLogger(__name__)


def ingest(
    loaded: LoadedPolicy,
    database: Database,
    *,
    today: date,
    since: date | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Reads the policy's metrics and bills, stores them, and returns what happened. What people have
    claimed counts after the policy's rules.

    ``today`` is the day in UTC, as charges are dated; it decides which days are complete. With ``since``
    only billing periods that have a charge on or after that day are replaced. A billing period that
    a bill no longer holds stays, because exports often hold the last months only, and is reported; a
    bill or source of metrics that the policy no longer has is removed, unless ``since`` is given.

    Each billing period is one transaction; one that is stored like this already is left alone. Raises
    BillError with one sentence when something cannot be read: paths, tables and headers of all bills
    before anything is stored; what only the rows show (currencies, a bill without a readable row)
    before anything of that bill is stored.
    """
    began = time.monotonic()
    tell = progress or (lambda _what, _done: None)
    policy = loaded.policy
    _refuse_early(loaded)
    metrics = _metrics(loaded, database, tell, today)
    bills: list[BillReport] = []
    periods: list[PeriodReport] = []
    quarantine: list[QuarantineReport] = []
    kept: list[KeptPeriod] = []
    with database.read() as connection:
        claims = claim_rules(connection)
        loaded = replace(loaded, policy=with_sandboxes(policy, sandboxes.names(connection)))
    for bill in policy.bills:
        reading = Reading(loaded, database, bill, today, since, tell, claims)
        with local_engine() as local:
            reading.run(local)
        bills.append(reading.report)
        periods += reading.periods
        quarantine += reading.quarantine
        kept += reading.kept
    removed, removed_metrics = _remove_what_is_gone(loaded, database, remove=since is None)
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
        removed=removed,
        removed_metrics=removed_metrics,
        kept=tuple(kept),
    )


def _remove_what_is_gone(
    loaded: LoadedPolicy, database: Database, *, remove: bool
) -> tuple[tuple[RemovedBill, ...], tuple[str, ...]]:
    """Removes what is in store of bills and metrics that the policy no longer has."""
    policy = loaded.policy
    with database.write() as connection:
        bills = remove_bills_without(connection, [b.name for b in policy.bills], remove=remove)
        if not remove:
            return bills, ()
        return bills, remove_sources_without(connection, [m.name for m in policy.metrics])


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


def _metrics(
    loaded: LoadedPolicy, database: Database, tell: Progress, today: date
) -> tuple[MetricsReport, ...]:
    """Metrics come first: shared costs may be split by them."""
    reports = []
    for source in loaded.policy.metrics:
        tell(f"Reading the metrics {source.name}", 0.0)
        with local_engine() as local:
            points, names = store_metrics(local, database, source, loaded.folder)
        tell(f"Reading the metrics {source.name}", 1.0)
        reports.append(MetricsReport(source.name, points, names))
    section = loaded.policy.mlflow
    try:
        points = store_mlflow(database, section, os.environ, today)
    except BillError as error:  # a score that is missing for a day must not stop the bills
        log.warning("MLflow was not read: %s", error)
    else:
        if section is not None:
            reports.append(MetricsReport("mlflow", points, tuple(section.metrics.values())))
    return tuple(reports)
