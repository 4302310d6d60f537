"""Sandboxes' keys on a LiteLLM proxy, over HTTP."""

import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actuators.actuator import Acted, ActFailed
from bot.actuators.litellm import LiteLLMActuator
from guardrails.orders import OPERATIONS, Operation
from guardrails.policy.actuators import LiteLLM
from tests.actuators.given_orders import TAGS, order
from tests.conftest import Clock
from tests.fakes.litellm_proxy import MASTER, FakeLiteLLM, Fault

ALIAS = "sandrail-7f3a"
LISTED_TAGS = sorted(f"{name}:{value}" for name, value in TAGS.items())


@pytest.fixture
async def proxy(clock: Clock) -> AsyncIterator[FakeLiteLLM]:
    async with FakeLiteLLM(clock) as fake:
        yield fake


def made(
    proxy: FakeLiteLLM, clock: Clock, environ: dict[str, str] | None = None, **section: Any
) -> LiteLLMActuator:
    policy: dict[str, Any] = {
        "name": "models",
        "kind": "litellm",
        "url": proxy.url,
        "key": "LITELLM_MASTER_KEY",
    }
    return LiteLLMActuator(
        LiteLLM.model_validate(policy | section),
        {"LITELLM_MASTER_KEY": MASTER} if environ is None else environ,
        zone=ZoneInfo("Europe/Berlin"),
        clock=clock,
        seconds=1.0,
    )


@pytest.fixture
async def actuator(proxy: FakeLiteLLM, clock: Clock) -> AsyncIterator[LiteLLMActuator]:
    actuator = made(proxy, clock)
    yield actuator
    await actuator.close()


