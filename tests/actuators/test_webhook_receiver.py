"""The receiver of the example, started as its users start it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.actuators.actuator import ActFailed
from bot.actuators.calls import utc_now
from bot.actuators.signing import signature, signing_keys
from bot.actuators.webhook import WebhookActuator
from guardrails.orders import OPERATIONS
from guardrails.policy.actuators import Webhook
from tests.actuators.given_orders import order
from tests.actuators.receiving import EXAMPLE, SECRET, receiving

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@asynccontextmanager
async def address(secrets: str = SECRET, state: Path | None = None) -> AsyncIterator[str]:
    """Where a receiver in a process of its own listens."""
    async with receiving(secrets, state) as receiver:
        yield receiver.url


@asynccontextmanager
async def calling(
    url: str, secret: str = SECRET, clock: Callable[[], Any] = utc_now
) -> AsyncIterator[WebhookActuator]:
    section = Webhook(name="rooms", kind="webhook", url=url, secret="ROOMS_SECRET")
    actuator = WebhookActuator(section, {"ROOMS_SECRET": secret}, clock=clock)
    yield actuator
    await actuator.close()


async def there(url: str) -> Any:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return (await response.json())["sandboxes"]


async def test_a_sandboxs_whole_life() -> None:
    async with address() as url, calling(url) as actuator:
        acted = await actuator.carry_out(order("allocate"))
        assert acted.said == "room-7f3a is open for search-rerank until 2026-12-01."
        assert acted.handle == {"room": "room-7f3a"}
        assert (await there(url))["7f3a"]["state"] == "active"
        await actuator.carry_out(order("throttle"))
        assert (await there(url))["7f3a"]["state"] == "throttled"
        await actuator.carry_out(order("halt"))
        await actuator.carry_out(order("change", cap="600"))
        assert (await there(url))["7f3a"]["state"] == "halted"
        assert (await there(url))["7f3a"]["cap"] == "600 USD"
        await actuator.carry_out(order("resume"))
        assert (await there(url))["7f3a"]["state"] == "active"
        acted = await actuator.carry_out(order("close"))
        assert acted.said == "room-7f3a is removed."
        assert await there(url) == {}


async def test_an_order_acts_once_also_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "sandboxes.json"
    async with address(state=state) as url, calling(url) as actuator:
        first = await actuator.carry_out(order("allocate"))
        assert await actuator.carry_out(order("allocate")) == first
        await actuator.carry_out(order("halt"))
    async with address(state=state) as url, calling(url) as actuator:
        # the same order again, after a later one: it must not open the sandbox
        assert await actuator.carry_out(order("allocate")) == first
        assert (await there(url))["7f3a"]["state"] == "halted"


@pytest.mark.parametrize("operation", ["halt", "throttle", "close"])
async def test_what_is_not_there_is_done(operation: Any) -> None:
    async with address() as url, calling(url) as actuator:
        acted = await actuator.carry_out(order(operation))
        assert acted.said == "There is nothing of it here."


async def test_another_secret_is_refused() -> None:
    async with address() as url, calling(url, OTHER) as actuator:
        with pytest.raises(ActFailed, match="The signature is wrong") as refused:
            await actuator.carry_out(order("allocate"))
        assert refused.value.final
        assert "ROOMS_SECRET" in refused.value.reason
        assert await there(url) == {}


async def test_a_secret_is_exchanged_without_a_gap() -> None:
    async with address() as url, calling(url, f"{OTHER} {SECRET}") as actuator:
        await actuator.carry_out(order("allocate"))
    async with address(f"{SECRET} {OTHER}") as url, calling(url, OTHER) as actuator:
        await actuator.carry_out(order("allocate"))


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_message_from_another_time_is_refused(minutes: int) -> None:
    async with (
        address() as url,
        calling(url, clock=lambda: utc_now() + timedelta(minutes=minutes)) as actuator,
    ):
        with pytest.raises(ActFailed, match="more than five minutes off"):
            await actuator.carry_out(order("allocate"))
        assert await there(url) == {}


async def test_what_cannot_be_taken_is_refused_with_a_reason() -> None:
    whole = json.loads(order("allocate").model_dump_json())
    bodies: list[tuple[bytes, int, str]] = [
        (b"not json", 400, "not JSON"),
        (b"[]", 400, "operation"),
        (json.dumps(whole | {"operation": "destroy"}).encode(), 400, "operation"),
        (json.dumps(whole | {"sandbox": None}).encode(), 400, "sandbox"),
        (json.dumps(whole | {"tags": "none"}).encode(), 400, "tags"),
        (b" " * 70000, 413, "64 KiB"),
    ]
    async with address() as url, aiohttp.ClientSession() as http:
        for body, status, reason in bodies:
            now = int(utc_now().timestamp())
            headers = {
                "webhook-id": "one",
                "webhook-timestamp": str(now),
                "webhook-signature": signature(signing_keys(SECRET), "one", now, body),
            }
            async with http.post(url, data=body, headers=headers) as response:
                assert response.status == status
                assert reason in (await response.json())["error"]
        # a body that was changed on its way, and no signature at all
        async with http.post(url, data=b"{}", headers=headers) as response:
            assert response.status == 401
        async with http.post(url, data=b"{}") as response:
            assert response.status == 401
        assert await there(url) == {}


async def test_many_at_once_are_each_done_once() -> None:
    async with address() as url, calling(url) as actuator:
        orders = [order("allocate", id=f"o{n}", sandbox=f"s{n % 5}") for n in range(20)]
        await asyncio.gather(*(actuator.carry_out(one) for one in orders))
        assert sorted(await there(url)) == [f"s{n}" for n in range(5)]


async def test_every_operation_is_known_to_the_example() -> None:
    async with address() as url, calling(url) as actuator:
        for operation in OPERATIONS:
            assert (await actuator.carry_out(order(operation))).said.endswith(".")


async def test_without_a_secret_it_does_not_start() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        env={**os.environ, "SANDBOX_WEBHOOK_SECRET": ""},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"SANDBOX_WEBHOOK_SECRET has no secret in it" in said
