"""What is told to one person stands in their own chat with the app, and nowhere else."""

from handlers.conversation import said
from tests.slack.conftest import ALERTS, ENGINEER, World


async def test_a_person_is_told_and_the_channels_are_not(world: World) -> None:
    person = world.slack.users[ENGINEER]["profile"]["email"].lower()
    await world.kernel.turn(lambda turn: turn.tell(person, "told:1", said("It was granted.")))
    await world.kernel.delivery.drain()
    (message,) = world.slack.messages(f"D{ENGINEER[1:]}")
    assert message["text"] == "It was granted."
    assert not world.slack.messages(ALERTS)


async def test_what_was_told_can_be_edited(world: World) -> None:
    person = world.slack.users[ENGINEER]["profile"]["email"].lower()
    await world.kernel.turn(lambda turn: turn.tell(person, "told:1", said("It waits.")))
    await world.kernel.delivery.drain()
    await world.kernel.turn(lambda turn: turn.edit("told:1", said("It was granted.")))
    await world.kernel.delivery.drain()
    (message,) = world.slack.messages(f"D{ENGINEER[1:]}")
    assert message["text"] == "It was granted."


async def test_somebody_without_an_account_is_no_fault(world: World) -> None:
    """An owner who had left was to be told; the message went into the default channel, for all to read."""
    await world.kernel.turn(lambda turn: turn.tell("gone@example.com", "told:1", said("Private.")))
    await world.kernel.delivery.drain()
    assert not world.slack.messages(ALERTS)
    with world.kernel.database.read() as connection:
        from storage import outbox

        assert outbox.dead_letters(connection) == []
        assert outbox.waiting(connection) == 0
