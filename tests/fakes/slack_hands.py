"""What Slack sends a bot when people do things: signed raw HTTP, byte for byte as Slack does it."""

import hashlib
import hmac
import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.slack.manifest import manifest
from tests.fakes.block_kit import problems, view_problems
from tests.fakes.slack_methods import uploaded_file
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_state import State


@dataclass(frozen=True)
class Sent:
    """A request as it went out, and what came back."""

    body: bytes
    headers: dict[str, str]
    status: int
    text: str
    seconds: float

    def json(self) -> dict[str, Any]:
        """The answer's JSON; an empty answer is an empty object."""
        return dict(json.loads(self.text)) if self.text else {}


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """X-Slack-Signature of a body."""
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256)
    return "v0=" + digest.hexdigest()


class Hands:
    """People of the workspace at their keyboards, in front of the bot at ``url``."""

    def __init__(
        self, slack: FakeSlack, url: str, secret: str, workspace: State | None = None
    ) -> None:
        self.slack = slack
        self.home: State = workspace or slack
        self.url = url
        self.secret = secret
        self.session = aiohttp.ClientSession()

    async def close(self) -> None:
        await self.session.close()

    # --- requests ---------------------------------------------------------------------------------

    async def send(
        self,
        body: bytes,
        content_type: str = "application/x-www-form-urlencoded",
        **headers: str,
    ) -> Sent:
        """Sends a body signed; ``headers`` replace what Slack would send (underscores for dashes)."""
        timestamp = str(int(self.slack.now()))
        signed = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(self.secret, timestamp, body),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        return await self.send_raw(body, signed)

    async def send_raw(self, body: bytes, headers: Mapping[str, str]) -> Sent:
        """Sends exactly these bytes with exactly these headers."""
        began = time.perf_counter()
        async with self.session.post(self.url, data=body, headers=headers) as response:
            text = await response.text()
        seconds = time.perf_counter() - began
        return Sent(body, dict(headers), response.status, text, seconds)

    async def send_large(self, size: int) -> Sent:
        """Sends a body of that many bytes, signed."""
        body = b"x" * size
        timestamp = str(int(self.slack.now()))
        headers = {
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(self.secret, timestamp, body),
        }
        async with self.session.post(self.url, data=io.BytesIO(body), headers=headers) as response:
            return Sent(body, headers, response.status, await response.text(), 0.0)

    async def send_payload(self, payload: dict[str, Any]) -> Sent:
        """Sends an interaction's payload as Slack does: JSON in a form field."""
        return await self.send(urlencode({"payload": json.dumps(payload)}).encode())

    async def again(self, sent: Sent, **headers: str) -> Sent:
        """The same signed bytes once more, as a replay or as Slack's retry."""
        more = {k.replace("_", "-"): v for k, v in headers.items()}
        return await self.send_raw(sent.body, {**sent.headers, **more})

    # --- what people do ---------------------------------------------------------------------------

    async def command(self, user: str, command: str, text: str = "", channel: str = "") -> Sent:
        """A slash command. Its private answer, when there is one, is among the ephemerals."""
        where = channel or next(iter(self.home.channels))
        sent = await self.send(urlencode(self.command_body(user, command, text, where)).encode())
        self._private(sent, user, where)
        return sent

    def command_body(self, user: str, command: str, text: str, channel: str) -> dict[str, str]:
        """The fields of a slash command."""
        return {
            "token": "legacy",
            "team_id": self.home.team,
            "team_domain": "sandrail",
            "channel_id": channel,
            "channel_name": self.home.channels[channel].name,
            "user_id": user,
            "user_name": self.home.users.get(user, {}).get("name", "someone"),
            "command": command,
            "text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            "api_app_id": "A0SANDRAIL",
            "is_enterprise_install": str(self.home.org).lower(),
            **({"enterprise_id": self.home.enterprise} if self.home.enterprise else {}),
            "response_url": self.slack.response_url(user, channel),
            "trigger_id": self.home.trigger(),
        }

    async def press(
        self,
        user: str,
        channel: str,
        message: dict[str, Any],
        label: str,
        choice: str | None = None,
    ) -> Sent:
        """Presses the button, or chooses in the menu, with that label in a message."""
        payload = self.press_payload(user, channel, message, label, choice)
        return await self.send_payload(payload)

    def press_payload(
        self,
        user: str,
        channel: str,
        message: dict[str, Any],
        label: str,
        choice: str | None = None,
    ) -> dict[str, Any]:
        """The ``block_actions`` payload of a press."""
        element = find_element(message, label)
        action: dict[str, Any] = {
            "action_id": element["action_id"],
            "block_id": "b1",
            "type": element["type"],
            "action_ts": self.home.ts(),
        }
        if element["type"] == "static_select":
            option = next(o for o in element["options"] if o["text"]["text"] == choice)
            action["selected_option"] = option
        else:
            action["value"] = element["value"]
        thread = message.get("thread_ts")
        return {
            "type": "block_actions",
            "user": self._user(user),
            "api_app_id": "A0SANDRAIL",
            "token": "legacy",
            "container": {
                "type": "message",
                "message_ts": message["ts"],
                "channel_id": channel,
                "is_ephemeral": False,
                **({"thread_ts": thread} if thread else {}),
            },
            "trigger_id": self.home.trigger(),
            "team": {"id": self.home.team, "domain": "sandrail"},
            "enterprise": self._enterprise(),
            "is_enterprise_install": self.home.org,
            "channel": {"id": channel, "name": self.home.channels[channel].name},
            "message": message,
            "state": {"values": {}},
            "response_url": self.slack.response_url(user, channel),
            "actions": [action],
        }

    async def press_private(
        self, user: str, answer: dict[str, Any], label: str, choice: str | None = None
    ) -> Sent:
        """Presses the button, or chooses in the menu, with that label in an answer that only this person sees."""
        payload = self.press_payload(user, answer["channel"], {"ts": "0", **answer}, label, choice)
        payload["container"]["is_ephemeral"] = True
        del payload["message"]  # Slack keeps no ephemeral message
        return await self.send_payload(payload)

    async def menu(self, user: str, channel: str, message: dict[str, Any], name: str) -> Sent:
        """Chooses the app's entry of that name in a message's own menu."""
        return await self.send_payload(self.menu_payload(user, channel, message, name))

    def menu_payload(
        self, user: str, channel: str, message: dict[str, Any], name: str
    ) -> dict[str, Any]:
        """The ``message_action`` payload: the bot need not be in the channel."""
        entries = manifest(socket=True)["features"]["shortcuts"]
        entry = next(e for e in entries if e["name"] == name)
        assert entry["type"] == "message", "a global shortcut stands in no message's menu"
        return {
            "type": "message_action",
            "token": "legacy",
            "action_ts": self.home.ts(),
            "team": {"id": self.home.team, "domain": "sandrail"},
            "user": self._user(user),
            "channel": {"id": channel, "name": self.home.channels[channel].name},
            "is_enterprise_install": self.home.org,
            "enterprise": self._enterprise(),
            "callback_id": entry["callback_id"],
            "trigger_id": self.home.trigger(),
            "response_url": self.slack.response_url(user, channel),
            "message_ts": message["ts"],
            "message": {k: v for k, v in message.items() if k != "metadata"},
        }

    async def open_home(self, user: str, tab: str = "home", event_id: str = "Ev0HOME") -> Sent:
        """Opens the app in the sidebar, on one of its tabs."""
        event = {
            "type": "app_home_opened",
            "user": user,
            "channel": "D0SANDRAIL",
            "tab": tab,
            "event_ts": self.home.ts(),
            **({"view": self.home.homes[user]} if user in self.home.homes else {}),
        }
        body = self.event_body(event, event_id)
        return await self.send(json.dumps(body).encode(), "application/json")

    async def press_home(self, user: str, label: str, choice: str | None = None) -> Sent:
        """Presses the button, or chooses in the menu, with that label on one's own home tab."""
        return await self.send_payload(self.press_home_payload(user, label, choice))

    def press_home_payload(
        self, user: str, label: str, choice: str | None = None
    ) -> dict[str, Any]:
        """The ``block_actions`` payload of a press on the home tab: no channel, no response_url."""
        view = self.home.homes[user]
        channel = next(iter(self.home.channels))
        payload = self.press_payload(user, channel, {"ts": "0", **view}, label, choice)
        for key in ("channel", "message", "response_url"):
            del payload[key]
        return {
            **payload,
            "container": {"type": "view", "view_id": view["id"]},
            "view": {**view, "team_id": self.home.team},
        }

    async def submit(self, user: str, view: dict[str, Any], **values: str) -> Sent:
        """Fills in the fields of an open modal by name and submits it."""
        payload = self.submission_payload(user, view, **values)
        sent = await self.send_payload(payload)
        answer = sent.json() if sent.status == 200 else {}
        if answer.get("response_action") == "errors":
            inputs = {b["block_id"] for b in view["blocks"] if b["type"] == "input"}
            assert set(answer["errors"]) <= inputs, "errors must be keyed by the block_id of inputs"
            assert all(answer["errors"].values())
        elif "view" in answer:
            assert view_problems(answer["view"]) == []
        return sent

    def upload(self, user: str, content: bytes, name: str = "app.yaml") -> str:
        """Chooses a file for a field; its id is the field's value."""
        return self.home.add_file(user, name, content)

    def described(self, file_id: str) -> dict[str, Any]:
        """The file object that a submission carries."""
        found = json.dumps(uploaded_file(self.home, file_id)).replace("{base}", self.slack.base)
        return dict(json.loads(found))

    def submission_payload(self, user: str, view: dict[str, Any], **values: str) -> dict[str, Any]:
        """The ``view_submission`` payload of a form."""
        state: dict[str, dict[str, Any]] = {}
        for block in view["blocks"]:
            if block["type"] != "input":
                continue
            element = block["element"]
            value = values.get(block["block_id"])
            if element["type"] == "file_input":
                typed = {"files": [self.described(value)] if value else []}
            else:
                typed = _typed(element, value)
            state[block["block_id"]] = {element["action_id"]: {"type": element["type"], **typed}}
        return {
            "type": "view_submission",
            "team": {"id": self.home.team, "domain": "sandrail"},
            "user": self._user(user),
            "api_app_id": "A0SANDRAIL",
            "token": "legacy",
            "trigger_id": self.home.trigger(),
            "view": {**view, "state": {"values": state}, "team_id": self.home.team},
            "response_urls": [],
            "is_enterprise_install": self.home.org,
            "enterprise": self._enterprise(),
        }

    async def mention(
        self, user: str, channel: str, text: str, thread: str | None = None, event_id: str = "Ev1"
    ) -> Sent:
        """Writes a message that mentions the bot."""
        return await self.send(
            json.dumps(self.mention_body(user, channel, text, thread, event_id)).encode(),
            "application/json",
        )

    def mention_body(
        self, user: str, channel: str, text: str, thread: str | None, event_id: str
    ) -> dict[str, Any]:
        """The ``app_mention`` event."""
        return self.event_body(
            {
                "type": "app_mention",
                "user": user,
                "text": f"<@{self.home.bot_user}> {text}",
                "ts": self.home.ts(),
                "channel": channel,
                **({"thread_ts": thread} if thread else {}),
            },
            event_id,
        )

    def event_body(self, event: dict[str, Any], event_id: str) -> dict[str, Any]:
        """An Events API envelope."""
        return {
            "token": "legacy",
            "team_id": self.home.team,
            "api_app_id": "A0SANDRAIL",
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(self.slack.now()),
            "authorizations": [
                {
                    "enterprise_id": self.home.enterprise,
                    "team_id": None if self.home.org else self.home.team,
                    "user_id": self.home.bot_user,
                    "is_bot": True,
                    "is_enterprise_install": self.home.org,
                }
            ],
            "event": event,
        }

    def _enterprise(self) -> dict[str, str] | None:
        return {"id": self.home.enterprise, "name": "Grid"} if self.home.enterprise else None

    def _user(self, user: str) -> dict[str, Any]:
        known = self.home.users.get(user, {})
        return {
            "id": user,
            "username": known.get("name", "someone"),
            "name": known.get("name", "someone"),
            "team_id": known.get("team_id", self.home.team),
        }

    def _private(self, sent: Sent, user: str, channel: str) -> None:
        if sent.status == 200 and sent.text:
            answer = sent.json()
            assert answer["response_type"] == "ephemeral"
            assert answer["text"].strip()
            assert problems(answer["blocks"]) == []
            self.slack.ephemerals.append(
                {**answer, "user": user, "channel": channel, "via": "answer"}
            )


def find_element(message: dict[str, Any], label: str) -> dict[str, Any]:
    """The button or menu with a label in a message."""
    for block in message.get("blocks", []):
        for element in block.get("elements", []) if block["type"] == "actions" else []:
            shown = element.get("text") or element.get("placeholder")
            if shown["text"] == label:
                return dict(element)
    raise AssertionError(f"no button {label} in {json.dumps(message.get('blocks'))[:600]}")


def _typed(element: dict[str, Any], value: str | None) -> dict[str, Any]:
    match element["type"]:
        case "static_select":
            groups = element.get("option_groups") or [{"options": element["options"]}]
            options = [o for g in groups for o in g["options"]]
            chosen = next((o for o in options if o["value"] == value), None)
            return {"selected_option": chosen or element.get("initial_option")}
        case "datepicker":
            return {"selected_date": value or element.get("initial_date")}
        case _:
            return {"value": value if value is not None else element.get("initial_value")}
