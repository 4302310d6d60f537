"""The sample company: planted incidents found by kind, and alarms that nothing was planted for."""

import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from guardrails.detection.episodes import episodes
from guardrails.detection.find import QUALITY_CHANGE
from guardrails.detection.found import Scope
from guardrails.detection.rolling import Matrix, trailing_median
from guardrails.detection.series import since_first_activity
from guardrails.policy.bills import Dimension
from guardrails.policy.model import Policy
from handlers.find_anomalies import find_anomalies
from storage.bills.ingest import ingest
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import load_policy
from storage.sample import write_sample
from storage.sample.company import EXPERIMENT
from storage.series import read_series
from tests.bench.baselines import rolling_z, same_phase_median

ROOT = Path(__file__).parents[2]
UNTIL = date(2026, 11, 22)
#: Days after an incident in which a finding of its scope is its aftermath, not a false alarm.
AFTERMATH = 20


@dataclass(frozen=True)
class Planted:
    """One planted incident, or something benign that should stay quiet."""

    kind: str
    signal: str
    dimension: str
    value: str
    start: date
    end: date
    daily: float
    what: str

    def touches(self, found: "Spotted", slack: int = 1) -> bool:
        """Whether a finding is about the same days and the same, a wider or a narrower scope."""
        if found.started_on > self.end + timedelta(days=slack) or found.last_on < self.start:
            return False
        mine = {(self.dimension, self.value)}
        experiment = EXPERIMENT.get(self.value)
        if experiment is not None:
            mine |= {("team", experiment.team), ("feature", experiment.feature)}
        theirs = {(found.scope.dimension, found.scope.value.partition(" / ")[0])}
        theirs |= set(found.allocation.items())
        narrower = (self.dimension, self.value) in theirs
        wider = (found.scope.dimension, found.scope.value) in mine
        return narrower or wider


def read_planted(path: Path) -> list[Planted]:
    """What ``planted.json`` lists."""
    return [
        Planted(
            kind=entry["kind"],
            signal=entry["signal"],
            dimension=entry["scope"]["dimension"],
            value=entry["scope"]["value"],
            start=date.fromisoformat(entry["starts_on"]),
            end=date.fromisoformat(entry["ends_on"] or UNTIL.isoformat()),
            daily=float(entry["daily_impact"] or 0),
            what=entry["what"],
        )
        for entry in json.loads(path.read_text())
    ]


def company(folder: Path, seed: int, days: int) -> tuple[Database, Policy, list[Planted]]:
    """The sample of a seed, ingested; its policy; what was planted."""
    shutil.copy(ROOT / "app.yaml", folder / "app.yaml")
    shutil.copytree(ROOT / "runbooks", folder / "runbooks")
    write_sample(folder / "sample", seed=seed, days=days, until=UNTIL)
    loaded = load_policy(folder / "app.yaml")
    database = Database(f"sqlite:///{folder / 'bench.db'}")
    upgrade(database)
    ingest(loaded, database, today=UNTIL + timedelta(days=1))
    return database, loaded.policy, read_planted(folder / "sample" / "planted.json")


@dataclass(frozen=True)
class Spotted:
    """What any method says: which signal, where, from when to when; ``line`` for people."""

    signal: str
    scope: Scope
    allocation: dict[Dimension, str]
    started_on: date
    last_on: date
    line: str


def ours(connection: Connection, policy: Policy) -> list[Spotted]:
    """What Sandrail finds."""
    return [
        Spotted(
            f.signal,
            f.scope,
            f.allocation,
            f.started_on,
            f.last_on,
            f"{f.direction} {f.severity} {f.score:.1f} {f.observed:,.2f}/{f.expected:,.2f} {f.impact}",
        )
        for f in find_anomalies(connection, policy, UNTIL + timedelta(days=1))
    ]


