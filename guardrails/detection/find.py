"""From matrices to findings: which days are worth a message, and which of them are one."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date

import numpy as np
from numpy.typing import NDArray

from guardrails.detection.bands import SCORE_CAP, Bands, Tuning, bands
from guardrails.detection.episodes import Episode, episodes
from guardrails.detection.found import Direction, Found
from guardrails.detection.series import SeriesMatrix, since_first_activity
from guardrails.detection.severity import rank
from guardrails.detection.telling import Judged, tell
from guardrails.policy.alerts import Detection

#: A series without a past is worth a message from this many times the policy's ``min_impact`` a day.
NEW_SERIES = 5
#: Relative change from which a quality metric is worth a message: 0.92 → 0.90 is a lot, unlike in money.
QUALITY_CHANGE = 0.02
#: Share of a team's spend that must have moved to other resources.
MIX_CHANGE = 0.10
#: The share of the half width within which a day counts as back to normal: no flicker at the edge.
CALM = 0.5
#: So many days after an episode a way back to what was normal before it is no finding.
RETURN_DAYS = 60
#: Stages whose experiments end as a matter of course: a fall to next to nothing is no finding there.
ENDING = ("exploration", "pilot")
NEXT_TO_NOTHING = 0.05


def find(
    matrix: SeriesMatrix, settings: Detection, as_of: date, tuning: Tuning | None = None
) -> list[Found]:
    """All findings of one matrix as of a day, without drivers; days after ``as_of`` do not count.

    An anomalous day is outside the band, differs by ``min_change`` and is worth ``min_impact``. A day that
    is not complete can only be too high. Days that follow each other with fewer than ``quiet_days``
    calm days between are one finding.
    """
    steps = sum(day <= as_of for day in matrix.days)
    if not steps or not matrix.scopes:
        return []
    tuning = tuning or Tuning(spread=settings.history_days)
    judged = _judge(matrix, settings, steps, tuning)
    found: list[Found] = []
    for row in range(len(matrix.scopes)):
        for direction, episode in _of_series(judged, row, matrix.watched[row], settings.quiet_days):
            found.append(tell(matrix, judged, row, direction, episode, settings))
    return found


def in_order(found: Iterable[Found]) -> list[Found]:
    """The worst first: by severity, then by money."""
    return sorted(
        found,
        key=lambda f: (-rank(f.severity), -f.size, f.signal, f.scope, f.started_on),
    )


def _judge(matrix: SeriesMatrix, settings: Detection, steps: int, tuning: Tuning) -> Judged:
    raw, worth = matrix.values[:, :steps], matrix.worth[:, :steps]
    complete = matrix.complete[:, :steps]
    values = since_first_activity(raw)
    days = matrix.days[:steps]
    # an incomplete day is no past to learn from; the newest days only, so nothing else changes
    past = np.where(complete, values, np.nan)
    result = bands(past, width=settings.band, tuning=tuning, recurs=_days_of_month(days))
    score = np.where(
        complete, result.score, _score_of(values, result.expected, result.upper, result.deviation)
    )
    result = Bands(result.expected, result.lower, result.upper, score, result.deviation)
    new = np.zeros_like(complete)
    if matrix.signal == "spend":
        result, new = _with_new_series(raw, values, worth, result, settings, tuning)
    excess = values - result.expected
    money = excess * worth
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.abs(excess) / np.abs(result.expected)
        worthwhile = change >= settings.min_change
        if matrix.signal == "quality":
            worthwhile = change >= min(settings.min_change, QUALITY_CHANGE)
        elif matrix.signal == "resource-mix":
            worthwhile &= np.abs(excess) >= MIX_CHANGE
        if matrix.signal != "quality":
            worthwhile &= np.abs(money) >= float(settings.min_impact)
        up = (result.score > settings.band) & worthwhile
        ended = np.abs(values) <= NEXT_TO_NOTHING * np.abs(result.expected)
        ended &= _may_end(matrix)[:, None]
        down = (result.score < -settings.band) & worthwhile & complete & ~ended
        calm = (np.abs(result.score) <= CALM * settings.band) | ~worthwhile
    calm &= complete & ~np.isnan(result.score)
    return Judged(values, result, money, up, down, calm, new)


def _may_end(matrix: SeriesMatrix) -> NDArray[np.bool_]:
    return np.array(
        [
            scope.dimension == "experiment" and held.get("stage") in ENDING
            for scope, held in zip(matrix.scopes, matrix.allocations, strict=True)
        ],
        dtype=np.bool_,
    )


def _score_of(
    values: NDArray[np.float64],
    expected: NDArray[np.float64],
    upper: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The score of days that still grow: only what is above the band already counts."""
    with np.errstate(invalid="ignore", divide="ignore"):
        score = np.where(values > upper, (values - expected) / deviation, 0.0)
    return np.where(
        np.isnan(values) | np.isnan(expected), np.nan, np.clip(score, -SCORE_CAP, SCORE_CAP)
    )


