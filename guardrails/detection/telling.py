"""What is told of an episode: its values, its money, its days."""

from calendar import monthrange
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from guardrails.detection.bands import Bands
from guardrails.detection.episodes import Episode
from guardrails.detection.found import DayPoint, Direction, Found
from guardrails.detection.series import SeriesMatrix
from guardrails.detection.severity import severity
from guardrails.detection.unit_cost import unit_change
from guardrails.policy.alerts import Detection

#: Days before and after an episode that its history shows.
SHOWN = 42
SHOWN_AFTER = 14
#: Days that say what an ongoing episode costs a day.
RECENT = 3


@dataclass(frozen=True)
class Judged:
    """Series × days: what was seen, what was expected, which days are anomalous."""

    values: NDArray[np.float64]
    bands: Bands
    money: NDArray[np.float64]
    up: NDArray[np.bool_]
    down: NDArray[np.bool_]
    calm: NDArray[np.bool_]
    new: NDArray[np.bool_]


def tell(
    matrix: SeriesMatrix,
    judged: Judged,
    row: int,
    direction: Direction,
    episode: Episode,
    settings: Detection,
) -> Found:
    """The finding of an episode of one series, without its drivers."""
    first, last = episode.first, episode.last
    anomalous = (judged.up if direction == "up" else judged.down)[row]
    complete = matrix.complete[row, : anomalous.size]
    # a day that still grows counts by what it is beyond the expected value, never by what is missing
    money = np.where(complete | anomalous, np.nan_to_num(judged.money[row]), 0.0)
    impact = float(money[first : last + 1].sum())
    inside = np.flatnonzero(anomalous[: last + 1] & (np.arange(last + 1) >= first))
    whole = inside[complete[inside]]
    told = int(whole[-1] if whole.size else inside[0])
    worst_day = float(money[inside].max() if direction == "up" else money[inside].min())
    b, seen = judged.bands, judged.values[row]
    score = float(np.abs(b.score[row, inside]).max())
    expected = float(b.expected[row, told])
    change = abs(float(seen[told]) - expected) / abs(expected) if expected else 1.0
    by_month_end = impact
    if episode.ongoing:
        by_month_end = _by_month_end(matrix, judged, row, inside, money, impact)
    moved = matrix.signal == "resource-mix"
    new = bool(judged.new[row, told])
    return Found(
        signal=matrix.signal,
        scope=matrix.scopes[row],
        direction=direction,
        started_on=matrix.days[first],
        last_on=matrix.days[told],
        ongoing=episode.ongoing,
        unit=matrix.unit,
        observed=float(seen[told]),
        expected=expected,
        lower=0.0 if new else float(b.lower[row, told]),
        upper=0.0 if new else float(b.upper[row, told]),
        score=abs(float(b.score[row, told])),
        severity=severity(
            signal=matrix.signal,
            direction=direction,
            score=score,
            width=settings.band,
            money_a_day=_cents(worst_day),
            impact=_cents(impact),
            change=change,
            min_impact=settings.min_impact,
        ),
        impact=_cents(0.0 if moved else impact),
        impact_by_month_end=_cents(0.0 if moved else by_month_end),
        currency=matrix.currency,
        history=_history(matrix, judged, row, episode, anomalous),
        allocation=matrix.allocations[row],
        is_new_series=bool(judged.new[row, first]),
        settled=not episode.ongoing and _settled(judged, row, direction, episode, settings),
        complete=bool(complete[told]),
        growing_on=matrix.days[int(inside[-1])] if inside[-1] > told else None,
        moved=_cents(impact if moved else 0.0),
        units=unit_change(matrix, row, first, whole) if matrix.signal == "cost-per-unit" else None,
    )


def _by_month_end(
    matrix: SeriesMatrix,
    judged: Judged,
    row: int,
    inside: NDArray[np.int64],
    money: NDArray[np.float64],
    impact: float,
) -> float:
    """The impact by the end of the newest day's month, if it goes on as its last complete days were.

    The impact so far when the newest complete day was no longer anomalous. Days that still grow count
    like those to come, unless they are beyond that already.
    """
    known = np.flatnonzero(~np.isnan(judged.values[row])).tolist()
    whole = [c for c in known if matrix.complete[row, c]]
    if whole and inside[-1] < whole[-1]:
        return impact
    newest = matrix.days[known[-1]]
    end = newest.replace(day=monthrange(newest.year, newest.month)[1])
    counted = [c for c in inside.tolist() if matrix.complete[row, c]]
    if not counted:
        return impact + float(money[inside[-RECENT:]].mean()) * (end - newest).days
    growing = sum(float(money[c]) for c in inside.tolist() if not matrix.complete[row, c])
    rest = float(money[counted[-RECENT:]].mean()) * (end - matrix.days[whole[-1]]).days
    return impact - growing + (max(rest, growing) if growing > 0 else rest)


def _settled(
    judged: Judged, row: int, direction: Direction, episode: Episode, settings: Detection
) -> bool:
    """Whether the days after an episode are still outside the band that held when it began."""
    after = judged.values[row, episode.last + 1 : episode.last + 1 + max(settings.quiet_days, 1)]
    if not after.size or np.isnan(after).all():
        return False
    level = float(np.nanmedian(after))
    if direction == "up":
        return level > float(judged.bands.upper[row, episode.first])
    return level < float(judged.bands.lower[row, episode.first])


def _history(
    matrix: SeriesMatrix,
    judged: Judged,
    row: int,
    episode: Episode,
    anomalous: NDArray[np.bool_],
) -> tuple[DayPoint, ...]:
    """The days around an episode that have a value and a band, for its chart.

    Of a series without a past also the days before it, on which the bill has nothing of it.
    """
    b, points = judged.bands, []
    end = min(judged.values.shape[1], episode.last + 1 + SHOWN_AFTER)
    is_new = bool(judged.new[row, episode.first])
    for column in range(max(0, episode.first - SHOWN), end):
        observed, expected = judged.values[row, column], b.expected[row, column]
        before = is_new and np.isnan(observed)
        without = before or bool(judged.new[row, column])
        if before:
            observed = matrix.values[row, column]
        if np.isnan(observed) or (np.isnan(expected) and not without):
            continue
        points.append(
            DayPoint(
                day=matrix.days[column],
                observed=float(observed),
                expected=None if without else float(expected),
                lower=None if without else float(b.lower[row, column]),
                upper=None if without else float(b.upper[row, column]),
                score=abs(float(np.nan_to_num(b.score[row, column]))),
                anomalous=bool(anomalous[column]) and episode.first <= column <= episode.last,
                complete=bool(matrix.complete[row, column]),
            )
        )
    return tuple(points)


def _cents(money: float) -> Decimal:
    return Decimal(f"{money:.2f}")
