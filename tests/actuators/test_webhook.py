"""The webhook, over HTTP, against an address that answers anything."""

import json
import logging
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actuators.actuator import Acted, ActFailed
from bot.actuators.signing import signature, signing_keys
from bot.actuators.webhook import WebhookActuator, order_schema
from guardrails.orders import OPERATIONS, Operation, Order
from guardrails.policy.actuators import Webhook
from tests.actuators.given_orders import order
from tests.conftest import NOW, Clock
from tests.fakes.webhook_address import Address, Reply

ROOT = Path(__file__).resolve().parents[2]
#: The example of Standard Webhooks' documentation and libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EXAMPLE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    async with Address() as served:
        yield served


def made(
    url: str, clock: Clock, environ: dict[str, str] | None = None, **section: Any
) -> WebhookActuator:
    policy = {"name": "rooms", "kind": "webhook", "url": url, "secret": "ROOMS_SECRET"}
    return WebhookActuator(
        Webhook.model_validate(policy | section),
        {"ROOMS_SECRET": SECRET} if environ is None else environ,
        clock=clock,
    )


@pytest.fixture
async def actuator(address: Address, clock: Clock) -> AsyncIterator[WebhookActuator]:
    actuator = made(address.url, clock, timeout_seconds=1)
    yield actuator
    await actuator.close()


async def failed(actuator: WebhookActuator, operation: Operation = "allocate") -> ActFailed:
    with pytest.raises(ActFailed) as raised:
        await actuator.carry_out(order(operation))
    return raised.value


# --- what is sent -------------------------------------------------------------------------------------


def test_the_signature_is_that_of_standard_webhooks() -> None:
    keys = signing_keys(SECRET)
    body = b'{"test": 2432232314}'
    assert signature(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == EXAMPLE


def test_two_secrets_make_two_signatures() -> None:
    body = b'{"test": 2432232314}'
    both = signature(
        signing_keys(f"an-older-one {SECRET}"), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body
    )
    assert both.split(" ")[1] == EXAMPLE
    assert len(both.split(" ")) == 2


@given(st.binary(min_size=1, max_size=80))
def test_a_secret_without_its_padding_is_the_same(key: bytes) -> None:
    import base64

    coded = "whsec_" + base64.b64encode(key).decode()
    assert signing_keys(coded) == signing_keys(coded.rstrip("=")) == (key,)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_order_is_posted_as_the_schema_says(
    address: Address, actuator: WebhookActuator, operation: Operation
) -> None:
    given = order(operation, handle={"room": "12"}, resources={"gpu": "H100", "gpus": 2})
    await actuator.carry_out(given)
    (came,) = address.came
    posted = json.loads(came.body)
    jsonschema.Draft202012Validator(order_schema()).validate(posted)
    assert Order.model_validate(posted) == given
    assert posted["cap"] == "500.25"
    assert came.path == "/orders"
    assert came.headers["content-type"] == "application/json"
    assert came.headers["webhook-id"] == given.id
    timestamp = int(came.headers["webhook-timestamp"])
    assert timestamp == int(NOW.timestamp())
    signed = signature(signing_keys(SECRET), given.id, timestamp, came.body)
    assert came.headers["webhook-signature"] == signed


def test_the_published_schema_is_current() -> None:
    written = json.loads((ROOT / "docs" / "order.schema.json").read_text())
    assert written == order_schema(), (
        "run: python -c 'from pathlib import Path; from bot.actuators.webhook import write_order_schema; "
        'write_order_schema(Path("docs/order.schema.json"))\''
    )


def test_the_schema_takes_what_a_later_version_adds() -> None:
    posted = json.loads(order("allocate").model_dump_json()) | {"color": "green"}
    jsonschema.Draft202012Validator(order_schema()).validate(posted)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(order_schema()).validate(posted | {"operation": "destroy"})


# --- what is answered ---------------------------------------------------------------------------------


async def test_what_the_receiver_says_is_said_and_its_handle_kept(
    address: Address, actuator: WebhookActuator
) -> None:
    said = {"said": " Room 12\nis\u202e open. ", "handle": {"room": "12"}, "more": 1}
    address.replies.append(Reply(201, json.dumps(said).encode()))
    assert await actuator.carry_out(order("allocate")) == Acted("Room 12 is open.", {"room": "12"})


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("reply", [Reply(200), Reply(204), Reply(200, b" \n"), Reply(202, b"{}")])
async def test_a_receiver_may_say_nothing(
    address: Address, actuator: WebhookActuator, operation: Operation, reply: Reply
) -> None:
    address.replies.append(reply)
    acted = await actuator.carry_out(order(operation))
    assert acted.said.endswith(".")
    assert acted.handle == {}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"OK", "not JSON"),
        (b"<html></html>", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 50000, "not JSON"),
        (b'["said"]', "Input should be"),
        (b'{"said": 5}', "said: Input should be a valid string"),
        (b'{"handle": {"room": {"number": 12}}}', "handle.room: Input should be a valid string"),
        (b'{"handle": {"": "12"}}', "handle"),
        (json.dumps({"handle": {f"k{n}": "v" for n in range(21)}}).encode(), "handle"),
        (json.dumps({"handle": {"k": "v" * 501}}).encode(), "handle.k"),
        (json.dumps({"said": "x" * 2001}).encode(), "said"),
        (json.dumps({"said": "x" * 70000}).encode(), "longer than 64 KiB"),
    ],
)
async def test_garbage_is_said_to_be_garbage_and_tried_again(
    address: Address, actuator: WebhookActuator, body: bytes, why: str
) -> None:
    address.replies.append(Reply(200, body))
    error = await failed(actuator)
    assert not error.final
    assert why in error.reason
    assert '{"said": "...", "handle": {...}}' in error.reason
    assert isinstance(await actuator.carry_out(order("allocate")), Acted)


