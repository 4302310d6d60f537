"""Usage, quality and revenue of the sample: what the company got for its money."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from storage.sample.company import EXPERIMENTS, TEAMS, Experiment
from storage.sample.pieces import unit_prices
from storage.sample.series import Series, noise_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER = ("day", "metric", "value", "unit", "experiment", "team", "feature", "workload", "stage",
          "owner", "segment")  # fmt: skip

#: Units of output for one unit of money, by what serves them.
_INFERENCES_PER_MONEY = 2_600.0
_OUTPUTS_PER_MONEY = 38.0

#: team → the quality its experiments are measured by, and where that usually is.
_QUALITY: dict[str, tuple[str, float]] = {
    "ml-recommendations": ("ndcg_at_10", 0.41),
    "ml-search": ("ndcg_at_10", 0.68),
    "ml-fraud": ("accuracy", 0.962),
    "ml-vision": ("accuracy", 0.931),
    "genai-assistant": ("answer_score", 0.84),
    "ml-forecasting": ("forecast_accuracy", 0.885),
    "foundation-models": ("benchmark_score", 0.57),
    "ml-platform": ("accuracy", 0.9),
}

#: feature → money a day from all customers, and how segments share it.
_REVENUE: dict[str, float] = {
    "recommendations-v2": 21_000.0,
    "homepage-feed": 9_500.0,
    "semantic-search": 14_800.0,
    "payment-fraud": 11_200.0,
    "account-takeover": 4_100.0,
    "product-photos": 6_300.0,
    "support-assistant": 12_400.0,
    "writing-assistant": 5_200.0,
    "demand-forecast": 8_900.0,
    "dynamic-pricing": 6_700.0,
}
_SEGMENTS = {"enterprise": 0.52, "mid-market": 0.3, "consumer": 0.18}

Row = tuple[str, ...]


def metric_files(series: Series, seed: int) -> dict[str, list[Row]]:
    """File name → its rows, without the header."""
    return {
        "usage.csv": [*_usage(series, seed), *_gpu_hours(series, seed), *_jobs(series, seed)],
        "quality.csv": list(_quality(series, seed)),
        "revenue.csv": list(_revenue(series, seed)),
    }


def _rows(
    days: list[date], metric: str, values: "NDArray[np.float64]", unit: str, e: Experiment,
    decimals: int = 0,
) -> Iterator[Row]:  # fmt: skip
    for day, value in zip(days, values.tolist(), strict=True):
        if value > 0:
            shown = f"{value:.{decimals}f}"
            yield (day.isoformat(), metric, shown, unit, e.name, e.team, e.feature, e.workload,
                   e.stage, e.owner, e.segment)  # fmt: skip


def _usage(series: Series, seed: int) -> Iterator[Row]:
    """Inferences of what serves, outputs and successful outputs of what writes with model tokens."""
    import numpy as np

    n = len(series.days)
    for e in EXPERIMENTS:
        if e.workload != "inference":
            continue
        noise = np.exp(noise_of(seed, f"{e.name}/usage").normal(0, 0.012, n))
        base = e.daily * series.profile[e.name] * series.volume[e.name] * noise
        if e.provider in ("solora", "aurelia"):
            outputs = np.rint(base * _OUTPUTS_PER_MONEY)
            rate = 0.965 * series.successes[e.name]
            good = np.rint(outputs * rate)
            yield from _rows(series.days, "outputs", outputs, "outputs", e)
            yield from _rows(series.days, "successful_outputs", good, "outputs", e)
        else:
            made = np.rint(base * _INFERENCES_PER_MONEY)
            yield from _rows(series.days, "inferences", made, "inferences", e)


def _gpu_hours(series: Series, seed: int) -> Iterator[Row]:
    """GPU hours in which something was computed; idle hours are on the bill only."""
    import numpy as np

    from storage.sample.incidents import PLANTED

    idle = {p.value for p in PLANTED if p.kind == "idle-gpus"}
    prices = unit_prices(series)
    for e in EXPERIMENTS:
        gpus = [
            i
            for i, line in enumerate(series.lines)
            if line.experiment is e and line.sku.is_gpu and line.kind == "Usage"
        ]
        if not gpus:
            continue
        hours = sum((series.units[i] / prices[i] for i in gpus), start=np.zeros(len(series.days)))
        if e.name in idle:
            hours = e.daily * 0.8 * series.profile[e.name] / prices[gpus[0]]
        noise = noise_of(seed, f"{e.name}/busy").normal(0.78, 0.02, len(series.days))
        yield from _rows(series.days, "gpu_hours_busy", hours * noise, "GPU hours", e, 2)


def _jobs(series: Series, seed: int) -> Iterator[Row]:
    """Jobs on the shared cluster by team: its cost is split by them."""
    import numpy as np

    weekday = np.array([1.0, 1.0, 1.0, 1.0, 0.95, 0.6, 0.55])
    for k, team in enumerate(TEAMS):
        rng = noise_of(seed, f"{team.name}/jobs")
        for day in series.days:
            jobs = (420 - 35 * k) * weekday[day.weekday()] * rng.uniform(0.93, 1.07)
            yield (day.isoformat(), "cluster_jobs", f"{jobs:.0f}", "jobs", "", team.name,
                   "", "", "", "", "")  # fmt: skip


def _quality(series: Series, seed: int) -> Iterator[Row]:
    """One score a day for each experiment whose answers somebody uses."""
    import numpy as np

    n = len(series.days)
    for e in EXPERIMENTS:
        if e.workload == "data-preparation" or e.stage == "exploration":
            continue
        metric, usual = _QUALITY[e.team]
        rng = noise_of(seed, f"{e.name}/quality")
        level = usual * rng.uniform(0.97, 1.03)
        drift = np.linspace(-0.004, 0.004, n) * level
        values = (level + drift + rng.normal(0, 0.004 * level, n)) * series.value[e.name]
        values = np.minimum(values, 0.999) * (series.profile[e.name] > 0)
        yield from _rows(series.days, metric, values, "score", e, 4)


def _revenue(series: Series, seed: int) -> Iterator[Row]:
    """Revenue by feature and customer segment."""
    import numpy as np

    for feature, daily in _REVENUE.items():
        serving = [e for e in EXPERIMENTS if e.feature == feature and e.workload == "inference"]
        weight = sum(e.daily for e in serving)
        shape = sum(
            (e.daily * series.profile[e.name] * series.volume[e.name] for e in serving),
            start=np.zeros(len(series.days)),
        )
        for segment, share in _SEGMENTS.items():
            rng = noise_of(seed, f"{feature}/{segment}")
            values = daily * share * shape / weight * np.exp(rng.normal(0, 0.03, len(series.days)))
            for day, value in zip(series.days, values.tolist(), strict=True):
                yield (day.isoformat(), "revenue", f"{value:.2f}", "USD", "", serving[0].team,
                       feature, "", "", "", segment)  # fmt: skip
