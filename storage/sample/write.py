"""Writes the sample into a folder: bills, metrics, and the list of what is planted."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.sample.catalogue import PROVIDERS, Provider
from storage.sample.company import EXPERIMENTS, FEATURES, TEAMS

if TYPE_CHECKING:
    from storage.sample.pieces import Cells
    from storage.sample.series import Series

Progress = Callable[[str, int, int], None]

MIN_DAYS, MAX_DAYS, MAX_ROWS = 45, 800, 50_000_000


class SampleRefusedError(Exception):
    """The sample cannot be written as asked; the message is one sentence for people."""


@dataclass(frozen=True)
class SampleFile:
    """One file of the bill: its path under the sample's folder, its rows, its BilledCost."""

    path: str
    provider: str
    month: date
    rows: int
    untagged_rows: int
    currency: str
    total: Decimal


@dataclass(frozen=True)
class SampleReport:
    """What was written. Totals are of BilledCost by currency, exact; ``untagged_rows`` have no tag."""

    out: Path
    seed: int
    first_day: date
    last_day: date
    rows: int
    untagged_rows: int
    totals: dict[str, Decimal]
    files: tuple[SampleFile, ...]
    experiments: int
    teams: int
    features: int
    metric_rows: int
    incidents: int


def write_sample(
    out: Path,
    *,
    seed: int = 7,
    days: int = 120,
    rows: int | None = None,
    until: date,
    progress: Progress | None = None,
) -> SampleReport:
    """Writes ``days`` days up to ``until`` into ``out``; the same arguments give the same bytes.

    ``rows`` is how many rows the bill has (more rows are finer pieces of the same money); None is one
    row a day and resource. An earlier sample in ``out`` is replaced; anything else there is a reason to
    refuse. ``progress`` hears what is written, how many files are done and how many there are. Raises
    :class:`SampleRefusedError`.
    """
    _check_arguments(seed, days, rows, until)
    import duckdb

    from storage.sample.metrics import metric_files
    from storage.sample.pieces import natural_cells, scaled_cells
    from storage.sample.series import make_series
    from storage.sample.tagging import untag

    _check_folder(out)
    series = make_series(seed, days, until)
    cells = natural_cells(series)
    untag(series, cells)
    if rows is not None:
        if rows < cells.line.size:
            raise SampleRefusedError(
                f"{days} days of this company need at least {cells.line.size:,} rows; "
                f"{rows:,} is too few."
            )
        cells = scaled_cells(cells, rows)

    groups = list(_groups(series, cells))
    total = len(groups) + 2
    files: list[SampleFile] = []
    try:
        _prepare(out)
        with duckdb.connect() as connection:
            for done, (provider, month, some) in enumerate(groups):
                if progress is not None:
                    progress(f"{provider.name} {month:%Y-%m}", done, total)
                files.append(_bill(out, series, provider, month, some, seed, connection))
        if progress is not None:
            progress("metrics", total - 2, total)
        metric_rows = 0
        for name, lines in metric_files(series, seed).items():
            _metrics(out / "metrics" / name, lines)
            metric_rows += len(lines)
        planted = _planted(series)
        _text(out / "planted.json", json.dumps(planted, indent=2) + "\n")
        if progress is not None:
            progress("done", total, total)
    except OSError as error:
        raise SampleRefusedError(f"{out} cannot be written: {error.strerror or error}.") from None

    totals: dict[str, Decimal] = {}
    for file in files:
        totals[file.currency] = totals.get(file.currency, Decimal(0)) + file.total
    return SampleReport(
        out=out,
        seed=seed,
        first_day=series.days[0],
        last_day=until,
        rows=sum(f.rows for f in files),
        untagged_rows=sum(f.untagged_rows for f in files),
        totals=totals,
        files=tuple(files),
        experiments=len(EXPERIMENTS),
        teams=len(TEAMS),
        features=len(FEATURES),
        metric_rows=metric_rows,
        incidents=sum(entry["kind"] != "benign" for entry in planted),
    )


def _check_arguments(seed: int, days: int, rows: int | None, until: date) -> None:
    if seed < 0:
        raise SampleRefusedError(f"The seed must be 0 or more; it is {seed}.")
    if not MIN_DAYS <= days <= MAX_DAYS:
        raise SampleRefusedError(
            f"A sample has {MIN_DAYS} to {MAX_DAYS} days, so that a week can be told from a month; "
            f"{days} were asked for."
        )
    if rows is not None and rows > MAX_ROWS:
        raise SampleRefusedError(
            f"A sample has at most {MAX_ROWS:,} rows; {rows:,} were asked for."
        )
    if not 2000 <= until.year <= 2100:
        raise SampleRefusedError(f"The last day must be from 2000 to 2100; it is {until}.")


def _is_ours(path: Path) -> bool:
    """Whether a file in ``bill`` or ``metrics`` has a name that the sample gives."""
    if path.parent.name == "metrics":
        return path.name.removesuffix(".part") in ("usage.csv", "quality.csv", "revenue.csv")
    for provider in PROVIDERS.values():
        name = path.name.removesuffix(".part")
        month = name.removeprefix(f"{provider.key}-").removesuffix(provider.suffix)
        if name == f"{provider.key}-{month}{provider.suffix}" and len(month) == 7:
            return True
    return False


