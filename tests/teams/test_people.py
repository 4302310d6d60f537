"""Who someone in Teams is when they press: members, guests, strangers, roles of now."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.fresh import Fresh
from bot.teams import people as people_module
from bot.teams.people import FRESH
from storage import identities
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.fakes.teams_state import User
from tests.teams.house import House, house, with_roles

GROUP = "00000000-0000-4000-8000-0000000000ff"
OTHER = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
async def groups(sqlite: Database, loaded: LoadedPolicy, clock: Clock) -> AsyncIterator[House]:
    """The bot with the leads in a group of the directory, one of twenty-five that the policy names."""
    many = tuple(f"00000000-0000-4000-8000-{n:012x}" for n in range(24))
    policy = with_roles(
        loaded, lead={"emails": (), "entra_groups": (GROUP,)}, executive={"entra_groups": many}
    )
    async with house(sqlite, policy, clock) as made:
        made.fake.add_group(GROUP, "ML leads", [made.users["lead"]])
        yield made


async def of(home: House, user: User) -> str:
    """What a handler sees of a person who is not in the policy."""
    home.users["other"] = user
    return await home.actor("other")


async def test_a_member_with_the_role_of_the_policy(home: House) -> None:
    assert await home.actor("engineer") == "engineer@example.com member engineer"


async def test_an_email_in_other_letters_is_the_same_person(home: House) -> None:
    user = home.fake.add_user("LEAD@Example.COM", "ML lead")
    assert await of(home, user) == "lead@example.com member lead"


async def test_without_an_email_the_sign_in_name_counts(home: House) -> None:
    user = home.fake.add_user(None, "ML lead", upn="Lead@example.com")
    assert await of(home, user) == "lead@example.com member lead"


async def test_the_email_goes_before_the_sign_in_name(home: House) -> None:
    user = home.fake.add_user("lead@example.com", "ML lead", upn="engineer@example.com")
    assert await of(home, user) == "lead@example.com member lead"


async def test_an_object_id_of_the_policy_goes_before_both(
    sqlite: Database, loaded: LoadedPolicy, clock: Clock
) -> None:
    oid = "22222222-2222-4222-8222-222222222222"
    people = tuple(
        p.model_copy(update={"teams": oid}) if p.email == "lead@example.com" else p
        for p in loaded.policy.people
    )
    changed = replace(loaded, policy=loaded.policy.model_copy(update={"people": people}))
    async with house(sqlite, changed, clock) as home:
        user = home.fake.add_user("private@example.org", "ML lead", oid=oid)
        assert await of(home, user) == "lead@example.com member lead"
        shouting = home.fake.change_user(user, oid=oid.upper())
        del home.fake.users[oid]
        home.fake.users[oid.upper()] = shouting
        home.clock.now += FRESH
        assert await of(home, shouting) == "lead@example.com member lead"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        ({"guest": True}, "Guests cannot decide here"),
        ({"upn": "lead_example.com#EXT#@home.onmicrosoft.example"}, "Guests cannot decide here"),
        ({"tenant": OTHER}, "another organisation"),
    ],
)
async def test_guests_and_people_of_other_tenants_are_refused(
    home: House, make: dict[str, Any], sentence: str
) -> None:
    message = await home.thing()
    home.users["other"] = home.fake.add_user("lead@example.com", "ML lead", **make)
    activity = home.hands.make
    base = activity.base  # in a shared channel the activity is of the channel's tenant

    def shared(kind: str, user: User, conversation: str) -> dict[str, Any]:
        return base(kind, replace(user, tenant=home.fake.tenant), conversation)

    activity.base = shared  # type: ignore[method-assign]
    sent = await home.press("other", message, "Take")
    assert sent.status == 200
    assert sentence in sent.told()
    assert home.state() == "open"
    with home.kernel.database.read() as connection:
        known = identities.of_tenant(connection, "teams", home.fake.tenant, 10)
    assert home.users["other"].mri not in [mri for _, mri in known]


async def test_somebody_without_an_account_is_refused(home: House) -> None:
    user = home.fake.add_user("lead@example.com", "ML lead")
    home.users["other"] = nobody = home.fake.change_user(user, oid="")
    del home.fake.users[user.oid]
    home.fake.users[""] = nobody
    sent = await home.press("other", await home.thing(), "Take")
    assert "Guests cannot decide here" in sent.told()
    assert home.state() == "open"


async def test_somebody_who_was_removed_from_the_roster_is_refused(home: House) -> None:
    message = await home.thing()
    assert await home.actor("lead") == "lead@example.com member lead"
    home.fake.remove_user(home.users["lead"])
    home.clock.now += FRESH
    sent = await home.press("lead", home.root(), "Take")
    assert "another organisation" in sent.told()
    assert home.state() == "open"
    assert message["edited"] == 0


async def test_trap_18_a_role_that_was_taken_away_is_gone_within_a_minute(groups: House) -> None:
    assert await groups.actor("lead") == "lead@example.com member lead"
    groups.fake.add_group(GROUP, "ML leads", [])
    groups.clock.now += timedelta(seconds=61)
    sent = await groups.press("lead", groups.root(), "Take")
    assert "you have no role" in sent.told()
    assert groups.state() == "open"


async def test_more_than_twenty_groups_are_asked_in_batches(groups: House) -> None:
    assert await groups.actor("lead") == "lead@example.com member lead"
    asked = groups.fake.called("POST", "checkMemberGroups")
    assert len(asked) == 2
    await groups.actor("lead")
    assert len(groups.fake.called("POST", "checkMemberGroups")) == 2  # kept for a minute


async def test_groups_that_may_not_be_read_give_no_role(groups: House) -> None:
    groups.fake.graph_denied = True
    sent = await groups.press("lead", await groups.thing(), "Take")
    assert "could not be checked" in sent.told()
    assert groups.state() == "open"
    assert await groups.actor("engineer") == "engineer@example.com member engineer"  # by e-mail
    groups.fake.graph_denied = False
    assert await groups.actor("lead") == "lead@example.com member lead"  # a failure is not kept


async def test_a_guest_is_told_so_also_when_the_groups_cannot_be_read(groups: House) -> None:
    groups.fake.graph_denied = True
    groups.users["other"] = groups.fake.add_user("lead@example.com", "ML lead", guest=True)
    sent = await groups.press("other", await groups.thing(), "Take")
    assert "Guests cannot decide here" in sent.told()


async def test_a_slow_directory_is_not_waited_for(
    groups: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_module, "PATIENCE", 0.2)
    message = await groups.thing()
    groups.fake.hang(0.8, times=2, method="POST", path_part="checkMemberGroups")
    began = time.monotonic()
    sent = await groups.press("lead", message, "Take")
    assert "could not be checked" in sent.told()
    assert time.monotonic() - began < 2
    deadline = time.monotonic() + 5
    while groups.surface.people._groups.kept(groups.users["lead"].oid) is None:
        assert time.monotonic() < deadline
        await groups.hands.session._loop.run_in_executor(None, time.sleep, 0.05)
    await groups.press("lead", message, "Take")  # the next press finds the check done
    assert groups.state() == "investigating"


async def test_a_roster_that_does_not_answer_is_unknown_and_changes_nothing(home: House) -> None:
    message = await home.thing()
    home.fake.fail("GET", "/members/", 503, times=1)
    sent = await home.press("engineer", message, "Take")
    assert "could not be checked" in sent.told()
    assert home.state() == "open"
    again = await home.press("engineer", message, "Take", again=True)
    assert again.status == 200
    assert home.state() == "investigating"  # the same delivery may be tried again


async def test_the_roster_is_asked_once_a_minute_whatever_the_thread(home: House) -> None:
    message = await home.thing()
    other = await home.thing("other")
    for one in (message, other):
        await home.press("engineer", one, "Who am I")
    assert len(home.fake.called("GET", "/members/")) == 1


async def test_who_was_seen_is_mentioned_by_account(home: House) -> None:
    await home.hands.say(home.users["lead"], "help")
    await home.settle()
    account = await home.surface.people.account("lead@example.com")
    assert account is not None
    assert account.id == home.users["lead"].mri


async def test_answers_are_kept_for_a_time_and_never_too_many() -> None:
    clock, asked = Clock(), []

    async def ask(key: int) -> int:
        asked.append(key)
        if key < 0:
            raise ValueError("below zero")
        return key

    kept: Fresh[int, int] = Fresh(ask, clock, timedelta(seconds=60), most=3)
    for key in (1, 2, 3, 1, 4):
        assert await kept.get(key) == key
    assert asked == [1, 2, 3, 4]
    assert [kept.kept(k) for k in (1, 2, 3, 4)] == [None, 2, 3, 4]
    clock.now += timedelta(seconds=60)
    assert kept.kept(4) is None
    for _ in range(2):
        with pytest.raises(ValueError, match="below"):
            await kept.get(-1)
    assert asked[-2:] == [-1, -1]
    await kept.close()
