"""The runner of orders: tried again and given up as told, each order once at a time, and no key is ever stored."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select

import bot.acting
from bot.acting import GIVE_UP, WAITS, Acting
from bot.actuators.actuator import Acted, ActFailed, Actuator
from bot.actuators.making import make_actuators
from bot.delivery import Delivery
from bot.kernel import Kernel
from guardrails.orders import Order
from handlers.conversation import Private
from storage.database import Database
from storage.tables.delivery import Delivered
from storage.tables.sandboxes import Actuation, Sandbox
from tests.actuators.receiving import SECRET
from tests.bot.wall import Wall
from tests.conftest import Clock
from tests.handlers.sandboxing import FORM, Sand, labels, refused, sandbox_policy

KEY = "sk-0123456789abcdef"


class Platform:
    """An actuator that does as it is told, and keeps what it was told."""

    name = "platform"

    def __init__(self) -> None:
        self.told: list[Order] = []
        self.busy: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.closed = 0
        self.does: Callable[[Order], Awaitable[Acted]] = self._there

    async def _there(self, order: Order) -> Acted:
        return Acted(f"{order.operation}: there", {"at": order.operation})

    async def carry_out(self, order: Order) -> Acted:
        self.told.append(order)
        here = self.busy[order.name] = self.busy.get(order.name, 0) + 1
        self.most[order.name] = max(here, self.most.get(order.name, 0))
        try:
            return await self.does(order)
        finally:
            self.busy[order.name] -= 1

    async def check(self) -> str | None:
        return None

    async def close(self) -> None:
        self.closed += 1

    def key_of(self, sandbox_id: str) -> str:
        return f"{KEY}-{sandbox_id}"

    @property
    def operations(self) -> list[str]:
        return [o.operation for o in self.told]


class House(Sand):
    """The handlers, and a running bot on the same database."""

    def __init__(self, database: Database, loaded: Any, clock: Clock) -> None:
        super().__init__(database, loaded, clock)
        self.platform = Platform()

    def kernel(self, actuator: Actuator | None = None) -> Kernel:
        surfaces = {"wall": Wall()}
        delivery = Delivery(self.database, surfaces, self.clock)
        actuators = {"platform": actuator or self.platform}
        return Kernel(self.database, self.loaded, surfaces, delivery, self.clock, actuators)

    def acting(self) -> Acting:
        return Acting(self.kernel())

    def order(self) -> Any:
        return self.orders()[-1]


@pytest.fixture
def house(database: Database, clock: Clock) -> House:
    return House(database, sandbox_policy(), clock)


def failing(*errors: Exception) -> Callable[[Order], Awaitable[Acted]]:
    """Fails so, one after the other, and then does it."""
    left = list(errors)

    async def does(order: Order) -> Acted:
        if left:
            raise left.pop(0)
        return Acted("there")

    return does


# --- done, tried again, given up --------------------------------------------------------------------


async def test_orders_are_carried_out_and_recorded(house: House) -> None:
    house.ask()
    runner = house.acting()
    await runner.drain()
    assert house.sandbox("try-lora").state == "active"
    assert house.order().said == "allocate: there"
    assert house.sandbox("try-lora").handles == {"platform": {"at": "allocate"}}
    assert await runner.look() == 0
    assert house.platform.operations == ["allocate"]


async def test_what_fails_is_tried_again_ever_later(house: House) -> None:
    house.ask()
    house.platform.does = failing(*(ActFailed("The gateway is down.") for _ in range(9)))
    runner = house.acting()
    for seconds in (*WAITS, WAITS[-1]):
        await runner.drain()
        row = house.order()
        assert row.state == "waiting"
        assert row.not_before - house.clock() == timedelta(seconds=seconds)
        house.clock.now = row.not_before - timedelta(seconds=1)
        assert await runner.look() == 0
        house.clock.now = row.not_before
    await runner.drain()
    assert house.sandbox("try-lora").state == "active"
    assert sum("fails so far: The gateway is down." in s for s in house.said()) == 1
    assert len({o.id for o in house.platform.told}) == 1  # the same order each time


@pytest.mark.parametrize(("after", "seconds"), [(45.0, 45), (0.5, 2), (99_999.0, 3600)])
async def test_it_waits_as_long_as_the_other_side_says_but_not_for_ever(
    house: House, after: float, seconds: int
) -> None:
    house.ask()
    house.platform.does = failing(ActFailed("Slow down.", after=after))
    await house.acting().drain()
    assert house.order().not_before - house.clock() == timedelta(seconds=seconds)


async def test_what_cannot_succeed_is_given_up_at_once_and_can_be_tried_again(house: House) -> None:
    house.ask()
    house.platform.does = failing(ActFailed("The key is wrong.", final=True))
    runner = house.acting()
    await runner.drain()
    assert house.order().state == "failed"
    assert labels(house.card_of())[0] == "Try again"
    house.clock.now += timedelta(days=3)
    assert await runner.look() == 0
    house.act("press", "sandbox.again", house.sandbox("try-lora").id)
    await runner.drain()
    assert house.sandbox("try-lora").state == "active"


async def test_after_a_day_it_is_given_up_and_try_again_gives_it_another_day(house: House) -> None:
    house.ask()
    house.platform.does = failing(*(ActFailed("Down.") for _ in range(3)))
    runner = house.acting()
    await runner.drain()
    house.clock.now += GIVE_UP + timedelta(minutes=1)
    await runner.drain()
    assert house.order().state == "failed"
    house.act("press", "sandbox.again", house.sandbox("try-lora").id)
    await runner.drain()
    assert house.order().state == "waiting"
    house.clock.now += timedelta(hours=1)
    await runner.drain()
    assert house.sandbox("try-lora").state == "active"


async def test_what_does_not_answer_is_told_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.acting, "LONGEST", 0.05)
    house.ask()

    async def hangs(order: Order) -> Acted:
        await asyncio.sleep(30)
        return Acted("never")

    house.platform.does = hangs
    runner = house.acting()
    await runner.drain()
    row = house.order()
    assert (row.state, row.said) == ("waiting", "It did not answer in time.")
    house.platform.does = failing()
    house.clock.now = row.not_before
    await runner.drain()
    assert house.sandbox("try-lora").state == "active"


async def test_an_actuator_that_breaks_holds_up_nobody(house: House) -> None:
    """An error that nobody foresaw says its kind alone: its words might hold a secret."""
    house.ask()
    house.ask(name="second")
    calls = failing(RuntimeError(f"Bearer {KEY}"))

    async def does(order: Order) -> Acted:
        return Acted("there") if order.name == "second" else await calls(order)

    house.platform.does = does
    runner = house.acting()
    await runner.drain()
    assert house.sandbox("second").state == "active"
    assert house.order().said == "It failed: RuntimeError."
    house.clock.now += timedelta(seconds=3)
    await runner.drain()
    assert house.sandbox("try-lora").state == "active"


# --- more than one ----------------------------------------------------------------------------------


async def test_two_runners_carry_each_order_out_once_and_in_order(house: House) -> None:
    house.loaded = sandbox_policy(("cap_month: 5000,\n       at_once: 3,", ""))
    names = [f"s{n}" for n in range(5)]
    for name in names:
        house.ask(name=name, estimate="100")
    held = asyncio.Event()

    async def slowly(order: Order) -> Acted:
        await asyncio.wait_for(held.wait(), 20)
        return Acted("there")

    house.platform.does = slowly
    one, two = house.acting(), house.acting()
    claimed = await asyncio.gather(one.look(), two.look(), one.look(), two.look())
    assert sum(claimed) == len(names)
    for name in names:
        house.on("halt", sandbox=name, why="x")  # behind the set-up, in the same lane
    assert sum(await asyncio.gather(one.look(), two.look())) == 0
    held.set()
    for _ in range(3):
        await asyncio.gather(one.drain(), two.drain())
    for name in names:
        assert [o.operation for o in house.platform.told if o.name == name] == ["allocate", "halt"]
        assert house.platform.most[name] == 1
        assert [o.state for o in house.orders(name)] == ["done", "done"]
        assert house.sandbox(name).state == "halted"


async def test_lanes_do_not_wait_for_each_other(house: House) -> None:
    house.ask()
    held = asyncio.Event()

    async def slowly(order: Order) -> Acted:
        if order.name == "try-lora":
            await asyncio.wait_for(held.wait(), 20)
        return Acted("there")

    house.platform.does = slowly
    runner = house.acting()
    await runner.look()
    house.ask(name="second")
    await runner.look()
    for _ in range(200):
        if house.sandbox("second").state == "active":
            break
        await asyncio.sleep(0.02)
    assert house.states() == {"try-lora": "allocated", "second": "active"}
    held.set()
    await runner.drain()
    assert house.sandbox("try-lora").state == "active"


async def test_a_runner_that_died_is_taken_over_and_its_late_answer_counts_for_nothing(
    house: House,
) -> None:
    house.ask()
    held = asyncio.Event()
    calls = 0

    async def first_hangs(order: Order) -> Acted:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.wait_for(held.wait(), 20)
            return Acted("late")
        return Acted("there")

    house.platform.does = first_hangs
    dead, alive = house.acting(), house.acting()
    await dead.look()
    house.clock.now += timedelta(minutes=2)
    await alive.drain()
    assert house.order().said == "there"
    held.set()
    await dead.drain()
    row = house.order()
    assert (row.state, row.said, row.attempts) == ("done", "there", 2)
    assert len(house.audited("sandbox.active")) == 1


async def test_stopped_it_finishes_what_is_under_way(house: House) -> None:
    house.ask()
    begun = asyncio.Event()

    async def slowly(order: Order) -> Acted:
        begun.set()
        await asyncio.sleep(0.2)
        return Acted("there")

    house.platform.does = slowly
    running = asyncio.create_task(house.acting().run())
    await asyncio.wait_for(begun.wait(), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert house.sandbox("try-lora").state == "active"
    assert house.platform.closed == 1


# --- over HTTP --------------------------------------------------------------------------------------


class Gateway:
    """A real server that answers as a test says and keeps what it was told."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.bodies: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.url = ""

    async def told(self, request: web.Request) -> web.Response:
        self.bodies.append(json.loads(await request.text()))
        self.ids.append(request.headers["webhook-id"])
        return self.answers.pop(0) if self.answers else web.json_response({"said": "A namespace"})


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    made = Gateway()
    app = web.Application()
    app.router.add_post("/orders", made.told)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    made.url = f"http://{host}:{port}/orders"
    yield made
    await runner.cleanup()


