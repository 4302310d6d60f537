"""Keeps the installations: exchanges tokens before they end, notices what other replicas have done.

A rotated token lives twelve hours and is exchanged six hours before its end, by one replica at a time (a claim
in the database). Slack revokes a refresh token with its use, so an answer that is lost after Slack acted cannot be
had again: the old token then works to its end, and the operator has these hours to install the app again.

slack_sdk's rotator is not used: it takes the machine's clock, knows no claim, and takes an answer that it does
not expect for a token that needs no exchange.
"""

import asyncio
import logging

from bot.kernel import Kernel
from bot.slack import installations
from bot.slack.calls import exchange
from bot.slack.errors import SlackRevoked
from bot.slack.surface import SlackSurface
from bot.slack.workspace import SlackWorkspace
from bot.surface import DeliveryError, Undeliverable
from storage import installations as claims

log = logging.getLogger(__name__)

EVERY = 30.0  # seconds between two looks
AHEAD = 6 * 60 * 60  # seconds before its end that a token is exchanged
TEAMS = 120  # looks between two questions for an organisation's workspaces: an hour


class Keeper:
    """The keeper of all installations of this process."""

    def __init__(self, surface: SlackSurface, kernel: Kernel) -> None:
        self._surface = surface
        self._kernel = kernel
        self._client = surface.settings.client_id
        self._looks = 0
        self._spent: dict[str, str] = {}  # tenant → the token whose exchange Slack has refused

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("the installations could not be looked after; looking again")
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """One look: new installations, tokens that end soon, workspaces that are back."""
        await self._surface.look()
        self._looks += 1
        for workspace in list(self._surface.workspaces.values()):
            await self._exchange(workspace)
            if workspace.gone is not None:
                await self._ask(workspace)
            elif self._looks % TEAMS == 0:
                await workspace.know_teams()

    async def _exchange(self, workspace: SlackWorkspace) -> None:
        now = self._kernel.clock()
        before = now.timestamp() + AHEAD
        ends = workspace.installed.expires_at
        token = workspace.installed.token
        if ends is None or ends > before or self._spent.get(workspace.tenant) == token:
            return
        write = self._kernel.database.in_write
        former = await write(
            lambda c: installations.to_exchange(c, self._client, workspace.tenant, before, now)
        )
        if former is None:
            return  # another replica is at it, or has done it
        try:
            answer = await exchange(
                self._surface.settings,
                grant_type="refresh_token",
                refresh_token=former.bot_refresh_token,
            )
            if not answer.get("access_token"):
                raise Undeliverable("Slack answered without a token")
        except DeliveryError as error:
            await write(lambda c: claims.release_refresh(c, workspace.tenant))
            self._not_exchanged(workspace, ends, error)
            return
        await write(
            lambda c: installations.exchanged(
                c, self._client, workspace.tenant, former, answer, self._kernel.clock()
            )
        )
        await self._surface.look()

    def _not_exchanged(self, workspace: SlackWorkspace, ends: float, error: DeliveryError) -> None:
        name = workspace.installed.name or workspace.tenant
        if not isinstance(error, Undeliverable | SlackRevoked):
            log.error("the token of %s is not exchanged yet, trying again: %s", name, error.reason)
            return  # a lost answer too: perhaps Slack has not acted
        self._spent[workspace.tenant] = workspace.installed.token
        until = installations.when(ends).strftime("%d %b %H:%M UTC")
        why = (
            f"The token of {name} cannot be exchanged any more and works until {until} only: "
            f"install the app there again with /slack/install. {error.reason}"
        )
        self._surface.told(workspace.tenant, why)

    async def _ask(self, workspace: SlackWorkspace) -> None:
        """Whether a workspace that refused us accepts us again: an account may be paid, an org open again."""
        try:
            await workspace.calls.read("auth.test")
        except SlackRevoked:
            return
        except DeliveryError as error:
            log.info("%s could not be asked: %s", workspace.tenant, error.reason)
            return
        self._surface.refused(workspace, None)