async def test_an_answer_without_an_end_is_not_read_to_it(
    address: Address, actuator: WebhookActuator
) -> None:
    address.replies.append(Reply(endless=True))
    error = await failed(actuator)
    assert "longer than 64 KiB" in error.reason


@pytest.mark.parametrize(
    ("status", "header", "after"),
    [
        (408, None, None),
        (425, "5", 5.0),
        (429, "7.5", 7.5),
        (500, None, None),
        (503, "Mon, 23 Nov 2026 09:02:00 GMT", 120.0),
        (503, "Mon, 23 Nov 2026 08:00:00 GMT", 0.0),
        (503, "-3", 0.0),
        (503, "soon", None),
        (503, "nan", None),
        (503, "inf", None),
        (503, "Mon, 99 Foo 2026", None),
        (599, "99999999999", 86400.0),
    ],
)
async def test_a_receiver_that_cannot_now_is_asked_again_when_it_says(
    address: Address,
    actuator: WebhookActuator,
    status: int,
    header: str | None,
    after: float | None,
) -> None:
    headers = {"Retry-After": header} if header is not None else {}
    address.replies.append(Reply(status, b'{"error": "not now"}', headers=headers))
    error = await failed(actuator)
    assert not error.final
    assert error.after == after
    assert error.reason == f"The webhook rooms answered {status}: not now."


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(400, b'{"error": "The cap is too high."}'), "answered 400: The cap is too high."),
        (Reply(409, b'{"detail": [{"msg": "taken"}]}'), "answered 409: taken."),
        (Reply(422, b'{"title": "No", "detail": "no team"}'), "answered 422: no team."),
        (Reply(402, b"No money.", "text/plain"), "answered 402: No money."),
        (Reply(404, b"<html>Not found</html>", "text/html"), "answered 404. Check its address"),
        (
            Reply(401, b'{"message": "bad signature"}'),
            "has the secret of ROOMS_SECRET and the right",
        ),
        (Reply(410), "answered 410. Its receiver is gone"),
        (Reply(400, b"\x00\xff", "text/plain"), "answered 400"),
        (Reply(400, b"[" * 50000), "answered 400."),
        (Reply(302, headers={"Location": "/elsewhere"}), "redirects are not followed"),
        (Reply(307, headers={"Location": "/elsewhere"}), "redirects are not followed"),
    ],
)
async def test_a_refusal_is_final_and_has_the_receivers_reason(
    address: Address, actuator: WebhookActuator, reply: Reply, reason: str
) -> None:
    address.replies.append(reply)
    error = await failed(actuator)
    assert error.final
    assert reason in error.reason
    assert len(address.came) == 1


