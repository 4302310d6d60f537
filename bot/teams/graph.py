"""Membership in Entra groups, by Microsoft Graph.

learn.microsoft.com/graph/api/directoryobject-checkmembergroups: twenty groups a call. The app needs the
application permissions GroupMember.Read.All and User.ReadBasic.All.
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp

from bot.settings import TeamsSettings
from bot.surface import TryLater, Undeliverable
from bot.teams.login import GRAPH, Login

MOST = 20  # groups of one call
_TIMEOUT = aiohttp.ClientTimeout(total=5, connect=3)


class Graph:
    """Microsoft Graph with the app's own token."""

    def __init__(
        self, settings: TeamsSettings, login: Login, session: Callable[[], aiohttp.ClientSession]
    ) -> None:
        self._settings = settings
        self._login = login
        self._session = session

    async def groups_of(self, oid: str, groups: Sequence[str]) -> frozenset[str]:
        """Those of the groups that the person is in, also through other groups. Raises DeliveryError."""
        found: set[str] = set()
        for i in range(0, len(groups), MOST):
            body = {"groupIds": list(groups[i : i + MOST])}
            said = await self._call("POST", f"users/{quote(oid, safe='')}/checkMemberGroups", body)
            found.update(str(g).lower() for g in said.get("value") or [])
        return frozenset(found)

    async def group_name(self, group: str) -> str:
        """The name of a group. Raises DeliveryError."""
        said = await self._call("GET", f"groups/{quote(group, safe='')}?$select=displayName")
        return str(said.get("displayName") or group)

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        token = await self._login.token(GRAPH)
        try:
            async with self._session().request(
                method,
                self._settings.graph_url + path,
                json=body,
                headers={"Authorization": f"Bearer {token}"},
                timeout=_TIMEOUT,
            ) as response:
                status, said = response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise TryLater(f"Microsoft Graph does not answer ({why})") from None
        if status == 200 and isinstance(said, dict):
            return said
        if status == 401:
            self._login.forget(token)
        if status in (401, 408, 429) or status >= 500:
            raise TryLater(f"Microsoft Graph answered {status}")
        raise Undeliverable(f"Microsoft Graph refuses to say ({status})")