def _with_new_series(
    raw: NDArray[np.float64],
    values: NDArray[np.float64],
    worth: NDArray[np.float64],
    result: Bands,
    settings: Detection,
    tuning: Tuning,
) -> tuple[Bands, NDArray[np.bool_]]:
    """Bands for series without a past: nothing is expected, up to what is worth a message for a new one.

    A series is new while it has no band and the bill had days without it before, and when it comes
    back after so long that nothing of it is remembered.
    """
    begun = ~np.isnan(values)
    without = ((raw == 0) & ~begun).sum(axis=1, keepdims=True) >= tuning.min_points
    first = begun.argmax(axis=1)[:, None]
    age = np.arange(raw.shape[1])[None, :] - first
    young = begun & without & np.isnan(result.expected) & (age < tuning.min_points)
    forgotten = begun & (result.deviation == 0) & (result.expected == 0)
    new = young | forgotten
    limit = NEW_SERIES * float(settings.min_impact) / np.where(worth > 0, worth, np.nan)
    limit = np.where(np.isnan(limit), np.inf, np.maximum(limit, 1e-9))
    score = np.clip(values / limit * settings.band, -SCORE_CAP, SCORE_CAP)
    zero = np.zeros_like(values)
    return (
        Bands(
            np.where(new, zero, result.expected),
            np.where(new, zero, result.lower),
            np.where(new, limit, result.upper),
            np.where(new, score, result.score),
            np.where(new, limit / settings.band, result.deviation),
        ),
        new,
    )


def _days_of_month(days: tuple[date, ...]) -> tuple[NDArray[np.int64], ...]:
    """Keys by which a jump may recur: the day of the month from its start, and its last days from its end."""
    start = np.array([day.day for day in days], dtype=np.int64)
    end = np.array([monthrange(day.year, day.month)[1] - day.day for day in days], dtype=np.int64)
    return start, np.where(end < 5, end, -1)


def _of_series(
    judged: Judged, row: int, watched: tuple[Direction, ...], quiet_days: int
) -> list[tuple[Direction, Episode]]:
    """The episodes of one series in both directions, without ways back to normal."""
    masks = {"up": judged.up[row], "down": judged.down[row]}
    calm = judged.calm[row]
    pending: list[tuple[Direction, Episode]] = []
    for direction in ("up", "down"):
        mask = masks[direction]
        if mask.any():
            opposite = masks["down" if direction == "up" else "up"]
            pending += [
                (direction, e) for e in episodes(mask, (calm | opposite) & ~mask, quiet_days)
            ]
    accepted: list[tuple[Direction, Episode]] = []
    for direction, episode in sorted(pending, key=lambda p: p[1].first):
        before = [e for d, e in accepted if d != direction and e.first < episode.first]
        columns = [
            c
            for c in range(episode.first, episode.last + 1)
            if masks[direction][c] and not any(_returns(judged, row, c, e) for e in before)
        ]
        if columns:
            accepted.append((direction, Episode(columns[0], columns[-1], episode.ongoing)))
    return [(d, e) for d, e in accepted if d in watched]


def _returns(judged: Judged, row: int, column: int, before: Episode) -> bool:
    """Whether a day's value is inside the band that its weekday had when an earlier episode began."""
    if column - before.last > RETURN_DAYS:
        return False
    like = max(before.first - (before.first - column) % 7, 0)
    lower, upper = judged.bands.lower[row, like], judged.bands.upper[row, like]
    return bool(lower <= judged.values[row, column] <= upper)
