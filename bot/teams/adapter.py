"""The Bot Framework SDK's part: one activity in, one answer out, through its ``process_activity``.

Of the SDK's adapter its turn and its pipeline are used. What surrounds them there answers 500 to a valid
Action.Execute and to a bad token, blocks the loop for keys and tokens, and builds 999 delays twice a turn;
that part is ours (:mod:`bot.teams.keys`, :mod:`bot.teams.connector`, :mod:`bot.teams.door`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from botbuilder.core import CloudAdapterBase, TurnContext
from botbuilder.schema import Activity, ChannelAccount, ConversationAccount
from botframework.connector.auth import (
    AuthenticateRequestResult,
    BotFrameworkAuthentication,
    ClaimsIdentity,
    ConnectorFactory,
)

from bot.teams.connector import Connector

#: An activity as JSON → the body of the answer to an invoke, None for anything else.
Answer = Callable[[dict[str, Any]], Awaitable["Reply | None"]]


@dataclass(frozen=True)
class Reply:
    """What an invoke is answered with."""

    body: dict[str, Any]
    status: int = 200


class Adapter(CloudAdapterBase):  # type: ignore[misc]
    """Runs activities that :class:`bot.teams.keys.KeyRing` has let in."""

    def __init__(self, app_id: str, connector: Connector) -> None:
        super().__init__(_Trusted())
        self._let_in = AuthenticateRequestResult()
        self._let_in.audience = app_id
        self._let_in.claims_identity = ClaimsIdentity({}, True)
        self._let_in.connector_factory = _Connectors(connector)

    async def run(self, body: dict[str, Any], answer: Answer) -> Reply | None:
        """Has the activity handled; the answer to an invoke, None for anything else."""
        reply: Reply | None = None

        async def turn(context: TurnContext) -> None:
            # Sent as an activity of the turn the SDK would copy the whole answer, for nothing.
            nonlocal reply
            reply = await answer(body)

        await self.process_activity(self._let_in, _activity(body), turn)
        if reply is None and body.get("type") == "invoke":
            return Reply({}, 501)
        return reply


class _Trusted(BotFrameworkAuthentication):  # type: ignore[misc]
    """The SDK's own authentication, which nothing reaches: activities come authenticated."""

    async def authenticate_request(self, activity: Activity, auth_header: str) -> Any:
        raise PermissionError("activities are authenticated by bot.teams.keys")

    async def authenticate_streaming_request(self, auth_header: str, channel_id_header: str) -> Any:
        raise PermissionError("streaming is not offered")

    def create_connector_factory(self, claims_identity: ClaimsIdentity) -> Any:
        raise PermissionError("messages are sent by bot.teams.connector")

    async def create_user_token_client(self, claims_identity: ClaimsIdentity) -> Any:
        return None  # nobody signs in to anything through the bot


class _Connectors(ConnectorFactory):  # type: ignore[misc]
    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def create(self, service_url: str, audience: str) -> Connector:
        """Our connector, the same for every turn."""
        return self._connector


def _activity(body: dict[str, Any]) -> Activity:
    """What the SDK's turn needs to know; handlers read the JSON."""
    return Activity(
        type=body.get("type"),
        id=body.get("id"),
        name=body.get("name"),
        channel_id=body.get("channelId"),
        service_url=body.get("serviceUrl"),
        conversation=ConversationAccount(id=_id(body, "conversation")),
        recipient=ChannelAccount(id=_id(body, "recipient")),
        from_property=ChannelAccount(id=_id(body, "from")),
    )


def _id(body: dict[str, Any], of: str) -> Any:
    said = body.get(of)
    return said.get("id") if isinstance(said, dict) else None
