"""The console's HTTP: what a page may ask, what it gets, and who may not."""

import struct
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from bot.charts import draw
from bot.console.gate import TOKEN_HEADER
from handlers.conversation import Message, Multiples, Panel, Point, Scatter, Step, Waterfall
from storage.tables.spend import CostRollup
from tests.console import answers, said
from tests.console.client import ENGINEER, EXECUTIVE, Client, asked, words

# --- the page and what it may load ----------------------------------------------------------------


async def test_the_page_brings_its_token_and_forbids_everything_foreign(client: Client) -> None:
    async with client.http.get(client.desk.url + "/") as got:
        page = await got.text()
        policy = got.headers["Content-Security-Policy"]
    assert client.token in page
    assert "Example AI" in page
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Cache-Control"] == "no-store"
    assert "<script>" not in page
    assert "style=" not in page


async def test_files_are_served_with_their_type_and_not_twice(client: Client) -> None:
    address = client.desk.url + "/console/static/main.js"
    async with client.http.get(address) as got:
        assert got.content_type == "text/javascript"
        tag = got.headers["ETag"]
    async with client.http.get(address, headers={"If-None-Match": tag}) as again:
        assert again.status == 304
    for name in ("nothing.js", "..%2Fdoor.py", "page.html"):
        async with client.http.get(f"{client.desk.url}/console/static/{name}") as got:
            assert got.status == 404, name


# --- who may not ----------------------------------------------------------------------------------


HERE = ["localhost", "LOCALHOST:3000", "127.0.0.1:1", "[::1]", "[::1]:3000"]
ELSEWHERE = ["evil.example", "127.0.0.1.evil.example:80", "10.0.0.8:3000", ""]


async def test_a_name_that_was_rebound_to_this_machine_gets_nothing(client: Client) -> None:
    for host in ELSEWHERE:
        for path in ("/", "/console/api/session", "/console/static/main.js"):
            address = client.desk.url + path
            async with client.http.get(address, headers={"Host": host}) as got:
                assert got.status == 421, (host, path)
                assert client.token not in await got.text()
                assert "Content-Security-Policy" in got.headers


async def test_every_name_of_this_machine_is_answered(client: Client) -> None:
    for host in HERE:
        assert (await client.get("/channels", Host=host))[0] == 200, host


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({TOKEN_HEADER: ""}, "token"),
        ({TOKEN_HEADER: "guessed"}, "token"),
        ({"Origin": "https://evil.example"}, "cross-site"),
        ({"Origin": "null"}, "cross-site"),
        ({"Origin": "http://127.0.0.1:1"}, "cross-site"),
        ({"Sec-Fetch-Site": "cross-site"}, "cross-site"),
        ({"Sec-Fetch-Site": "same-site"}, "cross-site"),
        ({"Content-Type": "text/plain"}, "type"),
    ],
)
async def test_another_page_cannot_press(
    client: Client, change: dict[str, str], reason: str
) -> None:
    await client.desk.post("finops", "a1", said.alert())
    headers = {TOKEN_HEADER: client.token, **change}
    status, reply = await client.post("/press", asked(action="test.console.investigate"), headers)
    assert status in (403, 415)
    assert reply["reason"] == reason
    assert answers.effects == {}


async def test_another_page_cannot_read(client: Client) -> None:
    status, reply = await client.get("/session", **{"Sec-Fetch-Site": "cross-site"})
    assert (status, reply["reason"]) == (403, "cross-site")


# --- what is shown --------------------------------------------------------------------------------


async def test_the_session_names_people_with_their_roles_and_commands(client: Client) -> None:
    _, session = await client.get("/session")
    people = {p["name"]: p["roles"] for p in session["personas"]}
    assert people["ML engineer"] == ["engineer"]
    assert people["Executive"] == ["executive"]
    teams = {p["name"]: p["channel"] for p in session["personas"]}
    assert (teams["Search engineer"], teams["Executive"]) == ("search", None)
    assert session["workspace"]["time_zone"] == "Europe/Berlin"
    assert session["workspace"]["channel"] == "finops"
    assert "engineer" in session["presses"]["test.console.false-alarm"]
    assert "executive" not in session["presses"]["test.console.false-alarm"]
    commands = {c["name"]: c for c in session["commands"]}
    assert commands["test report"]["usage"] == "[team] [last-week]"
    assert "executive" not in commands["test rename"]["roles"]
    _, found = await client.get("/words")
    assert found == {"team": ["recommendations", "search"], "feature": [], "experiment": []}


async def test_the_words_of_the_bill_are_offered(client: Client) -> None:
    today = date(2026, 11, 20)
    rows = [
        {"day": today, "experiment": "recs-v2-retrain", "team": "recommendations"},
        {"day": today - timedelta(days=3), "experiment": "rerank", "team": "labs"},
        {"day": today - timedelta(days=99), "experiment": "long-gone", "team": "search"},
    ]
    same = {"bill": "cloud", "period": today, "currency": "USD", "cost_micros": 1}
    await client.desk.database.in_write(
        lambda c: c.execute(insert(CostRollup), [{**same, **row} for row in rows]).rowcount
    )
    _, found = await client.get("/words")
    assert found["experiment"] == ["recs-v2-retrain", "rerank"]
    assert found["team"] == ["labs", "recommendations", "search"]


