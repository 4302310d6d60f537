"""The fake Teams keeps the rules that the bot is tested against."""

from urllib.parse import quote

import aiohttp
import jwt
import pytest

from tests.fakes.teams_caller import Caller, Json, a_card, execute, holding
from tests.fakes.teams_cards import problems, words
from tests.fakes.teams_server import FakeTeams
from tests.fakes.teams_state import Team, User
from tests.fakes.teams_tokens import GRAPH_SCOPE


async def test_signing_in(fake: FakeTeams, call: Caller, team: Team) -> None:
    assert (await call.sign_in(client_secret="wrong"))[1]["error"] == "invalid_client"
    assert (await call.sign_in(tenant="f" * 8))[0] == 400
    assert (await call("GET", f"v3/teams/{quote(team.id)}"))[0] == 401
    await call.sign_in(GRAPH_SCOPE)
    assert (await call("GET", f"v3/teams/{quote(team.id)}"))[0] == 401
    await call.sign_in()
    assert (await call("GET", f"v3/teams/{quote(team.id)}"))[1]["name"] == "Search"
    assert fake.token_requests == 5


async def test_a_token_is_verified_by_the_published_keys(fake: FakeTeams, call: Caller) -> None:
    async def verify(token: str) -> Json:
        _, metadata = await call("GET", "/v1/.well-known/openidconfiguration")
        _, found = await call("GET", metadata["jwks_uri"].removeprefix(fake.base))
        kid = jwt.get_unverified_header(token)["kid"]
        keys = {k["kid"]: k for k in found["keys"]}
        assert "msteams" in keys[kid]["endorsements"]
        key = jwt.PyJWK(keys[kid]).key
        return jwt.decode(token, key, ["RS256"], audience=fake.app_id, issuer=fake.issuer)

    first = fake.mint()
    assert (await verify(first))["serviceurl"] == fake.service_url
    fake.rotate_keys()
    with pytest.raises(KeyError):
        await verify(first)
    assert (await verify(fake.mint()))["aud"] == fake.app_id
    for wrong in (
        {"expires_in": -600},
        {"aud": "another"},
        {"iss": "https://example.com"},
        {"key": fake.other_key, "kid": fake.tokens.key.kid},
        {"alg": "none"},
        {"alg": "HS256"},
    ):
        with pytest.raises(jwt.InvalidTokenError):
            await verify(fake.mint(**wrong))
    assert fake.key_fetches == fake.metadata_fetches == 9


async def test_a_thread_in_a_channel(fake: FakeTeams, call: Caller, team: Team) -> None:
    channel = team.channels["ml-search"]
    status, made = await call(
        "POST",
        "v3/conversations",
        {
            "isGroup": True,
            "channelData": {"channel": {"id": channel}},
            "activity": holding(a_card()),
        },
    )
    assert status == 201
    assert made["id"] == f"{channel};messageid={made['activityId']}"
    status, reply = await call.send(made["id"], {"type": "message", "text": "Day 2"})
    assert status == 201
    (root,) = fake.roots(channel)
    assert words(root) == "Spend rose"
    assert [words(m) for m in fake.thread(channel, root["id"])] == ["Day 2"]
    away = f"v3/conversations/{quote(channel)}/activities/{root['id']}"  # names no thread
    assert (await call("POST", away, {"type": "message", "text": "Elsewhere"}))[0] == 201
    assert [words(m) for m in fake.roots(channel)] == ["Spend rose", "Elsewhere"]
    path = f"v3/conversations/{quote(made['id'])}/activities/{reply['id']}"
    assert (await call("PUT", path, {"type": "message", "text": "Day 3"}))[0] == 200
    assert fake.messages(made["id"])[1]["edited"] == 1
    assert (await call("DELETE", path))[0] == 200
    status, answer = await call("PUT", path, {"type": "message", "text": "Day 4"})
    assert (status, answer["error"]["code"]) == (404, "ActivityNotFoundInConversation")
    fake.uninstall(team)
    status, answer = await call.send(made["id"], {"type": "message", "text": "Day 4"})
    assert (status, answer["error"]["code"]) == (403, "BotNotInConversationRoster")


