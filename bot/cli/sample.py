"""``sandrail sample``: writes the bill of an invented AI company."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.start import read_day

if TYPE_CHECKING:
    from storage.sample import SampleReport
    from storage.sample.write import Progress


def sample_command(
    out: Annotated[Path, typer.Option("--out", help="The folder to write, made if missing.")],
    seed: Annotated[
        int, typer.Option("--seed", help="The same seed, days and last day give the same files.")
    ] = 7,
    days: Annotated[int, typer.Option("--days", help="How many days, 45 to 800.")] = 120,
    rows: Annotated[
        int | None,
        typer.Option("--rows", help="How many rows the bill has: the same money in finer pieces."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="The last day. Default: yesterday."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Write a realistic AI company's bill (FOCUS) with metrics, and what was planted in it."""
    from storage.sample import SampleRefusedError, write_sample

    last = read_day(until, "--until") or yesterday(datetime.now(UTC))
    try:
        with _bar() as progress:
            report = write_sample(
                out, seed=seed, days=days, rows=rows, until=last, progress=progress
            )
    except SampleRefusedError as refused:
        typer.echo(str(refused), err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps(as_data(report), indent=2) if as_json else in_words(report))


def yesterday(now: datetime) -> date:
    """The last day that bills know at ``now``: they count days in UTC."""
    return now.astimezone(UTC).date() - timedelta(days=1)


@contextmanager
def _bar() -> Iterator["Progress"]:
    """A progress bar on the error output, so that what is printed stays the report alone."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("Writing the sample"), BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.description}"))  # fmt: skip
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=None)

    def progress(what: str, done: int, total: int) -> None:
        bar.start()  # at the first news, so that a refusal stands alone
        bar.update(task, description=what, completed=done, total=total)

    try:
        yield progress
    finally:
        if bar.live.is_started:
            bar.stop()


def as_data(report: "SampleReport") -> dict[str, object]:
    """The report for scripts. Money is text, exact."""
    return {
        "out": str(report.out),
        "seed": report.seed,
        "first_day": report.first_day.isoformat(),
        "last_day": report.last_day.isoformat(),
        "rows": report.rows,
        "untagged_rows": report.untagged_rows,
        "totals": {currency: str(total) for currency, total in report.totals.items()},
        "files": [
            {
                "path": f.path,
                "provider": f.provider,
                "rows": f.rows,
                "untagged_rows": f.untagged_rows,
                "currency": f.currency,
                "total": str(f.total),
            }
            for f in report.files
        ],
        "metric_rows": report.metric_rows,
        "experiments": report.experiments,
        "teams": report.teams,
        "features": report.features,
        "incidents": report.incidents,
    }


def in_words(report: "SampleReport") -> str:
    """The report for people, a fact a line."""
    from guardrails.money import Money

    money = " and ".join(
        Money(t, c).exact() for c, t in sorted(report.totals.items(), reverse=True)
    )
    untagged = report.untagged_rows / report.rows
    return "\n".join(
        (
            f"Wrote {report.out}: {report.first_day} to {report.last_day}, seed {report.seed}",
            f"bill       {len(report.files)} files, {report.rows:,} rows, {money}; "
            f"{untagged:.1%} of the rows without tags",
            f"company    {report.experiments} experiments, {report.features} features, "
            f"{report.teams} teams",
            f"metrics    3 files, {report.metric_rows:,} rows",
            f"planted    {report.incidents} incidents, listed in planted.json",
        )
    )
