"""Posts the week's digest once, in the transaction that records that it was posted."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from guardrails.council import due_week
from guardrails.policy.model import Policy
from handlers.council import clocks
from handlers.council.agenda import coming
from handlers.council.frame import Frame, closes_at, frame_of, key_of, set_up
from handlers.council.message import digest_of
from handlers.overruns.placing import calendar
from handlers.turn import Places, Turn
from storage import council, deadlines
from storage.database import Database
from storage.policy_file import LoadedPolicy

#: The name of the job; its slots are at ``council_times``.
COUNCIL = "council"


def council_times(policy: Policy) -> tuple[str, ...]:
    """The times of day at which the job looks whether a digest is due; none without a council."""
    rules = set_up(policy)
    return rules.times if rules is not None else ()


def council_job(
    database: Database, loaded: LoadedPolicy, places: Places, clock: Callable[[], datetime]
) -> str:
    """What the job does, and says that it did: it posts the digest that is due. Doing it again changes nothing."""
    return database.transact(lambda c: post_digest(Turn(c, loaded, clock(), places)))


def post_digest(turn: Turn) -> str:
    """Posts what is due now; returns what was done in a line."""
    rules = set_up(turn.policy)
    if rules is None:
        return "the policy has no council"
    week = due_week(rules, calendar(turn.policy), turn.now)
    if week is None:
        return "no digest is due"
    frame = frame_of(turn, week)
    council.lock_agenda(turn.connection)  # what is taken off meanwhile is not posted
    begun = council.begin(
        turn.connection,
        week=str(week),
        channel=rules.channel,
        posted_at=turn.now,
        closes_at=closes_at(frame),
        policy_hash=turn.loaded.hash,
    )
    if not begun:
        return f"the digest of {week} was posted before"
    _keep_items(turn, frame)
    digest = digest_of(frame)
    root = key_of(week)
    turn.post(rules.channel, root, digest.root)
    for name, message in digest.parts:
        turn.reply(root, f"{root}:{name}", message)
    if digest.items:
        deadlines.set_deadline(turn.connection, clocks.CLOSE, str(week), closes_at(frame))
    turn.audit(COUNCIL, "council.posted", root, items=[i.id for i in digest.items])
    return f"posted the digest of {week} with {len(digest.parts)} parts"


def _keep_items(turn: Turn, frame: Frame) -> None:
    """What the numbers ask, and what an earlier council was not held for, becomes the week's items."""
    rows = {r.id: r for r in council.items(turn.connection, str(frame.week), lock=True)}
    for item in coming(frame):
        row = rows.get(item.id)
        if row is None:
            values = asdict(item) | {"decided_names": [], "created_at": frame.until}
            council.add_item(turn.connection, **values)
        elif (row.why, row.asked_by) != (item.why, item.asked_by):
            council.change_item(turn.connection, row, why=item.why, asked_by=item.asked_by)
