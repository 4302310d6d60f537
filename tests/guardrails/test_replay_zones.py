"""Zones under a changed policy, by hand-made cases."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from guardrails.policy.people import Role
from guardrails.policy.sandboxes import Reviewer, ReviewerWhen, Sandboxes, Zone, ZoneWhen
from guardrails.replay import Recorded, put_all, side_of
from guardrails.replay.zones import Asked, place_all
from guardrails.sandboxes.zones import Wanted
from tests.guardrails.test_replay import EVERYBODY, NOW

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


def asked(name: str, day: int, estimate: int, lives: int = 10, **more: object) -> Asked:
    wanted = Wanted(
        "search", "ranking", "training", "exploration", Decimal(estimate), 10, "internal", "minimal"
    )
    at = NOON + timedelta(days=day)
    return Asked(name, at, at.date(), at + timedelta(days=lives), wanted, **more)  # type: ignore[arg-type]


def rules(cap: int, **more: object) -> Sandboxes:
    when = ZoneWhen(role=("engineer",), stage=("exploration",))
    zone = Zone(name="small", when=when, cap=Decimal(cap), headroom_percent=0, **more)  # type: ignore[arg-type]
    return Sandboxes(zones=(zone,), headroom_percent=20)


def zones(rules: Sandboxes, some: list[Asked], role: Role = "engineer") -> list[str]:
    roles = {one.name: frozenset({role}) for one in some}
    placed = place_all(rules, some, roles, {}, "USD")
    return [p.zone.name if p.zone is not None else "" for p in placed]


def test_a_wider_zone_takes_what_went_up_the_ladder() -> None:
    some = [asked("a", 0, 900), asked("b", 1, 1500)]
    assert zones(rules(1000), some) == ["small", ""]
    assert zones(rules(2000), some) == ["small", "small"]
    assert zones(rules(2000), some, "lead") == ["", ""]


def test_what_a_zone_holds_is_counted_by_its_own_placing() -> None:
    some = [asked("a", 0, 900), asked("b", 1, 900), asked("c", 12, 900)]
    assert zones(rules(1000, at_once=1), some) == ["small", "", "small"]  # a has ended by then
    assert zones(rules(1000, cap_month=Decimal(1800)), some) == ["small", "small", ""]
    october = asked("d", 32, 900)
    assert zones(rules(1000, cap_month=Decimal(1800)), [*some, october])[-1] == "small"


def test_what_was_allocated_then_counts_as_it_was() -> None:
    some = [asked("a", 0, 900, zone="small", cap=Decimal(300)), asked("b", 1, 900)]
    assert zones(rules(1000, cap_month=Decimal(1200)), some) == ["small", "small"]


def test_a_new_reviewer_or_a_halted_sandbox_sends_it_up_the_ladder() -> None:
    some = [asked("a", 0, 900)]
    reviewer = Reviewer(role="compliance", when=ReviewerWhen(data_class=("internal",)))
    reviewed = rules(1000).model_copy(update={"reviewers": (reviewer,)})
    assert zones(reviewed, some) == [""]
    assert zones(rules(1000), [asked("a", 0, 900, halted="x was halted")]) == [""]


def test_words_and_waiting_by_role_with_and_without_the_zone() -> None:
    def request(amount: int, waited: int | None, rung: str) -> Recorded:
        hours = None if waited is None else Decimal(waited)
        return Recorded(
            f"r{amount}", date(2026, 9, 1), Decimal(amount), None, Decimal(amount), True, "x",
            rung=rung, waited=hours,
        )  # fmt: skip

    some = [request(300, 2, "own"), request(1500, 7, "lead"), request(9000, None, "joint")]
    now = side_of(some, put_all(NOW, EVERYBODY, some))
    assert (now.words, now.waits, now.guessed) == (4, Decimal(2 + 7 + 16), 1)
    assert [(r.roles, r.words, r.waits) for r in now.by_role] == [
        ("engineer or lead", 1, Decimal(2)),
        ("finance", 1, Decimal(16)),
        ("lead", 1, Decimal(7)),
        ("product", 1, Decimal(16)),
    ]
    zoned = side_of(some, put_all(NOW, EVERYBODY, some, ["", "small", ""]))
    assert (zoned.words, zoned.waits) == (3, Decimal(18))
    assert zoned.by_rung == (("joint", 1), ("own", 1), ("zone small", 1))
    assert zoned.alone == Decimal(1800)


def test_on_another_rung_a_request_waits_as_is_usual_there() -> None:
    wide = NOW.model_copy(
        update={"rungs": (NOW.rungs[0].model_copy(update={"up_to": Decimal(2000)}), *NOW.rungs[1:])}
    )

    def request(amount: int, waited: int, rung: str) -> Recorded:
        day = date(2026, 9, 1)
        money = Decimal(amount)
        return Recorded("r", day, money, None, money, True, "x", rung=rung, waited=Decimal(waited))

    some = [request(300, 2, "own"), request(400, 4, "own"), request(1500, 20, "lead")]
    moved = put_all(wide, EVERYBODY, some)[-1]
    assert (moved.rung, moved.waits, moved.guessed) == ("own", Decimal(3), True)