async def test_channels_say_what_is_unread(client: Client) -> None:
    await client.desk.fill("finops", 3)
    _, found = await client.get("/channels?read=finops:1&read=nonsense&read=search:x")
    states = {c["name"]: c for c in found["channels"]}
    assert list(states) == ["finops", "recommendations", "search", "executives", "quiet-corner"]
    assert (states["finops"]["messages"], states["finops"]["unread"]) == (3, 2)
    assert (states["search"]["messages"], states["search"]["unread"]) == (0, 0)
    assert "recommendations" in states["recommendations"]["about"]


async def test_messages_come_in_pages_newest_last(client: Client) -> None:
    await client.desk.fill("finops", 9)
    _, newest = await client.get("/channels/finops/messages?limit=4")
    assert [m["id"] for m in newest["messages"]] == [6, 7, 8, 9]
    assert newest["older"]
    _, older = await client.get("/channels/finops/messages?limit=5&before=6")
    assert [m["id"] for m in older["messages"]] == [1, 2, 3, 4, 5]
    assert not older["older"]
    linked = await client.messages(query="?limit=2&back_to=7")
    assert [m["id"] for m in linked] == [2, 3, 4, 5, 6, 7, 8, 9]
    status, refused = await client.get("/channels/nowhere/messages")
    assert (status, refused["error"]) == (404, "There is no channel called nowhere.")


async def test_a_thread_has_its_root_and_its_replies(client: Client) -> None:
    await client.desk.post("finops", "a1", said.alert())
    await client.desk.reply("a1", "r1", said.news("First"))
    await client.desk.reply("a1", "r2", said.news("Second"))
    root = (await client.messages())[0]
    assert root["replies"] == 2
    assert root["last_reply_at"]
    _, thread = await client.get(f"/messages/{root['id']}/thread")
    assert [m["content"]["summary"] for m in thread["replies"]] == ["First", "Second"]
    _, reply = await client.get(f"/messages/{thread['replies'][0]['id']}")
    assert reply["thread_id"] == root["id"]
    for path in ("/messages/99", "/messages/99/thread", f"/messages/{reply['id']}/thread"):
        status, refused = await client.get(path)
        assert (status, refused["error"]) == (404, "There is no such message."), path


async def test_charts_are_pictures_in_both_colours_with_their_etag(client: Client) -> None:
    await client.desk.post("finops", "a1", said.alert())
    charts = (await client.messages())[0]["charts"]
    (address,) = charts.values()
    pictures = []
    for theme in ("light", "dark"):
        async with client.http.get(f"{client.desk.url}{address}&theme={theme}") as got:
            assert got.content_type == "image/png"
            pictures.append(await got.read())
            tag = got.headers["ETag"]
    assert pictures[0] != pictures[1]
    assert all(p.startswith(b"\x89PNG") for p in pictures)
    url = f"{client.desk.url}{address}&theme=dark"
    async with client.http.get(url, headers={"If-None-Match": tag}) as again:
        assert (again.status, await again.read()) == (304, b"")
    for path in ("/messages/1/charts/0", "/messages/1/charts/99", "/messages/9/charts/4"):
        assert (await client.get(path))[0] == 404, path


async def test_every_kind_of_chart_is_a_picture_as_high_as_its_address_says(client: Client) -> None:
    charts = (
        Scatter(
            title="Cost against quality", alt="words", x_label="Cost", x_unit="USD",
            y_label="Quality", y_unit="ndcg", points=(Point(name="ranker", x=1.0, y=0.5),),
        ),
        Waterfall(
            title="What changed", alt="words", unit="USD",
            start=Step(name="before", amount=Decimal("1.10")),
            steps=(Step(name="search", amount=Decimal("-0.20")),),
            end=Step(name="now", amount=Decimal("0.90")),
        ),
        Multiples(
            title="Spend", alt="words", unit="USD", days=(date(2026, 11, 1),),
            panels=(Panel(name="ranker", note="$1", values=(1.0,)),),
        ),
    )  # fmt: skip
    await client.desk.post("finops", "a1", Message(summary="charts", blocks=charts))
    found = (await client.messages())[0]["charts"]
    assert list(found) == ["0", "1", "2"]
    for chart, address in zip(charts, found.values(), strict=True):
        async with client.http.get(f"{client.desk.url}{address}&theme=dark") as got:
            picture = await got.read()
        width, height = struct.unpack(">II", picture[16:24])
        assert (width, f"h={height}") == (880, address.rpartition("&")[2])
        assert picture == draw(chart, dark=True)


# --- what someone does ----------------------------------------------------------------------------


