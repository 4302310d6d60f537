"""Who gets in: tokens of the Bot Framework, minted against a key server on this machine."""

import asyncio
import json
import time
from datetime import timedelta
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from bot import incoming
from bot.teams import door, keys
from storage import teams
from tests.fakes.teams_tokens import new_key
from tests.teams.house import House


async def say(home: House, **minting: Any) -> int:
    """The status that an engineer's greeting gets under such a token."""
    home.hands.minting = minting
    try:
        return (await home.hands.say(home.users["engineer"], "help")).status
    finally:
        home.hands.minting = {}


@pytest.fixture
def body(home: House) -> dict[str, Any]:
    """An activity that is as it should be."""
    user = home.users["engineer"]
    where = home.fake.personal_chat(user)
    return home.hands.make.message(user, where, "help", mentions=False)


async def post(home: House, raw: bytes, **headers: str) -> int:
    """The status of these bytes under a good token."""
    given = {"Content-Type": "application/json", "Authorization": f"Bearer {home.fake.mint()}"}
    return (await home.hands.raw(raw, given | headers)).status


async def test_a_right_token_lets_in_and_keys_are_fetched_once(home: House) -> None:
    fetched = home.fake.key_fetches
    assert await say(home) == 200
    assert await say(home) == 200
    assert (fetched, home.fake.key_fetches) == (1, 1)
    assert home.fake.metadata_fetches == 1


@pytest.mark.parametrize(
    "minting",
    [
        {"expires_in": -301},
        {"nbf": 2**33},
        {"exp": None},
        {"exp": "soon"},
        {"aud": "00000000-0000-0000-0000-000000000001"},
        {"aud": None},
        {"iss": "https://sts.windows.net/5f0c2f0a-6a3b-4c7e-9d11-0a5d0d5a2b10/"},
        {"iss": None},
        {"serviceurl": "https://elsewhere.example/"},
        {"serviceurl": None},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"kid": "nobody"},
        {"kid": ""},
    ],
    ids=repr,
)
async def test_trap_41_a_token_that_is_not_right_stays_out(
    home: House, minting: dict[str, Any]
) -> None:
    before = len(home.chat("engineer"))
    assert await say(home, **minting) == 401
    await home.settle()
    assert len(home.chat("engineer")) == before


@pytest.mark.parametrize("minting", [{"expires_in": -299}, {"nbf": 299}])
async def test_clocks_may_be_five_minutes_apart(home: House, minting: dict[str, Any]) -> None:
    if "nbf" in minting:
        minting = {"nbf": int(home.clock().timestamp()) + 299}
    assert await say(home, **minting) == 200


async def test_a_key_that_was_never_published_under_a_published_name(home: House) -> None:
    forged = {"key": home.fake.other_key, "kid": home.fake.tokens.key.kid}
    assert await say(home, **forged) == 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic c2VjcmV0",
        "Bearer garbage",
        "Bearer a.b.c",
        "Bearer " + "x" * 6000,
        "Bearer W10.W10.W10",
        "Bearer é.é.é",
        "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6eyJhIjoxfX0.e30.e30",
    ],
)
async def test_trap_41_garbage_is_no_token(home: House, body: dict[str, Any], header: str) -> None:
    given = {"Content-Type": "application/json"}
    if header:
        given["Authorization"] = header
    assert (await home.hands.raw(json.dumps(body).encode(), given)).status == 401


async def test_trap_41_bytes_that_are_no_text_are_no_token(
    home: House, body: dict[str, Any]
) -> None:
    host, port = home.hands.url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    raw = json.dumps(body).encode()
    writer.write(
        b"POST /api/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe.a.b\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(raw) + raw
    )
    assert b" 401 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_key_must_stand_for_teams(home: House) -> None:
    home.fake.tokens.endorsements = ["webchat", "directline"]
    home.fake.rotate_keys()
    home.clock.now += timedelta(minutes=2)
    assert await say(home) == 401
    home.fake.tokens.endorsements = None
    home.clock.now += timedelta(hours=25)
    assert await say(home) == 401


