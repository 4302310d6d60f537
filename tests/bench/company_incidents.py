"""The sample company: planted incidents found by kind, and alarms that nothing was planted for."""

import json
import shutil
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from guardrails.detection.found import Found
from handlers.find_anomalies import find_anomalies
from storage.bills.ingest import ingest
from storage.database import Database
from storage.policy_file import load_policy
from storage.sample import write_sample
from storage.sample.company import EXPERIMENT
from storage.tables import METADATA

ROOT = Path(__file__).parents[2]
UNTIL = date(2026, 11, 22)


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

    def touches(self, found: Found, slack: int = 1) -> bool:
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


def company(folder: Path, seed: int, days: int) -> tuple[Database, Any, list[Planted]]:
    """The sample of a seed, ingested; its policy; what was planted."""
    shutil.copy(ROOT / "app.yaml", folder / "app.yaml")
    write_sample(folder / "sample", seed=seed, days=days, until=UNTIL)
    loaded = load_policy(folder / "app.yaml")
    database = Database(f"sqlite:///{folder / 'bench.db'}")
    METADATA.create_all(database.writer)
    ingest(loaded, database, today=UNTIL + timedelta(days=1))
    return database, loaded.policy, read_planted(folder / "sample" / "planted.json")


def bench_company(seeds: list[int], days: int, list_misses: bool = False) -> None:
    """Prints recall by kind, the delay, and false alarms a week, over some seeds."""
    hits: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    delays: list[int] = []
    false: list[Found] = []
    benign: list[Found] = []
    weeks = seconds = 0.0
    total = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as name:
            database, policy, planted = company(Path(name), seed, days)
            start = time.perf_counter()
            with database.read() as connection:
                found = find_anomalies(connection, policy, UNTIL + timedelta(days=1))
            seconds += time.perf_counter() - start
            database.close()
        weeks += min(days, policy.detection.history_days) / 7
        since = UNTIL - timedelta(days=policy.detection.history_days)
        real = [p for p in planted if p.kind != "benign" and p.end >= since]
        for incident in real:
            mine = [f for f in found if incident.touches(f)]
            kind = hits[incident.kind]
            kind[0] += 1
            kind[1] += bool(mine)
            kind[2] += any(f.signal == incident.signal for f in mine)
            if mine:
                delays.append(max(0, min((f.started_on - incident.start).days for f in mine)))
            elif list_misses:
                print(f"  missed (seed {seed}): {incident}")
        total += len(found)
        for one in found:
            if any(p.touches(one, slack=20) for p in real):
                continue
            quiet = any(p.touches(one) for p in planted if p.kind == "benign")
            (benign if quiet else false).append(one)
    print(f"\nSample company, {len(seeds)} seeds of {days} days, {seconds / len(seeds):.1f} s each")
    print(f"{'kind':<18}{'planted':>8}{'found':>7}{'by its own signal':>19}")
    for kind, (planted_, any_, own) in sorted(hits.items()):
        print(f"{kind:<18}{planted_:>8}{any_:>7}{own:>19}")
    everything = sum(h[0] for h in hits.values())
    print(f"{'all':<18}{everything:>8}{sum(h[1] for h in hits.values()):>7}")
    print(f"days until found: {sorted(delays)}")
    print(
        f"findings {total}, of benign changes {len(benign)}, false {len(false)}: "
        f"{len(false) / weeks:.2f} false a week, {len(benign) / weeks:.2f} benign a week"
    )
    if list_misses:
        for label, some in (("false", false), ("benign", benign)):
            for f in some:
                print(
                    f"  {label}: {f.signal} {f.scope} {f.direction} {f.started_on}..{f.last_on} "
                    f"{f.severity} score {f.score:.1f} {f.observed:,.2f}/{f.expected:,.2f} {f.impact}"
                )
