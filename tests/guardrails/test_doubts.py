"""What a policy allows but hardly means."""

from storage.policy_file import parse_policy
from tests.conftest import POLICY

BUDGET = "budgets:\n  - {name: ranker, scope: {experiment: ranker}, limit: 3000}\n"


def doubts(roles: str) -> list[str]:
    text = POLICY.partition("runbooks:")[0].replace("roles:\n", "roles:\n" + roles, 1) + BUDGET
    return list(parse_policy(text).doubtful())


def test_a_rung_whose_roles_nobody_has() -> None:
    (doubt,) = doubts("  finance: {emails: [finance@example.com]}\n")
    assert "Nobody has the role product, so the rung joint" in doubt


def test_one_person_cannot_sign_twice() -> None:
    """The only finance partner was the only product owner too: every joint review ran out."""
    both = "{emails: [both@example.com]}"
    (doubt,) = doubts(f"  finance: {both}\n  product: {both}\n")
    assert "finance and product by different people" in doubt
    assert (
        doubts(f"  finance: {both}\n  product: {{emails: [both@example.com, p@example.com]}}\n")
        == []
    )


def test_who_is_in_a_group_is_known_elsewhere() -> None:
    both = "{emails: [both@example.com], slack_groups: [product]}"
    assert doubts(f"  finance: {both}\n  product: {both}\n") == []


def test_without_budgets_nobody_has_to_decide() -> None:
    assert list(parse_policy(POLICY).doubtful()) == []
