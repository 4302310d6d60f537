"""A changed policy is handed in, replayed and told, the same on every surface."""

import pytest
from sqlmodel import Session, select

from bot.replaying import Replaying
from storage.policy_replays import open_of
from storage.tables.rules import PolicyReplay
from tests.conftest import POLICY, Clock
from tests.contract.seats import ConsoleSeat, Seat
from tests.handlers.overrunning import Desk

ROUTED = POLICY.replace("impact_at_least: 10000", "impact_at_least: 20000")
LONG = ROUTED + "# what the council said about this\n" * 3000


@pytest.fixture
def bill(seat: Seat, clock: Clock) -> None:
    """Some days that a replay has something to read of."""
    Desk(seat.kernel.database, seat.kernel.loaded, clock).bill(90)


async def hand_in(seat: Seat, text: str = ROUTED, days: str = "30") -> dict[str, str]:
    """Types the command, gives the file and sends the form."""
    await seat.command("finops", "/policy replay")
    assert await seat.fields() == ["policy", "days"]
    return await seat.submit("finops", policy=text, days=days)


def rows(seat: Seat) -> list[PolicyReplay]:
    with Session(seat.kernel.database.reader) as session:
        return list(session.exec(select(PolicyReplay)))


async def run(seat: Seat) -> None:
    """What the running bot does with what was handed in."""
    while await Replaying(seat.kernel).look():
        pass
    await seat.kernel.delivery.drain()


async def test_a_changed_policy_is_replayed_and_told(seat: Seat, bill: None) -> None:
    assert await hand_in(seat, LONG) == {}
    told = await seat.told()
    assert "Replaying 30 days" in told
    where = "#finops" if isinstance(seat, ConsoleSeat) else "your own chat with the bot"
    assert f"The result comes in {where}." in told
    (row,) = rows(seat)
    assert (row.policy_text, row.days, row.asked_by) == (LONG, 30, "finops@example.com")
    await run(seat)
    (said,) = await seat.own_chat("finops")
    assert "What the changed policy would have done" in said
    assert "Nothing would have been different" in said
    assert "The last 30 days under the policy" in said
    (row,) = rows(seat)
    assert (row.state, row.policy_text, row.fault) == ("done", "", "")


async def test_what_is_wrong_with_the_file_is_said_at_once_with_its_line(
    seat: Seat, bill: None
) -> None:
    wrong = POLICY.replace("default: finops", "default: finop").replace("flood: 4", "flod: 4")
    errors = await hand_in(seat, wrong)
    assert list(errors) == ["policy"]
    assert "alerts.flod" in errors["policy"]
    line = next(n for n, said in enumerate(wrong.splitlines(), 1) if "flod" in said)
    assert f"line {line}, column 3" in errors["policy"]
    assert rows(seat) == []
    assert await seat.submit("finops", policy=ROUTED, days="30") == {}  # the form is still open
    assert len(rows(seat)) == 1


async def test_only_one_at_a_time_and_only_for_the_role(seat: Seat, bill: None) -> None:
    await seat.command("lead", "/policy replay")
    assert "This needs the role FinOps" in await seat.told()
    await seat.command("finops", "/policy replay 45d")
    assert "30d, 90d or 180d" in await seat.told()
    assert await hand_in(seat) == {}
    await seat.command("finops", "/policy replay")
    assert "is still being replayed" in await seat.told()
    with seat.kernel.database.read() as connection:
        assert open_of(connection, "finops@example.com") is not None
    assert len(rows(seat)) == 1


async def test_the_rules_in_force_are_shown(seat: Seat) -> None:
    await seat.command("lead", "/policy show")
    said = await seat.told()
    for wanted in (seat.kernel.loaded.hash[:12], "Example AI", "FinOps", "1 team", "2 routes"):
        assert wanted in said, wanted
    await seat.command("lead", "/policy")
    assert "/policy replay" in await seat.told()
    await seat.command("lead", "/policy sohw")
    assert "was not used" in await seat.told()