async def test_a_webhook_is_called_through_all_of_a_sandboxs_life(
    sqlite: Database, clock: Clock, gateway: Gateway
) -> None:
    policy = sandbox_policy(("http://127.0.0.1:9", gateway.url))
    house = House(sqlite, policy, clock)
    made = make_actuators(policy.policy, {"PLATFORM_SECRET": SECRET})
    runner = Acting(house.kernel(made["platform"]))
    gateway.answers = [
        web.Response(status=503),
        web.Response(status=429, headers={"Retry-After": "30"}),
        web.Response(text="<html>busy</html>", content_type="text/html"),
    ]
    house.ask()
    await runner.drain()
    assert house.order().state == "waiting"
    house.clock.now += timedelta(seconds=2)
    await runner.drain()
    assert house.order().not_before - house.clock() == timedelta(seconds=30)
    for _ in range(3):
        house.clock.now += timedelta(minutes=10)
        await runner.drain()
    assert house.sandbox("try-lora").state == "active"
    assert len(set(gateway.ids)) == 1  # an idempotency key
    assert Decimal(gateway.bodies[-1]["cap"]) == 1200
    house.on("halt", why="x")
    await runner.drain()
    house.on("close", why="y")
    gateway.answers = [web.Response(status=403)]
    await runner.drain()
    assert house.order().state == "failed"
    house.act("press", "sandbox.again", house.sandbox("try-lora").id)
    await runner.drain()
    assert [b["operation"] for b in gateway.bodies][-3:] == ["halt", "close", "close"]
    assert {o.state for o in house.orders()} == {"done"}
    await runner.close()


