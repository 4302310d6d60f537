"""Public labelled series (Numenta Anomaly Benchmark): windows found, false alarms, the benchmark's own score."""

import csv
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guardrails.detection.one_series import DAY, score_many
from tests.bench.baselines import rolling_z, same_phase_median

Vector = NDArray[np.float64]
BAND = 3.5
BANDS = (3.0, BAND, 5.0, 6.5, 8.0, 10.0, 13.0)
#: Weights of the benchmark's standard profile.
FALSE_ALARM, MISSED = 0.11, 1.0


@dataclass(frozen=True)
class Labelled:
    """One series: times in seconds, values, windows of anomalies, and how many first rows do not count."""

    name: str
    times: Vector
    values: Vector
    windows: tuple[tuple[int, int], ...]
    probation: int


def read_labelled(folder: Path) -> list[Labelled]:
    """The series below ``folder/data`` with the windows of ``folder/labels/combined_windows.json``."""
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    return [_read(folder / "data" / name, name, windows[name]) for name in sorted(windows)]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _read(path: Path, name: str, windows: list[list[str]]) -> Labelled:
    with path.open() as file:
        reader = csv.reader(file)
        next(reader)
        rows = [(_seconds(time), float(value)) for time, value in reader]
    times = np.array([t for t, _ in rows])
    return Labelled(
        name=name,
        times=times,
        values=np.array([v for _, v in rows]),
        windows=tuple(
            (
                int(np.searchsorted(times, _seconds(start))),
                int(np.searchsorted(times, _seconds(end), side="right")) - 1,
            )
            for start, end in windows
        ),
        probation=min(int(0.15 * len(rows)), 750),
    )


def _sigmoid(place: float) -> float:
    return float(2 / (1 + np.exp(5 * place)) - 1)


def benchmark_score(series: list[Labelled], flags: list[NDArray[np.bool_]]) -> float:
    """The benchmark's score: 0 for a detector that says nothing, 100 for a perfect one.

    Lavin & Ahmad 2015, section II-C: the first hit in a window counts by how early it is, each false row costs by
    how far behind the last window it is, each missed window costs.
    """
    total = windows = 0.0
    for one, flagged in zip(series, flags, strict=True):
        rows = np.flatnonzero(flagged)
        rows = rows[rows >= one.probation]
        inside = np.zeros(len(one.values), dtype=bool)
        for start, end in one.windows:
            windows += 1
            inside[start : end + 1] = True
            hits = rows[(rows >= start) & (rows <= end)]
            if hits.size:
                early = -(end - int(hits[0]) + 1) / (end - start + 1)
                total += _sigmoid(early) / _sigmoid(-1.0)
            else:
                total -= MISSED
        for row in rows[~inside[rows]].tolist():
            behind = [(row - end) / (end - start) for start, end in one.windows if end < row]
            last = behind[-1] if behind else np.inf
            total += FALSE_ALARM * (_sigmoid(last) if last <= 3 else -1.0)
    return 100 * (total + MISSED * windows) / (windows + MISSED * windows)


def alarms(series: list[Labelled], flags: list[NDArray[np.bool_]]) -> tuple[int, int, int, float]:
    """Windows found, windows missed, false alarms (rows within half a day are one), weeks of rows."""
    found = missed = false = 0
    weeks = 0.0
    for one, flagged in zip(series, flags, strict=True):
        rows = np.flatnonzero(flagged)
        rows = rows[rows >= one.probation]
        outside = np.ones(rows.size, dtype=bool)
        for start, end in one.windows:
            within = (rows >= start) & (rows <= end)
            found, missed = found + bool(within.any()), missed + (not within.any())
            outside &= ~within
        times = one.times[rows[outside]]
        false += int(times.size > 0) + int((np.diff(times) > DAY / 2).sum())
        weeks += float(one.times[-1] - one.times[one.probation]) / (7 * DAY)
    return found, missed, false, weeks


def _steps_a_day(one: Labelled) -> int:
    return max(1, round(DAY / float(np.median(np.diff(one.times)))))


def bench_labelled(folder: Path) -> None:
    """Prints one line for each method at the default band, and one at the band that suits it best."""
    series = read_labelled(folder)
    start = time.perf_counter()
    ours = [s.score for s in score_many([(one.times, one.values) for one in series], BAND)]
    seconds = time.perf_counter() - start
    methods = {
        "sandrail score": ours,
        "rolling z-score, a day": [
            np.abs(rolling_z(one.values[None, :], _steps_a_day(one))[0]) for one in series
        ],
        "same time of day, median": [
            np.abs(same_phase_median(one.values[None, :], _steps_a_day(one))[0]) for one in series
        ],
    }
    rows = sum(len(one.values) for one in series)
    print(f"\nPublic series: {len(series)} of {rows:,} rows; ours in {seconds:.1f} s")
    print(
        f"{'method':<28}{'band':>6}{'score':>7}{'recall':>8}{'precision':>11}{'false a week':>14}"
    )
    for name, scores in methods.items():
        lines = [(benchmark_score(series, f), band, f) for band, f in _by_band(scores)]
        default = next(line for line in lines if line[1] == BAND)
        for label, (value, band, flags) in (
            (name, default),
            ("   at its best", max(lines, key=lambda x: x[0])),
        ):
            found, missed, false, weeks = alarms(series, flags)
            print(
                f"{label:<28}{band:>6}{value:>7.1f}{found / (found + missed):>8.2f}"
                f"{found / max(found + false, 1):>11.2f}{false / weeks:>14.2f}"
            )


def _by_band(scores: list[Vector]) -> list[tuple[float, list[NDArray[np.bool_]]]]:
    return [(band, [np.nan_to_num(s) > band for s in scores]) for band in BANDS]
