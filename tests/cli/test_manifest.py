"""``sandrail manifest``: what the platforms accept, and no scope that the code does not use."""

import ast
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

import bot.slack
from bot.cli.main import app
from bot.settings import read_settings
from bot.slack.manifest import manifest
from bot.slack.scopes import COMMANDS, EVENTS, SCOPES
from bot.teams.manifest import manifest as teams_manifest
from bot.teams.manifest import package

URL = "https://sandrail.example.com"
APP = "0b6f3c5e-1d0a-4a58-8f53-6a9b0c1d2e3f"

#: Web API method → the bot scopes that docs.slack.dev/reference/methods names for how the bot calls it. Pages of
#: conversations.* name im: and mpim: scopes too, for direct messages, of which the bot reads none; the e-mail in
#: users.info has a scope of its own.
NEEDS: dict[str, set[str]] = {
    "auth.revoke": set(),
    "auth.teams.list": set(),
    "auth.test": set(),
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.history": {"channels:history", "groups:history"},
    "conversations.list": {"channels:read", "groups:read"},
    "conversations.replies": {"channels:history", "groups:history"},
    "files.completeUploadExternal": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "files.info": {"files:read"},
    "usergroups.list": {"usergroups:read"},
    "usergroups.users.list": {"usergroups:read"},
    "users.info": {"users:read", "users:read.email"},
    "users.lookupByEmail": {"users:read.email"},
    "views.open": set(),
    "views.publish": set(),
    "apps.connections.open": set(),  # by the app-level token
    "oauth.v2.access": set(),  # by the client's secret
}
EVENT_NEEDS = {
    "app_home_opened": set[str](),
    "app_mention": {"app_mentions:read"},
    "app_uninstalled": set[str](),
    "tokens_revoked": set[str](),
}
_FAMILIES = {name.partition(".")[0] for name in NEEDS}


def run(*arguments: str) -> tuple[int, str, str]:
    got = CliRunner().invoke(app, ["manifest", "slack", *arguments])
    return got.exit_code, got.stdout, got.stderr


def called() -> set[str]:
    """The Web API methods that bot/slack names in its code."""
    found = set()
    for path in Path(bot.slack.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            parts = node.value.split(".")
            if len(parts) > 1 and parts[0] in _FAMILIES and all(p.isalnum() for p in parts):
                found.add(node.value)
    return found


def heard() -> set[str]:
    """The events that the Bolt app listens to by name."""
    tree = ast.parse((Path(bot.slack.__file__).parent / "listeners.py").read_text(encoding="utf-8"))
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "event"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_the_scopes_are_those_that_the_code_uses() -> None:
    unknown = called() - set(NEEDS)
    assert not unknown, f"say under NEEDS which scope each needs: {sorted(unknown)}"
    needed = set().union(*(NEEDS[m] for m in called()), *(EVENT_NEEDS[e] for e in EVENTS))
    assert needed | {"commands"} == set(SCOPES)


def test_the_events_are_those_that_the_code_hears() -> None:
    assert heard() == set(EVENTS)


def test_every_scope_is_explained_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "slack.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    assert [s for s in SCOPES if f"`{s}`" not in table] == []


@pytest.mark.parametrize("made", [manifest(URL), manifest(socket=True), manifest(URL, oauth=True)])
def test_rule_15_the_limits_of_a_manifest(made: dict[str, Any]) -> None:
    shown = made["display_information"]
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert len(made["features"]["bot_user"]["display_name"]) <= 80
    commands = made["features"]["slash_commands"]
    assert [c["command"] for c in commands] == list(COMMANDS)
    assert len(commands) <= 50
    for c in commands:
        assert c["command"].startswith("/")
        assert len(c["command"]) <= 32
        assert len(c["description"]) <= 2000
        assert len(c["usage_hint"]) <= 1000
    assert len(made["oauth_config"]["scopes"]["bot"]) <= 255
    assert len(made["settings"]["event_subscriptions"]["bot_events"]) <= 100
    assert made["features"]["app_home"]["home_tab_enabled"]


def test_over_http_everything_comes_to_one_address() -> None:
    code, text, _ = run("--url", URL + "/")
    assert code == 0
    made = json.loads(text)
    events = f"{URL}/slack/events"
    assert {c["url"] for c in made["features"]["slash_commands"]} == {events}
    assert made["settings"]["interactivity"] == {"is_enabled": True, "request_url": events}
    assert made["settings"]["event_subscriptions"]["request_url"] == events
    assert not made["settings"]["socket_mode_enabled"]
    assert not made["settings"]["token_rotation_enabled"]
    assert "redirect_urls" not in made["oauth_config"]


def test_in_socket_mode_there_is_no_address() -> None:
    code, text, _ = run("--socket")
    assert code == 0
    assert "https://" not in text
    assert json.loads(text)["settings"]["socket_mode_enabled"]


def test_for_several_workspaces_it_redirects_and_rotates() -> None:
    made = json.loads(run("--url", URL, "--oauth")[1])
    assert made["oauth_config"]["redirect_urls"] == [f"{URL}/slack/oauth_redirect"]
    assert made["settings"]["token_rotation_enabled"]


def test_socket_mode_for_several_workspaces_needs_an_address_for_browsers_only() -> None:
    """Slack allows both together (the settings always did; the manifest once refused it)."""
    made = json.loads(run("--socket", "--oauth", "--url", URL)[1])
    assert made["oauth_config"]["redirect_urls"] == [f"{URL}/slack/oauth_redirect"]
    assert made["settings"]["socket_mode_enabled"]
    assert made["settings"]["token_rotation_enabled"]
    assert made["settings"]["interactivity"] == {"is_enabled": True}
    assert "request_url" not in made["settings"]["event_subscriptions"]
    assert all("url" not in command for command in made["features"]["slash_commands"])
    environ = {"SLACK_CLIENT_ID": "1", "SLACK_CLIENT_SECRET": "2", "SLACK_APP_TOKEN": "xapp-1"}
    slack = read_settings(environ).slack
    assert slack is not None
    assert (slack.oauth, slack.app_token, slack.signing_secret) == (True, "xapp-1", None)


def test_it_is_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "slack.json"
    code, text, _ = run("--socket", "--out", str(file))
    assert (code, "is in" in text) == (0, True)
    assert json.loads(file.read_text()) == manifest(socket=True)
    code, _, error = run("--socket", "--out", str(tmp_path))
    assert (code, "cannot be written" in error) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--socket for Socket Mode"),
        (("--url", URL, "--socket"), "either --url or --socket"),
        (("--url", "http://sandrail.example.com"), "Slack needs https"),
        (("--url", "sandrail.example.com"), "Slack needs https"),
        (("--url", "https://"), "Slack needs https"),
        (("--url", ""), "Slack needs https"),
        (("--url", "https://[bad"), "public address"),
        (("--url", "https://host:99999"), "public address"),
        (("--url", URL + "/slack/events"), "without a path"),
        (("--url", "https://user:secret@host.example"), "without a path"),
        (("--socket", "--oauth"), "say with --url where the bot's /slack/install is"),
        (("--socket", "--oauth", "--url", "http://host.example"), "Slack needs https"),
    ],
)
def test_what_slack_would_refuse_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    code, text, error = run(*arguments)
    assert (code, text) == (1, "")
    assert said in " ".join(error.split())
    assert "Traceback" not in error


