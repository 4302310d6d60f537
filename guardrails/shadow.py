"""Shadow spend: when people are asked about it, what a claim may say, what it does to the coverage."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from guardrails.money import Money
from guardrails.policy.bills import Dimension

#: Money of the days that are looked at, in the workspace's currency, from which on it is worth a question.
LEAST = Decimal(100)
#: Days that are looked at, to yesterday.
DAYS = 30
#: After this time without an answer it is asked again.
AGAIN = timedelta(days=30)
#: New questions of one look, the most money first: ten at once are answered by nobody.
MOST = 5
LONGEST_NAME = 80
LONGEST_NOTE = 300

QuestionState = Literal["asked", "claimed", "not-ai", "ended", "withdrawn"]
Step = Literal["ask", "end", "wait"]
#: An account and a service as the rollup says them.
Kind = tuple[str, str]


@dataclass(frozen=True)
class Claimed:
    """A claim as an allocation rule: AI charges of an account and service that nothing else has claimed."""

    account: str
    service: str
    sets: tuple[tuple[Dimension, str], ...]


@dataclass(frozen=True)
class AiSpend:
    """AI and GPU spend of some days in one currency, and what of it nobody has claimed."""

    currency: str
    total: Decimal
    unclaimed: Decimal

    @property
    def claimed(self) -> Decimal:
        return self.total - self.unclaimed

    @property
    def share(self) -> float:
        """The claimed part, 0 to 1; 1 when there is no AI spend."""
        return float(self.claimed / self.total) if self.total > 0 else 1.0

    def with_claim(self, amount: Decimal) -> "AiSpend":
        """With so much of the unclaimed spend claimed."""
        return AiSpend(self.currency, self.total, self.unclaimed - amount)

    def without(self, amount: Decimal) -> "AiSpend":
        """With so much of the unclaimed spend found to be no AI."""
        return AiSpend(self.currency, self.total - amount, self.unclaimed - amount)

    def sentence(self) -> str:
        """``$1,200.50 of $2,000.00 (60 %)``, to the cent."""
        claimed, total = Money(self.claimed, self.currency), Money(self.total, self.currency)
        return f"{claimed.exact()} of {total.exact()} ({self.share:.1%})".replace("%", " %")


def next_step(
    state: QuestionState | None, asked_at: datetime | None, money: Decimal, now: datetime
) -> Step:
    """What to do about one kind of spend, by its unclaimed ``money`` of the days that are looked at.

    It is asked once, again after :data:`AGAIN` without an answer, and anew when a claim was withdrawn or the spend
    has come back. A question ends when nothing of it is unclaimed any more.
    """
    if state in ("claimed", "not-ai"):
        return "wait"
    if state == "asked":
        if money <= 0:
            return "end"
        late = asked_at is None or now - asked_at >= AGAIN
        return "ask" if late and money >= LEAST else "wait"
    return "ask" if money >= LEAST else "wait"


def clean_name(said: str) -> str:
    """A name from a form, its spaces put in order. Raises ValueError with a sentence."""
    name = " ".join(said.split())
    if not name:
        raise ValueError("Say a name.")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"Say it in {LONGEST_NAME} characters at most.")
    if not name.isprintable():
        raise ValueError("Use letters, digits and common signs only.")
    return name
