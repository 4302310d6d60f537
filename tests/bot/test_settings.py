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


APP = "0b6f3c5e-1d0a-4a58-8f53-6a9b0c1d2e3f"
TEAMS = {
    "MICROSOFT_APP_ID": APP,
    "MICROSOFT_APP_PASSWORD": "fake~client~secret",
    "MICROSOFT_APP_TENANT_ID": "5F0C2F0A-6A3B-4C7E-9D11-0A5D0D5A2B10",
}


def test_teams_with_its_three() -> None:
    found = read_settings(TEAMS)
    assert found.teams is not None
    assert not found.teams.anonymous
    assert found.teams.tenant == "5f0c2f0a-6a3b-4c7e-9d11-0a5d0d5a2b10"
    assert found.host == "0.0.0.0"
    assert "fake~client~secret" not in repr(found)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"MICROSOFT_APP_ID": APP}, "all three"),
        ({"MICROSOFT_APP_PASSWORD": "x"}, "all three"),
        ({"MICROSOFT_APP_TENANT_ID": APP}, "all three"),
        ({**TEAMS, "MICROSOFT_APP_ID": " "}, "all three"),
        ({**TEAMS, "MICROSOFT_APP_ID": "bot"}, "MICROSOFT_APP_ID must be an id"),
        ({**TEAMS, "MICROSOFT_APP_TENANT_ID": "common"}, "MICROSOFT_APP_TENANT_ID must be"),
        ({**TEAMS, "MICROSOFT_APP_TENANT_ID": "../" + APP}, "MICROSOFT_APP_TENANT_ID must be"),
        ({**TEAMS, "SANDRAIL_TEAMS_ANONYMOUS": "1"}, "unset it"),
        ({"SANDRAIL_TEAMS_ANONYMOUS": "yes"}, "is 1, or not set"),
        ({**TEAMS, "TO_CHANNEL_FROM_BOT_LOGIN_URL": "http://x.test/"}, "https"),
        ({**TEAMS, "TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL": "http://x.test/"}, "https"),
        ({**TEAMS, "MICROSOFT_GRAPH_URL": "graph"}, "MICROSOFT_GRAPH_URL"),
    ],
)
def test_trap_39_teams_that_cannot_be_used_refuses_to_start(
    environ: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        read_settings(environ)


def test_addresses_of_teams_end_in_a_slash() -> None:
    found = read_settings(
        {
            **TEAMS,
            "TO_CHANNEL_FROM_BOT_LOGIN_URL": "http://127.0.0.1:1",
            "MICROSOFT_GRAPH_URL": "https://graph.microsoft.us/v1.0",
        }
    ).teams
    assert found is not None
    assert found.login_url == "http://127.0.0.1:1/"
    assert found.graph_url == "https://graph.microsoft.us/v1.0/"
