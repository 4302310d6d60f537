"""What a sandbox's redlines are judged by: its bill, its cap and the metric that a line names."""

from datetime import date, timedelta

from guardrails.periods import Period
from guardrails.policy.model import Policy
from guardrails.policy.redlines import Redline
from guardrails.redlines.reading import Measured, Reading, Source
from handlers.sandboxes import money
from handlers.turn import Turn
from storage import redlines
from storage.sandboxes import SandboxRow

BILL = "the bill"


def lines_for(policy: Policy, row: SandboxRow) -> list[Redline]:
    """The redlines that hold for a sandbox, in the policy's order."""
    return [
        line for line in policy.redlines.lines if applies(line, row.team, row.workload, row.stage)
    ]


def line_of(policy: Policy, name: str) -> Redline | None:
    """The policy's redline of that name."""
    return next((line for line in policy.redlines.lines if line.name == name), None)


def applies(line: Redline, team: str, workload: str, stage: str) -> bool:
    """Whether a line holds for a sandbox: all that its ``when`` gives."""
    when = line.when
    given = ((when.team, team), (when.workload, workload), (when.stage, stage))
    return all(not wanted or has in wanted for wanted, has in given)


def bill_of(turn: Turn, row: SandboxRow) -> Source:
    """How far the bills with the sandbox's spend are complete."""
    through, late = redlines.bill_through(turn.connection, turn.policy, row.name, turn.today)
    return Source(BILL, through, late)


def spent_by_day(turn: Turn, row: SandboxRow) -> tuple[Measured, ...]:
    """What the sandbox spent on each day since it began, without a metric."""
    spent = money.spend_of(turn, row)
    return tuple(
        Measured(spent.first + timedelta(days=n), amount) for n, amount in enumerate(spent.days)
    )


def reading_of(turn: Turn, row: SandboxRow, line: Redline, first: date) -> Reading:
    """All that a line is judged by. ``first``: earlier days do not count."""
    days = spent_by_day(turn, row)
    sources = [bill_of(turn, row)] if line.watch in ("spend", "spend-rate", "unit-cost") else []
    if line.metric is not None and line.watch not in ("spend", "spend-rate"):
        through = redlines.metric_through(turn.connection, row.name, line.metric, turn.today)
        sources.append(Source(f"the metric {line.metric}", through))
        values = redlines.metric_by_day(
            turn.connection,
            row.name,
            line.metric,
            Period(row.starts_on, turn.today),
            whole=line.watch == "unit-cost",
        )
        days = tuple(Measured(m.day, m.spent, values.get(m.day)) for m in days)
    return Reading(
        days,
        cap=money.cap(turn, row),
        span_days=(row.ends_on - row.starts_on).days + 1,
        sources=tuple(sources),
        first=first,
        today=turn.today,
        stale_days=turn.policy.redlines.stale_days,
    )
