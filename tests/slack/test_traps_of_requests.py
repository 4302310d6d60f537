"""What comes in: traps 1 to 13 and 37 of the platform rules."""

import asyncio
import json
import logging
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from bot.settings import SettingsError, read_settings
from bot.slack.door import Door
from bot.slack.guard import refused, signature
from bot.slack.private import allowed
from bot.slack.surface import SlackSurface
from tests.slack.conftest import ALERTS, ENGINEER, SECRET, World

VECTOR = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
    b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
EXPECTED = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_the_signature_is_slacks_own_example() -> None:
    assert signature(SECRET, "1531420618", VECTOR) == EXPECTED
    headers = {"X-Slack-Request-Timestamp": "1531420618", "X-Slack-Signature": EXPECTED}
    assert refused(SECRET, headers, VECTOR, 1531420618 + 299) is None
    assert refused(SECRET, headers, VECTOR, 1531420618 - 301) is not None
    assert refused(SECRET, headers, VECTOR, 1531420618 + 301) is not None
    assert refused(SECRET, headers, VECTOR + b" ", 1531420618) is not None


async def test_url_verification_is_answered_when_signed(world: World) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a", "token": "x"}).encode()
    sent = await world.hands.send(body, "application/json")
    assert (sent.status, sent.json()) == (200, {"challenge": "3eZbrw1a"})
    unsigned = await world.hands.send(body, "application/json", X_Slack_Signature="v0=0")
    assert unsigned.status == 401
    assert "3eZbrw1a" not in unsigned.text


@pytest.mark.parametrize("timestamp", ["abc", "", "-5", "1e9", "١٧٠٠٠٠٠٠٠٠", "9" * 40, "NaN", "0"])
async def test_trap_01_a_bad_timestamp_is_refused_not_an_error(
    world: World, timestamp: str
) -> None:
    sent = await world.hands.send(b"command=%2Ftest", X_Slack_Request_Timestamp=timestamp)
    assert sent.status == 401


@pytest.mark.parametrize("given", ["v0=é", "v0=\u2603", "", "v0=", "v1=" + "0" * 64])
async def test_trap_02_a_signature_that_is_not_ascii_is_refused(world: World, given: str) -> None:
    sent = await world.hands.send(b"command=%2Ftest", X_Slack_Signature=given)
    assert sent.status == 401


async def test_trap_02_missing_headers_are_refused(world: World) -> None:
    assert (await world.hands.send_raw(b"command=%2Ftest", {})).status == 401


async def test_trap_03_a_body_that_is_not_utf8_is_refused(world: World) -> None:
    sent = await world.hands.send(b"command=%2Ftest&text=\xff\xfe")
    assert sent.status == 400
    assert world.audited() == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{not json", "application/json"),
        (b"payload=%7Bnot", "application/x-www-form-urlencoded"),
        (b"[1, 2]", "application/json"),
        (b'"text"', "application/json"),
        (b"payload=[1]", "application/x-www-form-urlencoded"),
        (b'{"type": "block_actions", "user": 7, "actions": {}}', "application/json"),
    ],
)
async def test_trap_04_malformed_json_is_checked_first_and_refused(
    world: World, body: bytes, content_type: str
) -> None:
    unsigned = await world.hands.send(body, content_type, X_Slack_Signature="v0=1")
    assert unsigned.status == 401
    sent = await world.hands.send(body, content_type)
    assert sent.status in (200, 400)
    assert world.slack.ephemerals == []


async def test_trap_05_what_is_refused_is_not_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sent = await world.hands.send(b"command=%2Fspend&text=very-secret", X_Slack_Signature="v0=bad1")
    assert sent.status == 401
    logged = [r.getMessage() for r in caplog.records if not r.name.startswith("asyncio")]
    assert not any("very-secret" in line or "v0=bad1" in line for line in logged)
    assert any("signature" in line for line in logged)


