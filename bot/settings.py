"""What the environment says: addresses and secrets. Nothing of it is in the policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """The environment cannot be used as it is; the message is one sentence that says how to mend it."""


@dataclass(frozen=True)
class SlackSettings:
    """``signing_secret`` serves HTTP, ``app_token`` Socket Mode; one of the two at least.

    Either there is one ``bot_token``, or ``client_id`` and ``client_secret``: then workspaces install the app
    themselves, those in ``teams`` or, when that is empty, the first one and those that the policy names.
    """

    bot_token: str = field(repr=False)  # empty with a client_id
    signing_secret: str | None = field(default=None, repr=False)
    app_token: str | None = field(default=None, repr=False)
    api_url: str = "https://slack.com/api/"
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    teams: frozenset[str] = frozenset()

    @property
    def oauth(self) -> bool:
        """Whether workspaces install the app themselves."""
        return bool(self.client_id)


@dataclass(frozen=True)
class Settings:
    config: Path
    database_url: str = field(repr=False)
    host: str
    port: int
    slack: SlackSettings | None
    metrics_token: str | None = field(default=None, repr=False)

    @property
    def on_loopback(self) -> bool:
        return self.host in ("127.0.0.1", "::1", "localhost")


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in an environment. Raises SettingsError with one sentence."""

    def get(name: str) -> str | None:
        value = environ.get(name, "").strip()
        return value or None

    port_text = get("PORT") or "3000"
    if not (port_text.isascii() and port_text.isdigit()) or not 0 <= int(port_text) <= 65535:
        raise SettingsError(f"PORT is {port_text}; it must be a number from 1 to 65535.")
    slack = _slack(get)
    return Settings(
        config=Path(get("SANDRAIL_CONFIG") or "app.yaml"),
        database_url=get("DATABASE_URL") or "sqlite:///sandrail.db",
        host=get("HOST") or ("0.0.0.0" if slack and slack.signing_secret else "127.0.0.1"),  # noqa: S104
        port=int(port_text),
        slack=slack,
        metrics_token=get("SANDRAIL_METRICS_TOKEN"),
    )


def _slack(get: Callable[[str], str | None]) -> SlackSettings | None:
    token, secret, app = get("SLACK_BOT_TOKEN"), get("SLACK_SIGNING_SECRET"), get("SLACK_APP_TOKEN")
    client, client_secret = get("SLACK_CLIENT_ID"), get("SLACK_CLIENT_SECRET")
    if token is None and client is None and client_secret is None:
        if secret or app:
            raise SettingsError(
                "SLACK_BOT_TOKEN is missing; set it to the bot token (xoxb-…) of your Slack app."
            )
        return None
    if token is None and (client is None or client_secret is None):
        raise SettingsError(
            "Set both SLACK_CLIENT_ID and SLACK_CLIENT_SECRET to let workspaces install the app, "
            "or SLACK_BOT_TOKEN for one workspace."
        )
    if token is not None and not token.startswith("xoxb-"):
        raise SettingsError("SLACK_BOT_TOKEN must be a bot token, which starts with xoxb-.")
    if app is not None and not app.startswith("xapp-"):
        raise SettingsError("SLACK_APP_TOKEN must be an app-level token, which starts with xapp-.")
    if secret is None and app is None:
        raise SettingsError(
            "Set SLACK_SIGNING_SECRET to serve Slack over HTTP, or SLACK_APP_TOKEN for Socket Mode."
        )
    api = get("SLACK_API_URL") or "https://slack.com/api/"
    parts = urlsplit(api)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError("SLACK_API_URL must be an address such as https://slack.com/api/.")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise SettingsError(
            "SLACK_API_URL may be http:// on this machine only; elsewhere use https://."
        )
    api = api if api.endswith("/") else api + "/"
    if token is not None:  # one workspace; a client id beside it changes nothing
        return SlackSettings(token, secret, app, api)
    teams = frozenset((get("SLACK_TEAMS") or "").replace(",", " ").split())
    return SlackSettings("", secret, app, api, client or "", client_secret or "", teams)
