"""How much each line costs on each day: growth, the week, month ends, noise, and what is planted."""

import fnmatch
import zlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from storage.sample.catalogue import PROVIDERS
from storage.sample.company import EXPERIMENT, EXPERIMENTS, Experiment
from storage.sample.incidents import PLANTED, WARM_UP, Effect, Planted
from storage.sample.lines import Line, all_lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

#: The provider whose newest day is not complete yet, and how many hours of that day are in.
PARTIAL = "azure"
PARTIAL_HOURS = 13

#: Money on Monday to Sunday against a usual working day, by how an experiment is used.
_WEEK: dict[str, tuple[float, ...]] = {
    "working": (1.0, 1.04, 1.05, 1.03, 0.94, 0.42, 0.38),
    "always": (1.02, 1.0, 1.0, 1.01, 1.0, 0.95, 0.94),
    "consumer": (0.94, 0.95, 0.97, 1.0, 1.08, 1.2, 1.16),
}
_GROWTH = {"production": 0.0016, "scaled": 0.0018, "pilot": 0.0025, "exploration": 0.0}
_NOISE = {"inference": 0.025, "data-preparation": 0.025, "training": 0.05, "fine-tuning": 0.06}
#: Holidays (month, day) on which engineers rest; what is scheduled still runs.
HOLIDAYS = ((1, 1), (5, 1), (10, 3), (12, 24), (12, 25), (12, 26), (12, 31))
MONTH_END_BATCH = "demand-daily-batch"


@dataclass
class Happened:
    """A planted thing that lies in the sample, with its money."""

    planted: Planted
    starts_on: date
    ends_on: date
    daily_impact: float
    currency: str


@dataclass
class Series:
    """``days`` and, by line and day: ``units`` money at base price, ``price`` factors on it, ``cost``
    whole numbers of the provider's smallest money. ``profile`` and the factors are by experiment."""

    days: list[date]
    lines: list[Line]
    units: "Floats"
    price: "Floats"
    cost: "Ints"
    profile: "dict[str, Floats]"
    volume: "dict[str, Floats]"
    value: "dict[str, Floats]"
    successes: "dict[str, Floats]"
    happened: list[Happened] = field(default_factory=list)


def noise_of(seed: int, name: str) -> "np.random.Generator":
    """The random numbers of one named thing: the same whatever else the sample holds."""
    import numpy as np

    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def make_series(seed: int, days: int, until: date) -> Series:
    """All money of the sample, by line and day, planted incidents included."""
    import numpy as np

    dates = [until - timedelta(days=days - 1 - i) for i in range(days)]
    lines = all_lines()
    profile = {e.name: _profile(e, dates, noise_of(seed, e.name)) for e in EXPERIMENTS}
    units = np.zeros((len(lines), days))
    for i, line in enumerate(lines):
        units[i] = _units(line, dates, profile, noise_of(seed, line.key))
    ones = {e.name: np.ones(days) for e in EXPERIMENTS}
    series = Series(
        days=dates,
        lines=lines,
        units=units,
        price=np.ones((len(lines), days)),
        cost=np.zeros((len(lines), days), dtype=np.int64),
        profile=profile,
        volume={k: v.copy() for k, v in ones.items()},
        value={k: v.copy() for k, v in ones.items()},
        successes={k: v.copy() for k, v in ones.items()},
    )
    for planted in PLANTED:
        if days - 1 - planted.first >= WARM_UP:
            series.happened.append(_plant(series, planted, seed))
    scale = np.array([10.0 ** PROVIDERS[line.sku.provider].decimals for line in lines])
    units[[line.sku.provider == PARTIAL for line in lines], -1] *= PARTIAL_HOURS / 24
    series.cost = np.rint(units * series.price * scale[:, None]).astype(np.int64)
    return series


def is_month_end(day: date) -> bool:
    """The last two days of a month, when the month's batch runs."""
    return (day + timedelta(days=2)).month != day.month


def _profile(e: Experiment, dates: list[date], rng: "np.random.Generator") -> "Floats":
    """An experiment's days against its usual working day, about 1; 0 before it starts, after it ends."""
    import numpy as np

    n = len(dates)
    ago = np.arange(n)[::-1]
    shape = np.exp(-_GROWTH[e.stage] * ago)
    noise = rng.normal(0.0, _NOISE[e.workload], n)
    for i in range(1, n):
        noise[i] = 0.3 * noise[i - 1] + 0.95 * noise[i]
    shape *= np.exp(noise)
    weekday = np.array([d.weekday() for d in dates])
    if e.rhythm == "bursty":
        shape *= np.where((rng.random(n) < 0.55) & (weekday < 5), rng.uniform(1.2, 2.0, n), 0.0)
    else:
        shape *= np.array(_WEEK[e.rhythm])[weekday]
    if e.rhythm in ("working", "bursty"):
        shape *= np.where([(d.month, d.day) in HOLIDAYS for d in dates], 0.8, 1.0)
    if e.name == MONTH_END_BATCH:
        shape *= np.where([is_month_end(d) for d in dates], 1.7, 1.0)
    if e.starts is not None:
        shape *= np.clip((e.starts - ago + 1) / 3, 0.0, 1.0)
    if e.ends is not None:
        shape *= ago >= e.ends
    return np.asarray(shape, dtype=np.float64)


