"""What features would cost at more usage, from how the cost of what serves them has followed it."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from guardrails.alerts import words
from guardrails.periods import Period
from handlers.ask.usage import Serving, at_more, books, serving
from handlers.conversation import Block, Heading, Small, Table, text
from handlers.dashboards.parts import Days, made_of, money, typed
from handlers.turn import Turn

FEATURES = 3


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
    for name, metric, one in _features(turn, seen, days.whole):
        more = at_more(one)
        if more is None:
            continue
        for at in more.at:
            cost, lower, upper = (money(end, currency) for end in (at.cost, at.lower, at.upper))
            usage = f"{at.times} × {metric.replace('_', ' ')}"
            rows.append((name, usage, cost, f"{lower} to {upper}"))
        slopes.append(f"{more.law.slope:.2f} % in {name}")
        if len(slopes) == FEATURES:
            break
    if not rows:
        return []
    header = ("Feature", "Usage", "Cost", "80 % interval")
    said = (
        f"With one percent more usage, what serves it has cost more by {', '.join(slopes)}, in "
        f"{words.days(seen.days)} that were seen. What does not follow usage, such as training, is assumed "
        "to stay as it is."
    )
    return [
        Heading(text=f"At more usage: what {words.days(days.whole.days)} would cost"),
        Table(header=header, rows=tuple(rows), align="llrr"),
        Small(text=text(said)),
        made_of(
            typed("unit feature", rows[0][0], days.all),
            note="beyond the usage that was seen this is an extrapolation",
        ),
    ]


def _features(turn: Turn, seen: Period, whole: Period) -> Iterator[tuple[str, str, Serving]]:
    """(feature, metric, what counts it): the first watched metric that a feature's experiments count, the dearest
    features first."""
    metrics = [u.metric for u in turn.policy.watch.units]
    if not metrics:
        return
    known = books(turn, seen, metrics)
    cost: dict[str, Decimal] = defaultdict(Decimal)
    for (feature, _, day), amount in known.spent.items():
        if feature and day >= whole.first:
            cost[feature] += amount
    for name in sorted(cost, key=lambda n: (-cost[n], n)):
        found = ((metric, serving(known, metric, {name}, whole)) for metric in metrics)
        first = next(((metric, one) for metric, one in found if one is not None), None)
        if first is not None:
            yield name, *first