async def test_trap_42_a_rotated_key_is_found_without_waiting_a_day(home: House) -> None:
    home.clock.now += timedelta(minutes=2)
    home.fake.rotate_keys()
    assert await say(home) == 200
    assert home.fake.key_fetches == 2
    old = home.fake.rotate_keys()
    home.clock.now += timedelta(hours=25)
    assert await say(home, key=old) == 401  # taken back, and noticed within a day


async def test_trap_42_a_flood_of_unknown_keys_does_not_reach_the_key_server(home: House) -> None:
    home.clock.now += timedelta(minutes=2)
    flood = [say(home, kid=f"k{n}") for n in range(40)]
    home.hands.minting = {}
    assert set(await asyncio.gather(*flood)) <= {200, 401}
    assert home.fake.key_fetches == 2
    assert await say(home) == 200


async def test_a_key_server_that_is_down_is_503_and_mends_within_seconds(home: House) -> None:
    home.clock.now += timedelta(minutes=2)
    home.fake.rotate_keys()
    home.fake.fail_keys = True
    assert await say(home) == 503
    fetched = home.fake.metadata_fetches
    assert await say(home) == 503
    assert home.fake.metadata_fetches == fetched
    home.fake.fail_keys = False
    home.clock.now += keys.FAILED
    assert await say(home) == 200


async def test_known_keys_still_count_when_the_key_server_is_down(home: House) -> None:
    home.clock.now += timedelta(hours=25)
    home.fake.fail_keys = True
    assert await say(home) == 200


async def test_trap_43_a_key_server_that_hangs_does_not_stop_the_others(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_PATIENCE", 2.0)
    home.clock.now += timedelta(minutes=2)
    home.fake.hang_keys = 30.0
    before = home.fake.tokens.key
    home.fake.rotate_keys(keep_old=True)
    began = time.monotonic()
    waiting = asyncio.create_task(home.hands.say(home.users["lead"], "help"))
    await asyncio.sleep(0.1)
    known = await home.hands.send(
        home.hands.make.message(
            home.users["engineer"],
            home.fake.personal_chat(home.users["engineer"]),
            "help",
            mentions=False,
        ),
        token=home.fake.mint(key=before),
    )
    assert known.status == 200
    assert not waiting.done()
    assert (await waiting).status == 503
    assert time.monotonic() - began < 12
    home.fake.hang_keys = 0.0


async def test_keys_that_come_in_pieces_are_read_whole(home: House) -> None:
    many = [f"channel-{n}-{'x' * 40}" for n in range(4000)]
    home.fake.tokens.endorsements = [*many, "msteams"]
    home.fake.rotate_keys(keep_old=False)
    home.fake.tokens.published += [new_key(0)]
    home.clock.now += timedelta(minutes=2)
    assert await say(home) == 200


async def test_keys_of_other_kinds_are_left_alone(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd:
        kid = "odd"

        def __init__(self, shown: Any) -> None:
            self.shown = shown

        def jwk(self, _: object) -> Any:
            return self.shown

    home.fake.rotate_keys()
    odd: list[Any] = [
        {"kty": "oct", "k": "AA"},
        {"kty": "RSA", "n": "!", "e": "AQAB"},
        {"kty": "RSA"},
        7,
        {},
    ]
    shown: list[Any] = [Odd(one) for one in odd]
    home.fake.tokens.published[:0] = shown
    home.clock.now += timedelta(minutes=2)
    assert await say(home) == 200


async def test_trap_44_another_tenant_is_refused(home: House) -> None:
    other = "11111111-1111-1111-1111-111111111111"
    stranger = home.fake.add_user("engineer@example.com", "Not ours", tenant=other)
    assert (await home.hands.say(stranger, "help")).status == 403
    team = home.fake.add_team("Theirs", ["ml-search"], tenant=other)
    assert (await home.hands.install_team(team, stranger)).status == 403
    with home.kernel.database.read() as connection:
        assert team.id not in [c.conversation for c in teams.all_of(connection, home.fake.tenant)]
        assert teams.all_of(connection, other) == []


async def test_another_channel_than_teams_is_refused(home: House) -> None:
    home.hands.patch = {"channelId": "webchat"}
    assert (await home.hands.say(home.users["engineer"], "help")).status == 403
    home.hands.patch = {"channelId": None}
    assert (await home.hands.say(home.users["engineer"], "help")).status == 401


@pytest.mark.parametrize(
    "url",
    ["http://elsewhere.example/", "ftp://127.0.0.1/", "https://", "file:///etc", "https://[::1"],
)
async def test_a_service_url_must_be_one_that_we_may_send_to(home: House, url: str) -> None:
    home.hands.patch = {"serviceUrl": url}
    assert await say(home, serviceurl=url) == 403


async def test_nothing_of_a_body_is_read_before_the_token_is_proven(home: House) -> None:
    """Anybody could have us keep a megabyte each: the body was read, then the token looked at."""
    bad = home.fake.mint(key=home.fake.other_key, kid=home.fake.tokens.key.kid)
    assert await _answer_to_a_head_alone(home, bad, large=False) == b"401"
    assert await _answer_to_a_head_alone(home, bad, large=True) == b"401"
    assert await _answer_to_a_head_alone(home, home.fake.mint(), large=True) == b"413"


async def _answer_to_a_head_alone(home: House, token: str, *, large: bool) -> bytes:
    """The status of a request whose body never comes."""
    host, port = home.hands.url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    length = incoming.LARGEST + 1 if large else 100
    writer.write(
        f"POST /api/messages HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()
    )
    async with asyncio.timeout(door.READING / 2):  # before a body that does not come is given up
        line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line.split()[1]


async def test_trap_51_a_body_that_is_too_large_is_413(home: House) -> None:
    async def pieces() -> Any:  # nobody says beforehand how long it will be
        for _ in range(17):
            yield b" " * 65536

    headers = {"Authorization": f"Bearer {home.fake.mint()}"}
    for large in (BytesIO(b" " * (incoming.LARGEST + 1)), pieces()):
        async with home.hands.session.post(home.hands.url, data=large, headers=headers) as got:
            assert got.status == 413


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"activity"',
        b"null",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
    ],
    ids=lambda raw: repr(raw[:8]),
)
async def test_trap_51_what_is_no_json_object_is_400(home: House, raw: bytes) -> None:
    assert await post(home, raw) == 400


