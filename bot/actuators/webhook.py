"""The actuator of any address: the order as JSON, signed. What a receiver has to do is in docs/actuators.md."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.actuators.actuator import Acted, ActFailed
from bot.actuators.calls import Answer, Calls, Clock, place, utc_now
from bot.actuators.signing import SHORTEST, signature, signing_keys
from guardrails.orders import Operation, Order
from guardrails.policy.actuators import Webhook

#: What is said when the receiver says nothing.
_DONE: Mapping[Operation, str] = {
    "allocate": "What it needs is set up.",
    "change": "Its new cap and last day are set.",
    "throttle": "It is slowed down.",
    "halt": "All that it runs is stopped.",
    "resume": "It may run again.",
    "close": "What was set up for it is removed.",
}
_WOULD: Mapping[Operation, str] = {
    "allocate": "set it up",
    "change": "change its cap and last day",
    "throttle": "slow it down",
    "halt": "stop it",
    "resume": "let it run again",
    "close": "remove it",
}
_LONGEST_SENTENCE = 300


class _Said(BaseModel):
    """What a receiver may answer."""

    model_config = ConfigDict(extra="ignore")

    said: str = Field(default="", max_length=2000)
    handle: dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64)],
        Annotated[str, StringConstraints(max_length=500)],
    ] = Field(default_factory=dict, max_length=20)


class WebhookActuator:
    """Posts each order to one address. The receiver knows a repeated order by ``webhook-id``, the order's id."""

    def __init__(
        self,
        section: Webhook,
        environ: Mapping[str, str] = os.environ,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._section = section
        self._clock = clock
        self._keys: tuple[bytes, ...] = ()
        self._wrong = ""
        secrets = environ.get(section.secret, "")
        try:
            self._keys = signing_keys(secrets)
        except ValueError as error:
            why = str(error) if secrets else "is not set"
            self._wrong = (
                f"The environment variable {section.secret} {why}: put the secret into it that the receiver of "
                f"the webhook {section.name} checks, then start the bot again."
            )
        self._calls = Calls(
            f"The webhook {section.name}", clock=clock, secrets=tuple(secrets.split())
        )

    @property
    def name(self) -> str:
        return self._section.name

    async def carry_out(self, order: Order) -> Acted:
        """Posts the order. 2xx is done; 408, 425, 429, 5xx and lost answers are to be tried again; the rest is
        final. Raises ActFailed."""
        if self._section.dry_run:
            return Acted(
                f"Dry run: the webhook {self.name} would be told to {_WOULD[order.operation]}, at "
                f"{place(self._section.url)}. Nothing was sent."
            )
        if self._wrong:
            raise ActFailed(self._wrong, final=True)
        body = order.model_dump_json().encode()
        now = int(self._clock().timestamp())
        answer = await self._calls.call(
            "POST",
            self._section.url,
            seconds=self._section.timeout_seconds,
            headers={
                "Content-Type": "application/json",
                "User-Agent": "Sandrail",
                "webhook-id": order.id,
                "webhook-timestamp": str(now),
                "webhook-signature": signature(self._keys, order.id, now, body),
            },
            body=body,
        )
        if answer.fine:
            return self._acted(order, answer)
        raise self._calls.failed(answer, hint=self._hint(answer.status))

    async def check(self) -> str | None:
        """What is wrong with the secret. Nothing is sent: a receiver may not take a question for an order."""
        if self._wrong:
            return self._wrong
        if any(len(key) < SHORTEST for key in self._keys):
            return (
                f"The environment variable {self._section.secret} has a secret of fewer than {SHORTEST} bytes: "
                f"take a longer one for the webhook {self.name} "
                "(printf 'whsec_%s' \"$(openssl rand -base64 32)\" makes one)."
            )
        return None

    async def close(self) -> None:
        await self._calls.close()

    def _acted(self, order: Order, answer: Answer) -> Acted:
        if answer.body is not None and not answer.body.strip():
            return Acted(_DONE[order.operation])
        try:
            said = _Said.model_validate(answer.read())
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            why = self._calls.clean(f"{where}: {first['msg']}" if where else first["msg"])
            raise self._garbage(answer.status, why) from None
        except ValueError:
            why = "longer than 64 KiB" if answer.body is None else "not JSON"
            raise self._garbage(answer.status, why) from None
        sentence = self._calls.clean(said.said, _LONGEST_SENTENCE)
        return Acted(sentence or _DONE[order.operation], dict(said.handle))

    def _garbage(self, status: int, why: str) -> ActFailed:
        return ActFailed(
            f"The webhook {self.name} answered {status} with something that cannot be read ({why}). Its receiver "
            'should answer with nothing, or with {"said": "...", "handle": {...}}.'
        )

    def _hint(self, status: int) -> str:
        if status in (401, 403):
            return f"Check that its receiver has the secret of {self._section.secret} and the right time."
        if status in (404, 405):
            return "Check its address in the policy."
        if status == 410:
            return "Its receiver is gone: give the actuator another address, or take it out of the policy."
        return ""


def order_schema() -> dict[str, Any]:
    """The JSON Schema of what is posted, for editors and receivers: docs/order.schema.json.

    It lets unknown keys pass, though Order does not: a receiver must live with what a later version adds.
    """
    schema = Order.model_json_schema(mode="serialization")
    for model in (schema, *schema["$defs"].values()):
        model.pop("additionalProperties", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_order_schema(path: Path) -> None:
    """Brings the file up to date."""
    path.write_text(json.dumps(order_schema(), indent=2, ensure_ascii=False) + "\n")
