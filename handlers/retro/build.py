"""A quarter's retrospective: what was gathered, judged and proposed. The same quarter, policy and database always
give the same."""

import logging
from dataclasses import dataclass, replace
from decimal import Decimal

from guardrails.policy.alerts import SIGNALS
from guardrails.replay import Report
from guardrails.retro.places import rules_of as places_of
from guardrails.retro.quarter import Quarter
from guardrails.retro.tally import Friction, Tally, friction_of
from guardrails.retro.verdict import Judged, judge_all
from handlers.replay.rounds import window
from handlers.replay.run import NoReplay, replay
from handlers.retro import alerts, boxes, ladder
from handlers.retro.became import became
from handlers.retro.frame import Frame, Gathered, frame_of
from handlers.retro.proposals import Proposal, Replayer, propose
from handlers.turn import Turn
from storage import retro
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.progress import Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Quarterly:
    """All that a retrospective says. ``earlier``: what rules did that have left the policy since, without a
    verdict. ``known``: whether anything is known of the quarter."""

    frame: Frame
    verdicts: tuple[tuple[Tally, Judged], ...]
    earlier: tuple[Tally, ...]
    friction: Friction
    saved: Decimal
    refused: Decimal
    resumed: tuple[str, ...]
    became: tuple[str, ...]
    known: bool
    proposals: tuple[Proposal, ...] = ()

    @property
    def fired(self) -> tuple[tuple[Tally, Judged], ...]:
        """The rules that did anything, or missed something."""
        return tuple((t, j) for t, j in self.verdicts if t.fired or t.missed)

    @property
    def tallies(self) -> tuple[Tally, ...]:
        """The same without verdicts, and what stood under rules of an earlier policy."""
        return (*(t for t, _ in self.fired), *self.earlier)


def gather(turn: Turn, quarter: Quarter) -> Quarterly:
    """Everything but the proposals, which a replay may have to be asked for."""
    frame = frame_of(turn, quarter)
    found = Gathered()
    for part in (alerts, ladder, boxes):
        part.gather(frame, found)
    runbooks = turn.loaded.runbooks
    escalating = tuple(s for s in SIGNALS if s in runbooks and runbooks[s].escalation)
    places = places_of(turn.policy, escalating)
    tallies, earlier = found.tallies(places), found.earlier(places)
    before = retro.posted_before(turn.connection, str(quarter))
    return Quarterly(
        frame=frame,
        verdicts=judge_all(tallies, frame.rules),
        earlier=earlier,
        friction=friction_of((*tallies, *earlier)),
        saved=sum((t.saved for t in (*tallies, *earlier)), Decimal(0)),
        refused=found.refused,
        resumed=tuple(found.resumed),
        became=became(turn.policy, places, before.said.get("proposals", ())) if before else (),
        known=has_history(turn, quarter),
    )


def with_proposals(loaded: LoadedPolicy, made: Quarterly, replayer: Replayer | None) -> Quarterly:
    """The same with a proposal for each rule that should change."""
    found = propose(loaded, made.frame.rules, made.verdicts, replayer)
    return replace(made, proposals=found)


def has_history(turn: Turn, quarter: Quarter) -> bool:
    """Whether the bot did anything in the quarter, or before and after it."""
    known, days = retro.history(turn.connection, turn.policy.workspace.zone), quarter.period
    return known is not None and known[0] <= days.last and known[1] >= days.first


def newest_with_history(turn: Turn) -> Quarter | None:
    """The newest quarter in which the bot did anything, over or not; None when it never did."""
    known = retro.history(turn.connection, turn.policy.workspace.zone)
    if known is None:
        return None
    return Quarter.of(known[1])


def replayer_of(
    database: Database, loaded: LoadedPolicy, quarter: Quarter, progress: Progress
) -> Replayer:
    """Replays over the days of the quarter on which the bills were read; it reads on connections of its own."""
    with database.read() as connection:
        known = window(connection, loaded.policy)
    days = quarter.period

    def run(new: LoadedPolicy, with_alerts: bool) -> Report | str:
        if known is None or known[0] > days.last or known[1] < days.first:
            return "Not replayed: the bill has no day of the quarter."
        first, last = max(known[0], days.first), min(known[1], days.last)
        try:
            return replay(database, loaded, new, first, last, progress, alerts=with_alerts)
        except NoReplay as error:
            return f"Not replayed: {error}"
        except Exception:  # what people did in the quarter is told in any case
            log.exception("a replay for the retrospective of %s failed", quarter)
            return "Not replayed: it failed, and the log says why."

    return run
