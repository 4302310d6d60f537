"""A dashboard as a page: which one is shown, its buttons, and that a look needs no writing."""

from typing import Any

import pytest

from guardrails.authority import roles_of
from handlers import dashboard_page as _dashboard_page  # noqa: F401  (registers it)
from handlers import home as _home  # noqa: F401  (registers it)
from handlers.conversation import Actor, Controls, Interaction, Menu, Place, Private, Refused
from handlers.router import look
from storage.database import Database
from tests.conftest import Clock
from tests.handlers.alerting import places
from tests.handlers.councils import Hall, council_policy


@pytest.fixture
def hall(database: Database, clock: Clock) -> Hall:
    """A company in which much waits: sandboxes, overruns, anomalies."""
    hall = Hall(database, council_policy(), clock)
    hall.busy()
    return hall


def looked(hall: Hall, who: str = "engineer", channel: str = "", **inputs: str) -> Private:
    """The page as a surface with a place for pages asks for it: on a view of the database that cannot write."""
    person = f"{who}@example.com"
    actor = Actor(
        person=person,
        name=who,
        surface="slack",
        tenant="T1",
        user_id=who,
        roles=roles_of(hall.loaded.policy, person),
    )
    asked = Interaction(
        delivery_id="look",
        kind="home",
        name="home",
        inputs=inputs,
        actor=actor,
        place=Place(surface="slack", tenant="T1", channel=channel),
    )
    with hall.database.read() as connection:
        reply = look(connection, hall.loaded, places, asked, hall.clock())
    assert isinstance(reply, Private), reply
    return reply


def headings(reply: Private) -> list[str]:
    return [b.text.partition(":")[0] for b in reply.message.blocks if b.kind == "heading"]


def menus(reply: Any) -> list[Menu]:
    groups = [b for b in reply.message.blocks if isinstance(b, Controls)]
    return [
        c
        for g in groups
        for c in g.controls
        if isinstance(c, Menu) and c.action == "dashboard.show"
    ]


def test_below_the_page_stands_the_dashboard_of_the_role_of_now(hall: Hall) -> None:
    mine = looked(hall)
    assert mine.page == "engineer"
    assert "My experiments" in headings(mine)
    assert "Engineers" in headings(mine)
    assert looked(hall, "executive").page == "executive"
    assert looked(hall, page="finops").page == "finops"
    assert looked(hall, page="nonsense").page == "engineer"
    chosen = looked(
        hall, page="finops", pressed="dashboard.show", subject="finops", choice="product"
    )
    assert chosen.page == "product"
    assert looked(hall, page="finops", pressed="sandbox.halt", subject="product").page == "finops"


def test_in_a_chat_a_button_opens_it(hall: Hall) -> None:
    page = looked(hall, channel="D1")
    assert (page.page, menus(page)) == ("", [])
    opened = hall.act("press", "dashboard.open")
    assert isinstance(opened, Private)
    assert opened.page == ""  # an answer of its own, not in the page's place
    assert headings(opened)[0] == "Engineers"


def test_every_one_can_be_chosen_but_the_one_that_is_shown(hall: Hall) -> None:
    shown = hall.act("command", "dashboard", text="finance")
    (menu,) = menus(shown)
    assert [o.value for o in menu.options] == ["engineer", "product", "executive", "finops"]
    again = hall.act("press", "dashboard.show", "finance")
    assert (again.page, again.message.summary) == ("finance", shown.message.summary)
    chosen = hall.act("press", "dashboard.show", "finance", choice="finops")
    assert chosen.page == "finops"


def test_what_is_no_dashboard_and_who_may_not(hall: Hall) -> None:
    for name, subject, more in (
        ("command", "dashboard", {"text": "sales"}),
        ("press", "dashboard.show", {"choice": "sales"}),
    ):
        refused = hall.act(name, subject, **more)
        assert isinstance(refused, Refused), refused
    also = hall.act("command", "dashboard", text="Engineers")  # another word for it
    assert also.page == "engineer"
    nobody = hall.act("press", "dashboard.show", "finops", who="nobody")
    assert isinstance(nobody, Refused)
    assert nobody.reason == "not-allowed"
