"""A seat in front of each surface: what a person sees, presses, types and is told, whatever the surface.

A new surface is one more seat; every test of the contract then runs on it.
"""

import json
from typing import Any, Protocol

from bot.kernel import Kernel
from tests.console.client import Client
from tests.fakes.slack_hands import Hands
from tests.fakes.slack_server import FakeSlack
from tests.fakes.teams_cards import actions, card_of, inputs, walk
from tests.teams.house import House


class Seat(Protocol):
    """People are named by the local part of their e-mail."""

    kernel: Kernel

    async def roots(self, channel: str) -> list[str]:
        """What each message of a channel says, without its thread."""
        ...

    async def thread(self, channel: str) -> list[str]:
        """What each reply under the channel's first message says."""
        ...

    async def press(self, who: str, channel: str, label: str, choice: str = "") -> None:
        """Presses a button, or chooses in a menu, of the channel's first message."""
        ...

    async def press_in_thread(self, who: str, channel: str, label: str, choice: str = "") -> None:
        """Presses in the first reply under the channel's first message that has such a control."""
        ...

    async def menu(self, who: str, channel: str, entry: str) -> None:
        """Chooses the bot's entry in the menu of the channel's first message."""
        ...

    async def fields(self) -> list[str]:
        """The names of the open form's fields."""
        ...

    async def submit(self, who: str, **values: str) -> dict[str, str]:
        """Submits the open form; the sentences at its fields when it stays open."""
        ...

    async def command(self, who: str, typed: str) -> None:
        """Types a command such as ``/spend help``."""
        ...

    async def told(self) -> str:
        """What was last said privately."""
        ...

    async def own_chat(self, who: str) -> list[str]:
        """What each message of the bot in the person's own chat says; on the console, which has none, those of the
        default channel."""
        ...


class ConsoleSeat:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.kernel = client.desk.kernel
        self.reply: dict[str, Any] = {}

    async def _act(self, path: str, who: str, **more: Any) -> None:
        body = {
            "delivery_id": f"d{id(more)}-{len(json.dumps(more))}-{await self._count()}",
            "person": f"{who}@example.com",
            "channel": "ml-search",
            **more,
        }
        status, self.reply = await self.client.post(path, body)
        assert status == 200, self.reply
        await self.kernel.delivery.drain()

    _acts = 0

    async def _count(self) -> int:
        self._acts += 1
        return self._acts

    async def roots(self, channel: str) -> list[str]:
        return [json.dumps(m["content"]) for m in await self.client.messages(channel)]

    async def thread(self, channel: str) -> list[str]:
        first = (await self.client.messages(channel))[0]
        _, found = await self.client.get(f"/messages/{first['id']}/thread")
        return [json.dumps(m["content"]) for m in found["replies"]]

    async def press(self, who: str, channel: str, label: str, choice: str = "") -> None:
        await self._press(who, (await self.client.messages(channel))[:1], label, choice)

    async def press_in_thread(self, who: str, channel: str, label: str, choice: str = "") -> None:
        first = (await self.client.messages(channel))[0]
        _, found = await self.client.get(f"/messages/{first['id']}/thread")
        await self._press(who, found["replies"], label, choice)

    async def _press(self, who: str, there: list[Any], label: str, choice: str) -> None:
        blocks = [b for message in there for b in message["content"]["blocks"]]
        controls = [c for b in blocks if b["kind"] == "controls" for c in b["controls"]]
        control = next(c for c in controls if c["label"] == label)
        inputs = {}
        if choice:
            inputs["choice"] = next(o["value"] for o in control["options"] if o["label"] == choice)
        await self._act(
            "/press",
            who,
            action=control["action"],
            subject=control["subject"],
            version=control["version"],
            inputs=inputs,
        )

    async def menu(self, who: str, channel: str, entry: str) -> None:
        message = (await self.client.messages(channel))[0]
        inputs = {
            "text": message["content"]["summary"],
            "message": str(message["id"]),
            "link": f"#/channel/{channel}/{message['id']}",
        }
        action = {"Bring to the council": "council.add"}[entry]  # as static/actions.js has it
        await self._act("/press", who, channel=channel, action=action, inputs=inputs)

    async def fields(self) -> list[str]:
        assert self.reply["kind"] == "form", self.reply
        self.form = self.reply["form"]
        return [f["name"] for f in self.form["fields"]]

    async def submit(self, who: str, **values: str) -> dict[str, str]:
        form = self.form
        files = {
            f["name"]: values.pop(f["name"], "") for f in form["fields"] if f["kind"] == "file"
        }
        await self._act(
            "/submission",
            who,
            action=form["action"],
            subject=form["subject"],
            version=form["version"],
            inputs=values,
            files=files,
        )
        return dict(self.reply.get("errors", {}))

    async def command(self, who: str, typed: str) -> None:
        await self._act("/command", who, text=typed)

    async def told(self) -> str:
        return json.dumps(self.reply)

    async def own_chat(self, who: str) -> list[str]:
        return await self.roots(self.kernel.loaded.policy.alerts.default)


