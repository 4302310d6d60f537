"""Who may do what: roles from the policy, permissions from roles. Fails closed."""

from collections.abc import Iterable

from guardrails.policy.model import Policy
from guardrails.policy.people import DEFAULT_PERMISSIONS, Permission, Role

_CALLED = {"finops": "FinOps owner", "product": "product owner", "finance": "finance partner"}


def roles_of(
    policy: Policy,
    email: str | None,
    slack_groups: Iterable[str] = (),
    entra_groups: Iterable[str] = (),
) -> frozenset[Role]:
    """The roles that the policy gives to an e-mail and to the groups it is in: Slack user groups by handle or
    id, Entra groups by object id."""
    folded = (email or "").strip().lower()
    slack = {g.lstrip("@").casefold() for g in slack_groups}
    entra = set(entra_groups)
    return frozenset(
        role
        for role, members in policy.roles.items()
        if (folded and folded in members.emails)
        or any(g.lstrip("@").casefold() in slack for g in members.slack_groups)
        or not entra.isdisjoint(members.entra_groups)
    )


def role_word(role: str) -> str:
    """A role as people call it: ``FinOps owner``, ``lead``."""
    return _CALLED.get(role, role)


def roles_that_may(policy: Policy, permission: Permission) -> tuple[Role, ...]:
    """The roles with a permission: what the policy says, else the default."""
    return policy.permissions.get(permission, DEFAULT_PERMISSIONS[permission])


def may(policy: Policy, permission: Permission, roles: frozenset[Role]) -> bool:
    """Whether someone with these roles has the permission."""
    return not roles.isdisjoint(roles_that_may(policy, permission))
