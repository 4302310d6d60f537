"""The app package: what Teams accepts, and no command that the handlers do not know."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from jsonschema import Draft4Validator
from PIL import Image

import bot.teams
from bot.teams.heard import from_extension
from bot.teams.icons import SKY, colour_icon, outline_icon
from bot.teams.manifest import (
    ACTIONS,
    ASK,
    MENU,
    MESSAGE_MENU,
    SCHEMA_VERSION,
    ManifestError,
    command_id,
    manifest,
    package,
)
from handlers.router import find, find_command, registered
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.teams.house import house
from tests.teams.renderer import MODULES

APP = "0b6f3c5e-1d0a-4a58-8f53-6a9b0c1d2e3f"
#: The package that brings the published schema of every version of the manifest, and where in it.
PACKAGE = "@microsoft/app-manifest@1.1.2"
SCHEMA = (
    MODULES
    / "@microsoft/app-manifest/build/json-schemas/teams"
    / f"v{SCHEMA_VERSION}/MicrosoftTeams.schema.json"
)


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return manifest(APP)


@pytest.mark.parametrize("name", ["Sandrail", "N" * 30])
def test_it_is_valid_under_the_published_schema_of_its_version(name: str) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema["properties"]["manifestVersion"]["const"] == SCHEMA_VERSION
    validator = Draft4Validator(schema)
    made = manifest(APP, name=name, url="https://a.example/" + "p" * 2030, version="10.20.30")
    assert [error.message for error in validator.iter_errors(made)] == []
    made["bots"][0]["commandLists"][0]["trigger"] = ["slash"]
    assert not validator.is_valid(made), "the schema lets everything through"


def test_rule_32_the_documented_limits(made: dict[str, Any]) -> None:
    assert made["manifestVersion"] == SCHEMA_VERSION
    assert f"/v{SCHEMA_VERSION}/" in made["$schema"]
    assert made["id"] == APP
    assert len(made["name"]["short"]) <= 30
    assert len(made["name"]["full"]) <= 100
    assert len(made["description"]["short"]) <= 80
    assert len(made["description"]["full"]) <= 4000
    assert made["description"]["short"] not in made["description"]["full"]
    assert len(made["developer"]["name"]) <= 32
    assert all(made["developer"][k].startswith("https://") for k in made["developer"] if "Url" in k)
    (bot,) = made["bots"]
    assert bot["botId"] == APP
    assert len(bot["commandLists"]) <= 3
    for listed in bot["commandLists"]:
        assert set(listed["scopes"]) <= set(bot["scopes"])
        _short_enough(listed["commands"])
    (extension,) = made["composeExtensions"]
    assert extension["botId"] == APP
    _short_enough(extension["commands"])


def _short_enough(commands: list[dict[str, Any]]) -> None:
    assert 1 <= len(commands) <= 10
    assert len({c["title"] for c in commands}) == len(commands)
    for command in commands:
        assert 1 <= len(command["title"]) <= 32
        assert 1 <= len(command["description"]) <= 128
        assert len(command.get("id", "")) <= 64


def test_only_commands_are_listed_and_of_every_kind_one() -> None:
    ours = [c for c in registered("command") if c.handler.__module__.startswith("handlers.")]
    names = {c.name for c in ours}  # tests register some of their own
    assert {*MENU, *ACTIONS} <= names
    missing = {n.split()[0] for n in names} - {n.split()[0] for n in MENU}
    assert not missing, f"say in bot/teams/manifest.py what is offered of {sorted(missing)}"


def test_a_listed_command_is_understood_as_it_is_shown(made: dict[str, Any]) -> None:
    for listed in made["bots"][0]["commandLists"]:
        assert [c["title"] for c in listed["commands"]] == list(MENU)
        for command in listed["commands"]:
            first, _, rest = command["title"].partition(" ")
            found, left = find_command(first, rest)
            assert (found.name, left) == (command["title"], "")
            assert found.does[1:] in command["description"]


def test_a_command_of_the_extension_is_understood_by_its_id(made: dict[str, Any]) -> None:
    (extension,) = made["composeExtensions"]
    ids = [c["id"] for c in extension["commands"]]
    assert ids == [ASK, *map(command_id, ACTIONS), *MESSAGE_MENU]
    typed = extension["commands"][1 : 1 + len(ACTIONS)]
    for name, command in zip(ACTIONS, typed, strict=True):
        heard = from_extension(
            {
                "name": "composeExtension/fetchTask",
                "id": "1",
                "serviceUrl": "https://smba.example/",
                "from": {"id": "29:1"},
                "conversation": {"id": "a:1"},
                "value": {"commandId": command["id"]},
            }
        )
        found, left = find_command(heard.name, heard.inputs["text"])
        assert (found.name, left) == (name, "")


def test_trap_31_the_slash_opens_a_dialog(made: dict[str, Any]) -> None:
    for command in made["composeExtensions"][0]["commands"]:
        assert command["type"] == "action"
        assert command["fetchTask"] is True
        assert "parameters" not in command  # the bot makes the form
        if command["id"] in MESSAGE_MENU:
            assert command["context"] == ["message"]
            assert "triggers" not in command  # there is no message when a slash is typed
            assert find("press", command["id"])
            continue
        assert command["triggers"] == ["slash"]  # known to the schema since 1.29
        assert command["context"] == ["compose"]  # the slash menu stands there


async def test_every_command_of_the_extension_is_answered(
    database: Database, loaded: LoadedPolicy, clock: Clock, made: dict[str, Any]
) -> None:
    async with house(database, loaded, clock) as h:
        for command in made["composeExtensions"][0]["commands"]:
            if command["context"] != ["compose"]:
                continue
            where = h.channel("finops")
            sent = await h.hands.extension_fetch(h.users["lead"], command["id"], where)
            assert sent.status == 200, command["id"]
            assert sent.json()["task"]["type"] in ("continue", "message"), command["id"]


def test_least_privilege(made: dict[str, Any]) -> None:
    assert made["validDomains"] == []
    assert made["permissions"] == ["identity", "messageTeamMembers"]
    for key in ("authorization", "webApplicationInfo", "devicePermissions", "staticTabs"):
        assert key not in made
    assert "supportsTargetedMessages" not in made["bots"][0]
    code = "".join(p.read_text("utf-8") for p in Path(bot.teams.__file__).parent.glob("*.py"))
    assert "isTargeted" not in code, "then say so in the manifest"


def test_the_package_holds_the_manifest_and_both_icons(made: dict[str, Any]) -> None:
    packed = package(made)
    with ZipFile(BytesIO(packed)) as zipped:
        assert zipped.testzip() is None
        assert zipped.namelist() == ["manifest.json", "color.png", "outline.png"]
        assert json.loads(zipped.read("manifest.json")) == made
        assert zipped.read(made["icons"]["color"]) == colour_icon()
        assert zipped.read(made["icons"]["outline"]) == outline_icon()
    assert package(manifest(APP)) == packed
    assert package(manifest(APP, name="Other")) != packed


def test_the_colour_icon_is_full_to_its_edges() -> None:
    with Image.open(BytesIO(colour_icon())) as icon:
        assert (icon.format, icon.size, icon.mode) == ("PNG", (192, 192), "RGB")
        sky = tuple(bytes.fromhex(SKY[1:]))
        assert icon.getpixel((0, 0)) == icon.getpixel((191, 0)) == sky
        corner = icon.getpixel((0, 191))
        assert isinstance(corner, tuple)
        assert corner != sky  # the sand
        colours = icon.getcolors(192 * 192)
    assert colours is not None
    assert max(count for count, _ in colours) < 0.7 * 192 * 192


def test_the_outline_icon_is_white_on_nothing() -> None:
    with Image.open(BytesIO(outline_icon())) as icon:
        assert (icon.format, icon.size, icon.mode) == ("PNG", (32, 32), "RGBA")
        red, green, blue, alpha = icon.split()
    assert {band.getextrema() for band in (red, green, blue)} == {(255, 255)}
    assert alpha.getextrema() == (0, 255)
    opaque = sum(alpha.histogram()[200:])
    assert 0.1 < opaque / 32**2 < 0.5


@pytest.mark.parametrize(
    ("app_id", "more", "said"),
    [
        ("", {}, "MICROSOFT_APP_ID is missing"),
        ("   ", {}, "MICROSOFT_APP_ID is missing"),
        ("sandrail", {}, "must be an id such as"),
        (APP + "0", {}, "must be an id such as"),
        (APP, {"name": ""}, "1 to 30"),
        (APP, {"name": "N" * 31}, "has 31 characters"),
        (APP, {"version": "1.0"}, "three numbers"),
        (APP, {"version": "1.0.0-beta"}, "three numbers"),
        (APP, {"version": "01.0.0"}, "three numbers"),
        (APP, {"url": "http://sandrail.example.com"}, "Teams needs https"),
        (APP, {"url": "sandrail.example.com"}, "Teams needs https"),
        (APP, {"url": "https://"}, "Teams needs https"),
        (APP, {"url": "https://a b.example"}, "Teams needs https"),
        (APP, {"url": "https://[bad"}, "a page about the bot"),
        (APP, {"url": "https://host:99999"}, "a page about the bot"),
        (APP, {"url": "https://user@host.example"}, "without a name"),
        (APP, {"url": "https://host.example/" + "p" * 2048}, "at most 2048"),
    ],
)
def test_what_teams_would_refuse_is_one_sentence(
    app_id: str, more: dict[str, str], said: str
) -> None:
    with pytest.raises(ManifestError) as refused:
        manifest(app_id, **more)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_id_may_be_written_in_capitals() -> None:
    assert manifest(f" {APP.upper()} ") == manifest(APP)


def test_the_page_explains_what_the_manifest_asks_for(made: dict[str, Any]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "teams.md").read_text(encoding="utf-8")
    for word in (*made["permissions"], *made["bots"][0]["scopes"], "triggers"):
        assert f"`{word}" in page, word
    assert f"The schema is {SCHEMA_VERSION}," in page
