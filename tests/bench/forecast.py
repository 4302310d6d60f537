"""How good forecasts of a budget's end are, in numbers: on the sample company's bill and on public series.

``python -m tests.bench.forecast [--public FOLDER] [--seeds 1 2 3]``. The folder holds ``nab`` (Numenta Anomaly
Benchmark, Lavin & Ahmad 2015) and ``focus`` (the FOCUS sample); SANDRAIL_PUBLIC names it too. Every method is
given the same days. An error is that of the spend at the period's end, forecast every few days.
"""

import argparse
import csv
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guardrails.burn import Spent, burn
from storage.sample.catalogue import PROVIDERS
from storage.sample.series import make_series

#: One day after the last month that is measured: the sample's newest day is not complete.
UNTIL = date(2026, 12, 1)
MONTHS = (date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1))
GONE = (0, 4, 9, 14, 19, 24)
EUR = 1.08
WEEK = 7
#: What ours is measured against: a month at its mean day so far, the month before, each day as a week ago.
OTHERS = ("run rate", "last month", "last week")


@dataclass(frozen=True)
class Case:
    """One forecast: of which group and series, after how many days, what came, what each method said."""

    group: str
    series: str
    gone: int
    actual: float
    methods: dict[str, float]
    lower: float
    upper: float


def company_scopes(seed: int, days: int) -> dict[tuple[str, str], Spent]:
    """Daily spend of each experiment, team and feature of the sample of a seed, and of the company."""
    series = make_series(seed, days, UNTIL)
    rows: dict[tuple[str, str], NDArray[np.float64]] = defaultdict(lambda: np.zeros(days - 1))
    for line, cost in zip(series.lines, series.cost, strict=True):
        provider = PROVIDERS[line.sku.provider]
        money = cost[:-1] / 10**provider.decimals * (EUR if provider.currency == "EUR" else 1.0)
        rows["company", "all"] += money
        if e := line.experiment:
            for scope in (("experiment", e.name), ("team", e.team), ("feature", e.feature)):
                rows[scope] += money
    return {scope: spent(series.days[0], row) for scope, row in rows.items()}


def spent(first: date, values: NDArray[np.float64]) -> Spent:
    """A history of these amounts, to the millionth."""
    return Spent(first, tuple(Decimal(round(float(v) * 1e6)) / 1_000_000 for v in values))


def cases(
    group: str, name: str, history: Spent, periods: list[tuple[date, date]], gone: tuple[int, ...]
) -> Iterator[Case]:
    """Each forecast of each period with spend, by each method that can say something."""
    values = np.array([float(d) for d in history.days])

    def between(first: date, last: date) -> float:
        a, b = (first - history.first).days, (last - history.first).days + 1
        return float(values[max(a, 0) : max(b, 0)].sum())

    for first, last in periods:
        length, actual = (last - first).days + 1, between(first, last)
        for days in gone:
            today = first + timedelta(days=days)
            so_far = history.before(today)
            if days >= length or not any(so_far.days) or not actual > 0:
                continue
            said = burn(so_far, first, last, None, today)
            methods = {"sandrail": float(said.forecast)}
            if days:
                methods["run rate"] = float(said.spent) / days * length
            eve = first - timedelta(days=1)
            before = eve.replace(day=1) if first.day == 1 else first - timedelta(days=length)
            if history.first <= before:
                methods["last month"] = between(before, eve)
            if len(so_far.days) >= WEEK:
                methods["last week"] = float(said.spent) + seasonal_naive(so_far, length - days)
            yield Case(group, name, days, actual, methods, float(said.lower), float(said.upper))


def seasonal_naive(history: Spent, steps: int) -> float:
    """What the next days cost if each is as the same weekday was in the last week (Hyndman & Athanasopoulos,
    Forecasting: Principles and Practice, 3rd ed., section 5.2)."""
    week = [float(d) for d in history.days[-WEEK:]]
    return sum(week[i % WEEK] for i in range(steps))


def month(first: date) -> tuple[date, date]:
    """The month that begins on ``first``."""
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def read_daily(path: Path) -> Spent:
    """A labelled series, summed by day; its first and last day, which may be parts of one, left out."""
    sums: dict[date, float] = defaultdict(float)
    with path.open() as file:
        for row in csv.DictReader(file):
            sums[date.fromisoformat(row["timestamp"][:10])] += float(row["value"])
    first, last = min(sums) + timedelta(days=1), max(sums) - timedelta(days=1)
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    return spent(first, np.array([sums.get(d, 0.0) for d in days]))


