"""Comparing two policies: by hand-made cases, and that a policy never differs from itself."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from guardrails.policy.ladder import AtMost, Ladder, Rung
from guardrails.policy.people import ROLES
from guardrails.replay import Alert, Recorded, compare_alerts, put_all, side_of

DAY = date(2026, 9, 1)
EVERYBODY = frozenset(ROLES)
NOW = Ladder(
    rungs=(
        Rung(name="own", up_to=Decimal(500), any_of=("engineer", "lead"), due_hours=Decimal(4)),
        Rung(name="lead", up_to=Decimal(5000), any_of=("lead",)),
        Rung(name="joint", all_of=("finance", "product"), due_hours=Decimal(16)),
    )
)
LOOSE = Ladder(rungs=(NOW.rungs[0].model_copy(update={"up_to": Decimal(2000)}), *NOW.rungs[1:]))


def request(day: int, amount: int, **changes: object) -> Recorded:
    values: dict[str, object] = {
        "subject": "search 2026-09",
        "day": DAY + timedelta(days=day),
        "amount": Decimal(amount),
        "limit": None,
        "granted": Decimal(amount),
        "was_granted": True,
        "group": "search",
    }
    return Recorded(**{**values, **changes})  # type: ignore[arg-type]


def alert(day: int, scope: str = "experiment:a", *channels: str) -> Alert:
    on = DAY + timedelta(days=day)
    return Alert("spend", scope, "up", on, on, on, "high", channels or ("finops",))


def test_a_looser_ladder_by_hand() -> None:
    requests = [request(0, 300), request(1, 1500), request(2, 9000)]
    before, after = (put_all(ladder, EVERYBODY, requests) for ladder in (NOW, LOOSE))
    assert [p.rung for p in before] == ["own", "lead", "joint"]
    assert [p.rung for p in after] == ["own", "own", "joint"]
    now, new = side_of(requests, before), side_of(requests, after)
    assert (now.by_rung, now.words, now.hours, now.alone) == (
        (("joint", 1), ("lead", 1), ("own", 1)), 4, Decimal(28), Decimal(300),
    )  # fmt: skip
    assert (new.hours, new.alone) == (Decimal(24), Decimal(1800))


def test_an_overrun_that_began_by_itself_and_that_nobody_decided_held_nobody_up() -> None:
    """The demo's three overruns, which nobody asked for, had people wait for 24 hours."""
    requests = [
        request(0, 300, auto=True),
        request(1, 300, auto=True, rung="own", waited=Decimal(3)),
        request(2, 300),
    ]
    side = side_of(requests, put_all(NOW, EVERYBODY, requests))
    assert (side.by_rung, side.words) == ((("own", 3),), 3)
    assert (side.waits, side.guessed) == (3 + 3, 1)  # who asked would have waited as is usual there
    (load,) = side.by_role
    assert (load.words, load.waits) == (3, 6)


def test_what_was_granted_in_the_window_counts() -> None:
    before = ((DAY - timedelta(days=29), Decimal(400)),)
    late = ((DAY - timedelta(days=31), Decimal(400)),)
    puts = put_all(NOW, EVERYBODY, [request(0, 300, before=before), request(0, 300, before=late)])
    assert [p.rung for p in puts] == ["lead", "own"]


def test_how_often_a_rung_was_used_is_counted_by_the_ladder_itself() -> None:
    own = NOW.rungs[0].model_copy(update={"at_most": AtMost(times=1, days=10)})
    strict = Ladder(rungs=(own, *NOW.rungs[1:]))
    requests = [request(0, 100), request(5, 100), request(12, 100)]
    assert [p.rung for p in put_all(strict, EVERYBODY, requests)] == ["own", "lead", "own"]


def test_alerts_that_are_new_gone_or_elsewhere() -> None:
    before = [alert(0), alert(3, "experiment:b"), alert(5, "experiment:c")]
    after = [alert(0), alert(3, "experiment:b", "search"), alert(9, "experiment:d")]
    change = compare_alerts(before, after)
    assert change.kept == 1
    assert [a.scope for a in change.new] == ["experiment:d"]
    assert [a.scope for a in change.gone] == ["experiment:c"]
    assert [(m.before.channels, m.after.channels) for m in change.moved] == [
        (("finops",), ("search",))
    ]


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc")), max_size=12))
def test_nothing_differs_from_itself(told: list[tuple[int, str]]) -> None:
    alerts = [alert(day, f"experiment:{name}") for day, name in told]
    change = compare_alerts(alerts, list(reversed(alerts)))
    assert (change.kept, change.differs) == (len(alerts), False)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20_000)), max_size=15))
def test_each_request_is_on_one_rung(asked: list[tuple[int, int]]) -> None:
    requests = [request(day, amount) for day, amount in sorted(asked)]
    side = side_of(requests, put_all(NOW, EVERYBODY, requests))
    assert sum(n for _, n in side.by_rung) == len(requests)
