"""What a retrospective's root message says: five lines, the rules as a table, what became of the last."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from guardrails import lists
from guardrails.money import Money
from guardrails.retro.tally import Tally
from handlers.conversation import Block, Items, Small, Strong, Table, Text, text
from handlers.retro.build import Quarterly
from handlers.retro.frame import MOST, said_hours

ROWS = 30  # of the table; the rest is counted
EARLIER = "Rules of an earlier policy"


def lines_of(made: Quarterly) -> tuple[Text, ...]:
    """The quarter in five lines: what the bot itself cost first, beside it what it saved."""
    return (_friction(made), _saved(made), _counts(made), _proposed(made), _missed_line(made))


# --- the five lines ---------------------------------------------------------------------------------


def _money(made: Quarterly, amount: Decimal) -> str:
    return str(Money(amount, made.frame.policy.workspace.currency))


def _friction(made: Quarterly) -> Text:
    """What the bot itself cost, first and in full."""
    f = made.friction
    if not f.asked and not f.stopped:
        return text(Strong(text="Waiting:"), " nobody waited for a rule.")
    said = said_hours(f.hours)
    cost = f.cost(made.frame.rules.hour_cost)
    if cost is not None:
        hour = Money(made.frame.rules.hour_cost or Decimal(0), made.frame.policy.workspace.currency)
        said += f", about {_money(made, cost)} at {hour.in_full()} an hour"
    of = []
    if f.asked:
        middle_one = f", half of them up to {said_hours(f.median)}" if f.median is not None else ""
        of.append(f"{counted(f.asked, 'request')} waited {said_hours(f.waited)}{middle_one}")
    if f.stopped:
        stood = "experiment stood" if f.stopped == 1 else "experiments stood"
        of.append(f"{f.stopped} {stood} still for {said_hours(f.stood)} and ran on")
    return text(Strong(text="Waiting:"), f" {said}: {'; '.join(of)}.")


def _saved(made: Quarterly) -> Text:
    refused = ""
    if made.refused:
        refused = f" {_money(made, made.refused)} more was asked for and not granted, which is not counted."
    if not made.saved:
        return text(Strong(text="Saved:"), f" nothing that can be counted.{refused}")
    return text(Strong(text="Saved:"), f" about {_money(made, made.saved)}, estimated.{refused}")


def _counts(made: Quarterly) -> Text:
    # What routes and budgets heard of is counted at signals and rungs; what a zone nearly took, at its rung.
    own = [t for t in made.tallies if t.rule.kind not in ("route", "budget")]
    every_one = [
        c for t in own for c in t.cases if not (t.rule.kind == "zone" and c.outcome == "needless")
    ]
    cases, outcomes = len(every_one), Counter(c.outcome for c in every_one)
    right, needless, over = outcomes["right"], outcomes["needless"], outcomes["overruled"]
    alarms = sum(t.count("needless") for t in own if t.rule.kind == "signal")
    rules = f"{counted(sum(t.fired > 0 for t in own), 'rule')} fired {counted(cases, 'time')}"
    false = f" ({counted(alarms, 'false alarm')})" if alarms else ""
    said = f" {rules}: {right} right, {needless} needless{false}, {over} overruled, "
    return text(Strong(text="Rules:"), f"{said}{cases - right - needless - over} not judged.")


def _proposed(made: Quarterly) -> Text:
    if not made.proposals:
        return text(Strong(text="Proposals:"), " none: every rule is kept.")
    counts = [
        f"{verdict} {every(count)}"
        for verdict in ("loosen", "tighten", "drop")
        if (count := [p.tally.rule.name for p in made.proposals if p.judged.verdict == verdict])
    ]
    return text(Strong(text="Proposals:"), f" {'; '.join(counts)}. Each is in the thread.")


def every(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    shown = list(names[:MOST])
    more = [f"{len(names) - MOST} more"] if len(names) > MOST else []
    return lists.every([*shown, *more])


def _missed_line(made: Quarterly) -> Text:
    missed = sum(len(t.missed) for t in made.tallies)
    said = f" {counted(missed, 'case')}" if missed else " nothing that is known"
    again = ""
    if made.resumed:
        again = f" {counted(len(made.resumed), 'experiment')} stopped and later let run again."
    return text(Strong(text="Missed:"), f"{said}.{again}")


# --- the table ----------------------------------------------------------------------------------------


def table(made: Quarterly) -> list[Block]:
    """The rules of which something is known; those that nobody judged, or that never fired, are named below."""
    fired = [t for t, _ in made.fired if t.judged or t.waits or t.missed]
    rows = tuple(_row(made, t.rule.name, [t]) for t in fired[:ROWS])
    if made.earlier:
        rows += (_row(made, EARLIER, made.earlier),)
    header = ("Rule", "Fired", "Right", "Needless", "Overruled", "Waited", "Saved")
    blocks: list[Block] = [Table(header=header, rows=rows, align="lrrrrrr")] if rows else []
    ignored = [f"{t.rule.name} ({t.fired})" for t, _ in made.fired if t not in fired]
    silent = [t.rule.name for t, _ in made.verdicts if not t.fired and not t.missed]
    if len(fired) > ROWS:
        blocks.append(Small(text=text(f"{counted(len(fired) - ROWS, 'more rule')} fired.")))
    for what, names in (("Fired, and nobody has judged it", ignored), ("Never fired", silent)):
        if names:
            blocks.append(Small(text=text(f"{what}: {every(names)}.")))
    return blocks


def _row(made: Quarterly, name: str, tallies: Sequence[Tally]) -> tuple[str, ...]:
    outcomes = Counter(case.outcome for t in tallies for case in t.cases)
    saved = sum((t.saved for t in tallies), Decimal(0))
    waits = [hours for t in tallies for hours in t.waits]
    return (
        name,
        str(sum(t.fired for t in tallies)),
        *(str(outcomes[outcome]) for outcome in ("right", "needless", "overruled")),
        f"{sum(waits, Decimal(0)):,.1f} h" if waits else "–",
        _money(made, saved) if saved else "–",
    )


def became_of(made: Quarterly) -> list[Block]:
    if not made.became:
        return []
    return [
        Items(title="What became of the last proposals", items=tuple(text(s) for s in made.became))
    ]


def counted(count: int, what: str) -> str:
    """``3 requests``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
