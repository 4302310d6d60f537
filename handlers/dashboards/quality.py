"""Cost against quality of experiments: what a unit costs and how good it is, against the days before."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from guardrails.policy.alerts import CostPerUnit
from handlers.ask.days import Compared
from handlers.ask.unit_prices import per_label, price_said
from handlers.conversation import Block, Fact, Heading, Point, Scatter, Table, text
from handlers.dashboards.costs import first_price, prices
from handlers.dashboards.parts import (
    SHOWN,
    Days,
    change,
    compared_line,
    made_of,
    money,
    typed,
)
from handlers.turn import Turn
from storage import dashboards, spend

#: What is drawn at most, and from which change on cost has moved (share).
DRAWN = 24
MOVED = Decimal("0.05")
SAME = 1.005  # a score that is so much better or less is hardly any better


@dataclass(frozen=True)
class Judged:
    """An experiment's cost (of one ``unit``, of all it did where none is counted) and its mean ``score`` (of
    ``metric``), now and in as many days before; nothing where it was not known."""

    name: str
    unit: CostPerUnit | None
    cost: Decimal
    cost_before: Decimal
    metric: str
    score: float
    score_before: float

    @property
    def dearer(self) -> bool:
        """Whether it costs more than before and is hardly any better."""
        rose = self.cost_before > 0 and self.cost > self.cost_before * (1 + MOVED)
        return rose and self.score < self.score_before * SAME


def cost_against_quality(turn: Turn, days: Days, sums: Mapping[str, Decimal]) -> list[Block]:
    """The dearest experiments first, as a chart where two or more are measured alike, and as a table."""
    if days.compared is None:
        return []
    dearest = sorted((n for n in sums if n), key=lambda n: (-sums[n], n))
    found = list(judged(turn, days.compared, dearest))
    if not found:
        return []
    rows = [
        (one.name, _cost_said(turn, one), _score_said(one), _moved(one)) for one in found[:SHOWN]
    ]
    return [
        Heading(text="Cost against quality"),
        *_chart(turn, found),
        Table(header=("Experiment", "Cost", "Quality", "Change"), rows=tuple(rows), align="lrrl"),
        made_of(
            typed("experiment", found[0].name, days.all),
            note=f"{compared_line(days.compared)}",
        ),
    ]


def cost_and_quality(turn: Turn, experiment: str, days: Compared) -> list[Fact]:
    """What a unit of one experiment costs and how good it is, as the engineers' dashboard has it."""
    facts = []
    for one in judged(turn, days, [experiment]):
        if one.unit is not None:
            moved = change(one.cost, one.cost_before)
            facts.append(Fact(label="Unit cost", value=text(f"{_cost_said(turn, one)}, {moved}")))
        if one.metric:
            moved = change(one.score, one.score_before)
            facts.append(Fact(label="Quality", value=text(f"{_score_said(one)}, {moved}")))
    return facts


def judged(turn: Turn, days: Compared, names: Iterable[str]) -> Iterator[Judged]:
    """Those of the experiments that have a unit cost or a score, in their order."""
    watch = turn.policy.watch
    if not (watch.units or watch.quality):
        return
    both = (days.now, days.before)
    now, before = (prices(turn, p, "experiment") for p in both)
    spent, earlier = (spend.sums_by(turn.connection, turn.policy, p, "experiment") for p in both)
    good, was = (dashboards.means_by(turn.connection, watch.quality, p, "experiment") for p in both)
    nothing = Decimal(0)
    for name in names:
        unit = first_price(watch.units, now, name)
        metric = next((m for m in watch.quality if (m, name) in good), "")
        if unit is None and not metric:
            continue
        if unit is not None:
            key = (unit.metric, name)
            cost, cost_before = now[key], before.get(key, nothing)
        else:
            cost, cost_before = spent.get((name,), nothing), earlier.get((name,), nothing)
        scores = (m.get((metric, name), 0.0) for m in (good, was))
        yield Judged(name, unit, cost, cost_before, metric, *scores)


def _chart(turn: Turn, found: Sequence[Judged]) -> list[Block]:
    """Those that are measured alike (the same unit and score), where two or more are: the kind that most have."""
    measured = [o for o in found if o.metric and o.cost > 0]
    kinds = Counter(_kind(o) for o in measured)
    kind = max(kinds, key=lambda k: (kinds[k], k[0] != "", k), default=("", ""))
    if kinds[kind] < 2:
        return []
    alike = [o for o in measured if _kind(o) == kind][:DRAWN]
    unit, metric = alike[0].unit, alike[0].metric
    best, cheapest = max(alike, key=lambda o: o.score), min(alike, key=lambda o: o.cost)
    said = (
        f"Best is {best.name}: {best.score:.3f} {metric} at {_cost_said(turn, best)}. Cheapest is "
        f"{cheapest.name}: {cheapest.score:.3f} at {_cost_said(turn, cheapest)}."
    )
    if best is cheapest:
        said = f"{best.name} is best and cheapest: {best.score:.3f} {metric} at {_cost_said(turn, best)}."
    dearer = [o for o in alike if o.dearer]
    if dearer:
        names = ", ".join(f"{o.name} ({change(o.cost, o.cost_before)})" for o in dearer)
        said += f" Dearer than before and hardly any better: {names}."
    shown, others = f"{len(alike)} experiments", ""
    if len(alike) < len(found):
        shown = f"{len(alike)} of {len(found)} experiments"
        others = "; the others have no quality, or another unit or score"
    return [
        Scatter(
            title=f"Cost against quality, {shown}",
            alt=f"Cost against quality of {shown}{others}. {said}",
            x_label=f"Cost per {per_label(unit)}" if unit else "Cost in all",
            x_unit=turn.policy.workspace.currency,
            y_label="Quality",
            y_unit=metric,
            points=tuple(
                Point(name=o.name, x=float(o.cost), y=o.score, marked=o.dearer) for o in alike
            ),
            marks="dearer, hardly better",
        )
    ]


def _kind(one: Judged) -> tuple[str, str]:
    return (one.unit.metric if one.unit else "", one.metric)


def _cost_said(turn: Turn, one: Judged) -> str:
    currency = turn.policy.workspace.currency
    if one.unit is not None:
        return f"{price_said(one.cost, currency)} per {per_label(one.unit)}"
    return f"{money(one.cost, currency)} in all"


def _score_said(one: Judged) -> str:
    return f"{one.score:.3f} {one.metric}" if one.metric else "–"


def _moved(one: Judged) -> str:
    """``cost +12 %, quality −1 %``; ``none`` when neither has changed."""
    cost = change(one.cost, one.cost_before)
    quality = change(one.score, one.score_before) if one.metric else ""
    if cost == "no change" and quality in ("no change", ""):
        return "none"
    told = [f"cost {cost}"] if cost != "no change" else []
    if quality and quality != "no change":
        told.append(f"quality {quality}")
    return ", ".join(told)
