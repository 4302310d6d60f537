"""Words that the conversation about the policy shares."""

from collections.abc import Iterable

from guardrails.policy.people import Role

SHORT = 12  # characters of a hash that people compare
_ROLES: dict[str, str] = {
    "finops": "FinOps",
    "product": "product owner",
    "finance": "finance partner",
}


def role_words(roles: Iterable[Role]) -> list[str]:
    """The roles as people call them."""
    return [_ROLES.get(role, role) for role in roles]