async def test_a_compressed_body_that_is_none_is_400(home: House) -> None:
    assert await post(home, b"not gzip at all", **{"Content-Encoding": "gzip"}) == 400


async def test_a_body_that_does_not_arrive_is_408(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "READING", 0.2)

    async def slow() -> Any:
        yield b"{"
        await asyncio.sleep(1)
        yield b"}"

    headers = {"Authorization": f"Bearer {home.fake.mint()}"}
    try:
        async with home.hands.session.post(home.hands.url, data=slow(), headers=headers) as got:
            assert got.status == 408
    except aiohttp.ClientConnectionError:
        pytest.fail("the connection was cut without an answer")


ODD = [None, 7, "x", [], ["x"], {}, {"id": 7}, {"id": None}, True]


@pytest.mark.parametrize(
    "key",
    [
        *("type", "id", "name", "from", "conversation", "recipient", "channelData", "value"),
        *("text", "entities", "replyToId", "membersAdded", "action", "attachments"),
    ],
)
async def test_an_activity_that_misses_parts_is_never_500(
    home: House, body: dict[str, Any], key: str
) -> None:
    kinds: list[dict[str, Any]] = [{}, {"type": "conversationUpdate"}, {"type": "invoke"}]
    names = ("adaptiveCard/action", "task/fetch", "composeExtension/submitAction", "other/thing")
    kinds += [{"type": "invoke", "name": name, "value": {}} for name in names]
    for more in kinds:
        for odd in ODD:
            sent = await home.hands.send({**body, **more, key: odd})
            assert sent.status in (200, 400, 403, 501), (key, odd, more, sent.text)


async def test_trap_45_nothing_secret_is_logged(
    home: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = home.fake.mint(expires_in=-4000)
    activity = home.hands.make.message(
        home.users["engineer"],
        home.fake.personal_chat(home.users["engineer"]),
        "the salary of everyone",
        mentions=False,
    )
    assert (await home.hands.send(activity, token=token)).status == 401
    assert (await home.hands.send({**activity, "conversation": {}})).status == 400
    assert (await home.hands.send(activity)).status == 200
    await home.settle()
    for secret in (token, home.fake.password, "salary", *home.fake.tokens.issued):
        assert secret not in caplog.text
