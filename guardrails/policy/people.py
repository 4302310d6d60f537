"""Who people are: the directory, roles, and what roles may do."""

from typing import Literal

from pydantic import Field

from guardrails.policy.base import Email, Name, Section

Role = Literal["engineer", "lead", "product", "finance", "executive", "finops", "operator"]
ROLES: tuple[Role, ...] = (
    "engineer",
    "lead",
    "product",
    "finance",
    "executive",
    "finops",
    "operator",
)

#: What a handler may demand of the person who presses. A handler declares one.
Permission = Literal["read", "anomaly.triage", "anomaly.expect", "anomaly.close", "spend.read"]
PERMISSIONS: tuple[Permission, ...] = (
    "read",
    "anomaly.triage",
    "anomaly.expect",
    "anomaly.close",
    "spend.read",
)

_DOERS: tuple[Role, ...] = ("engineer", "lead", "product", "finance", "finops", "operator")
DEFAULT_PERMISSIONS: dict[Permission, tuple[Role, ...]] = {
    "read": ROLES,
    "spend.read": ROLES,
    "anomaly.triage": _DOERS,
    "anomaly.expect": _DOERS,
    "anomaly.close": _DOERS,
}


class Person(Section):
    """Someone the bot may have to find: an owner, a persona of the local console."""

    email: Email
    name: Name
    team: Name | None = None
    slack: str | None = Field(
        default=None, pattern=r"^[UW][A-Z0-9]{5,}$", description="Slack user id, if e-mails differ"
    )


class Members(Section):
    """Who has a role: by e-mail, by Slack user group (handle or id)."""

    emails: tuple[Email, ...] = ()
    slack_groups: tuple[Name, ...] = ()


class Team(Section):
    """A team that spends: where it talks."""

    channel: Name
    lead: Email | None = None
