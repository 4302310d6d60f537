"""Maturity: how much of a team's spend is understood decides how far the bot goes with it.

A level is reached when all that it and the levels below it need is there. The levels and the order in which they
come are those of FinOps maturity, crawl, walk and run: see first, then limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from guardrails.policy.budgets import Budget
from guardrails.policy.maturity import Level, Maturity, Override

#: What the bot does at most on a level.
LEVELS: tuple[str, ...] = ("observe", "nudge", "approve", "stop")

_COVERED = "of spend has experiment, feature and workload"
_OWNED = "of spend has an owner"
_NO_BUDGET = "no budget covers it"
_NO_METRICS = "no unit or quality metric"


@dataclass(frozen=True)
class Facts:
    """What is known of a team's own spend in the days that are looked at; money in one currency.

    ``covered`` has experiment, feature and workload, ``owned`` an owner. ``metrics`` are the unit and quality
    metrics that have a value, ``budgets`` the names of the budgets that cover the team, its features or
    experiments.
    """

    team: str
    days: int
    spend: Decimal = Decimal(0)
    covered: Decimal = Decimal(0)
    owned: Decimal = Decimal(0)
    metrics: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ()

    @property
    def coverage(self) -> Decimal:
        """In percent, 0 to 100."""
        return _percent(self.covered, self.spend)

    @property
    def ownership(self) -> Decimal:
        """In percent, 0 to 100."""
        return _percent(self.owned, self.spend)


@dataclass(frozen=True)
class Judged:
    """A team's level: ``why``, and what the next level by the numbers ``needs``, a sentence each.

    ``computed`` is the level by the numbers; ``overruled`` says that people decided another or the same one.
    """

    team: str
    level: Level
    computed: Level
    why: tuple[str, ...]
    needs: tuple[str, ...]
    overruled: bool = False

    @property
    def word(self) -> str:
        """``observe``, ``nudge``, ``approve`` or ``stop``."""
        return LEVELS[self.level]


def judge(facts: Facts, policy: Maturity) -> Judged:
    """The level of a team; more coverage, ownership, budgets or metrics never lower it."""
    unmet = [_unmet(level, facts, policy) for level in (1, 2, 3)]
    computed = next((i for i, needs in enumerate(unmet) if needs), 3)
    needs = unmet[computed] if computed < 3 else ()
    override = _override(policy, facts.team)
    if override is None:
        level = _level(computed)
        return Judged(facts.team, level, level, _why(facts), needs)
    said = f"people set level {override.level} ({LEVELS[override.level]}): {override.because}"
    numbers = f"by the numbers it is level {computed}"
    return Judged(
        team=facts.team,
        level=override.level,
        computed=_level(computed),
        why=(said, numbers, *_why(facts)),
        needs=needs,
        overruled=True,
    )


def covering(
    budgets: Sequence[Budget], team: str, features: frozenset[str], experiments: frozenset[str]
) -> tuple[str, ...]:
    """The names of the budgets that cover a team: its own, or of one of its features or experiments."""
    return tuple(b.name for b in budgets if _covers(b, team, features, experiments))


def shown(percent: Decimal) -> str:
    """``84 %``, ``94.9 %``: rounded down, so that what is not reached never looks as if it were."""
    floored = percent.quantize(Decimal("0.1"), ROUND_FLOOR)
    whole = floored == floored.to_integral_value()
    return f"{floored.to_integral_value() if whole else floored} %"


def _covers(
    budget: Budget, team: str, features: frozenset[str], experiments: frozenset[str]
) -> bool:
    scope = budget.scope
    named = [
        (
            scope.team is not None,
            scope.team is not None and scope.team.casefold() == team.casefold(),
        ),
        (scope.feature is not None, scope.feature in features),
        (scope.experiment is not None, scope.experiment in experiments),
    ]
    mine = [same for given, same in named if given]
    return bool(mine) and all(mine)


def _unmet(level: int, facts: Facts, policy: Maturity) -> tuple[str, ...]:
    if facts.spend <= 0:
        return (
            (f"nothing to judge by; level 1 needs spend in {facts.days} days",)
            if level == 1
            else ()
        )
    wanted: list[tuple[Decimal, str, Decimal]] = []
    if level == 1:
        wanted = [(facts.coverage, _COVERED, policy.nudge_coverage)]
    elif level == 2:
        wanted = [
            (facts.coverage, _COVERED, policy.approve_coverage),
            (facts.ownership, _OWNED, policy.approve_owned),
        ]
    else:
        wanted = [
            (facts.coverage, _COVERED, policy.stop_coverage),
            (facts.ownership, _OWNED, policy.stop_owned),
        ]
    unmet = [
        f"{shown(share)} {what}; level {level} needs {_plain(least)} %"
        for share, what, least in wanted
        if share < least
    ]
    if level >= 2 and not facts.budgets:
        unmet.append(
            f"{_NO_BUDGET}; level {level} needs one for the team or one of its features or experiments"
        )
    if level == 3 and not facts.metrics:
        unmet.append(f"{_NO_METRICS} has a value; level 3 needs one")
    return tuple(unmet)


def _why(facts: Facts) -> tuple[str, ...]:
    if facts.spend <= 0:
        return (f"nothing was spent under this name in the last {facts.days} days",)
    return (
        f"{shown(facts.coverage)} {_COVERED}",
        f"{shown(facts.ownership)} {_OWNED}",
        _listed("budget", facts.budgets) or _NO_BUDGET,
        _listed("metric", facts.metrics) or f"{_NO_METRICS} has a value",
    )


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names[:2])}{more}"


def _override(policy: Maturity, team: str) -> Override | None:
    return next((o for n, o in policy.override.items() if n.casefold() == team.casefold()), None)


def _level(number: int) -> Level:
    levels: tuple[Level, ...] = (0, 1, 2, 3)
    return levels[number]


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    if whole <= 0:
        return Decimal(0)
    # Credits can make a part larger than the whole, or negative.
    return min(max(part / whole * 100, Decimal(0)), Decimal(100))


def _plain(percent: Decimal) -> str:
    return f"{percent.normalize():f}"
