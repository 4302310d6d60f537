"""What should become of a rule: loosened, tightened, kept or dropped, by stated thresholds and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from guardrails.policy.retrospective import Retrospective
from guardrails.retro.tally import Kind, Tally

Verdict = Literal["tighten", "keep", "loosen", "drop"]
#: From the strictest to the mildest: more needless cases only ever move a rule to the right.
VERDICTS: tuple[Verdict, ...] = ("tighten", "keep", "loosen", "drop")
#: Rules that the policy can do without. Without a rung, a budget or a gate nobody would decide any more.
DROPPABLE: frozenset[Kind] = frozenset({"signal", "route", "nudge", "redline"})


@dataclass(frozen=True)
class Judged:
    """A verdict with its reason: one sentence with the numbers that it rests on. ``few``: there was too little to
    judge."""

    verdict: Verdict
    reason: str
    few: bool = False


def judge(tally: Tally, rules: Retrospective) -> Judged:
    """The verdict on a rule by its quarter.

    * **drop**: ``never_right`` or more cases were judged, none was right, and the policy can do without the rule.
    * **loosen**: ``least_cases`` or more were judged, and ``false_alarms`` percent of them were needless, or
      ``overruled`` percent needless or overruled.
    * **tighten**: it missed ``missed`` or more, and would not be loosened.
    * **keep**: everything else, also what is too few to judge.

    More needless cases never make a rule stricter: the verdict moves along ``VERDICTS`` in one direction.
    """
    judged, needless = tally.judged, tally.count("needless")
    against = needless + tally.count("overruled")
    too_much = judged > 0 and (
        100 * needless >= rules.false_alarms * judged or 100 * against >= rules.overruled * judged
    )
    if not tally.count("right") and judged >= rules.never_right and tally.rule.kind in DROPPABLE:
        return Judged("drop", f"None of its {judged} judged cases was right: {_against(tally)}.")
    if too_much and judged >= rules.least_cases:
        return Judged("loosen", f"{_upper(_against(tally))}, of {_cases(judged)}.")
    if len(tally.missed) >= rules.missed and not too_much:
        found = f"right in {tally.count('right')} of {judged}" if judged else "never judged"
        return Judged("tighten", f"It missed {len(tally.missed)}; it was {found}.")
    if not tally.fired:
        return Judged("keep", "It never fired.")
    if judged < rules.least_cases:
        said = f"Too few to judge: {_cases(judged)}, and {rules.least_cases} are needed."
        return Judged("keep", said, few=True)
    return Judged("keep", f"It was right in {tally.count('right')} of {_cases(judged)}.")


def judge_all(tallies: Sequence[Tally], rules: Retrospective) -> tuple[tuple[Tally, Judged], ...]:
    """Every rule with its verdict."""
    return tuple((tally, judge(tally, rules)) for tally in tallies)


def _cases(judged: int) -> str:
    return f"{judged} judged {'case' if judged == 1 else 'cases'}"


def _against(tally: Tally) -> str:
    counts = (
        (tally.count("needless"), needless_word(tally)),
        (tally.count("overruled"), "overruled"),
    )
    return " and ".join(f"{count} {word}" for count, word in counts if count)


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def needless_word(tally: Tally) -> str:
    """What a needless case is called: ``false alarms`` of what alerts, ``waved through`` where people decide."""
    match tally.rule.kind:
        case "signal" | "route":
            return "false alarm" if tally.count("needless") == 1 else "false alarms"
        case "rung" | "zone" | "budget" | "silence":
            return "waved through"
        case "shadow":
            return "no AI"
        case _:
            return "needless"
