"""Charts as pictures in Slack: uploaded once, waited for, and words when that fails."""

from datetime import date
from typing import Any

import pytest

from handlers.conversation import Band, Message, Paragraph, text
from tests.slack.conftest import ALERTS, World

BAND = Band(
    title="Spend of recommendations-v2",
    alt="Spend of recommendations-v2 was $41,000 on 20 November; $12,000 was expected.",
    unit="USD",
    days=tuple(date(2026, 11, d) for d in range(1, 22)),
    observed=(*(12000.0 + 300 * (d % 5) for d in range(19)), 41000.0, 9000.0),
    expected=(12500.0,) * 21,
    lower=(11000.0,) * 21,
    upper=(14000.0,) * 21,
    anomalous=(*(False,) * 19, True, False),
    incomplete=(*(False,) * 20, True),
)
MESSAGE = Message(summary="A spike", blocks=(Paragraph(text=text("A spike.")), BAND))


async def _post(world: World, key: str = "m1") -> dict[str, Any]:
    await world.kernel.turn(lambda turn: turn.post("alerts", key, MESSAGE))
    await world.delivery.drain()
    return world.slack.messages(ALERTS)[-1]


async def test_a_chart_is_a_picture_with_its_words_as_alt_text(world: World) -> None:
    posted = await _post(world)
    image = posted["blocks"][1]
    assert image["type"] == "image"
    assert image["alt_text"] == BAND.alt
    file = world.slack.files[image["slack_file"]["id"]]
    assert file["content"].startswith(b"\x89PNG")
    assert file["alt_txt"] == BAND.alt
    assert file["channel_id"] is None  # shown by the message, not shared beside it


async def test_the_message_waits_until_slack_has_the_picture(world: World) -> None:
    world.slack.file_seconds = 0.7
    posted = await _post(world)
    assert posted["blocks"][1]["type"] == "image"
    assert len(world.slack.called("files.info")) > 1
    assert len(world.slack.called("chat.postMessage")) == 1


async def test_an_edit_with_the_same_chart_uploads_nothing(world: World) -> None:
    await _post(world)
    await world.kernel.turn(lambda turn: turn.edit("m1", MESSAGE))
    await world.delivery.drain()
    assert len(world.slack.called("chat.update")) == 1
    assert len(world.slack.files) == 1
    assert world.slack.messages(ALERTS)[0]["blocks"][1]["type"] == "image"


@pytest.mark.parametrize(
    ("method", "what", "value"),
    [
        ("files.getUploadURLExternal", "error", "file_uploads_disabled"),
        ("files.getUploadURLExternal", "rate", 30),
        ("upload", "error", None),
        ("files.completeUploadExternal", "error", "internal_error"),
        ("files.info", "error", "file_not_found"),
    ],
)
async def test_without_a_picture_the_words_go_out(
    world: World, method: str, what: str, value: Any
) -> None:
    world.slack.fault(method, what, value)
    posted = await _post(world)
    assert posted["blocks"][1]["elements"][0]["text"] == BAND.alt


async def test_a_missing_scope_for_files_costs_the_picture_only(world: World) -> None:
    world.slack.scopes.discard("files:write")
    posted = await _post(world)
    assert posted["blocks"][1]["type"] == "context"


async def test_a_picture_that_slack_refuses_after_all_becomes_words(world: World) -> None:
    await _post(world)
    world.slack.files.clear()  # someone deleted the file
    posted = await _post(world, "m2")
    assert posted["blocks"][1]["elements"][0]["text"] == BAND.alt
    posted = await _post(world, "m3")
    assert posted["blocks"][1]["type"] == "image"  # and it is uploaded anew