def simple(
    connection: Connection, policy: Policy, score: Callable[[Matrix], Matrix]
) -> list[Spotted]:
    """What a simple method finds on the same matrices with the same limits of money and change."""
    limits = policy.detection
    since = UNTIL + timedelta(days=1) - timedelta(days=limits.history_days)
    spotted: list[Spotted] = []
    for matrix in read_series(connection, policy, UNTIL + timedelta(days=1)):
        values = np.where(matrix.complete, since_first_activity(matrix.values), np.nan)
        scores = score(values)
        usual, _ = trailing_median(values, 28)
        with np.errstate(invalid="ignore", divide="ignore"):
            change = np.abs(values - usual) / np.abs(usual)
            worth = np.abs(values - usual) * matrix.worth
        if matrix.signal == "quality":
            worthwhile = change >= QUALITY_CHANGE
        else:
            worthwhile = (change >= limits.min_change) & (worth >= float(limits.min_impact))
        for row, scope in enumerate(matrix.scopes):
            for direction in matrix.watched[row]:
                sign = 1 if direction == "up" else -1
                mask = (sign * scores[row] > limits.band) & worthwhile[row]
                for episode in episodes(mask, ~mask, limits.quiet_days):
                    first, last = matrix.days[episode.first], matrix.days[episode.last]
                    if last >= since:
                        held = matrix.allocations[row]
                        spotted.append(Spotted(matrix.signal, scope, held, first, last, direction))
    return spotted


METHODS: dict[str, Callable[[Connection, Policy], list[Spotted]]] = {
    "sandrail": ours,
    "rolling z-score, 28 days": lambda c, p: simple(c, p, lambda v: rolling_z(v, 28)),
    "same weekday, median": lambda c, p: simple(c, p, lambda v: same_phase_median(v, 7)),
}


@dataclass
class Tally:
    """One method's numbers over all seeds. ``kinds``: planted, found, found by the planted signal."""

    kinds: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    delays: list[int] = field(default_factory=list)
    false: int = 0
    benign: int = 0
    messages: int = 0
    seconds: float = 0.0

    def add(self, spotted: list[Spotted], planted: list[Planted], since: date, told: bool) -> None:
        """Counts one company."""
        real = [p for p in planted if p.kind != "benign" and p.end >= since]
        self.messages += len(spotted)
        for incident in real:
            mine = [s for s in spotted if incident.touches(s)]
            kind = self.kinds[incident.kind]
            kind[0] += 1
            kind[1] += bool(mine)
            kind[2] += any(s.signal == incident.signal for s in mine)
            if mine:
                self.delays.append(max(0, min((s.started_on - incident.start).days for s in mine)))
            elif told:
                print(f"  missed: {incident}")
        for one in spotted:
            if any(p.touches(one, slack=AFTERMATH) for p in real):
                continue
            benign = any(p.touches(one) for p in planted if p.kind == "benign")
            self.benign += benign
            self.false += not benign
            if told:
                what = "of a benign change" if benign else "false"
                print(
                    f"  {what}: {one.signal} {one.scope} {one.started_on}..{one.last_on} {one.line}"
                )


def bench_company(seeds: list[int], days: int, list_misses: bool = False) -> None:
    """Prints recall by kind, the delay, and false alarms a week, for each method over the same seeds."""
    tallies = {name: Tally() for name in METHODS}
    weeks = 0.0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as name:
            database, policy, planted = company(Path(name), seed, days)
            since = UNTIL - timedelta(days=policy.detection.history_days)
            weeks += min(days, policy.detection.history_days) / 7
            for method, spot in METHODS.items():
                start = time.perf_counter()
                with database.read() as connection:
                    spotted = spot(connection, policy)
                tallies[method].seconds += time.perf_counter() - start
                told = list_misses and method == "sandrail"
                tallies[method].add(spotted, planted, since, told)
            database.close()
    print(f"\nSample company, seeds {seeds}, {days} days: found by kind (by the planted signal)")
    print(f"{'kind':<18}{'planted':>8}" + "".join(f"{m:>28}" for m in METHODS))
    for kind in sorted(tallies["sandrail"].kinds):
        cells = [t.kinds[kind] for t in tallies.values()]
        shown = "".join(f"{f'{found} ({own})':>28}" for _, found, own in cells)
        print(f"{kind:<18}{cells[0][0]:>8}{shown}")
    for label, number in (
        ("found in all", lambda t: f"{sum(k[1] for k in t.kinds.values())}"),
        ("on the first day", lambda t: f"{sum(d == 0 for d in t.delays)}"),
        ("latest, days", lambda t: f"{max(t.delays, default=0)}"),
        ("messages a week", lambda t: f"{t.messages / weeks:.1f}"),
        ("false a week", lambda t: f"{t.false / weeks:.2f}"),
        ("of benign changes", lambda t: f"{t.benign / weeks:.2f}"),
        ("seconds", lambda t: f"{t.seconds / len(seeds):.1f}"),
    ):
        print(f"{label:<26}" + "".join(f"{number(t):>28}" for t in tallies.values()))