def read_focus(path: Path) -> dict[str, Spent]:
    """Daily BilledCost of the FOCUS sample, all and by service category with charges on most days."""
    sums: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    with path.open() as file:
        for row in csv.DictReader(file):
            day = date.fromisoformat(row["ChargePeriodStart"][:10])
            for name in ("all", row["ServiceCategory"]):
                sums[name][day] += float(row["BilledCost"])
    found = {}
    for name, by_day in sums.items():
        first, last = min(sums["all"]), max(sums["all"])
        days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        if len(by_day) > 0.6 * len(days):
            found[name] = spent(first, np.array([by_day.get(d, 0.0) for d in days]))
    return found


def public_cases(folder: Path) -> Iterator[Case]:
    """Counts of public series as if they were money: calendar months of the taxis, four weeks of the others."""
    data = folder / "nab" / "data"
    taxi = read_daily(data / "realKnownCause" / "nyc_taxi.csv")
    months = [month(date(2014, m, 1)) for m in range(8, 13)]
    yield from cases("taxi rides", "nyc_taxi", taxi, months, GONE)
    for path in sorted((data / "realTweets").glob("*.csv")):
        tweets = read_daily(path)
        starts = [tweets.first + timedelta(days=d) for d in (7, 14, 21, 28)]
        spans = [(s, s + timedelta(days=27)) for s in starts]
        spans = [s for s in spans if s[1] <= tweets.last]
        yield from cases("mentions on Twitter", path.stem, tweets, spans, GONE)
    for name, history in read_focus(folder / "focus" / "focus_sample.csv").items():
        whole = [(history.first, history.last)]
        yield from cases("FOCUS sample", name, history, whole, GONE)


def wape(some: list[Case], method: str) -> float:
    """Sum of absolute errors over sum of spend (weighted absolute percentage error)."""
    return sum(abs(c.methods[method] - c.actual) for c in some) / sum(c.actual for c in some)


def typical(some: list[Case], method: str) -> float:
    """Median of the absolute errors as shares of the spend: each budget counts the same."""
    return float(np.median([abs(c.methods[method] - c.actual) / c.actual for c in some]))


def line(label: str, some: list[Case]) -> str:
    """One row of the table."""
    ours = wape(some, "sandrail")
    inside = np.mean([c.lower <= c.actual <= c.upper for c in some])
    width = sum(c.upper - c.lower for c in some) / sum(c.actual for c in some)
    text = f"{label:<24}{len(some):>6}{ours:>8.1%}{typical(some, 'sandrail'):>8.1%}"
    for other in OTHERS:
        both = [c for c in some if other in c.methods]
        if not both:
            text += f"{'':>34}"
            continue
        mine, theirs = wape(both, "sandrail"), wape(both, other)
        middle = typical(both, other) / max(typical(both, "sandrail"), 1e-9)
        closer = np.mean(
            [
                abs(c.methods["sandrail"] - c.actual) <= abs(c.methods[other] - c.actual)
                for c in both
            ]
        )
        text += f"{theirs:>9.1%}{theirs / mine:>7.2f}×{middle:>7.2f}×{closer:>8.0%} "
    return text + f"{inside:>8.0%}{width:>8.1%}"


def table(title: str, some: list[Case], seconds: float, one_unit: bool) -> None:
    """Prints errors, ratios to the simple methods (above 1: ours is closer) and the interval's coverage.

    Sums over groups only when they have one unit.
    """
    each = 1000 * seconds / max(len(some), 1)
    print(f"\n{title}; {each:.1f} ms a forecast")
    head = f"{'':<24}{'n':>6}{'WAPE':>8}{'median':>8}"
    for other in OTHERS:
        head += f"{other:>11}{'ratio':>6}{'median':>8}{'closer':>8} "
    print(head + f"{'80 % in':>8}{'width':>8}")
    for group in dict.fromkeys(c.group for c in some):
        print(line(group, [c for c in some if c.group == group]))
    if one_unit:
        for gone in sorted({c.gone for c in some}):
            print(line(f"after {gone} days", [c for c in some if c.gone == gone]))
        print(line("all", some))


def main(arguments: list[str] | None = None) -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--public", type=Path, default=os.environ.get("SANDRAIL_PUBLIC"))
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--days", type=int, default=150)
    given = parser.parse_args(arguments)
    start = time.perf_counter()
    found: list[Case] = []
    for seed in given.seeds:
        for (kind, name), history in company_scopes(seed, given.days).items():
            spans = [month(first) for first in MONTHS]
            found += cases(kind, f"{seed}/{name}", history, spans, GONE)
    if found:
        seconds = time.perf_counter() - start
        table(f"Sample company, seeds {given.seeds}: monthly budgets", found, seconds, True)
    if given.public is None:
        print("Public series: not measured; give --public FOLDER or SANDRAIL_PUBLIC.")
        return
    start = time.perf_counter()
    found = list(public_cases(Path(given.public)))
    table("Public series", found, time.perf_counter() - start, False)


if __name__ == "__main__":
    main()
