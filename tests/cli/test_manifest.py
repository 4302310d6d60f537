"""``sandrail manifest slack``: what Slack accepts, and no scope that the code does not use."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import bot.slack
from bot.cli.main import app
from bot.slack.manifest import manifest
from bot.slack.scopes import COMMANDS, EVENTS, SCOPES

URL = "https://sandrail.example.com"

#: Web API method → the bot scopes that Slack's documentation names for how the bot calls it.
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
        (("--socket", "--oauth"), "one workspace"),
    ],
)
def test_what_slack_would_refuse_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    code, text, error = run(*arguments)
    assert (code, text) == (1, "")
    assert said in " ".join(error.split())
    assert "Traceback" not in error
