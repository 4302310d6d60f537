"""The environment: what cannot be used gets one sentence, and secrets are never shown."""

import pytest

from bot.settings import SettingsError, read_settings


def test_nothing_set_is_the_local_console() -> None:
    found = read_settings({})
    assert (found.host, found.port, found.slack) == ("127.0.0.1", 3000, None)
    assert found.database_url == "sqlite:///sandrail.db"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"PORT": "http"}, "PORT is http"),
        ({"PORT": "70000"}, "PORT is 70000"),
        ({"SLACK_SIGNING_SECRET": "s"}, "SLACK_BOT_TOKEN is missing"),
        ({"SLACK_BOT_TOKEN": "xoxp-1", "SLACK_SIGNING_SECRET": "s"}, "xoxb-"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_SIGNING_SECRET"),
        ({"SLACK_CLIENT_ID": "1.2", "SLACK_SIGNING_SECRET": "s"}, "SLACK_CLIENT_SECRET"),
        ({"SLACK_CLIENT_SECRET": "x", "SLACK_SIGNING_SECRET": "s"}, "SLACK_CLIENT_ID"),
        ({"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "x"}, "SLACK_SIGNING_SECRET"),
        ({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "  "}, "SLACK_SIGNING_SECRET"),
        ({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xoxb-2"}, "xapp-"),
        (
            {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s", "SLACK_API_URL": "slack"},
            "SLACK_API_URL",
        ),
        (
            {
                "SLACK_BOT_TOKEN": "xoxb-1",
                "SLACK_SIGNING_SECRET": "s",
                "SLACK_API_URL": "http://x.test/",
            },
            "https",
        ),
    ],
)
def test_trap_06_what_cannot_be_used_refuses_to_start(
    environ: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        read_settings(environ)


def test_secrets_are_not_shown() -> None:
    found = read_settings(
        {
            "SLACK_BOT_TOKEN": "xoxb-secret",
            "SLACK_SIGNING_SECRET": "hush",
            "DATABASE_URL": "postgresql://u:pw@h/d",
        }
    )
    assert "secret" not in repr(found).replace("signing_secret", "")
    assert "hush" not in repr(found)
    assert "pw" not in repr(found)


def test_several_workspaces_by_oauth() -> None:
    found = read_settings(
        {
            "SLACK_CLIENT_ID": "1.2",
            "SLACK_CLIENT_SECRET": "hush",
            "SLACK_SIGNING_SECRET": "s",
            "SLACK_TEAMS": "T0ONE111, E0TWO222",
        }
    )
    assert found.slack is not None
    assert found.slack.oauth
    assert found.slack.teams == {"T0ONE111", "E0TWO222"}
    assert "hush" not in repr(found)


def test_a_bot_token_beside_a_client_id_is_one_workspace() -> None:
    found = read_settings(
        {
            "SLACK_BOT_TOKEN": "xoxb-1",
            "SLACK_SIGNING_SECRET": "s",
            "SLACK_CLIENT_ID": "1.2",
            "SLACK_CLIENT_SECRET": "hush",
        }
    )
    assert found.slack is not None
    assert not found.slack.oauth
