"""Whose word counts in the council, with the roles of now."""

from guardrails.authority import roles_of
from guardrails.council import Vote
from guardrails.policy.model import Policy
from guardrails.policy.people import Role
from handlers.turn import Turn
from storage import council


def votes_of(turn: Turn, item_id: str) -> list[Vote]:
    """What people say of an item, in the order in which they first spoke."""
    return [
        Vote(row.person, row.name, _now(turn.policy, row.person, row.roles), row.said, row.why)
        for row in council.votes(turn.connection, item_id)
    ]


def _now(policy: Policy, person: str, then: list[Role]) -> frozenset[Role]:
    """The roles that the policy gives somebody now; those that a group gave them stand while it has the role."""
    groups = {
        role
        for role, members in policy.roles.items()
        if members.slack_groups or members.entra_groups
    }
    return roles_of(policy, person) | (groups & frozenset(then))
