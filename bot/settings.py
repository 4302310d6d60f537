"""What the environment says: addresses and secrets. Nothing of it is in the policy."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from guardrails.policy.people import GUID

LOOPBACK = ("127.0.0.1", "::1", "localhost")


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
class TeamsSettings:
    """One bot of one Entra tenant. Without ``app_id`` it is anonymous, for emulators on this machine."""

    app_id: str
    password: str = field(repr=False)
    tenant: str
    openid_url: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    issuer: str = "https://api.botframework.com"
    login_url: str = "https://login.microsoftonline.com/"
    graph_url: str = "https://graph.microsoft.com/v1.0/"

    @property
    def anonymous(self) -> bool:
        """Whether nobody has to prove who they are: an emulator on this machine."""
        return not self.app_id


@dataclass(frozen=True)
class Settings:
    config: Path
    database_url: str = field(repr=False)
    host: str
    port: int
    slack: SlackSettings | None
    teams: TeamsSettings | None = None
    metrics_token: str | None = field(default=None, repr=False)

    @property
    def on_loopback(self) -> bool:
        return self.host in LOOPBACK


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in an environment. Raises SettingsError with one sentence."""

    def get(name: str) -> str | None:
        value = environ.get(name, "").strip()
        return value or None

    port_text = get("PORT") or "3000"
    if not (port_text.isascii() and port_text.isdigit()) or not 0 <= int(port_text) <= 65535:
        raise SettingsError(f"PORT is {port_text}; it must be a number from 1 to 65535.")
    slack, teams = _slack(get), _teams(get)
    called = (slack and slack.signing_secret) or (teams and not teams.anonymous)
    settings = Settings(
        config=Path(get("SANDRAIL_CONFIG") or "app.yaml"),
        database_url=get("DATABASE_URL") or "sqlite:///sandrail.db",
        host=get("HOST") or ("0.0.0.0" if called else "127.0.0.1"),  # noqa: S104
        port=int(port_text),
        slack=slack,
        teams=teams,
        metrics_token=get("SANDRAIL_METRICS_TOKEN"),
    )
    if teams and teams.anonymous and not settings.on_loopback:
        raise SettingsError(
            f"SANDRAIL_TEAMS_ANONYMOUS lets anybody in who can reach {settings.host}: unset HOST, "
            "or set MICROSOFT_APP_ID, MICROSOFT_APP_PASSWORD and MICROSOFT_APP_TENANT_ID."
        )
    return settings


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
    api = _address(get, "SLACK_API_URL", "https://slack.com/api/")
    api = api if api.endswith("/") else api + "/"
    if token is not None:  # one workspace; a client id beside it changes nothing
        return SlackSettings(token, secret, app, api)
    teams = frozenset((get("SLACK_TEAMS") or "").replace(",", " ").split())
    return SlackSettings("", secret, app, api, client or "", client_secret or "", teams)


def _teams(get: Callable[[str], str | None]) -> TeamsSettings | None:
    app, password = get("MICROSOFT_APP_ID"), get("MICROSOFT_APP_PASSWORD")
    tenant, anonymous = get("MICROSOFT_APP_TENANT_ID"), get("SANDRAIL_TEAMS_ANONYMOUS")
    if anonymous not in (None, "0", "1"):
        raise SettingsError("SANDRAIL_TEAMS_ANONYMOUS is 1, or not set.")
    if app is None and password is None and anonymous == "1":
        return TeamsSettings("", "", tenant or "local")
    if app is None and password is None and tenant is None:
        return None
    if app is None or password is None or tenant is None:
        raise SettingsError(
            "Set MICROSOFT_APP_ID, MICROSOFT_APP_PASSWORD and MICROSOFT_APP_TENANT_ID, all three, "
            "to serve Microsoft Teams."
        )
    if anonymous == "1":
        raise SettingsError(
            "SANDRAIL_TEAMS_ANONYMOUS is for emulators: unset it, or unset MICROSOFT_APP_ID."
        )
    for name, value in (("MICROSOFT_APP_ID", app), ("MICROSOFT_APP_TENANT_ID", tenant)):
        if not re.fullmatch(GUID, value.lower()):
            raise SettingsError(
                f"{name} must be an id such as 00000000-0000-0000-0000-000000000000."
            )
    login = _address(get, "TO_CHANNEL_FROM_BOT_LOGIN_URL", TeamsSettings.login_url)
    graph = _address(get, "MICROSOFT_GRAPH_URL", TeamsSettings.graph_url)
    return TeamsSettings(
        app.lower(),
        password,
        tenant.lower(),
        _address(get, "TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL", TeamsSettings.openid_url),
        get("TO_BOT_FROM_CHANNEL_TOKEN_ISSUER") or TeamsSettings.issuer,
        login if login.endswith("/") else login + "/",
        graph if graph.endswith("/") else graph + "/",
    )


def _address(get: Callable[[str], str | None], name: str, default: str) -> str:
    """Another address of a platform than its own: for tests, emulators and government clouds."""
    address = get(name) or default
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError(f"{name} must be an address such as {default}.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise SettingsError(f"{name} may be http:// on this machine only; elsewhere use https://.")
    return address
