"""What features would cost at more usage, from how the cost of what serves them has followed it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.periods import Period
from guardrails.unit_economics import Used, elasticity, project
from handlers.conversation import Block, Heading, Small, Table, text
from handlers.dashboards.parts import Days, made_of, money
from handlers.turn import Turn
from storage import spend, unit_costs

TIMES = (2, 5, 10)
FEATURES = 3
_DAY = timedelta(days=1)


def scaling(turn: Turn, days: Days) -> list[Block]:
    """The dearest features whose units are counted, at several times the usage of the complete days; nothing
    where usage has varied too little to say.

    What counts units follows them with the elasticity seen; the rest of a feature (training, say) stays as it is.
    """
    if days.whole is None or days.before is None:
        return []
    seen = Period(days.before.first, days.whole.last)
    currency = turn.policy.workspace.currency
    rows: list[tuple[str, ...]] = []
    slopes: list[str] = []
    for one in _features(turn, seen, days.whole):
        found = elasticity([*one.used.values()])
        mine = [u for day, u in one.used.items() if day >= days.whole.first]
        cost = sum((u.cost for u in mine), Decimal(0))
        units = sum((u.units for u in mine), Decimal(0))
        if found is None or cost <= 0 or units <= 0:
            continue
        for at in project(found, cost, units, len(mine), TIMES):
            ends = [money(end + one.rest, currency) for end in (at.cost, at.lower, at.upper)]
            rows.append(
                (
                    one.name,
                    f"{at.times} × {one.metric.replace('_', ' ')}",
                    ends[0],
                    f"{ends[1]} to {ends[2]}",
                )
            )
        slopes.append(f"{found.slope:.2f} % in {one.name}")
        if len(slopes) == FEATURES:
            break
    if not rows:
        return []
    header = ("Feature", "Usage", "Cost", "80 % interval")
    said = (
        f"With one percent more usage, what serves it has cost more by {', '.join(slopes)}, in "
        f"{words.days(seen.days)} that were seen. What does not serve is taken to cost the same."
    )
    return [
        Heading(text=f"At more usage: what {words.days(days.whole.days)} would cost"),
        Table(header=header, rows=tuple(rows), align="llrr"),
        Small(text=text(said)),
        made_of(
            "/spend unit", "/spend NAME last 30d", note="growth beyond what was seen is a guess"
        ),
    ]


@dataclass(frozen=True)
class _Feature:
    """A feature's units and the cost of the experiments that count them, by day; ``rest`` is what else it cost in
    the complete days."""

    name: str
    metric: str
    used: dict[date, Used]
    rest: Decimal


def _features(turn: Turn, seen: Period, whole: Period) -> Iterator[_Feature]:
    """Those with a watched metric that is counted for their experiments, the dearest first."""
    metrics = [u.metric for u in turn.policy.watch.units]
    if not metrics:
        return
    spent = spend.sums_by(turn.connection, turn.policy, seen, "feature", "experiment", "day")
    counted = unit_costs.units_by_day(turn.connection, metrics, seen, "experiment")
    counts = {(metric, name) for (metric, name, _), units in counted.items() if name and units > 0}
    cost: dict[str, Decimal] = defaultdict(Decimal)
    serves: dict[str, set[str]] = defaultdict(set)
    for (feature, experiment, day), amount in spent.items():
        if feature and day >= whole.first:
            cost[feature] += amount
            serves[feature].add(experiment)
    every = [seen.first + n * _DAY for n in range(seen.days)]
    for name in sorted(cost, key=lambda n: (-cost[n], n)):
        for metric in metrics:
            mine = {e for e in serves[name] if (metric, e) in counts}
            if not mine:
                continue
            used = {
                day: Used(
                    sum((spent.get((name, e, day), Decimal(0)) for e in mine), Decimal(0)),
                    sum((counted.get((metric, e, day), Decimal(0)) for e in mine), Decimal(0)),
                )
                for day in every
            }
            served = sum((u.cost for d, u in used.items() if d >= whole.first), Decimal(0))
            yield _Feature(name, metric, used, cost[name] - served)
            break