async def test_a_personal_chat(fake: FakeTeams, call: Caller, engineer: User) -> None:
    body = {"members": [{"id": engineer.mri}], "tenantId": fake.tenant}
    assert (await call("POST", "v3/conversations", body))[0] == 403
    fake.install_personal(engineer)
    _, made = await call("POST", "v3/conversations", body)
    text = {"type": "message", "text": "Hello"}
    assert (await call.send(made["id"], text))[0] == 201
    _, split = await call.send(made["id"], {**text, **holding(a_card())})
    assert "id" not in split
    assert len(fake.messages(made["id"])) == 3
    _, person = await call("GET", f"v3/conversations/{quote(made['id'])}/members/{engineer.oid}")
    assert person["email"] == "engineer@example.com"
    fake.block(engineer)
    assert (await call.send(made["id"], text))[1]["error"]["code"] == "MessageWritesBlocked"
    fake.remove_user(engineer)
    path = f"v3/conversations/{quote(made['id'])}/members/{quote(engineer.mri)}"
    assert (await call("GET", path))[0] == 404


async def test_what_teams_refuses(fake: FakeTeams, call: Caller, team: Team) -> None:
    channel = team.channels["ml-search"]
    long = {"type": "message", "text": "x" * 90_000}
    assert (await call.send(channel, long))[0] == 413
    assert (await call.send("19:nobody@thread.tacv2", long | {"text": "x"}))[0] == 404
    assert (await call.send(channel, holding(a_card({"type": "Action.Fly"}))))[0] == 400
    fake.rate_limits = True
    statuses = [(await call.send(channel, {"type": "message", "text": "x"}))[0] for _ in range(8)]
    assert statuses == [201] * 7 + [429]


async def test_bad_days(fake: FakeTeams, call: Caller, team: Team) -> None:
    channel = team.channels["ml-search"]
    fake.fail("POST", "/activities", 429, "Throttled", retry_after=3)
    assert (await call.send(channel, {"type": "message", "text": "x"}))[0] == 429
    fake.fail("POST", "/activities", 502)
    _, answer = await call.send(channel, {"type": "message", "text": "x"})
    assert "headers" in answer
    fake.lose()
    with pytest.raises(aiohttp.ClientError):
        await call.send(channel, {"type": "message", "text": "kept"})
    assert [words(m) for m in fake.roots(channel)] == ["kept"]


async def test_members_teams_and_groups(fake: FakeTeams, call: Caller, team: Team) -> None:
    guest = fake.add_user("guest@example.com", "Guest", guest=True)
    people = f"v3/conversations/{quote(team.id)}/pagedmembers?pageSize=1"
    _, first = await call("GET", people)
    _, second = await call("GET", f"{people}&continuationToken={first['continuationToken']}")
    assert [m["userRole"] for m in first["members"] + second["members"]] == ["user", "guest"]
    assert "continuationToken" not in second
    _, found = await call("GET", f"v3/teams/{quote(team.id)}/conversations")
    assert [c["name"] for c in found["conversations"]] == [None, "ml-search"]
    fake.add_group("g1", "FinOps", [guest])
    path = f"/graph/v1.0/users/{guest.oid}/checkMemberGroups"
    assert (await call("POST", path, {"groupIds": ["g1"]}))[0] == 401
    await call.sign_in(GRAPH_SCOPE)
    assert (await call("POST", path, {"groupIds": ["g1", "g2"]}))[1]["value"] == ["g1"]
    assert (await call("POST", path, {"groupIds": ["g1"] * 21}))[0] == 400
    assert (await call("GET", "/graph/v1.0/groups/g1"))[1]["displayName"] == "FinOps"
    fake.graph_denied = True
    assert (await call("POST", path, {"groupIds": ["g1"]}))[0] == 403


def test_cards_are_checked(fake: FakeTeams, engineer: User) -> None:
    known = fake.known_ids()
    assert problems(a_card(execute("Take")), known) == []
    assert problems(a_card(version="1.6"))
    assert problems(a_card(body=[{"type": "CodeBlock"}]))
    assert problems(a_card(*[execute(str(n)) for n in range(11)]))
    assert problems(a_card(execute("Take")), dialog=True)
    many = {"action": execute("r"), "userIds": [engineer.mri] * 61}
    assert "60 are allowed" in problems(a_card(refresh=many))[0]
    mention: Json = {"type": "mention", "text": "<at>ML engineer</at>"}
    mention["mentioned"] = {"id": engineer.mri, "name": "ML engineer"}
    said = [{"type": "TextBlock", "text": "By <at>ML engineer</at>"}]
    assert problems(a_card(body=said, msteams={"entities": [mention]}), known) == []
    assert problems(a_card(msteams={"entities": [mention]}), known)
    mention["mentioned"]["id"] = "29:nobody"
    assert problems(a_card(body=said, msteams={"entities": [mention]}), known)