class SlackSeat:
    def __init__(self, slack: FakeSlack, hands: Hands, kernel: Kernel, door: Any) -> None:
        self.slack, self.hands, self.kernel, self.door = slack, hands, kernel, door
        self.users = {
            u["profile"]["email"].partition("@")[0].lower(): user_id
            for user_id, u in slack.users.items()
            if u["profile"].get("email")
        }

    def _messages(self, channel: str) -> list[dict[str, Any]]:
        place = self.kernel.loaded.policy.channels[channel].slack
        assert place is not None
        return self.slack.messages(place)

    def _root(self, channel: str) -> dict[str, Any]:
        return next(m for m in self._messages(channel) if m.get("thread_ts") in (None, m["ts"]))

    async def _after(self) -> None:
        await self.door.settle()  # also what took longer than Slack waits for an answer
        await self.kernel.delivery.drain()

    async def roots(self, channel: str) -> list[str]:
        return [
            json.dumps([m["text"], m["blocks"]])
            for m in self._messages(channel)
            if m.get("thread_ts") in (None, m["ts"])
        ]

    async def thread(self, channel: str) -> list[str]:
        root = self._root(channel)["ts"]
        return [
            json.dumps([m["text"], m["blocks"]])
            for m in self._messages(channel)
            if m.get("thread_ts") == root and m["ts"] != root
        ]

    async def press(self, who: str, channel: str, label: str, choice: str = "") -> None:
        await self._press(who, channel, self._root(channel), label, choice)

    async def press_in_thread(self, who: str, channel: str, label: str, choice: str = "") -> None:
        root = self._root(channel)["ts"]
        replies = [m for m in self._messages(channel) if m.get("thread_ts") == root != m["ts"]]
        named = f'"{label}"'
        message = next(m for m in replies if named in json.dumps(m["blocks"], ensure_ascii=False))
        await self._press(who, channel, message, label, choice)

    async def _press(
        self, who: str, channel: str, message: dict[str, Any], label: str, choice: str
    ) -> None:
        place = self.kernel.loaded.policy.channels[channel].slack
        assert place is not None
        sent = await self.hands.press(self.users[who], place, message, label, choice or None)
        assert sent.status == 200
        await self._after()

    async def menu(self, who: str, channel: str, entry: str) -> None:
        place = self.kernel.loaded.policy.channels[channel].slack
        assert place is not None
        sent = await self.hands.menu(self.users[who], place, self._root(channel), entry)
        assert sent.status == 200
        await self._after()

    async def fields(self) -> list[str]:
        self.view = self.slack.views[-1]
        return [b["block_id"] for b in self.view["blocks"] if b["type"] == "input"]

    async def submit(self, who: str, **values: str) -> dict[str, str]:
        for block in self.view["blocks"]:
            name = block.get("block_id", "")
            if block.get("element", {}).get("type") == "file_input" and name in values:
                values[name] = self.hands.upload(self.users[who], values[name].encode())
        sent = await self.hands.submit(self.users[who], self.view, **values)
        assert sent.status == 200
        await self._after()
        return dict(sent.json().get("errors", {}))

    async def command(self, who: str, typed: str) -> None:
        name, _, rest = typed.partition(" ")
        sent = await self.hands.command(self.users[who], name, rest, "C0SEARCH1")
        assert sent.status == 200
        await self._after()

    async def told(self) -> str:
        return json.dumps(self.slack.ephemerals[-1])

    async def own_chat(self, who: str) -> list[str]:
        chat = self.slack.channels.get(f"D{self.users[who][1:]}")
        return [json.dumps([m["text"], m["blocks"]]) for m in chat.messages] if chat else []


