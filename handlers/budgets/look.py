"""The daily look at every budget: its ledger follows the policy, people hear of shares, overruns begin."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from guardrails.budgets import Crossed, Span, Standing, crossed, limit_on, span_of
from guardrails.money import MICROS, Money
from guardrails.policy.budgets import Budget
from guardrails.sandboxes.budget import is_sandbox
from handlers.alerts.message import mention_of
from handlers.budgets.message import nudge_message, said_share
from handlers.budgets.standing import channel_of, standing, worth
from handlers.conversation import Mention
from handlers.overruns.begin import begin_or_follow
from handlers.overruns.ending import BUDGETS, end_if_gone
from handlers.overruns.follow import follow_ladder
from handlers.overruns.placing import Uncounted
from handlers.runbooks import post_runbook
from handlers.turn import Turn
from storage import budgets, overruns
from storage.budgets import NoRate

log = logging.getLogger(__name__)
LATE = 90  # percent of a budget, from which on its runbook comes with the nudge


@dataclass(frozen=True)
class Looked:
    """What one look did."""

    nudges: int = 0
    overruns: int = 0

    def __add__(self, other: "Looked") -> "Looked":
        return Looked(self.nudges + other.nudges, self.overruns + other.overruns)


def look(turn: Turn) -> Looked:
    """Brings every budget in line; doing it again changes nothing."""
    end_what_is_gone(turn)
    return sum((look_at(turn, budget) for budget in turn.policy.budgets), Looked())


def end_what_is_gone(turn: Turn) -> None:
    """Ends what waits although its time or its budget is over. Requests for sandboxes, which no budget's look
    follows, come to the rung of now."""
    # All locks before the first audit entry, whose lock everybody wants: a click has its overrun and waits for it.
    for row in overruns.waiting(turn.connection, lock=True):
        if end_if_gone(turn, row) or row.kind != "sandbox":
            continue
        try:
            follow_ladder(turn, row)
        except Uncounted as error:
            log.error("the request for %s stays where it is: %s", row.budget, error)


def look_at(turn: Turn, budget: Budget) -> Looked:
    """Brings one budget in line: a transaction of its own, so that clicks need not wait for all of them.

    One whose ledger cannot be counted, for want of a rate, is left out and the log says so: no number is better
    than a wrong one.
    """
    try:
        return _look_at(turn, budget)
    except (NoRate, Uncounted) as error:
        log.error("the budget %s is left out: %s", budget.name, error)
        return Looked()


def _look_at(turn: Turn, budget: Budget) -> Looked:
    span = span_of(budget, turn.today)
    if span is None:
        return Looked()
    overruns.waiting_of(turn.connection, budget.name, span.key)  # its lock before the audit's
    follow_policy(turn, budget, span)
    stands = standing(turn, budget)
    if stands is None:
        return Looked()
    new = begin_or_follow(turn, stands)
    return Looked(_nudge(turn, stands, begun=new > 0), new)


def follow_policy(turn: Turn, budget: Budget, span: Span) -> None:
    """The first entry of a period, and a correction when the policy has another limit since."""
    if is_sandbox(budget):
        return  # its limit is its ledger alone
    currency = turn.policy.workspace.currency
    wanted = worth(turn, budget, budget.limit or Decimal(0)).quantize(Decimal(1) / MICROS)
    entries = budgets.ledger(turn.connection, turn.policy, budget.name, span.key)
    kept = limit_on((e for e in entries if e.kind in ("set", "correction")), span.first)
    if kept == wanted:
        return
    first = not any(e.kind == "set" for e in entries)
    reason = "the policy's limit" if first else "the policy's limit has changed"
    key = "set" if first else f"limit {len(entries)} {turn.loaded.hash[:16]}"
    moved = budgets.move(
        turn.connection,
        budget=budget.name,
        period=span.key,
        key=key,
        kind="set" if first else "correction",
        amount=Money(wanted - kept, currency),
        until=None,
        actor=BUDGETS,
        reason=reason,
        policy_hash=turn.loaded.hash,
        now=turn.now,
    )
    if moved:
        detail = {"period": span.key, "amount": str(wanted - kept), "currency": currency}
        turn.audit(BUDGETS, "budget.moved", f"budget:{budget.name}", reason, **detail)


def _nudge(turn: Turn, s: Standing, *, begun: bool) -> int:
    """One message for all that is reached anew: it says the greatest share, and goes to everybody who was to hear
    of one of them. Each share is told once."""
    reached = crossed(turn.policy.nudges, s)
    told = {
        (basis, at)
        for basis, at in dict.fromkeys((c.basis, c.nudge.at) for c in reached)
        if budgets.told(turn.connection, s.budget.name, s.span.key, basis, at, turn.now)
    }
    new = [c for c in reached if (c.basis, c.nudge.at) in told]
    if not new:
        return 0
    # The forecast is the worse news once it is beyond the budget; it always is greater than what is spent.
    forecast = [c for c in new if c.basis == "forecast" and c.nudge.at >= 100]
    actual = [c for c in new if c.basis == "actual"]
    _say(turn, s, max(forecast or actual or new, key=lambda c: c.nudge.at), new, begun=begun)
    return 1


def _say(
    turn: Turn, s: Standing, greatest: Crossed, new: Sequence[Crossed], *, begun: bool
) -> None:
    message = nudge_message(turn, s, greatest, _mentioned(turn, s, new))
    key = f"budget:{s.budget.name}:{s.span.key}:{greatest.basis}:{greatest.nudge.at}"
    own = channel_of(turn, s.budget)
    for name in dict.fromkeys(own if to == "team" else to for c in new for to in c.nudge.to):
        if not (begun and name == own):  # the overrun's own message says it there
            turn.post(name, key, message)
    if greatest.nudge.at >= LATE:
        post_runbook(turn, "budget", key, key)
    turn.audit(BUDGETS, "budget.nudged", f"budget:{s.budget.name}", said_share(s, greatest))


def _mentioned(turn: Turn, s: Standing, new: Sequence[Crossed]) -> tuple[Mention, ...]:
    team = turn.policy.teams.get(s.budget.scope.team or "")
    found = {"owner": s.budget.owner, "lead": team.lead if team else None}
    people = dict.fromkeys(p for c in new for who in c.nudge.mention if (p := found[who]))
    return tuple(mention_of(turn.policy, p) for p in people)
