"""What came of a policy that somebody handed in, told to them in their own chat and to nobody else."""

from guardrails.replay import Report
from handlers.alerts.message import mention_of
from handlers.conversation import Code, Message, Paragraph, Small, said, text
from handlers.policy_rules.words import SHORT
from handlers.replay.message import report_message
from handlers.turn import PERSON, Turn
from storage import outbox, policy_replays
from storage.policy_replays import ClaimedReplay

GIVEN_UP = (
    "Your policy was replayed three times, and each time the bot ended before it was done. Ask the operator to "
    "look at the log, or replay fewer days."
)
NO_ROLE = "Your policy was replayed, but its result needs a role that you no longer have. Ask the FinOps owner."
NOT_CHECKED = (
    "Your policy was replayed, but whether you may still see the result could not be checked. "
    "Hand it in again later."
)


def key_of(replay_id: int) -> str:
    """Our own name of the message with the result."""
    return f"policy-replay:{replay_id}"


def told_where(turn: Turn, person: str) -> str:
    """Where somebody is told what came of it: ``in your own chat with the bot``, else the default channel."""
    if _has_own_chat(turn, person):
        return "in your own chat with the bot"
    return f"in #{turn.policy.alerts.default}"


def tell_report(turn: Turn, claimed: ClaimedReplay, new_hash: str, report: Report) -> bool:
    """Ends the replay with its report. False: somebody else has it."""
    if not _end(turn, claimed, new_hash, differs=report.differs):
        return False
    found = report_message(report, turn.policy.workspace.currency)
    under = Small(
        text=text(
            f"The last {claimed.days} days under the policy ",
            Code(text=new_hash[:SHORT]),
            ", beside the policy of now ",
            Code(text=turn.loaded.hash[:SHORT]),
            ".",
        )
    )
    _tell(
        turn,
        claimed,
        key_of(claimed.id),
        found.model_copy(update={"blocks": (*found.blocks, under)}),
    )
    return True


def tell_fault(turn: Turn, claimed: ClaimedReplay, new_hash: str, sentence: str) -> bool:
    """Ends the replay without a report; ``sentence`` says why. False: somebody else has it."""
    if not _end(turn, claimed, new_hash, sentence):
        return False
    _tell(turn, claimed, key_of(claimed.id), said(sentence))
    return True


def tell_progress(turn: Turn, claimed: ClaimedReplay, share: float) -> None:
    """Says how far it is; one message that changes."""
    _progress(
        turn, claimed, f"Replaying the last {claimed.days} days under your policy: {share:.0%}."
    )


def _progress(
    turn: Turn, claimed: ClaimedReplay, sentence: str, *, only_edit: bool = False
) -> None:
    key = f"{key_of(claimed.id)}:progress"
    if outbox.posted_places(turn.connection, key):
        turn.edit(key, _addressed(turn, claimed, said(sentence)))
    elif not only_edit:
        _tell(turn, claimed, key, said(sentence))


def _end(
    turn: Turn, claimed: ClaimedReplay, new_hash: str, fault: str = "", **detail: bool
) -> bool:
    if not policy_replays.end(turn.connection, claimed, turn.now, fault):
        return False
    turn.audit(
        claimed.asked_by,
        "policy.replay-failed" if fault else "policy.replayed",
        f"policy:{new_hash}",
        fault,
        days=claimed.days,
        **detail,
    )
    ended = "could not be replayed" if fault else "are replayed"
    over = f"The last {claimed.days} days {ended} under your policy; see below."
    _progress(turn, claimed, over, only_edit=True)
    return True


def _tell(turn: Turn, claimed: ClaimedReplay, key: str, message: Message) -> None:
    """In the person's own chat; where no surface has those, as on the console, in the default channel."""
    addressed = _addressed(turn, claimed, message)
    if _has_own_chat(turn, claimed.asked_by):
        turn.tell(claimed.asked_by, key, addressed)
    else:
        turn.post(turn.policy.alerts.default, key, addressed)


def _addressed(turn: Turn, claimed: ClaimedReplay, message: Message) -> Message:
    if _has_own_chat(turn, claimed.asked_by):
        return message
    to = Paragraph(text=text("For ", mention_of(turn.policy, claimed.asked_by), ":"))
    return message.model_copy(update={"blocks": (to, *message.blocks)})


def _has_own_chat(turn: Turn, person: str) -> bool:
    return bool(turn.places(f"{PERSON}{person}"))