async def chat(proxy: FakeLiteLLM, key: str, model: str = "small") -> tuple[int, str]:
    """The status and the type of error of a call to a model."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{proxy.url}/chat/completions",
            json={"model": model, "messages": [{"role": "user", "content": "Is it?"}]},
            headers={"Authorization": f"Bearer {key}"},
        ) as response,
    ):
        said = await response.json()
        return response.status, said.get("error", {}).get("type", "")


async def failed(actuator: LiteLLMActuator, operation: Operation, **changed: Any) -> ActFailed:
    with pytest.raises(ActFailed) as raised:
        await actuator.carry_out(order(operation, **changed))
    return raised.value


# --- what an order makes true -------------------------------------------------------------------------


async def test_a_sandbox_gets_a_key_that_spends_its_cap_and_no_more(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    acted = await actuator.carry_out(order("allocate"))
    assert acted == Acted(
        "Its LiteLLM key sandrail-7f3a may spend 500.25 USD until 2026-12-01.", {"alias": ALIAS}
    )
    assert proxy.only["max_budget"] == 500.25
    assert proxy.only["key_alias"] == ALIAS
    key = actuator.key_of("7f3a")
    assert await chat(proxy, key) == (200, "")
    proxy.price = 499.25
    assert await chat(proxy, key) == (200, "")
    assert await chat(proxy, key) == (422, "budget_exceeded")


async def test_the_key_ends_with_the_last_day_where_the_workspace_is(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, clock: Clock
) -> None:
    await actuator.carry_out(order("allocate"))
    assert proxy.only["expires"] == datetime(2026, 12, 1, 23, 0, tzinfo=UTC)
    clock.now = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
    assert await chat(proxy, actuator.key_of("7f3a")) == (200, "")
    clock.now = datetime(2026, 12, 1, 23, 1, tzinfo=UTC)
    assert await chat(proxy, actuator.key_of("7f3a")) == (401, "expired_key")


async def test_the_key_is_worked_out_from_the_master_key(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    digest = hmac.new(MASTER.encode(), b"sandrail:7f3a", hashlib.sha256).hexdigest()
    assert actuator.key_of("7f3a") == "sk-" + digest[:48]
    assert actuator.key_of("7f3b") != actuator.key_of("7f3a")


async def test_the_policys_models_are_the_keys(proxy: FakeLiteLLM, clock: Clock) -> None:
    actuator = made(proxy, clock, models=["small"])
    await actuator.carry_out(order("allocate"))
    assert await chat(proxy, actuator.key_of("7f3a"), "small") == (200, "")
    assert await chat(proxy, actuator.key_of("7f3a"), "large") == (403, "key_model_access_denied")
    await actuator.close()


async def test_cap_and_last_day_change_and_what_was_spent_stays(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    await actuator.carry_out(order("allocate"))
    proxy.price = 300.0
    await chat(proxy, actuator.key_of("7f3a"))
    acted = await actuator.carry_out(order("change", cap=Decimal("299.999"), ends_on="2026-12-05"))
    assert (
        acted.said == "Its LiteLLM key sandrail-7f3a may spend 299.99 USD in all, until 2026-12-05."
    )
    assert proxy.only["max_budget"] == 299.99
    assert proxy.only["spend"] == 300.0
    assert proxy.only["expires"] == datetime(2026, 12, 5, 23, 0, tzinfo=UTC)
    assert await chat(proxy, actuator.key_of("7f3a")) == (422, "budget_exceeded")


async def test_a_change_opens_no_halted_sandbox(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    for operation in ("allocate", "throttle", "halt", "change"):
        await actuator.carry_out(order(operation))
    assert proxy.only["blocked"] is True
    assert proxy.only["rpm_limit"] == 2


async def test_throttled_then_halted_then_resumed(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, clock: Clock
) -> None:
    await actuator.carry_out(order("allocate"))
    key = actuator.key_of("7f3a")
    acted = await actuator.carry_out(order("throttle"))
    assert acted.said == "Its LiteLLM key sandrail-7f3a may make at most 2 requests a minute."
    assert [(await chat(proxy, key))[0] for _ in range(3)] == [200, 200, 429]
    await actuator.carry_out(order("halt"))
    clock.now += timedelta(minutes=2)
    assert await chat(proxy, key) == (401, "auth_error")
    await actuator.carry_out(order("resume"))
    assert [(await chat(proxy, key))[0] for _ in range(3)] == [200, 200, 200]


async def test_a_limit_that_the_key_had_comes_back(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    proxy.defaults = {"rpm_limit": 60}
    for operation in ("allocate", "throttle", "throttle", "change", "halt", "throttle"):
        await actuator.carry_out(order(operation))
    assert proxy.only["rpm_limit"] == 2
    for operation in ("resume", "resume"):
        await actuator.carry_out(order(operation))
    assert proxy.only["rpm_limit"] == 60
    assert proxy.only["metadata"] == {**TAGS, "sandrail_sandbox": "7f3a"}


async def test_throttling_gives_no_key_more_than_it_had(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    await actuator.carry_out(order("allocate"))
    proxy.only["rpm_limit"] = 1
    await actuator.carry_out(order("throttle"))
    assert proxy.only["rpm_limit"] == 1


async def test_a_closed_sandboxs_key_is_gone(proxy: FakeLiteLLM, actuator: LiteLLMActuator) -> None:
    await actuator.carry_out(order("allocate"))
    await actuator.carry_out(order("close"))
    assert proxy.keys == {}
    assert await chat(proxy, actuator.key_of("7f3a")) == (401, "token_not_found_in_db")


# --- twice, lost, gone --------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_same_order_twice_is_the_same_as_once(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, operation: Operation
) -> None:
    await actuator.carry_out(order("allocate"))
    first = await actuator.carry_out(order(operation))
    once = {token: dict(row) for token, row in proxy.keys.items()}
    assert await actuator.carry_out(order(operation, handle=dict(first.handle))) == first
    assert proxy.keys == once


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("allocate", "/key/generate"),
        ("change", "/key/update"),
        ("throttle", "/key/update"),
        ("halt", "/key/block"),
        ("resume", "/key/unblock"),
        ("close", "/key/delete"),
    ],
)
@pytest.mark.parametrize("silent", [0.0, 1.3])
async def test_an_answer_that_was_lost_after_it_acted_does_no_harm(
    proxy: FakeLiteLLM,
    actuator: LiteLLMActuator,
    operation: Operation,
    path: str,
    silent: float,
) -> None:
    if operation != "allocate":
        await actuator.carry_out(order("allocate"))
    proxy.premium = True  # so that nothing is asked twice
    proxy.faults.append(Fault(path, lost=True, acted=True, silent=silent))
    lost = await failed(actuator, operation)
    assert not lost.final
    assert lost.reason.endswith("it may have acted.")
    after = {token: dict(row) for token, row in proxy.keys.items()}
    await actuator.carry_out(order(operation))
    assert proxy.keys == after
    assert len(proxy.keys) == (0 if operation == "close" else 1)


@pytest.mark.parametrize("operation", ["throttle", "halt", "close"])
async def test_what_is_not_there_is_stopped(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, operation: Operation
) -> None:
    assert isinstance(await actuator.carry_out(order(operation)), Acted)
    assert proxy.keys == {}


@pytest.mark.parametrize("operation", ["change", "resume"])
async def test_a_key_that_somebody_deleted_is_not_made_anew_with_the_whole_cap(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, operation: Operation
) -> None:
    await actuator.carry_out(order("allocate"))
    proxy.keys.clear()
    error = await failed(actuator, operation)
    assert error.final
    assert "somebody deleted it" in error.reason
    assert proxy.keys == {}


async def test_a_key_that_goes_while_it_is_deleted_is_deleted(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    await actuator.carry_out(order("allocate"))
    gone = '{"error": {"message": "{\'error\': \'No keys found\'}", "code": "404"}}'
    proxy.faults.append(Fault("/key/delete", 404, gone, acted=True))
    assert await actuator.carry_out(order("close")) == Acted(
        "Its LiteLLM key sandrail-7f3a is deleted.", {"alias": ALIAS}
    )


@pytest.mark.parametrize("operation", ["halt", "close"])
async def test_a_key_whose_alias_was_changed_is_still_stopped(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, operation: Operation
) -> None:
    await actuator.carry_out(order("allocate"))
    proxy.only["key_alias"] = "rerank, do not touch"
    await actuator.carry_out(order(operation))
    assert (await chat(proxy, actuator.key_of("7f3a")))[0] == 401


@pytest.mark.parametrize("operation", ["halt", "close"])
async def test_a_key_that_was_exchanged_is_still_stopped(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, operation: Operation
) -> None:
    """After a new master key, or LiteLLM's own exchange of a key, the key worked out is not the one in use."""
    await actuator.carry_out(order("allocate"))
    proxy.exchange("sk-another-value-0000000001")
    await actuator.carry_out(order(operation))
    assert (await chat(proxy, "sk-another-value-0000000001"))[0] == 401


