"""What people do in Teams, sent to the bot as Teams sends it: activities with a signed token."""

import uuid
from typing import Any

from bot.teams.manifest import manifest
from tests.fakes.teams_activities import Activity
from tests.fakes.teams_cards import Card, actions, card_of, fill, find_action, inputs
from tests.fakes.teams_sending import Sending, Sent
from tests.fakes.teams_state import Message, Team, User

__all__ = ["Hands", "Sent"]

_CONTEXT = {"theme": "default"}


class Hands(Sending):
    """People at their keyboards, in front of the bot at ``url``."""

    # --- writing ----------------------------------------------------------------------------------

    async def mention(
        self,
        user: User,
        channel: str,
        text: str,
        root: str | None = None,
        again: bool = False,
        *,
        new_id: bool = False,
        between: str = " ",
    ) -> Sent:
        """Writes to the bot in a channel, or in the thread of ``root``. Some clients write
        ``&nbsp;`` ``between`` the name and the rest."""
        where = f"{channel};messageid={root}" if root else channel
        tag = f"<at>{self.fake.bot_name}</at>"
        html = (
            f'<span itemtype="http://schema.skype.com/Mention">{self.fake.bot_name}</span> {text}'
        )
        return await self._once(
            ("mention", user.mri, where, text),
            lambda: self.make.message(
                user, where, f"{tag}{between}{text}", mentions=True, html=html
            ),
            again,
            new_id,
        )

    async def spoofed_mention(
        self, user: User, channel: str, text: str, root: str | None = None
    ) -> Sent:
        """Types the letters of a mention; Teams makes no entity of them."""
        where = f"{channel};messageid={root}" if root else channel
        words = f"<at>{self.fake.bot_name}</at> {text}"
        return await self.send(self.make.message(user, where, words, mentions=False))

    async def say(
        self, user: User, text: str, again: bool = False, *, new_id: bool = False
    ) -> Sent:
        """Writes in one's own chat with the bot."""
        where = self.fake.personal_chat(user)
        return await self._once(
            ("say", user.mri, text),
            lambda: self.make.message(user, where, text, mentions=False),
            again,
            new_id,
        )

    # --- cards ------------------------------------------------------------------------------------

    async def press(
        self,
        user: User,
        conversation: str,
        message: Message,
        label: str,
        choice: str | None = None,
        again: bool = False,
        data: dict[str, Any] | None = None,
        *,
        new_id: bool = False,
        values: dict[str, str] | None = None,
        force: bool = False,
    ) -> Sent:
        """Presses the button, or chooses in the menu, with that label in a message.

        ``data`` goes over the button's data, as a forger would; ``values`` fill in the card's inputs.
        """

        def make() -> Activity:
            action, holder = find_action(self.seen(user, message), label, choice)
            fields = inputs(holder) if action.get("associatedInputs") != "none" else []
            filled = fill(fields, values or {}, force)
            merged = {**_object(action.get("data")), **filled, **(data or {})}
            return self._pressed(user, conversation, message, action, merged)

        key = ("press", user.mri, message["id"], label, choice, repr(data), repr(values))
        sent = await self._once(key, make, again, new_id)
        return self._checked(sent, user, message)

    def _pressed(
        self, user: User, conversation: str, message: Message, action: Activity, data: Activity
    ) -> Activity:
        where = message["conversation"] if ";" in message["conversation"] else conversation
        if action["type"] == "Action.Execute":
            shown = {k: action[k] for k in ("id", "verb") if k in action}
            value: dict[str, Any] = {
                "action": {"type": "Action.Execute", **shown, "data": data},
                "trigger": "manual",
            }
            return self.make.invoke(user, where, "adaptiveCard/action", value, message)
        assert action["type"] == "Action.Submit", f"{action['type']} tells the bot nothing"
        special = data.get("msteams", {})
        plain = {k: v for k, v in data.items() if k != "msteams"}
        if special.get("type") == "task/fetch":
            value = {"data": {**plain, "type": "task/fetch"}, "context": _CONTEXT}
            return self.make.invoke(user, where, "task/fetch", value, message)
        return self.make.posted_back(user, where, message, plain)

    async def open(self, *args: Any, **more: Any) -> Sent:
        """Presses a button that opens a dialog."""
        sent = await self.press(*args, **more)
        assert sent.activity.get("name") == "task/fetch", f"opens no dialog: {sent.activity}"
        return sent

    async def submit_card(
        self,
        user: User,
        conversation: str,
        message: Message,
        title: str,
        values: dict[str, str],
        again: bool = False,
        *,
        new_id: bool = False,
        force: bool = False,
    ) -> Sent:
        """Fills in the form in a message's card and presses its button."""
        more: dict[str, Any] = {"new_id": new_id, "force": force, "values": values, "again": again}
        return await self.press(user, conversation, message, title, **more)

    async def refresh(
        self, user: User, conversation: str, message: Message, *, force: bool = False
    ) -> Sent:
        """The client of someone who sees the message asks for that person's own card."""
        card = card_of(message)
        refresh = card.get("refresh") or {}
        people = refresh.get("userIds")
        assert force or people is None or user.mri in people, f"{user.name} is not refreshed"
        action = refresh["action"]
        shown = {k: action[k] for k in ("id", "verb") if k in action}
        value = {
            "action": {"type": "Action.Execute", **shown, "data": _object(action.get("data"))},
            "trigger": "automatic",
        }
        where = message["conversation"] if ";" in message["conversation"] else conversation
        activity = self.make.invoke(user, where, "adaptiveCard/action", value, message)
        return self._checked(await self.send(activity), user, message)

    def seen(self, user: User, message: Message) -> Card:
        """The card that this person sees: their own after a refresh or an answer, else everyone's."""
        return self.fake.views.get((user.mri, message["id"])) or card_of(message)

    # --- dialogs and extensions -------------------------------------------------------------------

    async def submit(
        self,
        user: User,
        task_response: Sent,
        values: dict[str, str],
        again: bool = False,
        *,
        new_id: bool = False,
        title: str | None = None,
        force: bool = False,
    ) -> Sent:
        """Fills in the dialog that an answer opened and submits it."""
        opened = task_response.activity
        data = _submission(task_response.card(), values, title, force)
        value = {"data": data, "context": _CONTEXT}
        return await self._from_dialog(user, opened, "task/submit", value, again, new_id)

    async def extension_fetch(
        self, user: User, command_id: str, conversation: str | None = None
    ) -> Sent:
        """Chooses a command of the app beside the box where messages are written."""
        where = conversation or self.fake.personal_chat(user)
        value = {"commandId": command_id, "commandContext": "compose", "context": _CONTEXT}
        value["requestId"] = uuid.uuid4().hex
        name = "composeExtension/fetchTask"
        activity = self.make.invoke(user, where, name, value, source="compose")
        return self._checked(await self.send(activity), user, None)

    async def menu(
        self, user: User, title: str, conversation: str, message: Message, *, again: bool = False
    ) -> Sent:
        """Chooses the app's entry with that title in a message's own menu; the bot need not be where that is."""
        entries = manifest(self.fake.app_id)["composeExtensions"][0]["commands"]
        entry = next(e for e in entries if e["title"] == title)
        assert "message" in entry["context"], "this entry stands in no message's menu"
        where = message["conversation"] if ";" in message["conversation"] else conversation
        value = {
            "commandId": entry["id"],
            "commandContext": "message",
            "context": _CONTEXT,
            "requestId": uuid.uuid4().hex,
            "messagePayload": _payload(user, conversation, message),
        }
        sent = await self._once(
            ("menu", user.mri, entry["id"], message["id"]),
            lambda: self.make.invoke(user, where, "composeExtension/fetchTask", value, None),
            again,
            False,
        )
        return self._checked(sent, user, None)

    async def extension_submit(
        self,
        user: User,
        command_id: str,
        task_response: Sent,
        values: dict[str, str],
        again: bool = False,
        *,
        new_id: bool = False,
        title: str | None = None,
        force: bool = False,
    ) -> Sent:
        """Fills in the dialog of a command and submits it."""
        data = _submission(task_response.card(), values, title, force)
        opened = task_response.activity["value"]
        kept = {k: opened[k] for k in ("commandContext", "messagePayload") if k in opened}
        value = {**_extension(command_id), **kept, "data": data}
        name = "composeExtension/submitAction"
        return await self._from_dialog(
            user, task_response.activity, name, value, again, new_id, source="compose"
        )

    async def _from_dialog(
        self,
        user: User,
        opened: Activity,
        name: str,
        value: dict[str, Any],
        again: bool,
        new_id: bool,
        source: str = "message",
    ) -> Sent:
        where = opened["conversation"]["id"]
        message = {"id": opened["replyToId"]} if "replyToId" in opened else None
        sent = await self._once(
            (name, user.mri, where, opened["id"], repr(value)),
            lambda: self.make.invoke(user, where, name, value, message, source),
            again,
            new_id,
        )
        return self._checked(sent, user, None)

    # --- installing and channels ------------------------------------------------------------------

    async def install_team(self, team: Team, by: User) -> Sent:
        """Adds the app to a team."""
        self.fake.install(team)
        bot = [{"id": self.fake.bot_id}]
        event = "teamMemberAdded"
        said = self.make.of_team(team, by, "conversationUpdate", event, membersAdded=bot)
        first = await self.send(said)
        second = await self.send(self.make.of_team(team, by, "installationUpdate", action="add"))
        return max(first, second, key=lambda sent: sent.status)

    async def uninstall_team(self, team: Team, by: User) -> Sent:
        """Takes the app out of a team."""
        self.fake.uninstall(team)
        bot = [{"id": self.fake.bot_id}]
        event = "teamMemberRemoved"
        said = self.make.of_team(team, by, "conversationUpdate", event, membersRemoved=bot)
        first = await self.send(said)
        second = await self.send(self.make.of_team(team, by, "installationUpdate", action="remove"))
        return max(first, second, key=lambda sent: sent.status)

    async def install_personal(self, user: User) -> Sent:
        """Adds the app for oneself."""
        where = self.fake.install_personal(user)
        said = self.make.base("installationUpdate", user, where) | {"action": "add"}
        first = await self.send(said)
        there = {"membersAdded": [{"id": user.mri}, {"id": self.fake.bot_id}]}
        second = await self.send(self.make.base("conversationUpdate", user, where) | there)
        return max(first, second, key=lambda sent: sent.status)

    async def uninstall_personal(self, user: User) -> Sent:
        """Removes the app for oneself."""
        where = self.fake.personal_chat(user)
        self.fake.uninstall_personal(user)
        said = self.make.base("installationUpdate", user, where) | {"action": "remove"}
        return await self.send(said)

    async def rename_channel(self, team: Team, channel: str, name: str, by: User) -> Sent:
        """Gives a channel, named by its id, another name."""
        former = next(n for n, c in team.channels.items() if c == channel)
        team.channels = {name if n == former else n: c for n, c in team.channels.items()}
        return await self._channel(team, channel, name, by, "channelRenamed")

    async def delete_channel(self, team: Team, channel: str, by: User) -> Sent:
        """Deletes a channel, named by its id."""
        name = next(n for n, c in team.channels.items() if c == channel)
        del team.channels[name]
        self.fake.chats[channel].gone = True
        return await self._channel(team, channel, name, by, "channelDeleted")

    async def _channel(self, team: Team, channel: str, name: str, by: User, event: str) -> Sent:
        said = self.make.of_team(team, by, "conversationUpdate", event)
        said["channelData"]["channel"] = {"id": channel, "name": name}
        return await self.send(said)


