"""Who people are: the directory, roles, and what roles may do."""

from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from guardrails.policy.base import Email, Name, Section
from guardrails.policy.zones import Country, TimeZone

Role = Literal[
    "engineer", "lead", "product", "finance", "executive", "finops", "operator", "compliance"
]
ROLES: tuple[Role, ...] = (
    "engineer",
    "lead",
    "product",
    "finance",
    "executive",
    "finops",
    "operator",
    "compliance",
)

#: What a handler may demand of the person who presses. A handler declares one.
Permission = Literal[
    "read",
    "anomaly.triage",
    "anomaly.expect",
    "anomaly.close",
    "spend.read",
    "overrun.ask",
    "overrun.decide",
    "overrun.halt",
    "sandbox.request",
    "sandbox.run",
    "sandbox.halt",
    "sandbox.manual",
    "gate.sign",
    "gate.promote",
    "redline.keep",
    "redline.resume",
    "shadow.claim",
    "policy.replay",
]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)

_DOERS: tuple[Role, ...] = ("engineer", "lead", "product", "finance", "finops", "operator")
DEFAULT_PERMISSIONS: dict[Permission, tuple[Role, ...]] = {
    "read": ROLES,
    "spend.read": ROLES,
    "anomaly.triage": _DOERS,
    "anomaly.expect": _DOERS,
    "anomaly.close": _DOERS,
    "overrun.ask": _DOERS,
    # Who decides is the ladder's business; this only says who may press at all.
    "overrun.decide": (
        "engineer",
        "lead",
        "product",
        "finance",
        "executive",
        "finops",
        "compliance",
    ),
    "overrun.halt": ("lead", "product", "finance", "executive", "finops", "operator"),
    "sandbox.request": _DOERS,
    # Extend, close, outcome: the owner, whoever asked, or a lead; the handler looks which.
    "sandbox.run": _DOERS,
    "sandbox.halt": ("engineer", "lead", "finance", "finops", "operator"),
    "sandbox.manual": ROLES,  # the actuator's role, checked there
    # The gate and the redline name their roles; these only say who may press at all.
    "gate.sign": ROLES,
    "gate.promote": ROLES,
    "redline.keep": ROLES,
    "redline.resume": ROLES,
    "shadow.claim": _DOERS,
    "policy.replay": ("finops",),
}


GUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
#: The object id of a Microsoft Entra group.
EntraGroup = Annotated[str, StringConstraints(to_lower=True, pattern=GUID)]


class Person(Section):
    """Someone the bot may have to find: an owner, a persona of the local console."""

    email: Email
    name: Name
    team: Name | None = None
    slack: str | None = Field(
        default=None, pattern=r"^[UW][A-Z0-9]{5,}$", description="Slack user id, if e-mails differ"
    )
    time_zone: TimeZone | None = Field(default=None, description="the workspace's when not given")
    holidays: Country | None = Field(default=None, description="the workspace's when not given")
    teams: str | None = Field(
        default=None,
        pattern=GUID,
        description="Entra object id in lower case, if e-mails differ",
    )


class Members(Section):
    """Who has a role: by e-mail, by Slack user group (handle or id), by Entra group (object id)."""

    emails: tuple[Email, ...] = ()
    slack_groups: tuple[Name, ...] = ()
    entra_groups: tuple[EntraGroup, ...] = ()


class Team(Section):
    """A team that spends: where it talks."""

    channel: Name
    lead: Email | None = None
