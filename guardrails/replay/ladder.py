"""Recorded requests on two ladders: which rung, how many words of whom, how long they wait."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from statistics import median

from guardrails.ladder import Asked, place, slots, with_reviewers
from guardrails.lists import either
from guardrails.policy.ladder import Ladder
from guardrails.policy.people import Role


@dataclass(frozen=True)
class Recorded:
    """A request that was put on the ladder, as it was recorded. Money in the workspace's currency.

    ``before``: what was granted earlier, each (day, amount), the same scope or person; ``granted``: what came of
    this one. ``group``: what ``at_most`` counts together. ``rung``: where it was put then, empty when that is not
    known; ``waited``: working hours until it was decided, None when nobody did. ``auto``: it began by itself,
    because a budget was beyond its limit.
    """

    subject: str
    day: date
    amount: Decimal
    limit: Decimal | None
    granted: Decimal
    was_granted: bool
    group: str
    stage: str = ""
    workload: str = ""
    reviewers: tuple[Role, ...] = ()
    before: tuple[tuple[date, Decimal], ...] = ()
    rung: str = ""
    waited: Decimal | None = None
    auto: bool = False


@dataclass(frozen=True)
class Put:
    """Where a ladder puts a request. ``words``: how many people must agree; ``hours``: working hours to the
    due time; ``alone``: an engineer's word suffices, or nobody's. ``asked``: whose words, one a word.

    ``waits``: working hours until it is decided; ``guessed`` when that is not what was recorded.
    """

    rung: str
    roles: tuple[Role, ...]
    words: int
    hours: Decimal
    alone: bool
    asked: tuple[str, ...] = ()
    waits: Decimal = Decimal(0)
    guessed: bool = False


@dataclass(frozen=True)
class Decided:
    """One request on both ladders."""

    request: Recorded
    before: Put
    after: Put

    @property
    def differs(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class RoleLoad:
    """What a ladder asks of whoever has a role (or one of some): words, and the working hours that requests wait
    for them."""

    roles: str
    words: int
    waits: Decimal


@dataclass(frozen=True)
class Side:
    """One ladder's sums: requests by rung, words needed, working hours that they may wait at most, and money
    that was granted where engineers could have granted it alone.

    ``waits``: working hours that they waited, or would have; ``guessed``: for how many of them that is not what
    was recorded. ``by_role``: the same by who has to agree.
    """

    by_rung: tuple[tuple[str, int], ...]
    words: int
    hours: Decimal
    alone: Decimal
    waits: Decimal = Decimal(0)
    guessed: int = 0
    by_role: tuple[RoleLoad, ...] = ()


def in_zone(name: str) -> Put:
    """A request that a zone takes: nobody decides and nobody waits."""
    return Put(f"zone {name}", (), 0, Decimal(0), alone=True)


def typical_waits(requests: Sequence[Recorded]) -> dict[str, Decimal]:
    """The median of the working hours that requests waited, by the rung on which they were put."""
    waited: dict[str, list[Decimal]] = defaultdict(list)
    for one in requests:
        if one.waited is not None and one.rung:
            waited[one.rung].append(one.waited)
    return {rung: median(hours) for rung, hours in waited.items()}


def put_all(
    ladder: Ladder,
    staffed: frozenset[Role],
    requests: Sequence[Recorded],
    zones: Sequence[str] = (),
    waits: Mapping[str, Decimal] | None = None,
) -> list[Put]:
    """Each request on a ladder, in the order in which they came. How often a rung was used is counted by this
    ladder's own placing. ``zones``: for each request the zone that takes it, else empty.

    On the rung on which it was recorded a request waits as it did; on another one as long as ``waits`` says is
    usual there (:func:`typical_waits`), else to its due time. An overrun that began by itself and that nobody
    decided held nobody up.
    """
    usual = waits if waits is not None else typical_waits(requests)
    earlier: list[tuple[Recorded, str]] = []
    found = []
    for n, one in enumerate(requests):
        if n < len(zones) and zones[n]:
            found.append(in_zone(zones[n]))
            continue
        mine = with_reviewers(ladder, one.reviewers)
        times = tuple(
            (
                r.name,
                sum(
                    e.group == one.group
                    and e.was_granted
                    and rung == r.name
                    and (one.day - e.day).days <= r.at_most.days
                    for e, rung in earlier
                ),
            )
            for r in mine.rungs
            if r.at_most is not None
        )
        in_window = [m for day, m in one.before if (one.day - day).days <= ladder.window_days]
        asked = Asked(
            one.amount, one.limit, sum(in_window, Decimal(0)), times, one.stage, one.workload
        )
        rung = place(mine, asked, staffed).rung
        earlier.append((one, rung.name))
        words = slots(rung)
        alone = all("engineer" in slot for slot in words) and len(words) == 1
        known = one.waited if one.rung in (rung.name, "") else None
        if one.auto and one.waited is None:
            known = Decimal(0)
        found.append(
            Put(
                rung.name,
                rung.roles,
                len(words),
                rung.due_hours,
                alone,
                asked=tuple(either(slot) for slot in words),
                waits=known if known is not None else usual.get(rung.name, rung.due_hours),
                guessed=known is None,
            )
        )
    return found


def side_of(requests: Sequence[Recorded], puts: Sequence[Put]) -> Side:
    """The sums of one ladder."""
    names = sorted(p.rung for p in puts)
    roles = sorted({who for p in puts for who in p.asked})
    return Side(
        by_rung=tuple((name, len(list(same))) for name, same in groupby(names)),
        words=sum(p.words for p in puts),
        hours=sum((p.hours for p in puts), Decimal(0)),
        alone=sum((r.granted for r, p in zip(requests, puts, strict=True) if p.alone), Decimal(0)),
        waits=sum((p.waits for p in puts), Decimal(0)),
        guessed=sum(p.guessed for p in puts),
        by_role=tuple(
            RoleLoad(
                who,
                sum(p.asked.count(who) for p in puts),
                sum((p.waits for p in puts if who in p.asked), Decimal(0)),
            )
            for who in roles
        ),
    )
