"""The ladder: who decides an overrun, by its size, and what happens when nobody does."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from guardrails.policy.alerts import Stage
from guardrails.policy.base import Name, Section
from guardrails.policy.people import Role
from guardrails.policy.timing import LocalTime


class RungWhen(Section):
    """All that is given must hold; nothing given always holds."""

    stage: tuple[Stage, ...] = ()
    workload: tuple[Name, ...] = ()


class AtMost(Section):
    """How often one scope may be granted something on a rung."""

    times: int = Field(ge=1, le=1000)
    days: int = Field(ge=1, le=366)


class Rung(Section):
    """One step. ``any_of``: one of the roles suffices; ``all_of``: each of them must agree. ``also``: these must
    agree besides, each by a person of their own."""

    name: Name
    up_to: Decimal | None = Field(
        default=None, gt=0, description="money, with what was granted in the window"
    )
    percent: Decimal | None = Field(
        default=None, gt=0, description="of the budget's limit, with what was granted in the window"
    )
    when: RungWhen = RungWhen()
    any_of: tuple[Role, ...] = ()
    all_of: tuple[Role, ...] = ()
    also: tuple[Role, ...] = Field(
        default=(), description="must agree too, each by another person than any_of or all_of"
    )
    self_approval: bool = Field(
        default=False, description="whether who asked, or owns the budget, may decide it"
    )
    at_most: AtMost | None = None
    due_hours: Decimal = Field(default=Decimal(8), gt=0, le=400, description="working hours")
    review: bool = Field(default=False, description="decided in a joint review on the same day")

    @model_validator(mode="after")
    def _roles(self) -> "Rung":
        if bool(self.any_of) == bool(self.all_of):
            raise ValueError("must have either any_of or all_of")
        for named in (self.any_of, (*self.all_of, *self.also)):
            if len(set(named)) != len(named):
                raise ValueError("must name a role once; each role is one person")
        return self

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles whose word counts on this rung."""
        return tuple(dict.fromkeys((*self.any_of, *self.all_of, *self.also)))

    @property
    def open_ended(self) -> bool:
        """Whether it takes any amount for any scope, however often."""
        return (
            self.up_to is None
            and self.percent is None
            and self.when == RungWhen()
            and self.at_most is None
        )


class Silence(Section):
    """What happens when nobody decides in time."""

    remind_at: tuple[int, ...] = Field(
        default=(50, 85), description="percent of the time to the due time"
    )
    then: Literal["escalate", "end"] = Field(
        default="escalate", description="to the next rung, or straight to the end"
    )
    at_end: Literal["decline", "bridge"] = Field(
        default="decline", description="after the last rung: declined, or a small bridge is granted"
    )
    bridge_percent: Decimal = Field(
        default=Decimal(5),
        gt=0,
        le=50,
        description="of the budget's limit, until the next checkpoint",
    )


class Ladder(Section):
    """The rungs from the smallest to the largest."""

    rungs: tuple[Rung, ...] = Field(
        default=(
            Rung(
                name="own",
                up_to=Decimal(500),
                percent=Decimal(10),
                any_of=("engineer", "lead"),
                self_approval=True,
                at_most=AtMost(times=3, days=30),
            ),
            Rung(name="lead", up_to=Decimal(5000), percent=Decimal(25), any_of=("lead",)),
            Rung(name="joint", all_of=("finance", "product"), review=True),
        ),
        min_length=1,
    )
    window_days: int = Field(
        default=30, ge=1, le=366, description="what was granted in so many days counts together"
    )
    least_percent: Decimal = Field(
        default=Decimal(2),
        ge=0,
        le=50,
        description="of the limit: what is beyond it by less is told, and nobody has to decide",
    )
    own_team: tuple[Role, ...] = Field(
        default=(),
        description="these roles count only for people of the team whose money it is: people[].team, teams[].lead",
    )
    silence: Silence = Silence()
    review_cut_off: LocalTime = Field(
        default="14:00", description="a joint review that comes later begins on the next morning"
    )

    def wrong(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong between the rungs: (path of keys, sentence)."""
        names = [rung.name for rung in self.rungs]
        for i, rung in enumerate(self.rungs):
            if names.index(rung.name) != i:
                yield (("rungs", i, "name"), f"two rungs are called {rung.name}; names must differ")
            for below in self.rungs[:i]:
                for key in ("up_to", "percent"):
                    lower, upper = getattr(below, key), getattr(rung, key)
                    if lower is not None and upper is not None and upper < lower:
                        sentence = f"is below the {lower} of the rung {below.name} before it"
                        yield (("rungs", i, key), sentence)
        for i, rung in enumerate(self.rungs[:-1]):
            if rung.open_ended:
                yield (
                    ("rungs", i),
                    f"takes every amount, so the rungs after {rung.name} would never decide; "
                    "give it up_to, percent, when or at_most",
                )
        if not self.rungs[-1].open_ended:
            yield (
                ("rungs", len(self.rungs) - 1),
                "the last rung must take every amount: no up_to, percent, when or at_most",
            )
        for at in self.silence.remind_at:
            if not 0 < at < 100:
                yield (("silence", "remind_at"), f"{at} is not between 0 and 100")
