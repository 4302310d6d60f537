"""From a verdict to changes of values of the policy, the likeliest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from statistics import median
from typing import Any

from guardrails.policy.alerts import SEVERITIES
from guardrails.policy.model import Policy
from guardrails.policy.retrospective import Retrospective
from guardrails.retro.tally import Tally
from guardrails.retro.verdict import Verdict

Value = str | int | float | list[Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Change:
    """One value of the policy. ``old`` is what holds now, also when the file leaves it to the default; ``new`` is
    None when the entry is taken out of its list."""

    path: Path
    old: Value
    new: Value | None

    @property
    def place(self) -> str:
        """As policy errors name it: ``ladder.rungs[1].up_to``."""
        return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in self.path).lstrip(".")


#: What is changed together: one value, or two that are only looser together.
Edit = tuple[Change, ...]


def candidates(
    policy: Policy, rules: Retrospective, tally: Tally, verdict: Verdict
) -> tuple[Edit, ...]:
    """Changes of which each would do what the verdict says, the likeliest first; none where no value would.

    Numbers move by ``step`` percent, or to the middle of what people granted, to two significant digits.
    """
    if verdict == "keep":
        return ()
    if verdict == "drop":
        return tuple((c,) for c in _drops(policy, tally))
    found = [c for c in _moves(policy, rules, tally, verdict) if c.new != c.old]
    single: tuple[Edit, ...] = tuple((c,) for c in found)
    # A rung takes what is within its amount and within its percent.
    return (tuple(found), *single) if tally.rule.kind == "rung" and len(found) > 1 else single


def _drops(policy: Policy, tally: Tally) -> Iterator[Change]:
    """The entry out of its list; where the file leaves the list to the default, the list without it."""
    path = tally.rule.path
    if tally.rule.kind == "signal" and len(policy.detection.signals) == 1:
        return
    yield Change(path, tally.rule.name, None)
    dumped = policy.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if tally.rule.kind == "signal":
        whole: list[Any] = list(policy.detection.signals)
    elif tally.rule.kind == "nudge":
        nudges = policy.nudges.actual if path[1] == "actual" else policy.nudges.forecast
        whole = [n.model_dump(mode="json", exclude_defaults=True) for n in nudges]
    else:
        return
    if path[1] not in dumped.get(str(path[0]), {}):
        yield Change(path[:2], whole, [one for i, one in enumerate(whole) if i != path[2]])


def _moves(
    policy: Policy, rules: Retrospective, tally: Tally, verdict: Verdict
) -> Iterator[Change]:
    path, loosen = tally.rule.path, verdict == "loosen"
    at = path[-1] if path and isinstance(path[-1], int) else 0
    match tally.rule.kind:
        case "signal":
            band, factor = policy.detection.band, 1 + rules.step / 100
            width = min(band * factor, 20.0) if loosen else max(band / factor, 0.5)
            yield Change(("detection", "band"), band, round(width, 1))
        case "route":
            least = policy.alerts.routes[at].when.impact_at_least
            if least is not None:
                yield _number((*path, "when", "impact_at_least"), least, rules, up=loosen)
            severe = policy.alerts.routes[at].when.severity_at_least or SEVERITIES[0]
            if loosen and severe != SEVERITIES[-1]:
                more = SEVERITIES[SEVERITIES.index(severe) + 1]
                yield Change((*path, "when", "severity_at_least"), severe, more)
        case "budget":
            limit = policy.budgets[at].limit
            if limit is not None and loosen:
                sizes = tally.sizes("needless")
                new = limit + Decimal(median(sizes)) if sizes else _stepped(limit, rules, up=True)
                yield Change((*path, "limit"), _plain(limit), _plain(_two_digits(new, limit)))
        case "rung":
            yield from _rung(policy, rules, tally, at, loosen=loosen)
        case "silence":
            silence = policy.ladder.silence.remind_at
            if not loosen and min(silence, default=100) > 25:
                yield Change((*path, "remind_at"), list(silence), [25, *silence])
        case "zone":
            cap = policy.sandboxes.zones[at].cap
            sizes = tally.sizes("needless")
            if loosen and sizes and max(sizes) > cap:
                new = _two_digits(max(sizes), cap, ROUND_UP)  # all of them fit in
                yield Change((*path, "cap"), _plain(cap), _plain(new))
            else:
                yield _number((*path, "cap"), cap, rules, up=loosen)
        case "gate":
            days = policy.gates[at].lower_after_days
            if days is not None and loosen:
                new_days = max(days + 1, round(days * (100 + rules.step) / 100))
                yield Change((*path, "lower_after_days"), days, min(new_days, 366))
        case "redline":
            line = policy.redlines.lines[at]
            if line.above is not None:
                yield _number((*path, "above"), line.above, rules, up=loosen)
            elif line.below is not None:
                yield _number((*path, "below"), line.below, rules, up=not loosen)
            if loosen:
                yield Change((*path, "days"), line.days, min(line.days + 1, 60))


def _rung(
    policy: Policy, rules: Retrospective, tally: Tally, at: int, *, loosen: bool
) -> Iterator[Change]:
    """Looser: what this rung waves through is taken by the one below it. Stricter: it takes less itself."""
    rungs = policy.ladder.rungs
    taker = at - 1 if loosen else at
    if taker < 0:
        return
    rung, above = rungs[taker], rungs[at]
    path: Path = ("ladder", "rungs", taker)
    if rung.up_to is not None:
        sizes = tally.sizes("needless")
        new = _stepped(rung.up_to, rules, up=loosen)
        if loosen and sizes:
            new = max(new, Decimal(median(sizes)))
        new = _two_digits(new, rung.up_to)
        if loosen and above.up_to is not None:
            new = min(new, above.up_to)
        yield Change((*path, "up_to"), _plain(rung.up_to), _plain(new))
    if rung.percent is not None:
        shares = tally.shares("needless")
        new = _stepped(rung.percent, rules, up=loosen)
        if loosen and shares:
            new = max(new, Decimal(median(shares)))
        new = _two_digits(new, rung.percent)
        if loosen and above.percent is not None:
            new = min(new, above.percent)
        yield Change((*path, "percent"), _plain(rung.percent), _plain(new))


def _number(path: Path, value: Decimal, rules: Retrospective, *, up: bool) -> Change:
    new = _two_digits(_stepped(value, rules, up=up), value)
    return Change(path, _plain(value), _plain(new))


def _stepped(value: Decimal, rules: Retrospective, *, up: bool) -> Decimal:
    factor = 1 + Decimal(rules.step) / 100
    return value * factor if up else value / factor


def _two_digits(value: Decimal, old: Decimal, rounding: str = ROUND_HALF_UP) -> Decimal:
    """Two significant digits, and more where the value would be the old one, or on its other side."""
    for digits in range(2, 8):
        step = Decimal(1).scaleb(value.adjusted() - digits + 1)
        found = value.quantize(step, rounding)
        if found != old and (found > old) == (value > old):
            return found
    return value


def _plain(value: Decimal) -> Value:
    """As it is written in the file: 2500, 0.75."""
    whole = value.to_integral_value()
    return int(whole) if value == whole else format(value.normalize(), "f")
