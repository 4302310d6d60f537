"""Metrics that are pushed over real HTTP."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.metrics_door import AT_ONCE, PATH, add_routes
from bot.pushed_points import MOST, Wrong, read_points
from storage.bills.errors import BillError
from storage.bills.ingest import ingest
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.tables.spend import MetricPoint
from storage.tidy import tidy
from tests.bills.charges import charge, load_files, write_csv
from tests.conftest import NOW, Clock

TOKEN = "of-the-tests-0123456789"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
JSON = {**HEADERS, "Content-Type": "application/json"}
LINES = {**HEADERS, "Content-Type": "application/x-ndjson"}
POINT = {"day": "2026-11-22", "metric": "outputs", "value": 412, "feature": "search"}
_points = MetricPoint.__table__  # type: ignore[attr-defined]


class Endpoint:
    """The endpoint on loopback, and somebody who pushes."""

    def __init__(self, url: str, http: aiohttp.ClientSession, database: Database) -> None:
        self.url, self.http, self.database = url, http, database

    async def push(
        self, body: Any, headers: dict[str, str] = HEADERS, **more: str
    ) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers, **more}
        async with self.http.post(self.url, data=io.BytesIO(raw), headers=sent) as got:
            return got.status, await got.json()

    def stored(self) -> list[tuple[Any, ...]]:
        columns = (_points.c[n] for n in ("day", "metric", "value", "feature", "source"))
        with self.database.read() as connection:
            rows = connection.execute(select(*columns).order_by(_points.c.day, _points.c.metric))
            return [tuple(row) for row in rows]


async def _served(
    database: Database, loaded: LoadedPolicy, clock: Clock, token: str | None
) -> AsyncIterator[Endpoint]:
    kernel = Kernel(database, loaded, {}, Delivery(database, {}, clock), clock)
    app = web.Application()
    add_routes(app, kernel, token)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    async with aiohttp.ClientSession() as http:
        yield Endpoint(f"http://127.0.0.1:{port}{PATH}", http, database)
    await runner.cleanup()


@pytest.fixture
async def endpoint(
    database: Database, loaded: LoadedPolicy, clock: Clock
) -> AsyncIterator[Endpoint]:
    async for one in _served(database, loaded, clock, TOKEN):
        yield one


@pytest.fixture
async def small(sqlite: Database, loaded: LoadedPolicy, clock: Clock) -> AsyncIterator[Endpoint]:
    """Where the kind of database does not matter."""
    async for one in _served(sqlite, loaded, clock, TOKEN):
        yield one


# --- what is stored ---------------------------------------------------------------------------------


async def test_a_point_an_array_and_lines_are_stored_and_replaced(endpoint: Endpoint) -> None:
    assert await endpoint.push(POINT) == (200, {"stored": 1})
    more = [{**POINT, "value": 500.5}, {**POINT, "metric": "revenue", "unit": "USD"}]
    assert await endpoint.push(more) == (200, {"stored": 2})
    lines = b'\n{"day":"2026-11-23","metric":" score ","value":1e-3}\r\n\n'
    assert await endpoint.push(lines, LINES) == (200, {"stored": 1})
    assert endpoint.stored() == [
        (date(2026, 11, 22), "outputs", 500.5, "search", "api"),
        (date(2026, 11, 22), "revenue", 412.0, "search", "api"),
        (date(2026, 11, 23), "score", 0.001, "", "api"),
    ]


async def test_reading_the_files_leaves_what_was_pushed(endpoint: Endpoint, tmp_path: Path) -> None:
    """The story: ingest removed every source that the policy does not name, and so every pushed point."""
    write_csv(tmp_path / "bill.csv", [charge()])
    (tmp_path / "usage").mkdir()
    (tmp_path / "usage" / "a.csv").write_text(
        "day,metric,value,feature\n2026-11-22,calls,7,search\n"
    )
    await endpoint.push(POINT)
    policy = load_files("bill.csv", tmp_path, "metrics: [{name: usage, files: usage}]")
    for _ in range(2):
        report = ingest(policy, endpoint.database, today=date(2026, 11, 23))
        assert report.removed_metrics == ()
    assert [(row[1], row[4]) for row in endpoint.stored()] == [
        ("calls", "usage"),
        ("outputs", "api"),
    ]
    without = load_files("bill.csv", tmp_path)
    assert ingest(without, endpoint.database, today=date(2026, 11, 23)).removed_metrics == (
        "usage",
    )
    assert [row[4] for row in endpoint.stored()] == ["api"]


async def test_a_point_of_a_file_is_not_overwritten(endpoint: Endpoint) -> None:
    with endpoint.database.write() as connection:
        row = MetricPoint(
            source="usage", metric="outputs", day=date(2026, 11, 22), value=1, feature="search"
        )
        connection.execute(insert(_points).values(**row.model_dump(exclude={"id"})))
    status, said = await endpoint.push([{**POINT, "feature": "ads"}, POINT])
    assert status == 409
    assert said["error"] == "Nothing was stored: a point comes from another source."
    assert said["errors"] == [
        {"line": 2, "field": "metric", "error": "this point comes from usage; change it there"}
    ]
    assert [row[2:] for row in endpoint.stored()] == [(1.0, "search", "usage")]


def test_no_file_may_take_the_name_of_what_is_pushed(tmp_path: Path, sqlite: Database) -> None:
    write_csv(tmp_path / "bill.csv", [charge()])
    policy = load_files("bill.csv", tmp_path, "metrics: [{name: api, files: usage}]")
    with pytest.raises(BillError, match="call this source something else"):
        ingest(policy, sqlite, today=date(2026, 11, 23))


# --- once ---------------------------------------------------------------------------------------------


async def test_the_same_key_has_one_effect_and_one_answer(endpoint: Endpoint, clock: Clock) -> None:
    key = {"Idempotency-Key": "job-17"}
    assert await endpoint.push(POINT, **key) == (200, {"stored": 1})
    assert await endpoint.push([{**POINT, "value": 9}]) == (200, {"stored": 1})
    assert await endpoint.push(POINT, **key) == (200, {"stored": 1})
    assert endpoint.stored()[0][2] == 9.0  # the first request again changes nothing
    status, said = await endpoint.push({**POINT, "value": 1}, **key)
    assert (status, said["error"]) == (
        422,
        "This Idempotency-Key was used for another body; use a new one.",
    )
    tidy(endpoint.database, NOW + timedelta(days=8))
    assert (await endpoint.push({**POINT, "value": 1}, **key))[0] == 200


async def test_a_refusal_leaves_the_key_free(small: Endpoint) -> None:
    key = {"Idempotency-Key": "job-18"}
    assert (await small.push({**POINT, "value": "much"}, **key))[0] == 422
    assert (await small.push(POINT, **key))[0] == 200


async def test_the_same_request_twice_at_once(endpoint: Endpoint) -> None:
    body = [{**POINT, "feature": f"f{n}"} for n in range(500)]
    key = {"Idempotency-Key": "job-19"}
    answers = await asyncio.gather(*(endpoint.push(body, **key) for _ in range(AT_ONCE)))
    assert answers == [(200, {"stored": 500})] * AT_ONCE
    assert len(endpoint.stored()) == 500


async def test_other_orders_at_once_do_not_block_each_other(endpoint: Endpoint) -> None:
    body = [{**POINT, "feature": f"f{n}"} for n in range(300)]
    answers = await asyncio.gather(endpoint.push(body), endpoint.push(body[::-1]))
    assert answers == [(200, {"stored": 300})] * 2


# --- who may, and how -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
)
async def test_without_the_token_nothing_is_read(small: Endpoint, given: str) -> None:
    headers = {"Authorization": given} if given else {}
    async with small.http.post(small.url, data=b"{", headers=headers) as got:
        assert got.status == 401
        assert got.headers["WWW-Authenticate"].startswith("Bearer")
        assert TOKEN not in await got.text()


async def test_without_a_configured_token_it_says_so(
    sqlite: Database, loaded: LoadedPolicy, clock: Clock
) -> None:
    async for endpoint in _served(sqlite, loaded, clock, None):
        status, said = await endpoint.push(POINT, {"Authorization": "Bearer "})
        assert status == 503
        assert "has not set SANDRAIL_METRICS_TOKEN" in said["error"]


async def test_only_post_is_answered(small: Endpoint) -> None:
    async with small.http.get(small.url, headers=HEADERS) as got:
        assert (got.status, got.headers["Allow"]) == (405, "POST")
        assert "POST" in (await got.json())["error"]


async def test_content_types_and_keys_that_are_refused(small: Endpoint) -> None:
    assert (await small.push(POINT, **{"Content-Type": "text/csv"}))[0] == 415
    assert (await small.push(POINT, **{"Content-Encoding": "compress"}))[0] == 415
    assert (await small.push(POINT, **{"Idempotency-Key": "x" * 201}))[0] == 400
    assert (await small.push(POINT, **{"Idempotency-Key": "a b"}))[0] == 400
    assert small.stored() == []


async def test_gzip_is_unpacked_and_a_bomb_is_not(small: Endpoint) -> None:
    packed = {"Content-Encoding": "gzip"}
    assert await small.push(gzip.compress(json.dumps(POINT).encode()), **packed) == (
        200,
        {"stored": 1},
    )
    assert (await small.push(b"this is no gzip at all", Connection="close", **packed))[0] == 400
    assert (await small.push(gzip.compress(b" " * 60_000_000), **packed))[0] == 413


async def test_a_large_body_is_refused(small: Endpoint) -> None:
    large = io.BytesIO(b" " * (5 * 1024 * 1024 + 1))
    async with small.http.post(small.url, data=large, headers=JSON) as got:
        status, said = got.status, await got.json()
    assert (status, said["error"]) == (413, "The body is larger than 5 MiB; send less at once.")

    async def streamed() -> AsyncIterator[bytes]:
        for _ in range(90):
            yield b" " * 64 * 1024

    async with small.http.post(small.url, data=streamed(), headers=JSON) as got:
        assert got.status == 413
    many = [{**POINT, "feature": f"{n}"} for n in range(MOST + 1)]
    status, said = await small.push(many)
    assert (status, said["error"]) == (
        413,
        "20001 points are too many; send at most 20000 at once.",
    )


async def test_more_than_a_few_at_once_are_asked_to_come_back(small: Endpoint) -> None:
    address = urlsplit(small.url)
    body = json.dumps(POINT).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    slow = [await asyncio.open_connection(address.hostname, address.port) for _ in range(AT_ONCE)]
    for _, writer in slow:
        writer.write(head.encode() + body[:10])
        await writer.drain()
    for _ in range(200):
        async with small.http.post(small.url, data=body, headers=JSON) as got:
            if got.status == 429:
                assert got.headers["Retry-After"] == "1"
                break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("nobody was asked to come back")
    for reader, writer in slow:
        writer.write(body[10:])
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
    assert (await small.push(POINT))[0] == 200


# --- what is wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"value": "412"}, "value", "'412' is not a finite number"),
        ({"value": True}, "value", "True is not a finite number"),
        ({"value": 10**400}, "value", "not a finite number"),
        ({"day": "22.11.2026"}, "day", "'22.11.2026' is not a day such as 2026-11-23"),
        ({"day": "2026-02-30"}, "day", "“2026-02-30” is not a day of the calendar"),
        ({"day": "2026-11-25"}, "day", "2026-11-25 is in the future"),
        ({"day": "1999-12-31"}, "day", "1999-12-31 is too long ago"),
        ({"metric": "  "}, "metric", "must not be empty"),
        ({"metric": None}, "metric", "None is not a text"),
        ({"team": "a\u0000b"}, "team", "must be one line of plain text"),
        ({"team": "\ud800"}, "team", "is not a text that can be stored"),
        ({"team": "x" * 201}, "team", "is longer than 200 characters"),
        ({"featur": "x"}, "featur", "is not known; did you mean feature? allowed are day, metric"),
        ({"\ud800": "x"}, "", "is not a text that can be stored"),
    ],
)
async def test_each_mistake_is_named(
    small: Endpoint, change: dict[str, Any], field: str, said: str
) -> None:
    status, answer = await small.push([POINT, {**POINT, **change}])
    assert status == 422
    (mistake,) = answer["errors"]
    assert (mistake["line"], mistake["field"]) == (2, field)
    assert said in mistake["error"]
    assert small.stored() == []


async def test_all_mistakes_are_named_by_their_lines(small: Endpoint) -> None:
    lines = b'{"day":"2026-11-22","metric":"m","value":1}\n\n{"metric":"m","value":NaN}\n[]\n{"day":3}\n'
    status, answer = await small.push(lines, LINES)
    assert (status, answer["error"]) == (422, "Nothing was stored: 5 things are wrong.")
    assert [(e["line"], e["field"]) for e in answer["errors"]] == [
        (3, ""),
        (4, ""),
        (5, "day"),
        (5, "metric"),
        (5, "value"),
    ]
    assert answer["errors"][0]["error"] == "is not JSON: NaN is not JSON"
    many = [{**POINT, "value": "x"}] * 130
    status, answer = await small.push(many)
    assert (len(answer["errors"]), answer["more"]) == (100, 30)
    assert small.stored() == []


async def test_a_point_twice_is_said_once_or_refused(small: Endpoint) -> None:
    assert await small.push([POINT, POINT]) == (200, {"stored": 1})
    status, answer = await small.push([POINT, {**POINT, "value": 1}])
    assert status == 422
    assert "another value for the metric, day and names of line 1" in answer["errors"][0]["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"NaN", b"nul"])
async def test_what_is_no_json_is_a_clear_error(small: Endpoint, body: bytes) -> None:
    status, answer = await small.push(body)
    assert status in (400, 422)
    assert answer["error"].endswith(".")


_texts = st.text(max_size=5) | st.sampled_from(["search", "a\nb", " x "])
_values = st.floats() | st.integers() | st.booleans() | st.none() | st.text(max_size=3)
_names = st.sampled_from(["day", "metric", "value", "team", "unit", "other"])
_anything = st.dictionaries(_names, _texts | _values, max_size=6) | st.lists(_values, max_size=2)


@given(st.lists(_anything, max_size=5))
def test_whatever_is_sent_is_points_or_named_mistakes(values: list[Any]) -> None:
    body = "\n".join(json.dumps(v) for v in values).encode()
    try:
        found, wrong = read_points(body, "application/x-ndjson", NOW.date()), None
    except Wrong as error:
        found, wrong = [], error
    if wrong is None:
        assert 1 <= len(found) <= len(values)
    else:
        assert wrong.status == 422
        assert str(wrong)
        assert all(1 <= m.line <= len(values) and m.error for m in wrong.mistakes)
