"""Actuators: what sets a sandbox's resources up, throttles, stops and removes them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from guardrails.policy.base import Section
from guardrails.policy.people import Role

#: An actuator's name stands in steps, messages and environment.
ActuatorName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
#: The name of an environment variable: secrets are never in the policy.
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,79}$")]


def _url(value: str) -> str:
    if not value.startswith(("https://", "http://")) or " " in value:
        raise ValueError("must be an address that begins with https:// (or http://, inside)")
    return value.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]


class _Actuator(Section):
    name: ActuatorName
    dry_run: bool = Field(
        default=False, description="says what it would do, and does nothing; for trying out"
    )


class Webhook(_Actuator):
    """Calls an address of yours, signed with HMAC-SHA256."""

    kind: Literal["webhook"]
    url: Url
    secret: Variable = Field(description="the environment variable that holds the signing secret")
    timeout_seconds: int = Field(default=20, ge=1, le=45)


class Kubernetes(_Actuator):
    """A namespace a sandbox, with quota and limits."""

    kind: Literal["kubernetes"]
    context: str | None = Field(
        default=None, description="of the kubeconfig; none: the cluster that the bot runs in"
    )
    namespace_prefix: str = Field(default="sandbox-", pattern=r"^[a-z0-9][a-z0-9-]{0,19}$")
    gpu_resource: str = "nvidia.com/gpu"
    cpus: int = Field(default=8, ge=1, le=4096, description="of the whole namespace, without GPUs")
    memory_gib: int = Field(default=32, ge=1, le=65536)
    cpus_a_gpu: int = Field(default=8, ge=0, le=256, description="more for each GPU")
    memory_gib_a_gpu: int = Field(default=64, ge=0, le=4096)
    storage_gib: int = Field(default=200, ge=1, le=1_000_000)
    pods: int = Field(default=50, ge=1, le=10000)


class LiteLLM(_Actuator):
    """A virtual key of a LiteLLM proxy, with a budget."""

    kind: Literal["litellm"]
    url: Url
    key: Variable = Field(description="the environment variable that holds the master key")
    models: tuple[str, ...] = Field(default=(), description="which the key may call; none: any")
    throttle_rpm: int = Field(default=2, ge=1, description="requests a minute when throttled")


class Manual(_Actuator):
    """People do it: a checklist for a role, done by a button."""

    kind: Literal["manual"]
    role: Role
    allocate: tuple[str, ...] = ("Set up what the sandbox needs, with its tags.",)
    change: tuple[str, ...] = ()
    throttle: tuple[str, ...] = ("Reduce what the sandbox may use.",)
    halt: tuple[str, ...] = ("Stop everything that the sandbox runs; keep its data.",)
    resume: tuple[str, ...] = ("Let the sandbox run again.",)
    close: tuple[str, ...] = ("Remove what was set up for the sandbox.",)


Actuator = Annotated[Webhook | Kubernetes | LiteLLM | Manual, Field(discriminator="kind")]