class TeamsSeat:
    def __init__(self, house: House) -> None:
        self.house, self.kernel = house, house.kernel
        self.last: Any = None
        self.form: Any = None
        self.heard: list[str] = []

    def _root(self, channel: str) -> dict[str, Any]:
        return self.house.fake.roots(self.house.channel(channel))[0]

    async def roots(self, channel: str) -> list[str]:
        return [read(m) for m in self.house.fake.roots(self.house.channel(channel))]

    async def thread(self, channel: str) -> list[str]:
        there = self.house.channel(channel)
        return [read(m) for m in self.house.fake.thread(there, self._root(channel)["id"])]

    async def _after(self, sent: Any) -> None:
        assert sent.status == 200, sent.text
        self.last = sent
        await self.house.settle()

    async def press(self, who: str, channel: str, label: str, choice: str = "") -> None:
        await self._press(who, channel, [self._root(channel)], label, choice)

    async def press_in_thread(self, who: str, channel: str, label: str, choice: str = "") -> None:
        there = self.house.channel(channel)
        replies = self.house.fake.thread(there, self._root(channel)["id"])
        await self._press(who, channel, replies, label, choice)

    async def _press(
        self, who: str, channel: str, messages: list[dict[str, Any]], label: str, choice: str
    ) -> None:
        user, there = self.house.users[who], self.house.channel(channel)
        hands = self.house.hands
        shown = ((m, a) for m in messages for a in actions(hands.seen(user, m)))
        message, action = next((m, a) for m, a in shown if a["title"] == label)
        if action["type"] == "Action.ShowCard" and not choice:
            choice = actions(action["card"])[0]["title"]  # the button asks once more
        await self._after(await hands.press(user, there, message, label, choice or None))

    async def menu(self, who: str, channel: str, entry: str) -> None:
        user, there = self.house.users[who], self.house.channel(channel)
        await self._after(await self.house.hands.menu(user, entry, there, self._root(channel)))

    async def fields(self) -> list[str]:
        self.form = self.last
        return [one["id"] for one in inputs(self.form.card())]

    async def submit(self, who: str, **values: str) -> dict[str, str]:
        sent = await self.house.hands.submit(self.house.users[who], self.form, values, force=True)
        await self._after(sent)
        if sent.json().get("task", {}).get("type") != "continue":
            return {}
        self.form = sent
        return field_errors(sent.card())

    async def command(self, who: str, typed: str) -> None:
        chat = self.house.fake.personal_chat(self.house.users[who])
        before = len(self.house.fake.messages(chat))
        sent = await self.house.hands.mention(
            self.house.users[who], self.house.team.id, typed.lstrip("/")
        )
        await self._after(sent)
        self.heard = [read(m) for m in self.house.fake.messages(chat)[before:]]
        if not self.heard:  # a form opens from a button that is there for the one who asked
            user, there = self.house.users[who], self.house.team.id
            opener = self.house.fake.messages(there)[-1]
            await self._after(await self.house.hands.press(user, there, opener, "Open the form"))

    async def told(self) -> str:
        return self.last.told() or " ".join(self.heard)

    async def own_chat(self, who: str) -> list[str]:
        there = self.house.fake.messages(self.house.fake.personal_chat(self.house.users[who]))
        return [read(m) for m in there if m["from"] == self.house.fake.bot_id]


def read(message: dict[str, Any]) -> str:
    """What a message in Teams says, the runs of a text joined as a client shows them."""
    lines = []
    for one in walk(card_of(message)):
        if one.get("type") == "RichTextBlock":
            lines.append("".join(run["text"] for run in one["inlines"]))
        elif one.get("type") != "TextRun":
            said = [str(one[k]) for k in ("text", "title", "value", "altText") if one.get(k)]
            lines += [words.replace("**", "") for words in said]  # as a client shows it
    return "\n".join(lines)


def field_errors(card: dict[str, Any]) -> dict[str, str]:
    """The sentence that stands under each input."""
    found, field = {}, ""
    for one in walk(card):
        field = one.get("id", "") if str(one.get("type")).startswith("Input.") else field
        if one.get("type") == "TextRun" and one.get("color") == "Attention" and field:
            found[field] = one["text"]
    return found
