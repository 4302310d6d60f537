"""The activities that Teams sends a bot, field by field."""

import uuid
from datetime import UTC, datetime
from typing import Any

from tests.fakes.teams_server import FakeTeams
from tests.fakes.teams_state import Chat, Message, Team, User

Activity = dict[str, Any]


class Activities:
    """What people of ``fake`` make Teams send; nothing is sent here."""

    def __init__(self, fake: FakeTeams) -> None:
        self.fake = fake

    def base(self, kind: str, user: User, conversation: str) -> Activity:
        """What every activity says: who, where, to whom."""
        chat = self.chat(conversation)
        tenant = chat.team.tenant if chat.team else user.tenant
        now = datetime.fromtimestamp(self.fake.now(), UTC)
        told = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}"
        data: dict[str, Any] = {"tenant": {"id": tenant}}
        about: dict[str, Any] = {"conversationType": "personal", "tenantId": tenant}
        if chat.team is not None:
            about = {"isGroup": True, "conversationType": "channel", "tenantId": tenant}
            data |= {
                "teamsChannelId": chat.id,
                "teamsTeamId": chat.team.id,
                "channel": {"id": chat.id},
                "team": {"id": chat.team.id},
            }
        return {
            "type": kind,
            "id": f"f:{uuid.uuid4()}",
            "timestamp": f"{told}Z",
            "localTimestamp": f"{told}+00:00",
            "localTimezone": "UTC",
            "channelId": "msteams",
            "serviceUrl": self.fake.service_url,
            "from": {"id": user.mri, "name": user.name, "aadObjectId": user.oid},
            "conversation": {**about, "id": conversation},
            "recipient": {"id": self.fake.bot_id, "name": self.fake.bot_name},
            "channelData": data,
            "locale": "en-GB",
            "entities": [_CLIENT],
        }

    def chat(self, conversation: str) -> Chat:
        """The chat of a conversation id, with or without a thread."""
        return self.fake.chats[conversation.partition(";")[0]]

    def message(
        self,
        user: User,
        conversation: str,
        text: str,
        *,
        mentions: bool,
        html: str | None = None,
    ) -> Activity:
        """A message; it stands in the chat from now on, and in a channel it may begin a thread."""
        chat, root = self.fake.split(conversation)
        stored = self.fake.store(chat, {"type": "message", "text": text}, user.mri, root)
        said = self.base("message", user, stored["conversation"])
        said |= {
            "id": stored["id"],
            "text": text,
            "textFormat": "plain",
            "attachments": [
                {"contentType": "text/html", "content": f"<div><div>{html or text}</div></div>"}
            ],
        }
        if root is not None:
            said["replyToId"] = root
        if mentions:
            bot = {"id": self.fake.bot_id, "name": self.fake.bot_name}
            tag = f"<at>{self.fake.bot_name}</at>"
            said["entities"] = [{"type": "mention", "mentioned": bot, "text": tag}, _CLIENT]
        return said

    def invoke(
        self,
        user: User,
        conversation: str,
        name: str,
        value: dict[str, Any],
        message: Message | None = None,
        source: str = "message",
    ) -> Activity:
        """An invoke; ``message`` is the one whose card was used."""
        said = self.base("invoke", user, conversation)
        said |= {"name": name, "value": value}
        said["channelData"]["source"] = {"name": source}
        if message is not None:
            said["replyToId"] = message["id"]
            said["channelData"]["legacy"] = {"replyToId": f"1:{message['id']}"}
        return said

    def posted_back(
        self, user: User, conversation: str, message: Message, value: dict[str, Any]
    ) -> Activity:
        """What an Action.Submit outside a dialog sends: a message with a value and no text."""
        said = self.base("message", user, conversation)
        said |= {"id": self.fake.new_id(), "value": value, "replyToId": message["id"]}
        said["channelData"] |= {
            "source": {"name": "message"},
            "legacy": {"replyToId": f"1:{message['id']}"},
            "postback": True,
        }
        return said

    def of_team(self, team: Team, by: User, kind: str, event: str = "", **more: Any) -> Activity:
        """Something happened to a team; it comes from the conversation of the team itself."""
        said = self.base(kind, by, team.id)
        said["channelData"] = {
            "team": {"aadGroupId": team.group, "name": team.name, "id": team.id},
            **({"eventType": event} if event else {}),
            "tenant": {"id": team.tenant},
        }
        said.pop("locale")
        return said | more


_CLIENT = {
    "type": "clientInfo",
    "locale": "en-GB",
    "country": "GB",
    "platform": "Windows",
    "timezone": "UTC",
}