# --- keys -------------------------------------------------------------------------------------------


def everything(database: Database) -> str:
    """All that the tables of messages and sandboxes hold."""
    with database.read() as connection:
        rows = [
            connection.execute(select(table.__table__)).all()
            for table in (Delivered, Sandbox, Actuation)
        ]
    return repr(rows)


async def test_the_key_is_shown_and_never_stored(house: House) -> None:
    house.active()
    kernel, subject = house.kernel(), house.sandbox("try-lora").id
    press = house.said_by("press", "sandbox.key", subject)
    for _ in range(2):  # delivered twice it is shown twice
        shown = await kernel.answer(press)
        assert isinstance(shown, Private)
        assert f"{KEY}-{subject}" in shown.message.model_dump_json()
        assert shown.secret is None
    assert press.delivery_id in everything(house.database)
    assert KEY not in everything(house.database)
    assert len(house.audited("sandbox.key-shown")) == 1
    other = await kernel.answer(house.said_by("press", "sandbox.key", subject, who="lead"))
    assert "shown to the sandbox's owner" in refused(other)


async def test_where_no_actuator_gives_out_keys_it_is_said(house: House) -> None:
    house.active()
    made = make_actuators(house.loaded.policy, {"PLATFORM_SECRET": SECRET})
    kernel = house.kernel(made["platform"])
    shown = await kernel.answer(house.said_by("press", "sandbox.key", house.sandbox("try-lora").id))
    assert "No actuator of this sandbox gives out keys here." in shown.model_dump_json()


async def test_the_bot_answers_a_request_and_the_runner_sets_it_up(house: House) -> None:
    kernel = house.kernel()
    answer = await kernel.answer(house.said_by("submission", "sandbox.request", **FORM))
    assert "being set up" in answer.model_dump_json()
    await Acting(kernel).drain()
    assert house.sandbox("try-lora").state == "active"
