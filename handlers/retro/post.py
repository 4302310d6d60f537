"""Posts a quarter's retrospective once: computed first, then posted in the transaction that records it."""

from collections.abc import Callable
from datetime import datetime

from guardrails.policy.model import Policy
from guardrails.retro.quarter import Quarter, due_quarter
from handlers.overruns.placing import calendar
from handlers.retro.build import gather, has_history, replayer_of, with_proposals
from handlers.retro.frame import rules_of
from handlers.retro.message import Retro, key_of, retro_of
from handlers.turn import Places, Turn
from storage import retro
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.progress import Progress

#: The name of the job; its slots are at ``retro_times``.
RETRO = "retrospective"


def retro_times(policy: Policy) -> tuple[str, ...]:
    """The time of day at which the job looks whether one is due; none without a retrospective."""
    return (policy.retrospective.at,) if policy.retrospective is not None else ()


def retro_job(
    database: Database, loaded: LoadedPolicy, places: Places, clock: Callable[[], datetime]
) -> str:
    """What the job does, and says that it did. The replays run before the transaction, on connections of their
    own: nobody's click waits for them. Doing it again changes nothing."""
    rules = loaded.policy.retrospective
    if rules is None:
        return "the policy has no retrospective"
    quarter = due_quarter(calendar(loaded.policy), rules.at, clock())
    if quarter is None:
        return "no retrospective is due"
    with database.read() as connection:
        if retro.posted(connection, str(quarter)) is not None:
            return f"the retrospective of {quarter} was posted before"
        if not has_history(Turn(connection, loaded, clock(), places), quarter):
            return f"nothing is known of {quarter}"
    made = make(database, loaded, clock(), quarter)
    return database.transact(lambda c: post(Turn(c, loaded, clock(), places), made))


def make(
    database: Database,
    loaded: LoadedPolicy,
    now: datetime,
    quarter: Quarter,
    progress: Progress = lambda what, share: None,
) -> Retro:
    """The retrospective of a quarter with the replay's numbers; reads only, and may take minutes."""
    with database.read() as connection:
        made = gather(Turn(connection, loaded, now, lambda channel: ()), quarter)
    replayer = replayer_of(database, loaded, quarter, progress)
    return retro_of(loaded, with_proposals(loaded, made, replayer))


def post(turn: Turn, made: Retro) -> str:
    """Posts it unless another did; returns what was done in a line."""
    channel = rules_of(turn.policy).channel
    begun = retro.begin(
        turn.connection,
        quarter=made.quarter,
        channel=channel,
        posted_at=turn.now,
        said=made.to_json(),
        policy_hash=turn.loaded.hash,
    )
    if not begun:
        return f"the retrospective of {made.quarter} was posted before"
    root = key_of(made.quarter)
    turn.post(channel, root, made.root)
    for name, message in made.parts:
        turn.reply(root, f"{root}:{name}", message)
    proposed = [p["rule"] for p in made.proposals]
    turn.audit(RETRO, "retrospective.posted", root, proposals=proposed)
    return f"posted the retrospective of {made.quarter} with {len(made.proposals)} proposals"
