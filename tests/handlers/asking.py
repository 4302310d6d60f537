"""What the tests of questions share: a desk that types, and what its answers hold."""

from decimal import Decimal
from typing import Any

from handlers.conversation import Facts, Items, Message, Paragraph, Small, Table, Text, Waterfall
from tests.handlers.dashboarding import Desk as Dashboard
from tests.handlers.dashboarding import money


class Desk(Dashboard):
    """Types commands as the FinOps owner does."""

    def type(self, typed: str, who: str = "finops@example.com") -> Any:
        """The reply to ``/spend`` with these words."""
        return self.act("command", "spend", who=who, text=typed)

    def ask(self, typed: str) -> Message:
        reply = self.type(typed)
        assert reply.kind == "private", reply
        message: Message = reply.message
        return message

    def refused(self, typed: str) -> str:
        reply = self.type(typed)
        assert reply.kind == "refused", reply
        return str(reply.sentence)


def plain(spans: Text) -> str:
    return "".join(getattr(s, "text", "") for s in spans)


def first_line(message: Message) -> str:
    """What stands first, which must say the finding."""
    found = message.blocks[0]
    assert isinstance(found, Paragraph)
    assert plain(found.text) == message.summary
    return message.summary


def lines(message: Message, title: str = "") -> list[str]:
    """The items of the lists with this title, or the small print when none is asked for."""
    if title:
        found = [b for b in message.blocks if isinstance(b, Items) and b.title == title]
        return [plain(item) for b in found for item in b.items]
    return [plain(b.text) for b in message.blocks if isinstance(b, Small)]


def waterfall(message: Message) -> Waterfall:
    (found,) = [b for b in message.blocks if isinstance(b, Waterfall)]
    return found


def tables(message: Message) -> list[Table]:
    return [b for b in message.blocks if isinstance(b, Table)]


def facts(message: Message) -> dict[str, str]:
    return {
        f.label: plain(f.value) for b in message.blocks if isinstance(b, Facts) for f in b.facts
    }


def amount(cell: str) -> Decimal:
    """A cell's money with its sign, ``+$5``, ``−$5``, ``$5``."""
    return money(cell.replace("+", "").replace("−", "-"))


def adds_up(table: Table, *columns: int) -> Decimal:
    """Each column adds up to its last row; returns the first column's sum."""
    *parts, whole = table.rows
    assert whole[0] == "All"
    for column in columns:
        assert sum((amount(row[column]) for row in parts), Decimal(0)) == amount(whole[column]), (
            table
        )
    return amount(whole[columns[0]])
