"""The app package that makes the Teams app: a manifest and two icons, in a zip that is uploaded once.

Its fields are those of the Microsoft 365 app manifest 1.30, the newest that was generally available when this was
written (learn.microsoft.com/microsoft-365/extensibility/schema). ``triggers`` of a command came with 1.29.
"""

import json
import re
from io import BytesIO
from typing import Any, Literal
from urllib.parse import urlsplit
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from bot.teams.icons import SKY, colour_icon, outline_icon
from guardrails.policy.people import GUID
from handlers import catalog as _catalog  # noqa: F401  (registers every command)
from handlers.router import Registered, find

SCHEMA_VERSION = "1.30"
NAME = "Sandrail"
VERSION = "1.0.0"
EXAMPLE = "https://sandrail.example.com"
COLOUR_FILE, OUTLINE_FILE = "color.png", "outline.png"

#: What Teams offers when the bot is mentioned, and in the personal chat: ten at most are shown everywhere. The
#: other commands work as well, and are found by ``help``.
MENU = (
    "spend",
    "spend mine",
    "spend budgets",
    "spend overrun",
    "spend alerts",
    "dashboard",
    "sandbox request",
    "council next",
    "policy show",
    "help",
)
#: What the message extension offers beside ``ask``, also after a slash: ten at most with it and with those of
#: :data:`MESSAGE_MENU`.
ACTIONS = (
    "sandbox request",
    "sandbox list",
    "dashboard",
    "spend",
    "spend mine",
    "spend budgets",
    "spend overrun",
    "spend alerts",
)
#: What stands in the menu of every message: the action that is pressed → (its name, what it does).
MESSAGE_MENU = {
    "council.add": ("Bring to the council", "Puts it on the agenda of the next experiment council"),
}
ASK = "ask"

_SHORT = "Keeps AI spend under control without slowing experiments down."
_FULL = (
    "Sandrail reads your cloud and model bills and posts what is unusual in them into the channels of those who "
    "can act, with buttons. One anomaly is one message, and everybody sees who decided what. What is meant for "
    "one person is answered in the personal chat."
)
_DESCRIPTION = 128  # characters
_LONGEST_NAME, _URL = 30, 2048
_THEN = (1980, 1, 1, 0, 0, 0)  # the time of every file in the zip


class ManifestError(ValueError):
    """A manifest cannot be made of what was given; the message is one sentence."""


def manifest(
    app_id: str, *, name: str = NAME, url: str = EXAMPLE, version: str = VERSION
) -> dict[str, Any]:
    """The manifest as JSON, of the bot with this app id. ``url`` is where people read about it.

    Raises ManifestError for what Teams would refuse.
    """
    bot = app_id.strip().lower()
    if not bot:
        raise ManifestError(
            "MICROSOFT_APP_ID is missing; set it to the app id of your Azure Bot (docs/teams.md says where it is)."
        )
    if not re.fullmatch(GUID, bot):
        raise ManifestError(
            "MICROSOFT_APP_ID must be an id such as 00000000-0000-0000-0000-000000000000."
        )
    shown, page = _name(name), _page(url)
    return {
        "$schema": (
            f"https://developer.microsoft.com/json-schemas/teams/v{SCHEMA_VERSION}/MicrosoftTeams.schema.json"
        ),
        "manifestVersion": SCHEMA_VERSION,
        "version": _version(version),
        "id": bot,
        "developer": {
            "name": NAME,
            "websiteUrl": page,
            "privacyUrl": page,
            "termsOfUseUrl": page,
        },
        "name": {"short": shown, "full": f"{shown}: AI spend under control"},
        "description": {"short": _SHORT, "full": _FULL},
        "icons": {"color": COLOUR_FILE, "outline": OUTLINE_FILE},
        "accentColor": SKY,
        "bots": [
            {
                "botId": bot,
                "scopes": ["team", "personal"],
                "isNotificationOnly": False,
                "supportsFiles": True,  # a policy to be replayed, in the personal chat
                "commandLists": [_list("team"), _list("personal")],
            }
        ],
        "composeExtensions": [
            {
                "botId": bot,
                "commands": [
                    _ask(),
                    *(_action(n) for n in ACTIONS),
                    *(_in_menu(action) for action in MESSAGE_MENU),
                ],
            },
        ],
        "permissions": ["identity", "messageTeamMembers"],
        "validDomains": [],
        "defaultInstallScope": "team",
        "defaultGroupCapability": {"team": "bot"},
    }


