"""Who someone in Teams is: their person, standing and roles of now, and the accounts to mention.

The account comes from the roster of the conversation, the groups from Microsoft Graph. Both are kept for a minute
and bounded in time; a person who cannot be checked is refused (standing ``unknown``) and the next press finds
the check done.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot.fresh import Fresh, within
from bot.teams.cards import Account
from bot.teams.connector import Connector
from bot.teams.errors import TeamsClosed, TeamsRefused
from bot.teams.graph import Graph
from bot.teams.heard import NAME, Sender, Where
from guardrails.authority import may, roles_of
from guardrails.policy.model import Policy
from handlers.conversation import Actor, Standing
from handlers.refusals import NotFound
from handlers.router import find
from storage import identities
from storage.database import Database
from storage.teams import Conversation

log = logging.getLogger(__name__)

PATIENCE = 2.5  # seconds that a click waits for a check; Teams waits ten for an answer, five in an extension
FRESH = timedelta(seconds=60)  # how long a role may outlive its removal
REFRESHED = 60  # people who may have a view of their own of one card


@dataclass(frozen=True)
class _Seen:
    """An account as the roster described it."""

    person: str
    email: str | None
    name: str
    standing: Standing


@dataclass(frozen=True)
class _Asked:
    """Whom to look for, and in which conversation."""

    sender: Sender
    where: Where


class People:
    """The people of one tenant."""

    def __init__(
        self,
        connector: Connector,
        graph: Graph,
        tenant: str,
        database: Database,
        clock: Callable[[], datetime],
        policy: Callable[[], Policy],
        elsewhere: Callable[[str], Awaitable[Conversation | None]],
        *,
        anonymous: bool,
    ) -> None:
        """``elsewhere`` finds the personal chat with an account."""
        self._connector = connector
        self._graph = graph
        self._tenant = tenant
        self._database = database
        self._clock = clock
        self._policy = policy
        self._elsewhere = elsewhere
        self._anonymous = anonymous
        self._seen: Fresh[_Asked, _Seen] = Fresh(self._ask_who, clock, FRESH)
        self._groups: Fresh[str, frozenset[str]] = Fresh(self._ask_groups, clock, FRESH)
        self._writing: set[asyncio.Task[None]] = set()

    async def actor(self, sender: Sender, where: Where) -> Actor:
        """The actor behind an account, with roles of now; standing ``unknown`` when that cannot be told.

        Takes :data:`PATIENCE` seconds at most and raises nothing.
        """
        asked = _Asked(sender, replace(where, thread=None))  # a roster is of the whole channel
        unknown = Actor(
            person=self._nameless(sender),
            name=sender.name or sender.mri,
            surface=NAME,
            tenant=self._tenant,
            user_id=sender.mri,
            standing="unknown",
        )
        named = bool(self._groups_named() and sender.oid)
        seen = self._seen.kept(asked)
        groups = self._groups.kept(sender.oid) if named else frozenset()
        if seen is None or groups is None:
            wanted = [self._seen.get(asked), *([self._groups.get(sender.oid)] if named else [])]
            seen, groups = (*await within(PATIENCE, *wanted), frozenset[str]())[:2]
        if seen is None:
            return unknown
        roles = roles_of(self._policy(), seen.email, entra_groups=groups or ())
        standing = seen.standing
        if standing == "member" and groups is None and not roles:
            standing = (
                "unknown"  # roles by e-mail stand without the groups; having none may be wrong
            )
        known = {"person": seen.person, "name": seen.name, "standing": standing}
        if standing == "member":
            known["roles"] = roles
        return unknown.model_copy(update=known)

    async def accounts(self, people: Iterable[str]) -> dict[str, Account]:
        """Person → account for those who have been seen in this tenant."""
        wanted = list(people)
        if not wanted:
            return {}
        known = await self._database.in_read(
            lambda c: identities.named_accounts(c, NAME, self._tenant, wanted)
        )
        return {person: Account(mri, name) for person, (mri, name) in known.items()}

    async def account(self, person: str) -> Account | None:
        """The account of a person, None when they have never been seen here."""
        return (await self.accounts([person])).get(person)

    async def who_may(self, actions: Iterable[str]) -> list[str]:
        """The accounts of at most sixty people who may do one of the actions, the last seen first."""
        policy = self._policy()
        permissions = set()
        for action in actions:
            try:
                permissions.add(find("press", action).permission)
            except NotFound:
                continue
        if not permissions:
            return []
        seen = await self._database.in_read(
            lambda c: identities.of_tenant(c, NAME, self._tenant, 500)
        )
        found = []
        for person, mri in seen:
            roles = roles_of(policy, person)
            if any(may(policy, p, roles) for p in permissions):
                found.append(mri)
        return found[:REFRESHED]

    async def close(self) -> None:
        """Ends what is being asked; waits for what is being kept."""
        await self._seen.close()
        await self._groups.close()
        await self.settle()

    async def settle(self) -> None:
        """Waits for what is being kept of people."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    # --- how --------------------------------------------------------------------------------------

    def _nameless(self, sender: Sender) -> str:
        return f"{NAME}:{self._tenant}:{sender.mri}"

    def _groups_named(self) -> list[str]:
        return sorted({g for m in self._policy().roles.values() for g in m.entra_groups})

    async def _ask_groups(self, oid: str) -> frozenset[str]:
        return await self._graph.groups_of(oid, self._groups_named())

    async def _ask_who(self, asked: _Asked) -> _Seen:
        if self._anonymous:
            return self._believed(asked.sender)
        w, s = asked.where, asked.sender
        try:
            member = await self._member(w, s)
        except TeamsRefused as refused:
            if refused.status not in (403, 404):
                raise
            seen = _Seen(self._nameless(s), None, s.name or s.mri, "stranger")
        else:
            seen = self._described(s, member)
        self._keep(s.mri, seen)
        return seen

    async def _member(self, where: Where, sender: Sender) -> dict[str, Any]:
        """The roster's account. A message extension works where the bot is not: then by the personal chat."""
        try:
            return await self._connector.member(where.service_url, where.conversation, sender.mri)
        except TeamsClosed:
            chat = await self._elsewhere(sender.mri)
            if chat is None or chat.conversation == where.conversation:
                raise
            return await self._connector.member(chat.service_url, chat.conversation, sender.mri)

    def _described(self, sender: Sender, member: dict[str, Any]) -> _Seen:
        oid = str(member.get("aadObjectId") or member.get("objectId") or sender.oid).lower()
        upn = str(member.get("userPrincipalName") or "").strip().lower()
        email = str(member.get("email") or "").strip().lower() or upn or None
        listed = next((p.email for p in self._policy().people if p.teams and p.teams == oid), None)
        standing: Standing = "member"
        if str(member.get("tenantId") or self._tenant).lower() != self._tenant:
            standing = "stranger"
        elif "#ext#" in upn or str(member.get("userRole") or "user").lower() != "user" or not oid:
            standing = "guest"
        known = (listed or email) if standing == "member" else None
        return _Seen(
            person=known or self._nameless(sender),
            email=known,
            name=str(member.get("name") or sender.name or sender.mri),
            standing=standing,
        )

    def _believed(self, sender: Sender) -> _Seen:
        """In an emulator an account is who it says it is: by an e-mail of the policy, or its name there."""
        for person in self._policy().people:
            if (
                person.email in (sender.mri.lower(), sender.name.lower())
                or person.name == sender.name
            ):
                return _Seen(person.email, person.email, person.name, "member")
        return _Seen(self._nameless(sender), None, sender.name or sender.mri, "member")

    def _keep(self, mri: str, seen: _Seen) -> None:
        """Writes the account down behind the click, for mentions and for finding one human twice."""
        now = self._clock()

        async def write() -> None:
            try:
                await self._database.in_write(lambda c: self._kept(c, mri, seen, now))
            except Exception:
                log.exception("the account %s could not be remembered", mri)

        task = asyncio.create_task(write())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    def _kept(self, connection: Connection, mri: str, seen: _Seen, now: datetime) -> None:
        if seen.standing != "member":
            identities.forget(connection, NAME, self._tenant, mri)
            return
        identities.remember(
            connection,
            surface=NAME,
            tenant=self._tenant,
            user_id=mri,
            person=seen.person,
            name=seen.name,
            now=now,
        )