def _check_folder(out: Path) -> None:
    """Refuses a folder that holds anything but an earlier sample."""
    if out.exists() and not out.is_dir():
        raise SampleRefusedError(f"{out} is a file; name a folder.")
    try:
        entries = sorted(out.iterdir()) if out.exists() else []
        for entry in entries:
            inside = sorted(entry.iterdir()) if entry.name in ("bill", "metrics") else None
            known = entry.name in ("planted.json", "planted.json.part")
            strange = entry if inside is None and not known else None
            for path in inside or ():
                strange = strange or (None if _is_ours(path) else path)
            if strange is not None:
                raise SampleRefusedError(
                    f"{out} holds {strange.relative_to(out)}, which is no part of a sample; "
                    "name an empty folder or one with an earlier sample."
                )
    except OSError as error:
        raise SampleRefusedError(f"{out} cannot be read: {error.strerror or error}.") from None


def _prepare(out: Path) -> None:
    """Removes an earlier sample, the list of incidents first: a folder with it is complete."""
    (out / "planted.json").unlink(missing_ok=True)
    for folder in (out / "bill", out / "metrics"):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()


def _groups(series: "Series", cells: "Cells") -> Iterator[tuple[Provider, date, "Cells"]]:
    """The cells of each file: one provider, one billing month."""
    import numpy as np

    from storage.sample.pieces import Cells

    n = len(series.days)
    posted = np.array([-1 if x.posted is None else n - 1 - x.posted for x in series.lines])
    day = np.maximum(cells.day, posted[cells.line])
    month = np.array([d.year * 12 + d.month - 1 for d in series.days])[day]
    keys = list(PROVIDERS)
    provider = np.array([keys.index(x.sku.provider) for x in series.lines])[cells.line]
    for p, key in enumerate(keys):
        for m in np.unique(month[provider == p]).tolist():
            some = (provider == p) & (month == m)
            yield (
                PROVIDERS[key],
                date(m // 12, m % 12 + 1, 1),
                Cells(cells.line[some], cells.day[some], cells.pieces[some]),
            )


def _bill(
    out: Path,
    series: "Series",
    provider: Provider,
    month: date,
    cells: "Cells",
    seed: int,
    connection: Any,
) -> SampleFile:
    import numpy as np

    from storage.sample.focus_rows import focus_table
    from storage.sample.pieces import split

    name = f"{provider.key}-{month:%Y-%m}{provider.suffix}"
    rows = split(series, cells, seed, name)
    table = focus_table(series, provider, month, rows)
    path = out / "bill" / name
    part = path.with_name(f"{name}.part")
    if provider.suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, part, compression="zstd", store_schema=False)
    else:
        _csv(connection, table, part, provider)
    part.replace(path)
    bare = np.array([not line.tags_json for line in series.lines])
    return SampleFile(
        path=f"bill/{name}",
        provider=provider.name,
        month=month,
        rows=int(rows.line.size),
        untagged_rows=int(bare[rows.line].sum()),
        currency=provider.currency,
        total=Decimal(int(rows.cost.sum())).scaleb(-provider.decimals),
    )


def _csv(connection: Any, table: Any, path: Path, provider: Provider) -> None:
    """Through DuckDB, which writes decimals as people read them. AWS's file says NULL in letters."""
    import gzip
    import shutil

    null = "NULL" if provider.key == "aws" else ""
    plain = path.with_name(f"{path.name}.plain") if path.name.endswith(".gz.part") else path
    connection.register("rows_of_month", table)
    target = str(plain).replace("'", "''")
    connection.execute(f"COPY rows_of_month TO '{target}' (FORMAT csv, HEADER, NULLSTR '{null}')")
    connection.unregister("rows_of_month")
    if plain is not path:
        with (
            plain.open("rb") as source,
            path.open("wb") as raw,
            gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        ):
            shutil.copyfileobj(source, packed)
        plain.unlink()


def _metrics(path: Path, rows: list[tuple[str, ...]]) -> None:
    from storage.sample.metrics import HEADER

    _text(path, "".join(",".join(row) + "\n" for row in (HEADER, *rows)))


def _text(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)


def _planted(series: "Series") -> list[dict[str, Any]]:
    """The entries of planted.json, by their first day."""
    from storage.sample.series import HOLIDAYS, MONTH_END_BATCH, is_month_end

    found = [
        _entry(h.planted.kind, h.planted.signal, (h.planted.dimension, h.planted.value), h.starts_on,
               h.ends_on, h.daily_impact, h.currency, h.planted.what, h.planted.last <= 0)
        for h in series.happened
    ]  # fmt: skip
    last = series.days[-1]
    for day in series.days:
        if is_month_end(day) and (day + timedelta(days=1)).day != 1:
            end = min(day + timedelta(days=1), last)
            found.append(
                _entry(
                    "benign",
                    "spend",
                    ("experiment", MONTH_END_BATCH),
                    day,
                    end,
                    294.0,
                    "USD",
                    "The month-end batch runs as every month.",
                    False,
                )
            )
        if day.day == 1:
            found.append(
                _entry(
                    "benign",
                    "spend",
                    ("account", "organization"),
                    day,
                    day,
                    950.0,
                    "USD",
                    "The monthly part of a yearly licence.",
                    False,
                )
            )
        if (day.month, day.day) in HOLIDAYS:
            found.append(
                _entry(
                    "benign",
                    "spend",
                    ("workload", "training"),
                    day,
                    day,
                    0.0,
                    "USD",
                    "A public holiday: less training.",
                    False,
                )
            )
    return sorted(found, key=lambda entry: (entry["starts_on"], entry["what"]))


def _entry(
    kind: str, signal: str, scope: tuple[str, str], starts: date, ends: date, impact: float,
    currency: str, what: str, ongoing: bool,
) -> dict[str, Any]:  # fmt: skip
    return {
        "kind": kind,
        "signal": signal,
        "scope": {"dimension": scope[0], "value": scope[1]},
        "starts_on": starts.isoformat(),
        "ends_on": ends.isoformat(),
        "ongoing": ongoing,
        "daily_impact": round(impact, 2),
        "currency": currency,
        "what": what,
    }
