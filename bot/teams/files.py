"""A file that somebody attaches to a command in the personal chat, fetched from where Teams keeps it.

learn.microsoft.com/microsoftteams/platform/bots/how-to/bots-filesv4: an attachment of the type
``file.download.info`` has an address in the sender's OneDrive that works for a few minutes without a token.
"""

import logging
from dataclasses import replace

import aiohttp
from yarl import URL

from bot.settings import LOOPBACK, TeamsSettings
from bot.teams.heard import Heard
from bot.teams.surface import TeamsSurface
from bot.uploads import NotTaken, as_text
from handlers.conversation import LARGEST_FILE
from handlers.policy_rules.reading import too_large

log = logging.getLogger(__name__)

HOSTS = tuple(f".sharepoint.{end}" for end in ("com", "us", "cn", "de"))
NAME = "file"
_TIMEOUT = aiohttp.ClientTimeout(total=5, connect=3)
_AGAIN = "Teams did not hand the file over just now; send it again."


async def with_file(surface: TeamsSurface, heard: Heard) -> Heard:
    """A command with the text of the file that came with it, or a sentence why there is none."""
    urls = heard.attached
    if not urls:
        return heard
    try:
        if len(urls) > 1:
            raise NotTaken("Attach one file alone.")
        text = await _text_of(surface, urls[0])
        return replace(heard, files={NAME: text})
    except NotTaken as error:
        return replace(heard, faults={NAME: str(error)})


def allowed(url: str, settings: TeamsSettings) -> bool:
    """Whether a file may be fetched there: SharePoint, or this machine for an emulator and tests."""
    try:
        there = URL(url)
    except ValueError:
        return False
    if there.user is not None or there.password is not None:
        return False
    if there.scheme == "http":
        here = settings.anonymous or settings.openid_url.startswith("http://")
        return here and there.host in LOOPBACK
    return (
        there.scheme == "https"
        and there.explicit_port in (None, 443)
        and (there.host or "").endswith(HOSTS)
    )


async def _text_of(surface: TeamsSurface, url: str) -> str:
    if not allowed(url, surface.settings):
        log.warning("a file is not where Teams keeps files; it is not fetched")
        raise NotTaken("The file is not in OneDrive or SharePoint; send it from your machine.")
    content = bytearray()
    try:
        async with surface.session().get(url, timeout=_TIMEOUT, allow_redirects=False) as response:
            if response.status != 200:
                log.warning("a file was answered with %s", response.status)
                raise NotTaken(_AGAIN)
            async for chunk in response.content.iter_chunked(64 * 1024):
                content += chunk
                if len(content) > LARGEST_FILE:
                    raise NotTaken(too_large())
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("a file could not be fetched: %s", type(error).__name__)
        raise NotTaken(_AGAIN) from None
    return as_text(bytes(content))
