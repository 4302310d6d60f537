"""Whose word counts at a gate: roles of now, of the team whose money it is; nobody for what is their own."""

from collections.abc import Sequence

from guardrails.authority import roles_of
from guardrails.policy.model import Policy
from guardrails.policy.people import Role
from handlers.conversation import Mention
from handlers.runbooks import MOST_MENTIONED, people_of
from storage.gates import SignRow
from storage.sandboxes import SandboxRow


def interested_in(row: SandboxRow) -> frozenset[str]:
    """Who owns a sandbox or asked for it."""
    return frozenset(p.strip().lower() for p in (row.owner, row.asked_by) if p)


def roles_here(
    policy: Policy, row: SandboxRow, person: str, roles: frozenset[Role]
) -> frozenset[Role]:
    """The roles of a person that count for this sandbox: those of ``ladder.own_team`` only in its own team."""
    team = policy.teams.get(row.team)
    mine = any(p.email == person and p.team == row.team for p in policy.people)
    if mine or (team is not None and team.lead == person):
        return roles
    return roles - frozenset(policy.ladder.own_team)


def still_counts(policy: Policy, row: SandboxRow, sign: SignRow) -> bool:
    """Whether a signature counts: its person still has the role. Roles that the policy gives by e-mail are looked
    up; who is in a group of the chat is known only when that person presses, so what they signed stays."""
    role: Role = sign.role
    members = policy.roles.get(role)
    if members is not None and (members.slack_groups or members.entra_groups):
        named = frozenset({role})
    else:
        named = roles_of(policy, sign.person) & {role}
    return bool(roles_here(policy, row, sign.person, named)) and (
        sign.person not in interested_in(row)
    )


def asked(policy: Policy, row: SandboxRow, roles: Sequence[Role]) -> list[Mention]:
    """At most three people with these roles, without those who own the sandbox or asked for it."""
    interested = interested_in(row)
    found = [m for role in roles for m in people_of(policy, role, row.team)]
    free = [
        m
        for m in dict.fromkeys(found)
        if m.person not in interested and roles_here(policy, row, m.person, frozenset(roles))
    ]
    return free[:MOST_MENTIONED]
