"""``sandrail ingest``: reads the bills and metrics of the policy and says what it found."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.start import err, fail, out, read_day, started

if TYPE_CHECKING:
    from storage.bills.report import IngestReport, PeriodReport
    from storage.progress import Progress

#: How many reasons and unclaimed services are printed; --json has all.
SHOWN = 8


def ingest_command(
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DATE",
            help="Replace only billing periods with charges on or after this day.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="the policy; SANDRAIL_CONFIG or app.yaml")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Read the bills and metrics, roll them up and store what changed. Days are days in UTC.

    Prints each billing period with its rows and the money in and out, which must agree, then how
    much of the spend is allocated, AI spend that nobody claims, and rows that could not be read.
    """
    from storage.bills.errors import BillError
    from storage.bills.ingest import ingest

    first = read_day(since, "--since")
    with started(config) as start:
        today = datetime.now(UTC).date()
        try:
            with _bars() as progress:
                report = ingest(
                    start.loaded, start.database, today=today, since=first, progress=progress
                )
        except BillError as error:
            raise fail(str(error)) from None
        currency = start.loaded.policy.workspace.currency
    if as_json:
        typer.echo(json.dumps(as_data(report), indent=2))
    else:
        _show(report, currency)


def as_data(report: "IngestReport") -> dict[str, object]:
    """The report for scripts: days in ISO 8601, money as exact text."""
    from dataclasses import asdict

    covered = report.coverage
    data: dict[str, object] = {
        **asdict(report),
        "coverage": {
            **asdict(covered),
            "share_by_tags": covered.share_by_tags,
            "share_by_rules": covered.share_by_rules,
            "share_by_splits": covered.share_by_splits,
            "share_unallocated": covered.share_unallocated,
        },
        "quarantined": report.quarantined,
        "totals": [asdict(total) for total in report.totals],
    }
    written: dict[str, object] = json.loads(json.dumps(data, default=_plain))
    return written


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


@contextmanager
def _bars() -> Iterator["Progress"]:
    """A bar a step on the error output, so that what is printed stays the report alone."""
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description:<44}", markup=False),  # a bill may be called [/red]
        BarColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # in a file even a bar that is wiped leaves an empty line
    )
    steps: dict[str, TaskID] = {}

    def progress(what: str, share: float) -> None:
        bars.start()  # at the first news, so that a refusal stands alone
        if what not in steps:
            steps[what] = bars.add_task(what, total=1.0)
        bars.update(steps[what], completed=share)

    try:
        yield progress
    finally:
        if bars.live.is_started:
            bars.stop()


