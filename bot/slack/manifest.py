"""The manifest that makes the Slack app: pasted once, instead of a dozen pages of settings.

Its fields are those of docs.slack.dev/reference/app-manifest, version 2; what it asks for is in
:mod:`bot.slack.scopes`.
"""

from typing import Any
from urllib.parse import urlsplit

from bot.slack.scopes import COMMANDS, EVENTS, HINTS, MESSAGE_MENU, SCOPES

NAME = "Sandrail"
SHORT = "Keeps AI spend under control without slowing experiments down."
EVENTS_PATH = "/slack/events"
INSTALL_PATH = "/slack/install"
OAUTH_PATH = "/slack/oauth_redirect"
_COLOUR = "#1F3A5F"
_EXAMPLE = "https://sandrail.example.com"


class ManifestError(ValueError):
    """A manifest cannot be made of what was given; the message is one sentence."""


def manifest(url: str = "", *, socket: bool = False, oauth: bool = False) -> dict[str, Any]:
    """The manifest as JSON. ``url`` is where Slack reaches the bot; ``socket`` alone needs none.

    ``oauth`` adds the redirect address of an app for several workspaces and lets its tokens rotate. With both,
    only the browsers of those who install the app come to ``url``. Raises ManifestError for a URL that Slack
    would refuse.
    """
    if socket and oauth and not url:
        raise ManifestError(
            "With --oauth people install the app in a browser, also in Socket Mode: "
            f"say with --url where the bot's {INSTALL_PATH} is."
        )
    base = "" if socket else _base(url)
    scopes: dict[str, Any] = {"scopes": {"bot": sorted(SCOPES)}}
    if oauth:
        scopes["redirect_urls"] = [_base(url) + OAUTH_PATH]
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": NAME,
            "description": SHORT,
            "background_color": _COLOUR,
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,  # what is told to one person stands there
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": NAME, "always_online": True},
            "shortcuts": [_in_menu(action) for action in MESSAGE_MENU],
            "slash_commands": [_command(name, base) for name in COMMANDS],
        },
        "oauth_config": scopes,
        "settings": {
            "event_subscriptions": _address(base) | {"bot_events": sorted(EVENTS)},
            "interactivity": {"is_enabled": True} | _address(base),
            "org_deploy_enabled": True,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": oauth,
        },
    }


def _in_menu(action: str) -> dict[str, str]:
    name, does = MESSAGE_MENU[action]
    return {"name": name, "type": "message", "callback_id": action, "description": does}


def _command(name: str, base: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "command": name,
        "description": COMMANDS[name],
        "usage_hint": HINTS[name],
        "should_escape": False,
    }
    return made | ({"url": base + EVENTS_PATH} if base else {})


def _address(base: str) -> dict[str, Any]:
    return {"request_url": base + EVENTS_PATH} if base else {}


def _base(url: str) -> str:
    """The address without its last slash. Raises ManifestError."""
    wanted = f"--url is {url}; it must be the bot's public address, such as {_EXAMPLE}"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ManifestError(f"{wanted}.") from None
    if parts.scheme != "https" or not parts.hostname or any(c.isspace() for c in parts.netloc):
        raise ManifestError(f"{wanted} (Slack needs https).")
    if parts.username or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ManifestError(f"{wanted}, without a path: {EVENTS_PATH} is added.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}" + (f":{port}" if port is not None else "")
