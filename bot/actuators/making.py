"""The actuators of the policy that run by themselves, by name."""

import os
from collections.abc import Mapping

from bot.actuators.actuator import Actuator
from guardrails.policy.actuators import Kubernetes, LiteLLM, Webhook
from guardrails.policy.model import Policy


def make_actuators(policy: Policy, environ: Mapping[str, str] = os.environ) -> dict[str, Actuator]:
    """One for each section but the manual ones. What is missing in the environment is said when it is used, and by
    ``sandrail doctor``. Their libraries are loaded only when they are named."""
    made: dict[str, Actuator] = {}
    for section in policy.actuators:
        if isinstance(section, Webhook):
            from bot.actuators.webhook import WebhookActuator

            made[section.name] = WebhookActuator(section, environ)
        elif isinstance(section, LiteLLM):
            from bot.actuators.litellm import LiteLLMActuator

            made[section.name] = LiteLLMActuator(section, environ, zone=policy.workspace.zone)
        elif isinstance(section, Kubernetes):
            from bot.actuators.kubernetes import KubernetesActuator

            made[section.name] = KubernetesActuator(section)
    return made
