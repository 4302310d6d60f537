"""What someone types and presses: a command's words, what to offer meanwhile, who may use what."""

from collections.abc import Mapping, Sequence
from typing import Any

from guardrails.authority import roles_that_may
from guardrails.policy.model import Policy
from handlers import router

#: What a command may be typed with in front, because people are used to it.
PREFIX = "sandrail"


def split(typed: str) -> tuple[str, str]:
    """(command, rest) as a platform sends them: ``/spend last 30d`` is ``spend``, ``last 30d``.

    Nothing at all asks for help.
    """
    words = typed.strip().removeprefix("/").split()
    if words and words[0].lower() == PREFIX:
        words = words[1:]
    return (words[0], " ".join(words[1:])) if words else ("help", "")


def offered(policy: Policy) -> list[dict[str, Any]]:
    """The registered commands as the page shows them, with the roles that may use each."""
    return [
        {
            "name": r.name,
            "usage": r.usage,
            "does": r.does,
            "roles": list(roles_that_may(policy, r.permission)),
        }
        for r in router.registered("command")
    ]


def pressed(policy: Policy) -> dict[str, list[str]]:
    """The roles that may use each button, by its action: the page says so before somebody presses."""
    return {r.name: list(roles_that_may(policy, r.permission)) for r in router.registered("press")}


def words(policy: Policy, billed: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What arguments are completed with, by dimension: what the bill and the policy name."""
    return {
        "team": sorted({*policy.teams, *billed.get("team", ())}),
        "feature": sorted(billed.get("feature", ())),
        "experiment": sorted(billed.get("experiment", ())),
    }