async def test_a_press_changes_the_message_and_its_thread_for_all(client: Client) -> None:
    await client.desk.post("finops", "a1", said.alert())
    reply = await client.press("test.console.investigate")
    assert reply == {"kind": "done", "note": "You are on it."}
    message = (await client.messages())[0]
    assert "ML engineer is looking into it (1)." in words(message)
    assert (message["revision"], message["replies"]) == (2, 1)
    assert message["edited_at"]


async def test_the_same_delivery_again_has_no_second_effect(client: Client) -> None:
    await client.desk.post("finops", "a1", said.alert())
    body = asked(action="test.console.investigate")
    assert await client.post("/press", body) == await client.post("/press", body)
    assert answers.effects == {"a1": 1}
    other = {**body, "person": "lead@example.com"}
    await client.post("/press", other)
    assert answers.effects == {"a1": 2}, "one person's delivery is not another's"


async def test_a_menu_brings_its_choice(client: Client) -> None:
    await client.desk.post("finops", "a1", said.alert())
    await client.press("test.console.snooze", inputs={"choice": "3"})
    assert "Quiet for 3 days." in words((await client.messages())[0])


async def test_who_you_are_decides_what_you_may(client: Client) -> None:
    reply = await client.press("test.console.finance-only", EXECUTIVE)
    assert (reply["kind"], reply["reason"]) == ("refused", "not-allowed")
    assert "you have executive" in reply["sentence"]
    assert (await client.press("test.console.finance-only", ENGINEER))["kind"] == "done"


async def test_a_form_opens_refuses_fields_and_is_saved(client: Client) -> None:
    await client.desk.post("finops", "a1", said.alert())
    opened = await client.press("test.console.expected")
    assert opened["form"]["title"] == "This was expected"
    body = asked(action="test.console.expected", inputs={"why": "launch", "until": "2026-12-01"})
    _, refused = await client.post("/submission", body)
    assert list(refused["errors"]) == ["why"]
    body = asked(
        action="test.console.expected", inputs={"why": "planned launch", "until": "2026-12-01"}
    )
    _, saved = await client.post("/submission", body)
    assert saved["note"] == "Saved as expected."
    await client.desk.sent()
    assert "Expected until 2026-12-01." in words((await client.messages())[0])


@pytest.mark.parametrize(
    "typed", ["/test report search", "sandrail Test  REPORT search", "test report search"]
)
async def test_a_command_is_answered_privately_with_its_chart(client: Client, typed: str) -> None:
    status, reply = await client.post("/command", asked(text=typed))
    assert (status, reply["kind"]) == (200, "private")
    assert reply["message"]["summary"] == "Spend of search this week"
    (address,) = reply["charts"].values()
    async with client.http.get(f"{client.desk.url}{address}&theme=light") as got:
        assert (await got.read()).startswith(b"\x89PNG")
    assert await client.messages() == []
    status, gone = await client.get("/charts/0123456789abcdef")
    assert (status, gone["error"]) == (404, "This chart is no longer kept; ask again.")


async def test_an_unknown_command_names_the_nearest(client: Client) -> None:
    _, reply = await client.post("/command", asked(text="test reprot"))
    assert reply["kind"] == "refused"
    assert "/test report" in reply["sentence"]
    _, nothing = await client.post("/command", asked(text="/"))
    assert nothing["kind"] == "private", "nothing asks for help"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"person": "nobody@example.com"},
            "The policy's people do not include nobody@example.com.",
        ),
        ({"channel": "nowhere"}, "There is no channel called nowhere."),
        ({"delivery_id": "x"}, "delivery_id"),
        ({"inputs": {"a": 1}}, "inputs"),
        ({"roles": ["finops"]}, "roles"),
        ({"action": ""}, "action"),
    ],
)
async def test_a_request_that_cannot_be_read_changes_nothing(
    client: Client, change: dict[str, object], sentence: str
) -> None:
    status, reply = await client.post(
        "/press", asked() | {"action": "test.console.investigate"} | change
    )
    assert status == 422
    assert sentence in reply["error"]
    assert answers.effects == {}


@pytest.mark.parametrize(
    ("body", "kind", "status", "why"),
    [
        (b"{", "application/json", 400, "it is not JSON"),
        (b"\xff\xfe", "application/json", 400, "it is not JSON"),
        (b"{}", "application/json; charset=nope", 400, "its charset is not known"),
        (b"[" * 100_000, "application/json", 400, "it is nested too deeply"),
        (b'{"a":' * 100_000, "application/json", 400, "it is nested too deeply"),
        (b"[]", "application/json", 422, "the body"),
        (b"null", "application/json", 422, "the body"),
    ],
)
async def test_what_is_not_json_is_refused(
    client: Client, body: bytes, kind: str, status: int, why: str
) -> None:
    headers = {TOKEN_HEADER: client.token, "Content-Type": kind}
    for path in ("press", "note"):
        address = f"{client.desk.url}/console/api/{path}"
        async with client.http.post(address, data=body, headers=headers) as got:
            assert got.status == status
            assert f"cannot be read: {why}" in (await got.json())["error"]


async def test_a_button_from_before_an_update_says_so(client: Client) -> None:
    reply = await client.press("test.console.gone")
    assert reply["reason"] == "not-found"
