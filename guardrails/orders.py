"""What an actuator is told to do, as a sandbox needs it. Its JSON Schema is docs/order.schema.json."""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Operation = Literal["allocate", "change", "throttle", "halt", "resume", "close"]
OPERATIONS: tuple[Operation, ...] = ("allocate", "change", "throttle", "halt", "resume", "close")


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Resources(_Said):
    """What a sandbox asked for; nothing is 0 or empty."""

    gpu: str = Field(default="", description="the kind of GPU, such as H100")
    gpus: int = Field(default=0, ge=0, description="how many at once")
    gpu_hours: Decimal = Field(default=Decimal(0), ge=0, description="of each GPU, in all")
    model: str = ""
    tokens: int = Field(default=0, ge=0, description="in all")


class Order(_Said):
    """One thing to do for one sandbox. The same order may come again (same ``id``): it must not act twice.

    An order says what is to be true, not what to add: the cap, the end and the tags are the sandbox's of now.
    """

    id: str = Field(description="the same when the order is sent again: an idempotency key")
    operation: Operation
    sandbox: str = Field(description="the sandbox's id, never reused")
    name: str = Field(description="lower case, also its experiment tag")
    tags: dict[str, str] = Field(
        description="experiment, team, feature, workload, stage, owner, sandbox: what bills must carry"
    )
    owner: str = Field(description="an e-mail address")
    cap: Decimal = Field(description="money that may be spent in all")
    currency: str = Field(description="ISO 4217")
    starts_on: date
    ends_on: date = Field(description="the last day")
    resources: Resources = Resources()
    reason: str = ""
    handle: dict[str, str] = Field(
        default_factory=dict, description="what the actuator wanted remembered when it last acted"
    )