def _units(
    line: Line, dates: list[date], profile: "dict[str, Floats]", rng: "np.random.Generator"
) -> "Floats":
    import numpy as np

    n = len(dates)
    noise = np.exp(rng.normal(0.0, 0.012, n))
    if line.only_planted:
        return np.zeros(n)
    if line.rhythm == "once":
        shape = np.array([float(line.starts == n - 1 - i) for i in range(n)])
        return np.asarray(line.daily * shape, dtype=np.float64)
    if line.rhythm == "month-start":
        return np.array([line.daily * (d.day == 1) for d in dates])
    if line.experiment is None:
        weekday = np.array([d.weekday() for d in dates])
        shape = np.array(_WEEK[line.rhythm])[weekday] * noise
    elif line.sku.calm:
        e = line.experiment
        ago = np.arange(n)[::-1]
        shape = np.exp(-_GROWTH[e.stage] * ago) * noise * 0.85
        shape = shape * (ago <= e.starts) if e.starts is not None else shape
        shape = shape * (ago >= e.ends) if e.ends is not None else shape
    elif line.kind == "Credit":  # a commitment is the same every day, whatever runs
        weekday_free = _GROWTH[line.experiment.stage] * np.arange(n)[::-1]
        shape = np.exp(-weekday_free) * 0.9
    else:
        shape = profile[line.experiment.name] * noise
    return np.asarray(line.daily * shape, dtype=np.float64)


def _plant(series: Series, planted: Planted, seed: int) -> Happened:
    """Changes the series as planted and says what that is in money a day."""
    import numpy as np

    n = len(series.days)
    first, last = n - 1 - planted.first, n - 1 - max(planted.last, 0)
    span = slice(first, last + 1)
    before = series.units * series.price
    rng = noise_of(seed, f"{planted.kind}/{planted.value}/{planted.first}")
    for effect in planted.effects:
        if effect.what in ("volume", "value", "successes"):
            for name in effect.lines:
                getattr(series, effect.what)[name][span] *= effect.amount
            continue
        if effect.what == "move":
            keys = [line.key for line in series.lines]
            source, target = (keys.index(key) for key in effect.lines)
            moved = series.units[source][span] * effect.amount
            series.units[source][span] -= moved
            series.units[target][span] += 1.1 * moved
            continue
        for i, line in enumerate(series.lines):
            if any(fnmatch.fnmatchcase(line.key, pattern) for pattern in effect.lines):
                _change(series, i, effect, span, np.exp(rng.normal(0.0, 0.02, last + 1 - first)))
    change = (series.units * series.price - before)[:, span]
    currencies = [PROVIDERS[line.sku.provider].currency for line in series.lines]
    billed = [c for c, row in zip(currencies, change, strict=True) if row.any()]
    currency = billed[0] if billed else "USD"
    if planted.kind == "hidden-by-credit":
        change = change.clip(min=0)  # what the credit hides
    impact = float(change.sum()) / (last + 1 - first)
    if planted.kind == "cost-per-unit" and not billed:
        impact = _wasted(series, planted, span)
    return Happened(planted, series.days[first], series.days[last], impact, currency)


def _change(series: Series, i: int, effect: Effect, span: slice, noise: "Floats") -> None:
    import numpy as np

    row = series.units[i]
    if effect.what == "add":
        row[span] += effect.amount * noise
    elif effect.what == "scale":
        row[span] *= effect.amount
    elif effect.what == "leak":
        row[span] *= np.exp(effect.amount * np.arange(1, noise.size + 1))
    else:
        series.price[i][span] *= effect.amount


def _wasted(series: Series, planted: Planted, span: slice) -> float:
    """Money a day beyond what the remaining units would have cost at the old cost per unit."""
    factor = planted.effects[0].amount
    rows = [
        i
        for i, line in enumerate(series.lines)
        if line.experiment is not None and EXPERIMENT[line.experiment.name].feature == planted.value
    ]
    spent = (series.units * series.price)[rows][:, span]
    return float(spent.sum() / spent.shape[1] * (1 - factor))