def _payload(user: User, conversation: str, message: Message) -> dict[str, Any]:
    """What Teams says of a message whose menu was used: attachments are named in the words, and not sent."""
    activity = message["activity"]
    words = str(activity.get("text") or "")
    holders = [
        f'<attachment id="{uuid.uuid4().hex}"></attachment>'
        for _ in activity.get("attachments") or []
    ]
    thread = message["conversation"].partition(";messageid=")[2] or message["id"]
    link = f"https://teams.microsoft.com/l/message/{conversation}/{message['id']}"
    query = f"tenantId={user.tenant}&parentMessageId={thread}&createdTime={message['id']}"
    return {
        "linkToMessage": f"{link}?{query}",
        "id": message["id"],
        "replyToId": None if thread == message["id"] else thread,
        "createdDateTime": "2026-11-23T09:00:00.000Z",
        "importance": "normal",
        "locale": "en-gb",
        "from": {"user": {"userIdentityType": "aadUser", "id": user.oid, "displayName": user.name}},
        "body": {"contentType": "html", "content": f"<div>{words}</div>{''.join(holders)}"},
        "attachments": [],
        "mentions": [],
        "reactions": [],
    }


def _extension(command_id: str) -> dict[str, Any]:
    return {"commandId": command_id, "commandContext": "compose", "context": _CONTEXT}


def _object(data: Any) -> dict[str, Any]:
    return dict(data) if isinstance(data, dict) else {}


def _submission(
    card: Card, values: dict[str, str], title: str | None, force: bool
) -> dict[str, Any]:
    """The data of the dialog's button with what was filled in."""
    buttons = [a for a in _submits(card) if title in (None, a.get("title"))]
    assert buttons, f"no Action.Submit {title or ''} in the dialog"
    plain = {k: v for k, v in _object(buttons[0].get("data")).items() if k != "msteams"}
    return {**plain, **fill(inputs(card), values, force)}


def _submits(card: Card) -> list[dict[str, Any]]:
    return [a for a in actions(card) if a["type"] == "Action.Submit"]