async def test_a_long_reason_is_cut_and_has_no_control_characters(
    address: Address, actuator: WebhookActuator
) -> None:
    said = json.dumps({"error": "a\x00b\u200bc\r\n" + "word " * 200})
    address.replies.append(Reply(400, said.encode()))
    error = await failed(actuator)
    assert "a b c word word" in error.reason
    assert "…" in error.reason
    assert len(error.reason) < 240


@pytest.mark.parametrize("reply", [Reply(lost=True), Reply(silent=1.5)])
async def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_id(
    address: Address, actuator: WebhookActuator, clock: Clock, reply: Reply
) -> None:
    address.replies.append(reply)
    error = await failed(actuator, "halt")
    assert not error.final
    assert error.reason.endswith("it may have acted.")
    await actuator.carry_out(order("halt"))
    first, second = address.came
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "order-halt"
    assert first.body == second.body


async def test_an_address_where_nobody_listens_is_tried_again(clock: Clock) -> None:
    async with Address() as address:
        url = address.url
    actuator = made(url, clock)
    error = await failed(actuator)
    assert not error.final
    assert error.reason.startswith("The webhook rooms cannot be reached (")
    await actuator.close()


async def test_an_address_that_is_none_is_final(clock: Clock) -> None:
    actuator = made("http://:80:80/", clock)
    error = await failed(actuator)
    assert error.final
    assert "address of the webhook rooms" in error.reason
    await actuator.close()


# --- the secret ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "ROOMS_SECRET is not set"),
        ({"ROOMS_SECRET": ""}, "ROOMS_SECRET is not set"),
        ({"ROOMS_SECRET": "  "}, "ROOMS_SECRET is empty"),
        ({"ROOMS_SECRET": "whsec_!!hidden!!"}, "begins with whsec_ and is not base64"),
        ({"ROOMS_SECRET": "whsec_"}, "whsec_ and nothing else"),
    ],
)
async def test_without_a_secret_nothing_is_sent(
    address: Address, clock: Clock, environ: dict[str, str], why: str
) -> None:
    actuator = made(address.url, clock, environ)
    error = await failed(actuator)
    assert error.final
    assert why in error.reason
    assert "hidden" not in error.reason
    assert await actuator.check() == error.reason
    assert address.came == []


async def test_a_short_secret_is_found_by_the_doctor(address: Address, clock: Clock) -> None:
    actuator = made(address.url, clock, {"ROOMS_SECRET": "hunter2"})
    wrong = await actuator.check()
    assert wrong is not None
    assert "fewer than 24 bytes" in wrong
    assert "hunter2" not in wrong
    assert await made(address.url, clock).check() is None
    assert address.came == []


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_dry_run_sends_nothing(
    address: Address, clock: Clock, operation: Operation
) -> None:
    url = address.url.replace("http://", "http://user:hidden@") + "?token=hidden"
    actuator = made(url, clock, {}, dry_run=True)
    acted = await actuator.carry_out(order(operation))
    assert acted.said.startswith("Dry run: the webhook rooms would be told to ")
    assert acted.said.endswith("Nothing was sent.")
    assert "hidden" not in acted.said
    assert address.came == []


async def test_no_secret_is_said_or_logged(
    address: Address,
    actuator: WebhookActuator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"error": f"expected {SECRET}", "said": f"with {SECRET}"}).encode()
    said = []
    for status in (200, 400, 401, 500):
        address.replies.append(Reply(status, echo))
        try:
            acted = await actuator.carry_out(order("allocate"))
            said.append(acted.said)
        except ActFailed as error:
            said += [error.reason, str(error), repr(error)]
    assert len(said) == 10
    text = "\n".join([*said, repr(actuator), *(record.getMessage() for record in caplog.records)])
    assert SECRET not in text
    assert SECRET.removeprefix("whsec_") not in text


async def test_an_order_of_any_size_goes_out(address: Address, actuator: WebhookActuator) -> None:
    await actuator.carry_out(order("change", cap=Decimal("1e30"), reason="é" * 5000))
    assert json.loads(address.came[0].body)["cap"] == "1E+30"


async def test_a_secret_of_plain_words_is_blotted_out_too(address: Address, clock: Clock) -> None:
    actuator = made(address.url, clock, {"ROOMS_SECRET": "open-sesame old-sesame"})
    address.replies.append(Reply(400, b'{"error": "not open-sesame, old-sesame"}'))
    error = await failed(actuator)
    assert error.reason == "The webhook rooms answered 400: not …, …."
    await actuator.close()
