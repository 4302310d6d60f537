"""A file in a form: fetched with the bot's token from Slack and from nowhere else; only what can be a policy."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.replaying import Replaying
from bot.slack.files import allowed
from handlers.conversation import LARGEST_FILE
from handlers.policy_rules import outcome
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from tests.handlers.handing_in import bill, replays
from tests.slack.conftest import ALERTS, ENGINEER, LEAD, POLICY, World

TEXT = POLICY.encode()
API = "https://slack.com/api/"


@pytest.fixture
def policy() -> LoadedPolicy:
    """Leads, who are a user group, may replay."""
    parsed = parse_policy(POLICY + "permissions: {policy.replay: [lead]}\n")
    return LoadedPolicy(parsed, policy_hash(parsed), Path())


@pytest.fixture
async def form(world: World) -> dict[str, Any]:
    """The form of /policy replay, open."""
    bill(world.kernel.database)
    await world.hands.command(LEAD, "/policy", "replay", ALERTS)
    return world.slack.views[-1]


async def send(world: World, form: dict[str, Any], content: bytes, **described: Any) -> Any:
    """Uploads a file into the form and sends it; ``described`` changes how Slack describes the file."""
    file = world.hands.upload(LEAD, content)
    payload = world.hands.submission_payload(LEAD, form, policy=file)
    payload["view"]["state"]["values"]["policy"]["value"]["files"][0].update(described)
    sent = await world.hands.send_payload(payload)
    assert sent.status == 200
    await world.settle()
    return sent.json()


async def refused(world: World, form: dict[str, Any], content: bytes, **described: Any) -> str:
    """What is said at the field of a file that is not taken."""
    answer = await send(world, form, content, **described)
    assert answer["response_action"] == "errors"
    assert list(answer["errors"]) == ["policy"]
    assert replays(world.kernel.database) == []
    return str(answer["errors"]["policy"])


async def test_the_file_is_fetched_with_the_token(world: World, form: dict[str, Any]) -> None:
    element = next(b for b in form["blocks"] if b.get("block_id") == "policy")["element"]
    assert element["filetypes"] == ["yaml", "yml"]
    assert element["max_files"] == 1
    assert await send(world, form, b"\xef\xbb\xbf" + TEXT) == {}  # also with a byte order mark
    (row,) = replays(world.kernel.database)
    assert row.policy_text == POLICY
    assert len(world.slack.downloads) == 1
    assert POLICY[100:140] not in str(world.slack.ephemerals)


async def test_a_file_of_which_slack_says_the_id_only(world: World, form: dict[str, Any]) -> None:
    """In channels that organisations share."""
    more = {"file_access": "check_file_info", "url_private_download": None}
    assert await send(world, form, TEXT, **more) == {}
    assert len(world.slack.called("files.info")) == 1
    world.slack.fault("files.info", "error", "file_not_found")
    world.kernel.database.transact(lambda c: c.exec_driver_sql("DELETE FROM policy_replay"))
    assert "choose it again" in await refused(world, form, TEXT, **more)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (POLICY.encode("utf-16"), "not text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "not text in UTF-8"),
        (b"#" * (LARGEST_FILE + 1), "larger than 512 kB"),
        (b"", "missing, or empty"),
        (b"version: 2\n", "line 1, column 1"),
    ],
)
async def test_what_can_be_no_policy(
    world: World, form: dict[str, Any], content: bytes, said: str
) -> None:
    assert said in await refused(world, form, content)


async def test_a_size_that_slack_understates(world: World, form: dict[str, Any]) -> None:
    content = b"#" * (LARGEST_FILE + 1)
    assert "larger than 512 kB" in await refused(world, form, content, size=10)


@pytest.mark.parametrize("what", ["status", "page", "drop"])
async def test_slack_does_not_hand_it_over(world: World, form: dict[str, Any], what: str) -> None:
    # aiohttp asks once more when a connection breaks that was open before
    world.slack.fault("download", what, 503, times=2 if what == "drop" else 1)
    assert "choose it again" in await refused(world, form, TEXT)
    assert await send(world, form, TEXT) == {}


async def test_without_the_scope_nothing_is_followed(world: World, form: dict[str, Any]) -> None:
    """Slack sends whoever may not read a file to a page where people sign in."""
    world.slack.scopes.discard("files:read")
    assert "choose it again" in await refused(world, form, TEXT)


async def test_the_same_form_twice_is_one_replay(world: World, form: dict[str, Any]) -> None:
    """Slack delivers it again; then the person sends the form of another window."""
    file = world.hands.upload(LEAD, TEXT)
    sent = await world.hands.submit(LEAD, form, policy=file)
    assert (await world.hands.again(sent)).json() == sent.json() == {}
    other = await world.hands.submit(LEAD, form, policy=file)
    assert "is still being replayed" in other.text
    assert len(replays(world.kernel.database)) == 1


async def test_a_role_that_is_gone_when_the_form_is_sent(
    world: World, form: dict[str, Any]
) -> None:
    world.slack.groups[0]["users"] = [ENGINEER]
    world.clock.now = world.clock.now.replace(minute=5)
    answer = await send(world, form, b"nonsense")
    assert world.slack.downloads == []
    assert answer["view"]["title"]["text"] == "Not done"
    assert "This needs the role lead" in str(answer)
    assert replays(world.kernel.database) == []


@pytest.fixture
async def elsewhere() -> Any:
    """Another server; what it was asked, with the headers."""
    heard: list[Any] = []

    async def any_(request: web.Request) -> web.Response:
        heard.append(dict(request.headers))
        return web.Response(body=TEXT)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", any_)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", heard
    await runner.cleanup()


async def test_the_token_goes_nowhere_else(
    world: World, form: dict[str, Any], elsewhere: Any
) -> None:
    url, heard = elsewhere
    said = await refused(world, form, TEXT, url_private_download=f"{url}/app.yaml")
    assert "not in Slack itself" in said
    world.slack.fault("download", "redirect", f"{url}/app.yaml")
    assert "choose it again" in await refused(world, form, TEXT)
    assert heard == []


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://files.slack.com/files-pri/T1-F1/download/app.yaml", True),
        ("https://files.slack-gov.com/files-pri/T1-F1/download/app.yaml", True),
        ("https://slack.com/anything", True),  # where the API is
        ("http://files.slack.com/files-pri/T1-F1/download/app.yaml", False),
        ("https://files.slack.com:8443/x", False),
        ("https://files.slack.com.evil.example/x", False),
        ("https://evil.example/files.slack.com", False),
        ("https://files.slack.com@evil.example/x", False),
        ("https://user@files.slack.com/x", False),
        ("https://[::1/x", False),
        ("//files.slack.com/x", False),
        ("", False),
    ],
)
def test_where_the_token_may_go(url: str, good: bool) -> None:
    assert allowed(url, API) is good


async def test_a_role_of_a_user_group_is_looked_up_again_when_it_is_told(
    world: World, form: dict[str, Any]
) -> None:
    """Nobody gave the role by e-mail; the account is deactivated before the second result is there."""
    chat = f"D{LEAD[1:]}"
    assert await send(world, form, TEXT) == {}
    await Replaying(world.kernel).look()
    await world.deliver()
    (said,) = world.slack.messages(chat)
    assert "Nothing would have been different" in str(said)

    assert await send(world, form, TEXT) == {}
    world.slack.groups[0]["users"] = [ENGINEER]
    world.clock.now = world.clock.now.replace(minute=5)
    await Replaying(world.kernel).look()
    await world.deliver()
    assert outcome.NO_ROLE in str(world.slack.messages(chat)[-1])