async def test_trap_05_what_is_let_in_is_not_logged_either(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    body = json.dumps({"type": "workflow_step_edit", "user": {"id": ENGINEER}, "x": "very-secret"})
    sent = await world.hands.send(urlencode({"payload": body}).encode())
    assert sent.status == 200
    assert not any("very-secret" in r.getMessage() for r in caplog.records)


def test_trap_06_an_empty_signing_secret_refuses_to_start() -> None:
    with pytest.raises(SettingsError, match="SLACK_SIGNING_SECRET"):
        read_settings({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": " "})


async def test_trap_06_a_door_without_credentials_refuses_to_start(world: World) -> None:
    settings = replace(world.surface.settings, signing_secret="", app_token=None)
    surface = SlackSurface(settings, world.kernel.loaded, world.kernel.database, world.clock)
    with pytest.raises(SettingsError, match="SLACK_SIGNING_SECRET"):
        Door(surface, world.kernel)


async def test_trap_07_an_unsigned_ssl_check_does_nothing(world: World) -> None:
    body = urlencode(
        {"ssl_check": "1", "command": "/test", "text": "echo hi", "user_id": ENGINEER}
    ).encode()
    for sent in (
        await world.hands.send(body, X_Slack_Signature="v0=0"),
        await world.hands.send(body),
    ):
        assert (sent.status, sent.text) == (200, "")
    assert world.audited() == []


async def test_trap_08_replayed_bytes_run_once(world: World) -> None:
    message = await world.thing()
    sent = await world.hands.press(ENGINEER, ALERTS, message, "Snooze", "1 days")
    again = await world.hands.again(sent)
    assert (again.status, again.text) == (200, "")
    await world.deliver()
    assert len(world.audited()) == 1
    assert [e["text"] for e in world.slack.ephemerals] == ["Snoozed."]


async def test_trap_08_a_replayed_command_runs_once_and_answers_the_same(world: World) -> None:
    sent = await world.hands.command(ENGINEER, "/test", "echo hello")
    again = await world.hands.again(sent)
    assert again.text == sent.text
    assert len(world.audited()) == 1


async def test_trap_08_bytes_replayed_later_are_refused(world: World) -> None:
    sent = await world.hands.command(ENGINEER, "/test", "echo hello")
    world.clock.now += timedelta(seconds=301)
    assert (await world.hands.again(sent)).status == 401


async def test_trap_08_a_replayed_press_opens_no_second_form(world: World) -> None:
    message = await world.thing()
    sent = await world.hands.press(ENGINEER, ALERTS, message, "Expected")
    again = await world.hands.again(sent)
    await world.settle()
    assert again.status == 200
    assert len(world.slack.views) == 1
    assert world.slack.ephemerals == []


async def test_trap_09_a_retried_event_runs_once(world: World) -> None:
    message = await world.thing()
    sent = await world.hands.mention(ENGINEER, ALERTS, "test echo hi", message["ts"], "Ev0TWICE")
    again = await world.hands.again(
        sent, x_slack_retry_num="1", x_slack_retry_reason="http_timeout"
    )
    assert again.status == 200
    await world.settle()
    assert len(world.audited()) == 1
    assert len(world.slack.ephemerals) == 1


async def test_trap_10_a_retry_whose_first_delivery_crashed_still_counts(world: World) -> None:
    body = json.dumps(world.hands.mention_body(ENGINEER, ALERTS, "test echo hi", None, "Ev0LOST"))
    sent = await world.hands.send(
        body.encode(), "application/json", x_slack_retry_num="1", x_slack_retry_reason="http_error"
    )
    assert sent.status == 200
    assert await world.note() == "You said hi"
    assert len(world.audited()) == 1


async def test_trap_10_a_crash_changes_nothing_and_names_a_reference(world: World) -> None:
    message = await world.thing()
    sent = await world.hands.press(ENGINEER, ALERTS, message, "Crash")
    assert sent.status == 200
    assert "tell the operator the reference" in await world.note()
    assert world.state() == "open"
    assert world.audited() == []


async def test_trap_11_slack_is_answered_in_time_and_the_person_later(world: World) -> None:
    message = await world.thing()
    sent = await world.hands.press(ENGINEER, ALERTS, message, "Slow")
    assert (sent.status, sent.text) == (200, "")
    assert sent.seconds < 3
    assert world.slack.ephemerals == []
    await asyncio.sleep(0.6)
    assert await world.note() == "It took a while."


async def test_trap_12_a_slow_lookup_refuses_instead_of_losing_the_trigger(world: World) -> None:
    message = await world.thing()
    world.slack.fault("users.info", "delay", 1.6)
    sent = await world.hands.press(ENGINEER, ALERTS, message, "Expected")
    assert sent.status == 200
    assert sent.seconds < 3
    assert "could not be checked just now" in await world.note()
    assert world.slack.views == []
    await asyncio.sleep(0.6)  # the check went on behind: the next press finds it done
    await world.hands.press(ENGINEER, ALERTS, message, "Expected")
    assert len(world.slack.views) == 1


async def test_trap_12_an_expired_trigger_is_said_clearly(world: World) -> None:
    message = await world.thing()
    payload = world.hands.press_payload(ENGINEER, ALERTS, message, "Expected")
    world.slack.expire_triggers()
    sent = await world.hands.send_payload(payload)
    assert sent.status == 200
    assert await world.note() == ("Slack gave up waiting before the form could open. Press again.")


async def test_trap_13_errors_stand_at_their_fields(world: World) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Expected")
    view = world.slack.views[0]
    sent = await world.hands.submit(ENGINEER, view, why="", until="2026-11-01")
    assert sent.json() == {
        "response_action": "errors",
        "errors": {
            "why": "Say why, so that others understand.",
            "until": "This day is over; choose a later one.",
        },
    }
    assert world.state() == "open"


async def test_trap_37_private_answers_go_to_slack_only(world: World) -> None:
    message = await world.thing()
    payload = world.hands.press_payload(ENGINEER, ALERTS, message, "Who am I")
    payload["response_url"] = "https://hooks.slack.com.evil.example/actions/1"
    await world.hands.send_payload(payload)
    assert (await world.note()).startswith("engineer@example.com")
    assert world.slack.ephemerals[-1]["via"] == "chat.postEphemeral"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://hooks.slack.com/actions/T1/2/3", True),
        ("https://hooks.slack.com:443/commands/1", True),
        ("http://hooks.slack.com/actions/1", False),
        ("https://hooks.slack.com.evil.example/1", False),
        ("https://evil.example/hooks.slack.com", False),
        ("https://hooks.slack.com@evil.example/1", False),
        ("https://user:pass@hooks.slack.com/1", False),
        ("https://hooks.slack.com:8443/1", False),
        ("https://[::1/1", False),
        ("http://127.0.0.1:9000/response/1", True),
        ("http://127.0.0.1:9001/response/1", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_trap_37_only_slacks_host_or_the_configured_one(url: str, good: bool) -> None:
    assert allowed(url, "http://127.0.0.1:9000/api/") is good


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(world: World) -> None:
    sent = await world.hands.send_large(1024 * 1024 + 1)
    assert sent.status == 413


async def test_only_posts_are_taken(world: World) -> None:
    async with world.hands.session.get(world.hands.url) as response:
        assert response.status == 405
