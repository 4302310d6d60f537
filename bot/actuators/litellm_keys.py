"""The key management of a LiteLLM proxy over HTTP, and what its answers mean.

How the proxy answers was read in the source of LiteLLM 1.109 and, where it differs, of older versions.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.actuators.actuator import ActFailed
from bot.actuators.calls import Answer, Calls, Clock, place
from guardrails.policy.actuators import LiteLLM


@dataclass(frozen=True)
class Key:
    """A key as the proxy keeps it. ``token`` is the hash by which the proxy knows it; no secret."""

    token: str
    metadata: Mapping[str, Any]
    rpm_limit: int | None  # requests a minute


class Unknown(Exception):
    """The proxy has no such key."""


class AliasTaken(Exception):
    """Another key has the alias."""


class _TagsRefused(Exception):
    """Tags of keys need LiteLLM's Enterprise licence, and this proxy has none."""


def hashed(key: str) -> str:
    """How the proxy stores and names a key: its SHA-256 in hex."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """Keys of one proxy, managed with its master key. Each method raises ActFailed; some raise Unknown."""

    def __init__(self, section: LiteLLM, master: str, *, clock: Clock, seconds: float) -> None:
        self._section = section
        self._seconds = seconds
        self._master = master
        self.who = f"LiteLLM ({section.name})"
        self._calls = Calls(self.who, clock=clock, secrets=(master,))
        self._tags_refused = False

    async def look(self) -> None:
        """Lists one key: raises ActFailed when the proxy does not answer to the master key."""
        await self._list({"size": "1"})

    async def find(self, alias: str, token: str) -> list[Key]:
        """The keys with this alias or this hash."""
        found: dict[str, Key] = {}
        for query in ({"key_alias": alias}, {"key_hash": token}):
            for said in await self._list({**query, "return_full_object": "true", "size": "100"}):
                if not isinstance(said, dict) or not isinstance(said.get("token"), str):
                    raise self._garbage()
                # some versions look for aliases that contain the given one
                if said["token"] == token or said.get("key_alias") == alias:
                    metadata, rpm = said.get("metadata"), said.get("rpm_limit")
                    found[said["token"]] = Key(
                        token=said["token"],
                        metadata=metadata if isinstance(metadata, dict) else {},
                        rpm_limit=rpm if isinstance(rpm, int) else None,
                    )
        return list(found.values())

    async def generate(self, wanted: Mapping[str, Any], tags: Sequence[str]) -> None:
        """Makes the key. Raises AliasTaken.

        A key of the same value under another alias is left as it is, and answered as if it were made: whoever
        calls this has looked for it before.
        """
        made = await self._with_tags("/key/generate", wanted, tags)
        if not isinstance(made, dict) or "key" not in made:
            raise self._garbage()
        if made.get("budget_duration") is not None and wanted.get("budget_duration", "") is None:
            # a bound of the proxy's, and in older versions a default, takes the place of a null
            token = hashed(str(wanted["key"]))
            await self._post("/key/update", {"key": token, "budget_duration": None})

    async def update(self, token: str, wanted: Mapping[str, Any], tags: Sequence[str] = ()) -> None:
        """Changes what is named, and tags when there are some. Raises Unknown."""
        asked = {"key": token, **wanted}
        if tags:
            await self._with_tags("/key/update", asked, tags)
        else:
            await self._post("/key/update", asked)

    async def block(self, token: str) -> None:
        """Refuses every call with the key. Raises Unknown."""
        await self._post("/key/block", {"key": token})

    async def unblock(self, token: str) -> None:
        """Lets the key call again. Raises Unknown."""
        await self._post("/key/unblock", {"key": token})

    async def delete(self, tokens: Sequence[str]) -> None:
        """Deletes those of the keys that are there. Raises Unknown when none is."""
        await self._post("/key/delete", {"keys": list(tokens)})

    async def close(self) -> None:
        """Lets go of connections."""
        await self._calls.close()

    async def _with_tags(self, path: str, wanted: Mapping[str, Any], tags: Sequence[str]) -> Any:
        if not self._tags_refused:
            try:
                return await self._post(path, {**wanted, "tags": list(tags)})
            except _TagsRefused:
                self._tags_refused = True  # a licence is noticed when the bot starts again
        return await self._post(path, wanted)

    async def _list(self, query: Mapping[str, str]) -> list[Any]:
        said = self._read(await self._call("GET", "/key/list", query=query))
        if not isinstance(said, dict) or not isinstance(said.get("keys"), list):
            raise self._garbage()
        return list(said["keys"])

    async def _post(self, path: str, wanted: Mapping[str, Any]) -> Any:
        return self._read(await self._call("POST", path, wanted), tagged="tags" in wanted)

    async def _call(
        self,
        method: str,
        path: str,
        wanted: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self._master}", "Accept": "application/json"}
        if wanted is not None:
            headers["Content-Type"] = "application/json"
        return await self._calls.call(
            method,
            self._section.url + path,
            seconds=self._seconds,
            headers=headers,
            body=None if wanted is None else json.dumps(wanted).encode(),
            query=query,
        )

    def _read(self, answer: Answer, *, tagged: bool = False) -> Any:
        if answer.fine:
            try:
                return answer.read()
            except ValueError:
                raise self._garbage() from None
        error = _error(answer)
        said = str(error.get("message", "")) if error is not None else ""
        if tagged and "Enterprise" in said:
            raise _TagsRefused  # 403; 500 before there was a code for it
        master = f"Check that {self._section.key} holds the proxy's master key"
        hint = ""
        match answer.status:
            case 404 if error is not None:
                raise Unknown
            case 404 | 405:
                raise ActFailed(
                    f"There is no LiteLLM proxy at {place(self._section.url)}: check the address in the policy, "
                    "it goes without /v1.",
                    final=True,
                )
            case 400 if "alias" in said and "already exists" in said:
                raise AliasTaken
            case 401:
                hint = f"{master}."
            case 403 if "Custom API key values are disabled" in said:
                hint = "Take disable_custom_api_keys out of its general_settings."
            case 403:
                hint = f"{master} and that its settings allow this."
            case 400 | 422:
                hint = "Look at the bounds and required parameters of keys in the proxy's settings."
        raise self._calls.failed(answer, hint=hint)

    def _garbage(self) -> ActFailed:
        return ActFailed(
            f"{self.who} answered with something that LiteLLM does not answer: check that "
            f"{place(self._section.url)} is the proxy itself and no sign-in page."
        )


def _error(answer: Answer) -> dict[str, Any] | None:
    """The proxy's error object; None when the answer is not the proxy's own."""
    try:
        said = answer.read()
    except ValueError:
        return None
    error = said.get("error") if isinstance(said, dict) else None
    return error if isinstance(error, dict) else None
