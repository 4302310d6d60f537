"""How Teams delivers to the bot, and what it makes of the answers."""

import copy
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

from tests.fakes.teams_activities import Activities, Activity
from tests.fakes.teams_cards import ADAPTIVE, Card, problems
from tests.fakes.teams_server import FakeTeams
from tests.fakes.teams_state import Message, User

_CARD = "application/vnd.microsoft.card.adaptive"
_WORDS = "application/vnd.microsoft.activity.message"
_ERROR = "application/vnd.microsoft.error"


@dataclass(frozen=True)
class Sent:
    """A request as it went out, and what came back."""

    activity: Activity
    headers: dict[str, str]
    status: int
    text: str
    seconds: float
    body: bytes = field(repr=False, default=b"")

    def json(self) -> dict[str, Any]:
        """The answer's JSON; an empty answer is an empty object."""
        return dict(json.loads(self.text)) if self.text else {}

    def card(self) -> Card:
        """The card of the answer: a dialog's, or the one that replaces the card that was used."""
        answer = self.json()
        if answer.get("type") == _CARD:
            return dict(answer["value"])
        value = answer.get("task", {}).get("value", {})
        assert isinstance(value, dict), f"no dialog: {self.text[:400]}"
        assert "card" in value, f"no dialog: {self.text[:400]}"
        return dict(value["card"]["content"])

    def told(self) -> str:
        """What the answer says to the person who acted, and to nobody else."""
        answer = self.json()
        value = answer.get("value", answer.get("task", {}).get("value", ""))
        if isinstance(value, dict) and "message" in value:
            value = value["message"]
        return value if isinstance(value, str) else ""


class Sending:
    """Teams in front of the bot at ``url``."""

    def __init__(self, fake: FakeTeams, url: str) -> None:
        self.fake = fake
        self.url = url
        self.make = Activities(fake)
        self.minting: dict[str, Any] = {}  # overrides of every token
        self.patch: dict[str, Any] = {}  # top-level fields of every activity; None leaves one out
        self.session = aiohttp.ClientSession()
        self._before: dict[str, Activity] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.session.close()

    # --- requests ---------------------------------------------------------------------------------

    async def send(self, activity: Activity, *, token: str | None = None, **headers: str) -> Sent:
        """Sends an activity; ``token`` replaces the minted one and ``""`` leaves it out."""
        said = {k: v for k, v in {**activity, **self.patch}.items() if v is not None}
        given = self.fake.mint(**self.minting) if token is None else token
        sent = {
            "Content-Type": "application/json; charset=utf-8",
            **({"Authorization": f"Bearer {given}"} if given else {}),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        return await self.raw(json.dumps(said).encode(), sent, said)

    async def raw(
        self, body: bytes, headers: Mapping[str, str], activity: Activity | None = None
    ) -> Sent:
        """Sends exactly these bytes with exactly these headers."""
        began = time.perf_counter()
        async with self.session.post(self.url, data=body, headers=headers) as response:
            text = await response.text()
        seconds = time.perf_counter() - began
        return Sent(activity or {}, dict(headers), response.status, text, seconds, body)

    async def again(self, sent: Sent, *, new_id: bool = False) -> Sent:
        """Teams delivers once more what it has sent before; ``new_id`` under another id."""
        activity = copy.deepcopy(sent.activity)
        if new_id:
            activity["id"] = self._new_id(activity)
        return await self.send(activity)

    async def _once(
        self, key: tuple[Any, ...], make: Callable[[], Activity], again: bool, new_id: bool
    ) -> Sent:
        """Sends what ``make`` makes, or what it made before for the same act."""
        name = repr(key)
        if again or new_id:
            assert name in self._before, f"nothing to deliver again: {name}"
            activity = copy.deepcopy(self._before[name])
            if new_id:
                activity["id"] = self._new_id(activity)
        else:
            activity = make()
            self._before[name] = copy.deepcopy(activity)
        return await self.send(activity)

    def _new_id(self, activity: Activity) -> str:
        return f"f:{uuid.uuid4()}" if activity["type"] != "message" else self.fake.new_id()

    # --- answers ----------------------------------------------------------------------------------

    def _checked(self, sent: Sent, user: User, message: Message | None) -> Sent:
        """Refuses answers that the client would show as an error, and remembers what is shown."""
        if sent.status != 200 or sent.activity.get("type") != "invoke":
            return sent
        answer = sent.json()
        if sent.activity["name"] == "adaptiveCard/action":
            self._check_action(answer, user, message)
        else:
            self._check_dialog(answer, user)
        return sent

    def _check_action(self, answer: dict[str, Any], user: User, message: Message | None) -> None:
        assert set(answer) >= {"statusCode", "type", "value"}, f"not an invoke answer: {answer}"
        match answer["type"]:
            case str(kind) if kind == _CARD:
                assert answer["statusCode"] == 200
                assert problems(answer["value"], self.fake.known_ids()) == []
                if message is not None:
                    self.fake.views[user.mri, message["id"]] = answer["value"]
            case str(kind) if kind == _WORDS:
                assert answer["statusCode"] == 200
                assert answer["value"].strip()
                self.fake.toasts.append((user.email or user.name, answer["value"]))
            case kind:
                assert kind == _ERROR, f"unknown type of answer: {kind}"
                assert answer["statusCode"] in (400, 500)
                assert answer["value"]["code"]
                assert answer["value"]["message"].strip()
                self.fake.toasts.append((user.email or user.name, answer["value"]["message"]))

    def _check_dialog(self, answer: dict[str, Any], user: User) -> None:
        task = answer.get("task")
        if task is None:
            return  # the dialog closes
        if task["type"] == "message":
            assert task["value"].strip()
            self.fake.toasts.append((user.email or user.name, task["value"]))
            return
        assert task["type"] == "continue", f"unknown type of dialog: {task['type']}"
        shown = task["value"]
        assert shown["title"].strip()
        assert shown["card"]["contentType"] == ADAPTIVE
        assert problems(shown["card"]["content"], self.fake.known_ids(), dialog=True) == []