def package(made: dict[str, Any]) -> bytes:
    """The app package: a zip of the manifest and its icons, the same bytes for the same manifest."""
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    out = BytesIO()
    with ZipFile(out, "w", ZIP_STORED) as zipped:
        for file, content in (
            ("manifest.json", text.encode()),
            (COLOUR_FILE, colour_icon()),
            (OUTLINE_FILE, outline_icon()),
        ):
            entry = ZipInfo(file, _THEN)
            entry.create_system = 3  # not that of the machine which packs it
            entry.external_attr = 0o644 << 16
            zipped.writestr(entry, content)
    return out.getvalue()


def command_id(name: str) -> str:
    """The id of a command in the message extension: its words with hyphens."""
    return name.replace(" ", "-")


def _list(scope: Literal["team", "personal"]) -> dict[str, Any]:
    """The commands that Teams shows in one scope: a list counts for one."""
    commands = [{"title": n, "description": _describe(find("command", n))} for n in MENU]
    return {"scopes": [scope], "commands": commands}


def _ask() -> dict[str, Any]:
    """The command in which any other can be typed."""
    return _extension(ASK, "Any command, typed into a form; the answer is for you only")


def _action(name: str) -> dict[str, Any]:
    return _extension(name, _describe(find("command", name)))


def _extension(name: str, description: str) -> dict[str, Any]:
    """A command that opens a dialog, from the box in which a message is written and from its slash menu."""
    return {
        "id": command_id(name),
        "type": "action",
        "title": name,
        "description": description,
        "context": ["compose"],
        "triggers": ["slash"],
        "fetchTask": True,
    }


def _in_menu(action: str) -> dict[str, Any]:
    """An entry in a message's own menu; it opens a dialog."""
    title, does = MESSAGE_MENU[action]
    return {
        "id": action,
        "type": "action",
        "title": title,
        "description": does,
        "context": ["message"],
        "fetchTask": True,
    }


def _describe(found: Registered) -> str:
    """What a command does and what may follow it, as its help says."""
    words = f"{found.does[:1].upper()}{found.does[1:]}"
    whole = f"{words}: {found.usage}" if found.usage else words
    return whole if len(whole) <= _DESCRIPTION else words[:_DESCRIPTION]


def _name(name: str) -> str:
    shown = " ".join(name.split())
    if not 1 <= len(shown) <= _LONGEST_NAME:
        raise ManifestError(
            f"--name has {len(shown)} characters; Teams takes 1 to {_LONGEST_NAME}."
        )
    return shown


def _version(version: str) -> str:
    if not re.fullmatch(r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}", version):
        raise ManifestError(f"--version is {version}; it must be three numbers, such as {VERSION}.")
    return version


def _page(url: str) -> str:
    """The address as it was given. Raises ManifestError."""
    wanted = f"--url is {url}; it must be the address of a page about the bot, such as {EXAMPLE}"
    page = url.strip()
    try:
        parts = urlsplit(page)
        _ = parts.port
    except ValueError:
        raise ManifestError(f"{wanted}.") from None
    if parts.scheme != "https" or not parts.hostname or any(c.isspace() for c in page):
        raise ManifestError(f"{wanted} (Teams needs https).")
    if parts.username or len(page) > _URL:
        raise ManifestError(f"{wanted}, without a name in it and of at most {_URL} characters.")
    return page
