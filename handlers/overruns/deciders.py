"""Whose word counts for an overrun that waits: its rung, its team's people, and agreements as they count now."""

from collections.abc import Sequence

from guardrails.authority import role_word, roles_of
from guardrails.ladder import (
    Agreement,
    Slot,
    counting,
    in_words,
    slots,
    who_decides,
    with_reviewers,
)
from guardrails.policy.ladder import Ladder, Rung
from guardrails.policy.model import Policy
from guardrails.policy.people import ROLES, Role
from handlers.budgets.standing import find_budget
from handlers.turn import Turn
from storage import overruns
from storage.overruns import OverrunRow

Agreed = Sequence[tuple[Agreement, str]]
MOST_NAMED = 3  # more names help nobody to find one of them


def ladder_of(policy: Policy, reviewers: Sequence[str]) -> Ladder:
    """The ladder as it is for something that these roles have to agree to as well."""
    return with_reviewers(policy.ladder, [role for role in ROLES if role in reviewers])


def reviewers_of(row: OverrunRow) -> tuple[str, ...]:
    """The roles that must agree to it on every rung: to a sandbox with personal data, for example."""
    return tuple(row.facts.get("reviewers") or ())


def step_of(policy: Policy, row: OverrunRow) -> int:
    """The number of the rung that a row is on, by its name: rungs may have been put before it. By its number, or
    the last one, when the policy no longer has it."""
    rungs = policy.ladder.rungs
    named = [i for i, rung in enumerate(rungs) if rung.name == row.rung_name]
    return named[0] if named else min(int(row.rung), len(rungs) - 1)


def rung_of(policy: Policy, row: OverrunRow) -> Rung:
    """The rung that a row is on, in the policy of now, with those who must agree to it besides."""
    return ladder_of(policy, reviewers_of(row)).rungs[step_of(policy, row)]


def team_of(policy: Policy, row: OverrunRow) -> str:
    """The team whose money it mainly is; empty when that is not known."""
    known = str(row.facts.get("team") or "")
    budget = next((b for b in policy.budgets if b.name == row.budget), None)
    return known or (budget.scope.team if budget else None) or ""


def roles_here(
    policy: Policy, row: OverrunRow, person: str, roles: frozenset[Role]
) -> frozenset[Role]:
    """The roles of a person that count for this one: those of ``ladder.own_team`` only in the team itself.

    While no team is known nobody would be in it, so the roles count as they are.
    """
    team = team_of(policy, row)
    if not team or _is_of(policy, person, team):
        return roles
    return roles - frozenset(policy.ladder.own_team)


def decided_by(policy: Policy, row: OverrunRow, rung: Rung | None = None) -> str:
    """Who decides on a rung, or on the row's own, in words: ``lead of ml-search or finops, and compliance``."""
    return who_decides(rung or rung_of(policy, row), _called(policy, row))


def needed(policy: Policy, row: OverrunRow, wanted: Sequence[Slot]) -> str:
    """Words that are still needed, with the team whose people they are of: ``lead of ml-search and finance``."""
    return in_words(wanted, _called(policy, row))


def only(turn: Turn, row: OverrunRow, rung: Rung) -> str:
    """For who may not decide: who may, by name where the policy names a few, and what to do now."""
    names = _called(turn.policy, row)
    said = [" or ".join(_a(role, names) for role in slot) for slot in slots(rung)]
    together = " together" if len(said) > 1 else ""
    verb = "decide" if len(said) > 1 else "decides"
    people = _named(turn, row, rung)
    ask = f"Ask one of them: {' or '.join(people)}." if people else "Ask one of them to press."
    if len(people) == 1:
        ask = f"Ask {people[0]}."
    return f"Only {' and '.join(said)}{together} {verb} this amount. {ask}"


def interested(turn: Turn, row: OverrunRow) -> frozenset[str]:
    """Who asked, who owned the budget then, who owns it now, and who asked for the sandbox that it is about."""
    budget = find_budget(turn, row.budget) if row.kind != "sandbox" else None
    now = (budget.owner if budget else None) or ""
    asker = str(row.facts.get("asker") or "")
    return frozenset(p.strip().lower() for p in (row.asked_by, row.owner, now, asker) if p)


def agreed(turn: Turn, row: OverrunRow, rung: Rung | None = None) -> list[tuple[Agreement, str]]:
    """The agreements to the amount of now that count on the rung, with the names of the people.

    An agreement has the roles of then as far as they are the person's still: those that the policy gives by
    e-mail are looked up; who is in a group is known only when that person presses.
    """
    found = [
        (Agreement(a.person, roles_here(turn.policy, row, a.person, _still(turn.policy, a))), name)
        for a, name in overruns.agreements(turn.connection, row)
    ]
    on = rung or rung_of(turn.policy, row)
    count = counting(on, [a for a, _ in found], interested(turn, row))
    return [(a, name) for a, name in found if a in count]


def may_decide(turn: Turn, row: OverrunRow, person: str, roles: frozenset[Role]) -> bool:
    """Whether a person may say something to the amount that they have not said, on the rung that the row is on."""
    rung = rung_of(turn.policy, row)
    if roles_here(turn.policy, row, person, roles).isdisjoint(rung.roles):
        return False
    if person in interested(turn, row) and not rung.self_approval:
        return False
    return all(a.person != person for a, _ in agreed(turn, row))


def _still(policy: Policy, agreement: Agreement) -> frozenset[Role]:
    named = roles_of(policy, agreement.person)
    groups = {r for r, m in policy.roles.items() if m.slack_groups or m.entra_groups}
    return agreement.roles & (named | groups)


def _is_of(policy: Policy, person: str, team: str) -> bool:
    known = policy.teams.get(team)
    mine = any(p.email == person and p.team == team for p in policy.people)
    return mine or (known is not None and known.lead == person)


def _called(policy: Policy, row: OverrunRow) -> dict[Role, str]:
    team = team_of(policy, row)
    return {role: f"{role} of {team}" for role in policy.ladder.own_team} if team else {}


def _a(role: Role, names: dict[Role, str]) -> str:
    word = role_word(role) + names.get(role, role).removeprefix(role)
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _named(turn: Turn, row: OverrunRow, rung: Rung) -> list[str]:
    """Who may decide on the rung, when the policy names all of them and they are few."""
    policy = turn.policy
    found: list[str] = []
    for role in rung.roles:
        members = policy.roles.get(role)
        if members is None:
            continue
        if members.slack_groups or members.entra_groups:
            return []
        mine = frozenset({role})
        found += [e for e in members.emails if roles_here(policy, row, e, mine)]
    others = frozenset() if rung.self_approval else interested(turn, row)
    people = [e for e in dict.fromkeys(found) if e not in others]
    names = {p.email: p.name for p in policy.people}
    return [names.get(e, e) for e in people] if len(people) <= MOST_NAMED else []
