"""From a message to the agenda: the form, what it refuses, the link that is kept, a sandbox by its card."""

from typing import Any

import pytest

from handlers.conversation import FieldErrors, Form, Link, OpenForm, Private, Refused
from handlers.council import from_message as _from_message  # noqa: F401  (registers it)
from storage.database import Database
from storage.tables.council import CouncilItem
from storage.tables.delivery import MessageRef
from tests.conftest import Clock
from tests.handlers.councils import Hall, at, council_policy

LINK = "https://example.slack.com/archives/C0SEARCH1/p1700000000000100"


@pytest.fixture
def hall(database: Database, clock: Clock) -> Hall:
    hall = Hall(database, council_policy(), clock)
    hall.clock.now = at(20)
    return hall


def opened(hall: Hall, who: str = "engineer", **inputs: str) -> Form:
    reply = hall.act("press", "council.add", who=who, **inputs)
    assert isinstance(reply, OpenForm), reply
    return reply.form


def sent(hall: Hall, form: Form, who: str = "engineer", **changes: str) -> Any:
    given = {f.name: getattr(f, "initial", "") or "" for f in form.fields} | changes
    return hall.act("submission", form.action, form.subject, who=who, **given)


def test_a_message_becomes_a_topic_with_a_link(hall: Hall) -> None:
    form = opened(hall, text="\n  Shall we keep\tthe old ranker?  \nIt costs much.", link=LINK)
    assert [f.name for f in form.fields] == ["topic", "why", "owner"]
    assert form.fields[0].initial == "Shall we keep the old ranker?"
    assert form.fields[2].initial == "engineer@example.com"
    reply = sent(hall, form, why="Keep it or stop it?", owner="lead@example.com")
    assert isinstance(reply, Private), reply
    assert "on the agenda of the council on Tue 24 Nov (2026-W48)" in reply.message.summary
    row = hall.item("Shall we keep the old ranker?")
    assert (row.why, row.owner, row.asked_by, row.subject) == (
        "Keep it or stop it?",
        "lead@example.com",
        "engineer@example.com",
        LINK,
    )
    agenda = hall.act("command", "council", text="next")
    assert Link(text="the message on example.slack.com", url=LINK) in _links(agenda.message)
    hall.clock.now = at(24)
    hall.post()
    said = hall.item_words("Shall we keep the old ranker?")
    assert "Keep it or stop it?\n" in said  # no full stop behind the question mark
    assert "Owner: ML lead, search. From the message on example.slack.com." in said
    assert hall.chain_holds()


def _links(message: Any) -> list[Link]:
    texts = [t for b in message.blocks for t in getattr(b, "items", ())]
    texts += [b.text for b in message.blocks if b.kind in ("small", "paragraph")]
    return [s for t in texts for s in t if isinstance(s, Link)]


def test_the_same_message_is_there_once_a_week(hall: Hall) -> None:
    form = opened(hall, text="A topic", link=LINK)
    assert isinstance(sent(hall, form), Private)
    again = sent(hall, form, who="lead", topic="The same in other words")
    assert isinstance(again, Refused)
    assert again.reason == "already-decided"
    other = sent(hall, opened(hall, text="a TOPIC", link=LINK + "0"))
    assert isinstance(other, Refused)
    assert len(hall.rows(CouncilItem)) == 1


def test_a_deferred_topic_keeps_its_link(hall: Hall) -> None:
    sent(hall, opened(hall, text="A topic", link=LINK))
    hall.clock.now = at(24)
    hall.post()
    hall.say("defer", "A topic", "lead")
    hall.clock.now = at(25, 14)
    hall.due()
    rows = [r for r in hall.rows(CouncilItem) if r.title == "A topic"]
    assert [(r.week, r.subject) for r in rows] == [("2026-W48", LINK), ("2026-W49", LINK)]


def test_a_long_first_line_is_cut_at_a_word(hall: Hall) -> None:
    form = opened(hall, text="word " * 100)
    assert len(form.fields[0].initial) <= 300
    assert form.fields[0].initial.endswith("word…")
    assert isinstance(sent(hall, form), Private)
    hall.clock.now = at(24)
    hall.post()
    (row,) = hall.rows(CouncilItem)
    message = hall.shown(f"council:2026-W48:item:{row.id}")
    assert message.blocks[0].text == "Decide"
    assert message.blocks[1].text[0].text == row.title  # whole, though a heading would cut it


@pytest.mark.parametrize(
    "link",
    [
        "http://example.com/a",
        "javascript:alert(1)",
        "https://user@example.com/",
        "https://example.com/a b",
        "https://example.com/|<x>",
        "https://" + "a" * 1100 + ".com",
        "#/channel/../evil",
        "https://[bad",
    ],
)
def test_what_is_no_address_of_a_message_is_left_out(hall: Hall, link: str) -> None:
    form = opened(hall, text="A topic", link=link)
    assert form.subject == ""
    forged = form.model_copy(update={"subject": link})
    assert isinstance(sent(hall, forged), Private)
    (row,) = hall.rows(CouncilItem)
    assert "/" not in row.subject


def test_fields_are_checked(hall: Hall) -> None:
    form = opened(hall, text="", link=LINK)
    wrong = sent(hall, form, topic=" ", owner="nobody")
    assert isinstance(wrong, FieldErrors)
    assert set(wrong.errors) == {"topic", "owner"}
    wrong = sent(hall, form, topic="x" * 301, owner="laed@example.com")
    assert isinstance(wrong, FieldErrors)
    assert "300 characters" in wrong.errors["topic"]
    assert "did you mean lead@example.com?" in wrong.errors["owner"]
    assert hall.rows(CouncilItem) == []


def test_a_word_about_a_sandbox_brings_the_sandbox(hall: Hall) -> None:
    hall.active()
    box = hall.sandbox("try-lora")
    with hall.database.write() as connection:
        for name, message_id in (("", "7.1"), (":news:1", "7.2")):
            connection.execute(
                MessageRef.__table__.insert().values(  # type: ignore[attr-defined]
                    message_key=f"sandbox:{box.id}{name}@console:ml-search",
                    surface="console",
                    tenant="local",
                    channel="ml-search",
                    message_id=message_id,
                    posted_at=hall.clock.now,
                )
            )
    for message_id in ("7.1", "7.2"):
        form = opened(hall, text="whatever", link=LINK, message=message_id)
        assert [f.name for f in form.fields] == ["why"]
    assert isinstance(sent(hall, form, why="Is it worth it?"), Private)
    row = hall.item("try-lora")
    assert (row.kind, row.subject, row.owner, row.why) == (
        "sandbox",
        box.id,
        box.owner,
        "Is it worth it?",
    )
    elsewhere = opened(hall, text="whatever", link=LINK, message="7.3")
    assert elsewhere.fields[0].initial == "whatever"
    gone = form.model_copy(update={"subject": "sandbox:gone"})
    assert "not known here" in sent(hall, gone).sentence


def test_who_may_and_where_there_is_no_council(hall: Hall) -> None:
    nobody = hall.act("press", "council.add", who="nobody", text="x")
    assert isinstance(nobody, Refused)
    assert nobody.reason == "not-allowed"
    none = type(hall.loaded)(
        hall.loaded.policy.model_copy(update={"council": None}),
        hall.loaded.hash,
        hall.loaded.folder,
    )
    hall.loaded = none
    refused = hall.act("press", "council.add", text="x")
    assert isinstance(refused, Refused)
    assert "no council" in refused.sentence
