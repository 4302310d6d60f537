"""Setting the money aside and having the resources set up: in the click that asks, or in the one that grants."""

from decimal import Decimal

from guardrails.sandboxes.life import after
from handlers.alerts.message import in_words, mention_of
from handlers.conversation import Span, text
from handlers.conversation import said as one_sentence
from handlers.refusals import AlreadyDecided
from handlers.runbooks import post_runbook
from handlers.sandboxes import clocks, money
from handlers.sandboxes.by_hand import ask_people
from handlers.sandboxes.control import last_day, move
from handlers.sandboxes.message import card, key_of
from handlers.sandboxes.orders import activate_if_ready, write
from handlers.sandboxes.showing import read, tell
from handlers.turn import Turn
from storage import sandboxes
from storage.sandboxes import SandboxRow


def allocate(
    turn: Turn, row: SandboxRow, *, cap: Decimal | None, actor: str, name: str, why: str
) -> SandboxRow:
    """Moves the ledger (``cap`` None: the ladder's decision has), posts the card and orders the set-up.

    The days count from today: waiting for a decision takes none of them away.
    """
    state = after(row.state, "approve")
    if state is None:
        raise AlreadyDecided("This sandbox was decided before.")
    sandboxes.change(turn.connection, row, state=state, ends_on=last_day(turn, row.days))
    row = read(turn, row.id)
    if cap is not None:
        move(turn, row, "set", cap, f"{key_of(row.id)}:allocated", actor, why)
    for done in ("approved", "allocated"):
        cap_now = str(money.cap(turn, row))
        turn.audit(
            actor, f"sandbox.{done}", key_of(row.id), why, cap=cap_now, until=str(row.ends_on)
        )
    write(turn, row, "allocate", why)
    turn.post(row.channel, key_of(row.id), card(turn, row))
    ask_people(turn, row)
    said: list[str | Span] = [
        f"{money.money(turn, money.cap(turn, row))} are set aside. {why}".strip()
    ]
    tell(turn, row, "allocated", mention_of(turn.policy, row.owner), ": ", *said)
    if row.asked_by != actor:
        own = f"Your sandbox {row.name} is granted: {in_words(turn.policy, text(*said))}"
        turn.tell(row.asked_by, f"{key_of(row.id)}:told", one_sentence(own))
    post_runbook(turn, "sandbox", key_of(row.id), key_of(row.id))
    clocks.wind(turn, row)
    return activate_if_ready(turn, row)