async def test_two_at_once_make_one_key(proxy: FakeLiteLLM, actuator: LiteLLMActuator) -> None:
    proxy.premium = True
    proxy.faults.append(
        Fault(
            "/key/generate",
            400,
            '{"error": {"message": "Key with alias \'sandrail-7f3a\' already exists. Unique key aliases '
            'across all keys are required.", "type": "bad_request_error", "param": "key_alias", "code": "400"}}',
            acted=True,  # the other one's key is there now
        )
    )
    await actuator.carry_out(order("allocate", cap=Decimal(100)))
    assert proxy.only["max_budget"] == 100.0


async def test_an_alias_that_only_contains_the_sandboxs_is_another_sandbox(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    proxy.old = True
    await actuator.carry_out(order("allocate", sandbox="7f3a-2"))
    await actuator.carry_out(order("halt"))
    assert proxy.only["blocked"] is None


# --- LiteLLM's own ways -------------------------------------------------------------------------------


async def test_a_default_of_the_proxy_does_not_begin_the_budget_anew(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    proxy.defaults = {"budget_duration": "30d"}
    await actuator.carry_out(order("allocate"))
    assert proxy.only["budget_duration"] is None


@pytest.mark.parametrize("old", [True, False])
async def test_nor_does_a_bound_or_an_old_default(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, old: bool
) -> None:
    proxy.old = old
    if old:
        proxy.defaults = {"budget_duration": "30d"}
    else:
        proxy.largest = {"budget_duration": "30d", "max_budget": 1000.0}
    await actuator.carry_out(order("allocate"))
    assert proxy.only["budget_duration"] is None


@pytest.mark.parametrize("old", [False, True])
async def test_tags_that_need_a_licence_are_in_the_metadata(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, old: bool
) -> None:
    proxy.old = old
    await actuator.carry_out(order("allocate"))
    assert proxy.only["metadata"] == {**TAGS, "sandrail_sandbox": "7f3a"}
    asked = len(proxy.calls)
    await actuator.carry_out(order("change", tags={**TAGS, "owner": "lead@example.com"}))
    assert proxy.only["metadata"]["owner"] == "lead@example.com"
    assert proxy.paths()[asked:] == ["/key/list", "/key/list", "/key/update"]  # asked for tags once


async def test_tags_are_the_keys_where_there_is_a_licence(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    proxy.premium = True
    await actuator.carry_out(order("allocate"))
    assert proxy.only["metadata"] == {**TAGS, "sandrail_sandbox": "7f3a", "tags": LISTED_TAGS}


async def test_tags_change_with_the_sandboxs(proxy: FakeLiteLLM, actuator: LiteLLMActuator) -> None:
    proxy.premium = True
    await actuator.carry_out(order("allocate"))
    await actuator.carry_out(order("change", tags={**TAGS, "team": "ads"}))
    assert "team:ads" in proxy.only["metadata"]["tags"]
    assert proxy.only["metadata"]["team"] == "ads"
    await actuator.carry_out(order("change", tags={**TAGS, "team": "ads"}, cap=Decimal(9)))
    # what is true already is not sent again: an administrator may be changing it
    _, sent = proxy.calls[-1]
    assert sorted(sent) == ["budget_duration", "duration", "key", "max_budget"]


async def test_what_administrators_added_to_the_key_stays(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    await actuator.carry_out(order("allocate"))
    proxy.only["metadata"]["guardrails"] = ["no-personal-data"]
    proxy.only["tpm_limit"] = 1000
    pilot = {**TAGS, "stage": "pilot"}
    for operation in ("change", "throttle", "halt", "resume", "allocate"):
        await actuator.carry_out(order(operation, tags=pilot))
    assert proxy.only["metadata"]["guardrails"] == ["no-personal-data"]
    assert proxy.only["metadata"]["stage"] == "pilot"
    assert proxy.only["tpm_limit"] == 1000


async def test_a_proxy_that_takes_no_keys_of_ours_says_what_to_change(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    proxy.custom_keys_disabled = True
    error = await failed(actuator, "allocate")
    assert error.final
    assert "Take disable_custom_api_keys out of its general_settings." in error.reason


async def test_a_cap_beyond_the_proxys_bound_is_refused_with_its_reason(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    proxy.largest = {"max_budget": 100.0}
    error = await failed(actuator, "allocate")
    assert error.final
    assert "max_budget is over max limit set in config" in error.reason
    assert proxy.keys == {}


@pytest.mark.parametrize("operation", ["allocate", "change", "resume"])
async def test_another_currency_is_refused_before_anything_is_asked(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, operation: Operation
) -> None:
    error = await failed(actuator, operation, currency="EUR")
    assert error.final
    assert "counts in USD" in error.reason
    assert proxy.calls == []


async def test_another_currency_keeps_nothing_from_being_stopped(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    await actuator.carry_out(order("allocate"))
    await actuator.carry_out(order("halt", currency="EUR"))
    assert proxy.only["blocked"] is True
    await actuator.carry_out(order("close", currency="EUR"))
    assert proxy.keys == {}


async def test_a_cap_that_a_number_cannot_hold_is_refused(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    error = await failed(actuator, "allocate", cap=Decimal("1e40"))
    assert error.final
    assert "lower the cap" in error.reason


@given(cents=st.integers(min_value=0, max_value=900_000_000_000_000))
def test_the_budget_has_the_caps_cents(cents: int) -> None:
    from bot.actuators.litellm import _cents

    cap = Decimal(cents) / 100
    assert Decimal(repr(float(_cents(cap)))).quantize(Decimal("0.01")) == cap
    assert _cents(cap + Decimal("0.009")) == cap


# --- faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        (Fault("/key/list", 500), None),
        (Fault("/key/list", 503, headers={"Retry-After": "12"}), 12.0),
        (Fault("/key/list", 429, headers={"Retry-After": "Mon, 23 Nov 2026 09:00:30 GMT"}), 30.0),
        (Fault("/key/list", 200, "<html>Sign in</html>", "text/html"), None),
        (Fault("/key/list", 200, "[]"), None),
        (Fault("/key/list", 200, '{"keys": [{"alias": 1}]}'), None),
        (Fault("/key/list", 200, '{"keys": ' + "[" * 40000), None),
        (Fault("/key/list", 200, '"' + "x" * 70000 + '"'), None),
        (Fault("/key/generate", lost=True), None),
        (Fault("/key/list", silent=1.3), None),
        (Fault("/key/generate", 200, "null"), None),
        (Fault("/key/generate", 500), None),
    ],
)
async def test_what_may_pass_is_tried_again(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, fault: Fault, after: float | None
) -> None:
    proxy.faults.append(fault)
    error = await failed(actuator, "allocate")
    assert not error.final
    assert error.after == after
    await actuator.carry_out(order("allocate"))
    assert proxy.only["max_budget"] == 500.25


async def test_a_proxy_that_is_down_is_tried_again(clock: Clock) -> None:
    async with FakeLiteLLM(clock) as proxy:
        actuator = made(proxy, clock)
    error = await failed(actuator, "halt")
    assert not error.final
    assert "cannot be reached" in error.reason
    assert "cannot be reached" in (await actuator.check() or "")
    await actuator.close()


async def test_an_address_without_a_proxy_is_no_deleted_key(
    proxy: FakeLiteLLM, clock: Clock
) -> None:
    actuator = made(proxy, clock, url=f"{proxy.url}/v1")
    error = await failed(actuator, "close")
    assert error.final
    assert "There is no LiteLLM proxy at http://127.0.0.1" in error.reason
    await actuator.close()


async def test_a_redirect_is_not_followed(proxy: FakeLiteLLM, actuator: LiteLLMActuator) -> None:
    elsewhere = {"Location": f"{proxy.url}/key/list"}
    proxy.faults.append(Fault("/key/list", 302, "", headers=elsewhere))
    error = await failed(actuator, "halt")
    assert error.final
    assert "redirects are not followed" in error.reason
    assert proxy.paths() == ["/key/list"]


async def test_a_wrong_master_key_is_said_with_its_variable(
    proxy: FakeLiteLLM, clock: Clock
) -> None:
    actuator = made(proxy, clock, {"LITELLM_MASTER_KEY": "sk-wrong-0000000000000001"})
    error = await failed(actuator, "allocate")
    assert error.final
    assert "Check that LITELLM_MASTER_KEY holds the proxy's master key." in error.reason
    assert "LITELLM_MASTER_KEY" in (await actuator.check() or "")
    assert proxy.keys == {}
    await actuator.close()


async def test_a_key_without_the_right_is_said_to_be_none_of_an_administrator(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator, clock: Clock
) -> None:
    await actuator.carry_out(order("allocate"))
    other = made(proxy, clock, {"LITELLM_MASTER_KEY": actuator.key_of("7f3a")})
    error = await failed(other, "halt")
    assert error.final
    assert "Only proxy admin" in error.reason
    await other.close()


async def test_a_missing_master_key_is_said_and_nothing_is_asked(
    proxy: FakeLiteLLM, clock: Clock
) -> None:
    actuator = made(proxy, clock, {})
    error = await failed(actuator, "allocate")
    assert error.final
    assert "LITELLM_MASTER_KEY is not set" in error.reason
    assert await actuator.check() == error.reason
    with pytest.raises(ActFailed, match="LITELLM_MASTER_KEY"):
        actuator.key_of("7f3a")
    assert proxy.calls == []


async def test_a_check_finds_nothing_and_changes_nothing(
    proxy: FakeLiteLLM, actuator: LiteLLMActuator
) -> None:
    assert await actuator.check() is None
    assert proxy.paths() == ["/key/list"]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_dry_run_says_what_it_would_do_and_asks_nothing(
    proxy: FakeLiteLLM, clock: Clock, operation: Operation
) -> None:
    actuator = made(proxy, clock, {}, dry_run=True, url="https://user:hidden@models.example.com/x")
    acted = await actuator.carry_out(order(operation))
    assert acted.said.startswith("Dry run: LiteLLM at https://models.example.com would be told to ")
    assert ALIAS in acted.said
    assert "hidden" not in acted.said
    assert proxy.calls == []


async def test_no_secret_is_said_or_logged(
    proxy: FakeLiteLLM,
    actuator: LiteLLMActuator,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    key = actuator.key_of("7f3a")
    said: list[str] = []
    for operation in OPERATIONS:
        acted = await actuator.carry_out(order(operation))
        said += [acted.said, str(acted.handle)]
    echo = f'{{"error": {{"message": "no: Bearer {MASTER}, key {key}", "code": "400"}}}}'
    for status in (400, 401, 403, 404, 422, 500):
        proxy.faults.append(Fault("/key/list", status, echo))
        try:
            await actuator.carry_out(order("allocate"))
        except ActFailed as error:
            said += [error.reason, str(error), repr(error)]
    assert len(said) > 20
    text = "\n".join([*said, repr(actuator), *(record.getMessage() for record in caplog.records)])
    assert MASTER not in text
    assert key not in text
    assert key[3:20] not in text


async def test_a_short_master_key_is_blotted_out_too(proxy: FakeLiteLLM, clock: Clock) -> None:
    actuator = made(proxy, clock, {"LITELLM_MASTER_KEY": "sk-1234"})
    proxy.faults.append(Fault("/key/list", 400, '{"error": {"message": "got sk-1234 twice"}}'))
    error = await failed(actuator, "halt")
    assert "answered 400: got … twice." in error.reason
    await actuator.close()
