"""Who someone in Slack is: their person, standing and roles of now, and the accounts to mention.

Everything is asked of Slack, kept for a minute, and bounded in time: a form must open within the three seconds
that its trigger lives, so a person who cannot be checked within :data:`PATIENCE` is refused (standing
``unknown``) while the check goes on behind; the next press finds it done.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.fresh import Fresh, within
from bot.slack.calls import Calls
from bot.slack.errors import SlackRefused
from bot.surface import DeliveryError
from guardrails.authority import roles_of
from guardrails.policy.model import Policy
from handlers.conversation import Actor, Standing
from storage import identities
from storage.database import Database

log = logging.getLogger(__name__)

PATIENCE = 1.2  # seconds that a click waits for a check; views.open must follow within three
FRESH = timedelta(seconds=60)  # how long a role may outlive its removal
_KNOWN = timedelta(hours=1)  # how long the account of an e-mail is kept
_UNKNOWN = timedelta(minutes=10)  # how long an e-mail without an account is not asked for again
_MOST = 5000  # e-mails whose account is kept
_ALL = "groups"  # the one thing that is asked about user groups

#: Name of a user group (handle or id) → its members.
Groups = dict[str, frozenset[str]]


@dataclass(frozen=True)
class _Seen:
    """An account as Slack described it."""

    person: str
    email: str | None
    name: str
    standing: Standing


class Home(Protocol):
    """Where the people are: a workspace or an organisation, see :class:`bot.slack.workspace.SlackWorkspace`."""

    @property
    def tenant(self) -> str: ...

    @property
    def org(self) -> bool: ...

    main: bool
    teams: frozenset[str]


class People:
    """The people of one workspace."""

    def __init__(
        self,
        calls: Calls,
        database: Database,
        clock: Callable[[], datetime],
        policy: Callable[[], Policy],
        home: Home,
    ) -> None:
        self._calls = calls
        self._database = database
        self._clock = clock
        self._policy = policy
        self._home = home
        self._seen: Fresh[str, _Seen] = Fresh(self._ask_who, clock, FRESH)
        self._groups: Fresh[str, Groups] = Fresh(self._ask_groups, clock, FRESH)
        self._no_groups = False
        self._accounts: dict[str, tuple[datetime, str | None]] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def actor(self, user_id: str, name: str = "") -> Actor:
        """The actor behind an account, with roles of now; standing ``unknown`` when that cannot be told.

        Takes :data:`PATIENCE` seconds at most and raises nothing.
        """
        named = any(m.slack_groups for m in self._policy().roles.values())
        seen, groups = self._seen.kept(user_id), self._groups.kept(_ALL) if named else {}
        if seen is None or groups is None:
            asked = [self._seen.get(user_id), *([self._groups.get(_ALL)] if named else [])]
            seen, groups = (*await within(PATIENCE, *asked), {})[:2]
        if seen is None:
            return self._actor(
                user_id, name or user_id, f"slack:{self._home.tenant}:{user_id}", "unknown"
            )
        mine = [g for g, members in (groups or {}).items() if user_id in members]
        roles = roles_of(self._policy(), seen.email, mine)
        # Without the groups, roles by e-mail still stand; having none is then not known for sure.
        standing = "unknown" if groups is None and not roles else seen.standing
        actor = self._actor(user_id, seen.name, seen.person, standing)
        return actor.model_copy(update={"roles": roles}) if standing == "member" else actor

    async def accounts(self, people: Iterable[str]) -> dict[str, str]:
        """Person → account id for those whom this workspace knows; raises nothing."""
        wanted = set(people)
        policy = self._listed()
        found = {person: policy[person] for person in wanted if person in policy}
        now = self._clock()
        ask: list[str] = []
        for person in wanted - set(found):
            kept = self._accounts.get(person)
            if kept is None or now - kept[0] > (_KNOWN if kept[1] else _UNKNOWN):
                ask.append(person)
            elif kept[1]:
                found[person] = kept[1]
        if ask:
            known = await self._database.in_read(
                lambda c: identities.accounts_of(c, "slack", self._home.tenant, ask)
            )
            answers = await asyncio.gather(*(self._look_up(p, known.get(p)) for p in ask))
            found.update({p: a for p, a in zip(ask, answers, strict=True) if a})
        return found

    async def close(self) -> None:
        """Waits for what is being kept; ends what is being asked."""
        await self._seen.close()
        await self._groups.close()
        await self.settle()

    async def settle(self) -> None:
        """Waits for what is being kept of people."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    def _actor(self, user_id: str, name: str, person: str, standing: Standing) -> Actor:
        return Actor(
            person=person,
            name=name,
            surface="slack",
            tenant=self._home.tenant,
            user_id=user_id,
            standing=standing,
        )

    # --- accounts ---------------------------------------------------------------------------------

    async def _ask_who(self, user_id: str) -> _Seen:
        try:
            user = (await self._calls.read("users.info", user=user_id))["user"]
        except SlackRefused as refused:
            if refused.code not in ("user_not_visible", "user_not_found"):
                raise
            seen = _Seen(f"slack:{self._home.tenant}:{user_id}", None, user_id, "stranger")
        else:
            seen = self._described(user_id, user)
        self._keep(user_id, seen, self._clock())
        return seen

    def _described(self, user_id: str, user: dict[str, Any]) -> _Seen:
        profile = user.get("profile") or {}
        email = str(profile.get("email") or "").strip().lower() or None
        if user.get("is_email_confirmed") is False:
            email = None  # anyone may type an address into a profile
        listed = next((p for p, account in self._listed().items() if account == user_id), None)
        name = profile.get("display_name") or profile.get("real_name") or user.get("real_name")
        return _Seen(
            person=listed or email or f"slack:{self._home.tenant}:{user_id}",
            email=listed or email,
            name=str(name or user.get("name") or user_id),
            standing=self._standing(user),
        )

    def _listed(self) -> dict[str, str]:
        """Person → account as the policy says it: accounts of the main workspace, an id means little elsewhere."""
        if not self._home.main:
            return {}
        return {p.email: p.slack for p in self._policy().people if p.slack}

    def _standing(self, user: dict[str, Any]) -> Standing:
        enterprise = user.get("enterprise_user") or {}
        teams = enterprise.get("teams") or [user.get("team_id")]
        ours = [enterprise.get("enterprise_id")] if self._home.org else teams
        if user.get("is_stranger") or self._home.tenant not in ours:
            return "stranger"
        if user.get("deleted"):
            return "deactivated"
        if user.get("is_restricted") or user.get("is_ultra_restricted"):
            return "guest"
        return "unknown" if user.get("is_bot") else "member"

    def _keep(self, user_id: str, seen: _Seen, now: datetime) -> None:
        """Writes the account down behind the click, for mentions and for finding one human twice."""
        tenant = self._home.tenant

        async def write() -> None:
            try:
                if seen.standing == "member":
                    await self._database.in_write(
                        lambda c: identities.remember(
                            c,
                            surface="slack",
                            tenant=tenant,
                            user_id=user_id,
                            person=seen.person,
                            name=seen.name,
                            now=now,
                        )
                    )
                else:
                    await self._database.in_write(
                        lambda c: identities.forget(c, "slack", tenant, user_id)
                    )
            except Exception:
                log.exception("the account %s could not be remembered", user_id)

        task = asyncio.create_task(write())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    # --- user groups ------------------------------------------------------------------------------

    async def _ask_groups(self, _: str) -> Groups:
        """The members of the user groups that the policy names, by handle and by id."""
        named = {
            g.lstrip("@").casefold() for m in self._policy().roles.values() for g in m.slack_groups
        }
        groups: Groups = {}
        try:
            for group in await self._ask_listed():
                names = {str(group.get("id", "")), str(group.get("handle", ""))}
                if not {n.casefold() for n in names} & named:
                    continue
                users = group.get("users")
                if users is None:
                    answer = await self._calls.read(
                        "usergroups.users.list",
                        usergroup=str(group["id"]),
                        team_id=group.get("team_id") if self._home.org else None,
                    )
                    users = answer.get("users") or []
                groups |= {n: groups.get(n, frozenset()) | frozenset(users) for n in names}
        except SlackRefused as refused:
            if refused.code not in ("plan_upgrade_required", "paid_teams_only"):
                raise
            if not self._no_groups:
                log.warning("this Slack plan has no user groups: roles come from e-mails only")
            self._no_groups = True
        return groups

    async def _ask_listed(self) -> list[dict[str, Any]]:
        """All user groups; those of an organisation are asked for workspace by workspace."""
        found: list[dict[str, Any]] = []
        for team in sorted(self._home.teams) if self._home.org and self._home.teams else [None]:
            answer = await self._calls.read("usergroups.list", include_users=True, team_id=team)
            found += answer.get("usergroups") or []
        return found

    # --- mentions ---------------------------------------------------------------------------------

    async def _look_up(self, person: str, known: str | None) -> str | None:
        if "@" not in person:
            return known
        account: str | None = known
        try:
            user = (await self._calls.read("users.lookupByEmail", email=person))["user"]
            account = str(user["id"]) if not user.get("deleted") else None
        except SlackRefused as refused:
            account = None if refused.code == "users_not_found" else known
        except DeliveryError as error:
            log.info("an account could not be looked up: %s", error.reason)
            return known  # asked again with the next message
        if len(self._accounts) >= _MOST:
            self._accounts.clear()
        self._accounts[person] = (self._clock(), account)
        return account