def _show(report: "IngestReport", currency: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("Bill", "Period"):
        table.add_column(name, no_wrap=True)
    for name in ("Rows", "Rollups", "Money in", "Money out"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Complete through", no_wrap=True)
    table.add_column("", no_wrap=True)
    for period in report.periods:
        table.add_row(
            escape(period.bill),
            f"{period.period:%Y-%m-%d}",
            f"{period.rows:,}",
            f"{period.rollups:,}",
            _exact(period.money_in, period.currency),
            _exact(period.money_out, period.currency),
            str(period.complete_through or "not yet"),
            _state(period),
        )
    # As wide as it is, also where there is no terminal: a number must never be cut.
    widest = Measurement.get(out, out.options.update(max_width=1_000), table).maximum
    table.width = widest
    wide = Console(file=out.file, width=max(widest, out.width), highlight=False)
    wide.print(table)
    _show_totals(report)
    _show_kept(report)
    _show_removed(report)
    for bill in report.bills:
        for note in bill.notes:
            out.print(f"{bill.bill}: {note}.", markup=False, soft_wrap=True)
        if bill.unreadable_tags:
            out.print(
                f"{bill.bill}: the Tags of {_rows(bill.unreadable_tags)} are no tags that can be "
                "read (JSON object or key/value list); they count as untagged.",
                markup=False,
                soft_wrap=True,
            )
    for source in report.metrics:
        out.print(
            f"Metrics {source.name}: {source.points:,} points of {', '.join(source.metrics)}.",
            markup=False,
            soft_wrap=True,
        )
    _show_coverage(report, currency)
    _show_shadow(report, currency)
    _show_quarantine(report)


def _state(period: "PeriodReport") -> str:
    said = "kept as it was" if period.kept else "unchanged" if period.unchanged else ""
    if period.quarantined:
        said = f"{said}{', ' if said else ''}{period.quarantined:,} in quarantine"
    return said


def _show_totals(report: "IngestReport") -> None:
    for total in report.totals:
        code = total.currency
        held = f"in quarantine {_exact(total.quarantined, code)}"
        if code:
            held = f"in {_exact(total.money_in, code)}, out {_exact(total.money_out, code)}, {held}"
        out.print(f"Total: {held}.", markup=False, soft_wrap=True)


def _show_kept(report: "IngestReport") -> None:
    """Loud: what a bill no longer holds still counts, and a corrected period may count twice."""
    for bill in dict.fromkeys(k.bill for k in report.kept):
        mine = [k for k in report.kept if k.bill == bill]
        listed = ", ".join(f"{k.period:%Y-%m-%d} {_exact(k.money, k.currency)}" for k in mine)
        _loud(
            f"{bill}: kept from earlier readings and in all sums, though no longer in the bill: "
            f"{listed}. To drop them, give the bill another name and read it again."
        )
        twice = [f"{p:%Y-%m-%d}" for p in sorted({k.period for k in mine if k.twice})]
        if twice:
            _loud(
                f"{bill}: charges of {', '.join(twice)} fall on days that other periods of the bill "
                "cover too; if a billing period was corrected, they count twice."
            )


def _show_removed(report: "IngestReport") -> None:
    for gone in report.removed:
        sums = (
            " and ".join(_exact(amount, code) for code, amount in gone.sums.items()) or "no money"
        )
        periods = f"{gone.periods} period{'' if gone.periods == 1 else 's'}"
        if gone.removed:
            _loud(f"Removed bill {gone.bill}, which the policy no longer has: {sums} in {periods}.")
        else:
            _loud(
                f"The policy no longer has the bill {gone.bill}, but {sums} in {periods} of it still "
                "count; ingest without --since removes them."
            )
    for name in report.removed_metrics:
        _loud(f"Removed the metrics {name}, which the policy no longer has.")


def _loud(sentence: str) -> None:
    out.print(sentence, markup=False, style="bold yellow", soft_wrap=True)


def _show_coverage(report: "IngestReport", currency: str) -> None:
    covered = report.coverage
    ways = (
        ("by tags", covered.tags, covered.share_by_tags),
        ("by rules", covered.rules, covered.share_by_rules),
        ("shared costs, split", covered.shared, covered.share_by_splits),
        ("not allocated", covered.none, covered.share_unallocated),
    )
    said = ", ".join(
        f"{name} {_whole(amount, currency)} ({share:.0%})" for name, amount, share in ways
    )
    out.print(f"\nCoverage of {_whole(covered.total, currency)} in store: {said}.", soft_wrap=True)


def _show_shadow(report: "IngestReport", currency: str) -> None:
    if not report.shadow:
        out.print("Shadow spend: none; every AI and GPU charge is claimed.")
        return
    total = sum((s.money for s in report.shadow), Decimal(0))
    out.print(f"Shadow spend, AI that nobody has claimed: {_whole(total, currency)}")
    for found in report.shadow[:SHOWN]:
        owner = f"; likely {found.likely_owner} ({found.why})" if found.likely_owner else ""
        out.print(
            f"  {_whole(found.money, currency)}  {found.service or 'unknown service'} in "
            f"{found.account or 'unknown account'}, {found.provider or 'unknown provider'}{owner}",
            markup=False,
            soft_wrap=True,
        )
    _more(len(report.shadow) - SHOWN)


def _show_quarantine(report: "IngestReport") -> None:
    if not report.quarantine:
        return
    out.print(f"Quarantine, not in the sums: {_rows(report.quarantined)} that could not be read")
    for reason in report.quarantine[:SHOWN]:
        where = f"{reason.file}, row {reason.line}" if reason.line else reason.file
        money = f", cost {reason.money}" if reason.money else ""
        sums = " and ".join(_exact(amount, code) for code, amount in reason.sums.items())
        held = f", {sums}" if sums else ", money not readable"
        part = f"; the first {reason.kept:,} are kept whole" if reason.kept < reason.rows else ""
        out.print(
            f"  {_rows(reason.rows)} of {reason.bill}: {reason.reason}{held} "
            f"(first: {where}{money}{part})",
            markup=False,
            soft_wrap=True,
        )
    _more(len(report.quarantine) - SHOWN)


def _more(count: int) -> None:
    if count > 0:
        out.print(f"  and {count} more; --json has all")


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _exact(amount: Decimal, currency: str) -> str:
    from guardrails.money import Money

    if not currency:
        return f"{amount.quantize(Decimal('0.01')):,} without a currency"
    return f"{Money(amount, currency).rounded().amount:,} {currency}"


def _whole(amount: Decimal, currency: str) -> str:
    from guardrails.money import Money

    return str(Money(amount, currency))