# --- Microsoft Teams (what the manifest says: tests/teams/test_manifest.py) -----------------------


def run_teams(*arguments: str, app_id: str | None = APP) -> tuple[int, str, str]:
    got = CliRunner().invoke(
        app, ["manifest", "teams", *arguments], env={"MICROSOFT_APP_ID": app_id}
    )
    return got.exit_code, " ".join(got.stdout.split()), " ".join(got.stderr.split())


def test_the_app_package_of_teams_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, _ = run_teams()
    assert (code, "is in sandrail-teams.zip" in said, "--url" in said) == (0, True, True)
    first = Path("sandrail-teams.zip").read_bytes()
    assert first == package(teams_manifest(APP))
    assert run_teams()[0] == 0
    assert Path("sandrail-teams.zip").read_bytes() == first


def test_the_app_package_has_what_the_options_say(tmp_path: Path) -> None:
    file = tmp_path / "new" / "app.zip"
    options = ("--name", "Sandrail test", "--url", URL + "/about", "--version", "1.2.0")
    code, said, _ = run_teams(*options, "--out", str(file))
    assert (code, "--url" in said) == (0, False)
    with ZipFile(file) as zipped:
        made = json.loads(zipped.read("manifest.json"))
    assert (made["name"]["short"], made["version"]) == ("Sandrail test", "1.2.0")
    assert made["developer"]["privacyUrl"] == URL + "/about"
    assert made["id"] == made["bots"][0]["botId"] == APP


@pytest.mark.parametrize(
    ("app_id", "arguments", "said"),
    [
        (None, (), "MICROSOFT_APP_ID is missing"),
        ("", (), "MICROSOFT_APP_ID is missing"),
        ("not-an-id", (), "must be an id"),
        (APP, ("--url", "http://a.example"), "Teams needs https"),
        (APP, ("--url", ""), "Teams needs https"),
        (APP, ("--name", "n" * 31), "1 to 30"),
        (APP, ("--version", "one"), "three numbers"),
        (APP, ("--out", "."), "cannot be written"),
    ],
)
def test_what_teams_would_refuse_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    app_id: str | None,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text, error = run_teams(*arguments, app_id=app_id)
    assert (code, text) == (1, "")
    assert said in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []
