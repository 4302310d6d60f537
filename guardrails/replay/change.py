"""What two policies did, compared one by one: the same, new, gone, or otherwise."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Moved(Generic[T]):
    """One thing of both policies that comes on another day, goes elsewhere, or is of another amount."""

    before: T
    after: T


@dataclass(frozen=True)
class Change(Generic[T]):
    """``kept`` counts what is the same in both."""

    kept: int = 0
    new: tuple[T, ...] = ()
    gone: tuple[T, ...] = ()
    moved: tuple[Moved[T], ...] = ()

    @property
    def differs(self) -> bool:
        return bool(self.new or self.gone or self.moved)

    @property
    def all_before(self) -> int:
        """How many there were before the change."""
        return self.kept + len(self.gone) + len(self.moved)


def compare(
    before: Iterable[T],
    after: Iterable[T],
    *,
    order: Callable[[T], Any],
    alike: Callable[[T, T], bool],
    same: Callable[[T, T], bool],
) -> Change[T]:
    """Each of one side is paired with at most one of the other, in their ``order``: with one that is the ``same``
    where there is one, else with the first that is ``alike``. What has no twin is new or gone."""
    left = sorted(after, key=order)
    gone: list[T] = []
    moved: list[Moved[T]] = []
    kept = 0
    for one in sorted(before, key=order):
        twins = [a for a in left if alike(one, a)]
        if not twins:
            gone.append(one)
            continue
        twin = next((a for a in twins if same(one, a)), twins[0])
        left.remove(twin)
        if same(one, twin):
            kept += 1
        else:
            moved.append(Moved(one, twin))
    return Change(kept, tuple(left), tuple(gone), tuple(moved))


def together(changes: Sequence[Change[T]]) -> Change[T]:
    """All of them as one."""
    return Change(
        sum(c.kept for c in changes),
        tuple(one for c in changes for one in c.new),
        tuple(one for c in changes for one in c.gone),
        tuple(one for c in changes for one in c.moved),
    )
