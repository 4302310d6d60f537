"""Files that people upload into a form: fetched from Slack with the bot's token, which goes nowhere else.

docs.slack.dev/reference/block-kit/block-elements/file-input-element, docs.slack.dev/reference/objects/file-object:
the submission names the file, ``url_private_download`` wants the token, and sends whoever may not read the file
to a page where people sign in.
"""

import logging
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.slack.calls import Calls
from bot.slack.payloads import Asked
from bot.surface import DeliveryError
from bot.uploads import NotTaken, as_text, read_ahead
from handlers.conversation import LARGEST_FILE
from handlers.policy_rules.reading import too_large

log = logging.getLogger(__name__)

HOSTS = tuple(f"files.{domain}" for domain in ("slack.com", "slack-gov.com"))
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
_AGAIN = "Slack did not hand the file over just now; choose it again."
_ELSEWHERE = "The file is not in Slack itself; upload it from your machine."


async def with_files(calls: Calls, api_url: str, asked: Asked) -> Asked:
    """What was done, with the text of each file that was uploaded, or a sentence why there is none."""
    files, faults = {}, {}
    for name, described in asked.uploads.items():
        try:
            files[name] = await _text_of(calls, api_url, described)
            await read_ahead(files[name])
        except NotTaken as error:
            faults[name] = str(error)
    return replace(asked, files=files, faults=faults)


def allowed(url: str, api_url: str) -> bool:
    """Whether the token may go there: Slack's host of files, or where the configured API is."""
    try:
        there, api = urlsplit(url), urlsplit(api_url)
        if there.username is not None or there.password is not None:
            return False
        if there.scheme == "https" and there.hostname in HOSTS and there.port in (None, 443):
            return True
        return (there.scheme, there.netloc) == (api.scheme, api.netloc) and bool(api.netloc)
    except ValueError:
        return False


async def _text_of(calls: Calls, api_url: str, described: dict[str, Any]) -> str:
    try:
        if not described.get("url_private_download"):  # in channels that organisations share
            answer = await calls.read("files.info", file=str(described.get("id", "")))
            found = answer.get("file")
            described = found if isinstance(found, dict) else {}
    except DeliveryError as error:
        log.warning("a file cannot be looked up: %s", error.reason)
        raise NotTaken(_AGAIN) from None
    url, size = str(described.get("url_private_download") or ""), described.get("size")
    if isinstance(size, int) and size > LARGEST_FILE:
        raise NotTaken(too_large())
    if not allowed(url, api_url):
        log.warning("a file is not where Slack keeps files; it is not fetched")
        raise NotTaken(_ELSEWHERE)
    try:
        return as_text(await _fetched(calls, url))
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("a file could not be fetched: %s", type(error).__name__)
        raise NotTaken(_AGAIN) from None


async def _fetched(calls: Calls, url: str) -> bytes:
    session = await calls.session()
    headers = {"Authorization": f"Bearer {calls.client.token}"}
    async with session.get(
        url, headers=headers, timeout=_TIMEOUT, allow_redirects=False
    ) as response:
        if response.status != 200 or response.content_type == "text/html":
            # A page to sign in, mostly: the token may not read files.
            log.warning("a file was answered with %s, %s", response.status, response.content_type)
            raise NotTaken(_AGAIN)
        content = bytearray()
        async for chunk in response.content.iter_chunked(64 * 1024):
            content += chunk
            if len(content) > LARGEST_FILE:
                raise NotTaken(too_large())
        return bytes(content)
