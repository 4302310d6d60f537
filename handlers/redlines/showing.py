"""The card of a case as it is now, its warnings, and one piece of news for its owner."""

from handlers.conversation import said as one_sentence
from handlers.redlines.cases import is_shown
from handlers.redlines.message import card, key_of, warning, warning_key, warnings
from handlers.sandboxes.message import key_of as sandbox_key
from handlers.turn import Turn
from storage.redlines import CaseRow
from storage.sandboxes import SandboxRow


def show(turn: Turn, row: SandboxRow, case: CaseRow) -> None:
    """Brings card and warnings in line with what is true now; the first time the card is posted."""
    if not is_shown(case):
        return
    if not turn.is_posted(key_of(case.id), sandbox_key(row.id)):
        turn.reply(sandbox_key(row.id), key_of(case.id), card(turn, row, case), once=True)
        return
    turn.edit(key_of(case.id), card(turn, row, case))
    for number in range(1, warnings(case) + 1):
        turn.edit(warning_key(case.id, number), warning(turn, row, case))


def warn(turn: Turn, row: SandboxRow, case: CaseRow) -> None:
    """Says a warning where people see it: as the card when that is new, else as a message of its own."""
    new = not turn.is_posted(key_of(case.id), sandbox_key(row.id))
    show(turn, row, case)
    if not new:
        key = warning_key(case.id, warnings(case))
        turn.reply(sandbox_key(row.id), key, warning(turn, row, case), once=True)


def tell_owner(turn: Turn, row: SandboxRow, case: CaseRow, stamp: str, sentence: str) -> None:
    """One sentence to the sandbox's owner; ``stamp`` names it among the case's."""
    turn.tell(row.owner, f"{key_of(case.id)}:told:{stamp}", one_sentence(sentence))
