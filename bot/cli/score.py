"""``sandrail score``: the detector on any series in a CSV file."""

import csv
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.start import err, fail

if TYPE_CHECKING:
    from bot.cli.score_rows import Columns, Row
    from guardrails.detection.one_series import Scored

#: Rows for each time, on average, from which a file is likely to hold several series.
SEVERAL = 2
GIVEN = ("timestamp", "value", "expected", "lower", "upper", "score", "is_anomaly")


def score_command(
    file: Annotated[Path, typer.Argument(help="a CSV file with a header")],
    timestamp: Annotated[
        str | None,
        typer.Option(metavar="COL", help="the column of times; else timestamp, date, day"),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option(metavar="COL", help="the column of values; else value, cost, amount"),
    ] = None,
    series: Annotated[
        str | None, typer.Option(metavar="COL", help="many series in one file: whose row it is")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="COL", help="a series is one of its group, such as a team's"),
    ] = None,
    band: Annotated[
        float, typer.Option(min=0.1, max=100, help="half width of the band in robust deviations")
    ] = 3.5,
    output: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="write there instead of stdout")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of CSV")] = False,
) -> None:
    """Score one series, or many with --series, using only the past of each row.

    Writes CSV with timestamp,value,expected,lower,upper,score,is_anomaly: a row for each row of the
    file, in its order, its texts as given; with --series that column comes first, then --group's. The
    score says how far from the expected value a row is, in robust deviations; is_anomaly is true above
    --band. A row is empty where the past is too short, its score then 0; a missing value has no score.
    In CSV a text that a spreadsheet would run as a formula begins with '.
    """
    from bot.cli.score_rows import UnreadableError, read_rows

    if group is not None and series is None:
        raise fail("--group needs --series: it says which series of one name belong together.")
    if output is not None and output.exists() and file.exists() and output.samefile(file):
        raise fail(f"--out {output} is the file that is read; give it another name.")
    try:
        columns, rows = read_rows(file, timestamp, value, series, group)
    except UnreadableError as error:
        raise fail(str(error)) from None
    _hint(file, columns, rows)
    scored = _scored(rows, band)
    text = _json(columns, rows, scored, band) if as_json else _csv(columns, rows, scored, band)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise fail(f"{output} cannot be written: {error.strerror}.") from None


def _hint(file: Path, columns: "Columns | None", rows: list["Row"]) -> None:
    """Says on stderr that a file read as one series looks like many."""
    if columns is None or columns.series is not None or not rows:
        return
    often = len(rows) / len({row.time for row in rows})
    if often >= SEVERAL:
        others = f" ({', '.join(columns.others)})" if columns.others else ""
        err.print(
            f"{file} has {often:.3g} rows for each time and was read as one series; if it holds "
            f"several, name their column{others} with --series.",
            markup=False, style="yellow", soft_wrap=True,
        )  # fmt: skip


def _scored(rows: list["Row"], band: float) -> list[tuple["Scored", int]]:
    """For each row its series' bands and its place in them."""
    import numpy as np

    from guardrails.detection.one_series import score_many

    members: dict[tuple[str, str], list[int]] = {}
    for i, row in enumerate(rows):
        members.setdefault((row.group, row.series), []).append(i)
    results = score_many(
        [
            (
                np.array([rows[i].time for i in places], dtype=np.float64),
                np.array([rows[i].number for i in places], dtype=np.float64),
            )
            for places in members.values()
        ],
        band,
    )
    found: list[tuple[Scored, int] | None] = [None] * len(rows)
    for places, result in zip(members.values(), results, strict=True):
        for place, i in enumerate(places):
            found[i] = (result, place)
    return [one for one in found if one is not None]


def _values(
    row: "Row", scored: tuple["Scored", int], band: float
) -> dict[str, float | bool | None]:
    result, place = scored
    expected, lower, upper, score = (
        float(part[place]) for part in (result.expected, result.lower, result.upper, result.score)
    )
    if math.isnan(row.number):
        score = math.nan
    elif math.isnan(score):
        score = 0.0
    return {
        "expected": None if math.isnan(expected) else expected,
        "lower": None if math.isnan(lower) else lower,
        "upper": None if math.isnan(upper) else upper,
        "score": None if math.isnan(score) else score,
        "is_anomaly": score > band,
    }


def _header(columns: "Columns | None") -> list[str]:
    kept = [c for c in (columns.series, columns.group) if c] if columns else []
    return [*kept, *GIVEN]


def _csv(
    columns: "Columns | None", rows: list["Row"], scored: list[tuple["Scored", int]], band: float
) -> str:
    from bot.cli.score_rows import plain_text

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([plain_text(name) for name in _header(columns)])
    for row, one in zip(rows, scored, strict=True):
        cells = [_cell(v) for v in _values(row, one, band).values()]
        texts = [plain_text(t) for t in (*_kept(columns, row), row.timestamp)]
        writer.writerow([*texts, row.value, *cells])
    return text.getvalue()


def _json(
    columns: "Columns | None", rows: list["Row"], scored: list[tuple["Scored", int]], band: float
) -> str:
    names = _header(columns)
    records: list[dict[str, Any]] = []
    for row, one in zip(rows, scored, strict=True):
        number = None if math.isnan(row.number) else row.number
        given = [*_kept(columns, row), row.timestamp, number, *_values(row, one, band).values()]
        records.append(dict(zip(names, given, strict=True)))
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"


def _kept(columns: "Columns | None", row: "Row") -> list[str]:
    if columns is None or columns.series is None:
        return []
    return [row.series] if columns.group is None else [row.series, row.group]


def _cell(value: float | bool | None) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else f"{value:.10g}"
