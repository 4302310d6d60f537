"""The actuator of a LiteLLM proxy: a virtual key a sandbox, whose budget is the cap and never begins anew."""

import asyncio
import hashlib
import hmac
import os
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import ROUND_DOWN, Decimal
from typing import Any

from bot.actuators.actuator import Acted, ActFailed
from bot.actuators.calls import Clock, place, utc_now
from bot.actuators.litellm_keys import AliasTaken, Key, Keys, Unknown, hashed
from guardrails.orders import Order
from guardrails.policy.actuators import LiteLLM

_ORDER_SECONDS = 40.0
_CENT = Decimal("0.01")
#: Budgets are JSON numbers; up to here each has its own cents.
_LARGEST = Decimal("9000000000000")
#: Where a key says which sandbox it is for, beside the sandbox's tags.
_MARK = "sandrail_sandbox"
#: Where a key that is throttled says how many requests it had before.
_BEFORE = "sandrail_rpm_limit"


class LiteLLMActuator:
    """Makes, changes, slows, blocks and deletes a sandbox's key.

    The key is found by its alias and by its hash, so that one whose alias was changed, or that was exchanged in
    LiteLLM, is still stopped. ``zone`` is where the last day ends, ``seconds`` how long one call may take.
    """

    def __init__(
        self,
        section: LiteLLM,
        environ: Mapping[str, str] = os.environ,
        *,
        zone: tzinfo = UTC,
        clock: Clock = utc_now,
        seconds: float = 12.0,
    ) -> None:
        self._section = section
        self._zone = zone
        self._clock = clock
        self._master = environ.get(section.key, "").strip()
        self._keys = Keys(section, self._master, clock=clock, seconds=seconds)

    @property
    def name(self) -> str:
        return self._section.name

    async def carry_out(self, order: Order) -> Acted:
        """Makes the sandbox's key as the order says. Raises ActFailed."""
        if self._section.dry_run:
            return Acted(
                f"Dry run: LiteLLM at {place(self._section.url)} would be told to {self._would(order)}. "
                "Nothing was sent."
            )
        if wrong := self._missing() or _unpayable(order):
            raise ActFailed(wrong, final=True)
        try:
            async with asyncio.timeout(_ORDER_SECONDS):
                said = await self._carry_out(order)
        except TimeoutError:
            raise ActFailed(
                f"{self._keys.who} took longer than {_ORDER_SECONDS:g} seconds; it may have acted."
            ) from None
        except Unknown:
            # it was there a moment ago: the next try finds out what is there now
            raise ActFailed(
                f"{self._keys.who} lost the key {_alias(order)} in the meantime."
            ) from None
        return Acted(said, {"alias": _alias(order)})

    async def check(self) -> str | None:
        """What is wrong with the master key or the proxy. Lists one key and changes nothing."""
        if wrong := self._missing():
            return wrong
        try:
            await self._keys.look()
        except ActFailed as failed:
            return failed.reason
        except Unknown:
            return f"{self._keys.who} has no list of keys: it needs a database for virtual keys."
        return None

    async def close(self) -> None:
        await self._keys.close()

    def key_of(self, sandbox_id: str) -> str:
        """The sandbox's key itself, for its owner's eyes alone; it is not stored anywhere.

        It is worked out from the master key, so it holds for sandboxes that were set up under the master key of
        now. Raises ActFailed when there is none.
        """
        if wrong := self._missing():
            raise ActFailed(wrong, final=True)
        words = f"sandrail:{sandbox_id}".encode()
        return "sk-" + hmac.new(self._master.encode(), words, hashlib.sha256).hexdigest()[:48]

    def _missing(self) -> str:
        if self._master:
            return ""
        return (
            f"The environment variable {self._section.key} is not set: put the master key of LiteLLM into it for "
            f"the actuator {self.name}, then start the bot again."
        )

    async def _carry_out(self, order: Order) -> str:
        keys = await self._keys.find(_alias(order), hashed(self.key_of(order.sandbox)))
        its = f"Its LiteLLM key {_alias(order)}"
        until = f"until {order.ends_on.isoformat()}"
        match order.operation:
            case "allocate":
                await self._allocate(keys, order)
                return f"{its} may spend {_money(order)} {until}."
            case "change":
                for key in self._there(keys, order):
                    await self._bring(key, order, self._limits(order))
                return f"{its} may spend {_money(order)} in all, {until}."
            case "throttle":
                for key in keys:
                    await self._throttle(key)
                if not keys:
                    return "It has no LiteLLM key that could be slowed down."
                return f"{its} may make at most {self._requests()} a minute."
            case "halt":
                for key in keys:
                    await self._if_there(self._keys.block(key.token))
                if not keys:
                    return "It has no LiteLLM key that could be blocked."
                return f"{its} is blocked."
            case "resume":
                for key in self._there(keys, order):
                    limits = {**self._limits(order), "rpm_limit": _before(key)}
                    await self._bring(key, order, limits, throttled=False)
                    await self._keys.unblock(key.token)
                return f"{its} is open again, {until}."
            case "close":
                if keys:
                    await self._if_there(self._keys.delete([key.token for key in keys]))
                return f"{its} is deleted."

    async def _allocate(self, keys: list[Key], order: Order) -> None:
        wanted = {**self._limits(order), "models": list(self._section.models)}
        if not keys:
            key = self.key_of(order.sandbox)
            alias = _alias(order)
            try:
                await self._keys.generate(
                    {"key": key, "key_alias": alias, "metadata": _metadata(order), **wanted},
                    _tags(order),
                )
            except AliasTaken:  # somebody was faster
                keys = await self._keys.find(alias, hashed(key))
                if not keys:
                    raise ActFailed(
                        f"{self._keys.who} says that there is a key {alias}, and does not list it: check that "
                        f"{self._section.key} holds the proxy's master key."
                    ) from None
        for known in keys:
            await self._bring(known, order, wanted)

    async def _bring(
        self, key: Key, order: Order, limits: Mapping[str, Any], *, throttled: bool = True
    ) -> None:
        """Makes true of a key that is there what the order says. ``throttled``: it stays so if it is."""
        metadata = {**key.metadata, **_metadata(order)}
        if not throttled:
            metadata.pop(_BEFORE, None)
        wanted = dict(limits)
        if metadata != key.metadata:
            # it is replaced as a whole; guardrails and callbacks of the key live in it too
            wanted["metadata"] = metadata
        tags = _tags(order)
        await self._keys.update(key.token, wanted, () if key.metadata.get("tags") == tags else tags)

    async def _throttle(self, key: Key) -> None:
        before = _before(key)
        rpm = self._section.throttle_rpm
        await self._keys.update(
            key.token,
            {
                "rpm_limit": rpm if before is None else min(rpm, before),
                "metadata": {**key.metadata, _BEFORE: before},
            },
        )

    def _there(self, keys: list[Key], order: Order) -> list[Key]:
        if not keys:
            # a new key would have spent nothing, and could spend the cap once more
            raise ActFailed(
                f"{self._keys.who} has no key {_alias(order)} any more, somebody deleted it: close the sandbox "
                "and ask for another one.",
                final=True,
            )
        return keys

    async def _if_there(self, doing: Awaitable[None]) -> None:
        try:
            await doing
        except Unknown:
            return  # it went in the meantime, which is what is wanted

    def _limits(self, order: Order) -> dict[str, Any]:
        end = datetime.combine(order.ends_on + timedelta(days=1), time(), self._zone)
        # durations are counted from when the proxy hears them; 0 could be read as none
        seconds = max(1, int((end - self._clock()).total_seconds()))
        return {
            "max_budget": float(_cents(order.cap)),
            # said, because a default of the proxy's could begin the budget anew every month
            "budget_duration": None,
            "duration": f"{seconds}s",
        }

    def _requests(self) -> str:
        rpm = self._section.throttle_rpm
        return "1 request" if rpm == 1 else f"{rpm} requests"

    def _would(self, order: Order) -> str:
        alias = _alias(order)
        until = f"until {order.ends_on.isoformat()}"
        match order.operation:
            case "allocate":
                return f"make a key {alias} that may spend {_money(order)} {until}"
            case "change":
                return f"let the key {alias} spend {_money(order)} in all, {until}"
            case "throttle":
                return f"let the key {alias} make at most {self._requests()} a minute"
            case "halt":
                return f"block the key {alias}"
            case "resume":
                return f"unblock the key {alias} and give it its limits back"
            case "close":
                return f"delete the key {alias}"


