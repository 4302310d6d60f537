"""Words that the conversation about the policy shares."""

from collections.abc import Iterable

from guardrails.authority import role_word
from guardrails.policy.people import Role

SHORT = 12  # characters of a hash that people compare


def role_words(roles: Iterable[Role]) -> list[str]:
    """The roles as people call them."""
    return [role_word(role) for role in roles]