def _alias(order: Order) -> str:
    return order.handle.get("alias") or f"sandrail-{order.sandbox}"


def _tags(order: Order) -> list[str]:
    return [f"{name}:{value}" for name, value in sorted(order.tags.items())]


def _metadata(order: Order) -> dict[str, str]:
    return {**order.tags, _MARK: order.sandbox}


def _before(key: Key) -> int | None:
    """The requests a minute that the key may make when it is not throttled; None: any number."""
    before = key.metadata.get(_BEFORE, key.rpm_limit)
    return before if isinstance(before, int) else None


def _cents(cap: Decimal) -> Decimal:
    """The cap in whole cents; what is less than a cent is not given."""
    return max(Decimal(0), cap).quantize(_CENT, ROUND_DOWN)


def _money(order: Order) -> str:
    cap = order.cap if order.cap > _LARGEST else _cents(order.cap)
    return f"{cap:,} {order.currency}"


def _unpayable(order: Order) -> str:
    """Why LiteLLM cannot keep to the order's cap; empty when it can, and when the cap is not asked of it."""
    if order.operation not in ("allocate", "change", "resume"):
        return ""
    if order.currency != "USD":
        return (
            f"LiteLLM counts in USD, and the cap of {order.name} is in {order.currency}: ask for the sandbox in "
            "USD, or give its zone another actuator."
        )
    if order.cap > _LARGEST:
        return f"LiteLLM cannot keep to a cap of {_money(order)}: lower the cap."
    return ""
