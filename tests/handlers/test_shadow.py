"""AI spend that nobody has claimed: asked about once, again after a month, and never in vain."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from handlers.conversation import Message, Place
from storage.database import Database
from storage.policy_file import LoadedPolicy, parse_policy
from storage.tables.delivery import Outbox
from tests.conftest import POLICY, Clock
from tests.handlers.claiming import Shop, buttons, facts, words


@pytest.fixture
def shop(database: Database, loaded: LoadedPolicy, clock: Clock) -> Shop:
    return Shop(database, loaded, clock)


def test_unclaimed_spend_is_asked_about_once(shop: Shop) -> None:
    row = shop.ask()
    ((key, channel, message),) = shop.posts()
    assert (key, channel) == (f"shadow:{row.id}", "finops")
    assert message.summary.startswith("Whose is $3,000 of Bedrock in sales?")
    assert facts(message) == {
        "Spend": "$3,000 in the 30 days to Sun 22 Nov",
        "Since": "Tue 1 Sept",
        "Likely owner": "not known",
        "Provider": "AWS",
        "Resources": "lead-scoring-agent-output",
    }
    assert buttons(message) == ["shadow.claim", "shadow.not-ai", "shadow.pass-on"]
    assert "Nothing is stopped" in words(message)
    assert shop.look() == 0
    assert len(shop.posts()) == 1
    assert shop.audited() == ["shadow.asked"]


def test_small_sums_shared_costs_and_what_is_no_ai_are_not_asked_about(shop: Shop) -> None:
    shop.spend(3.3)
    shop.spend(100, account="a", is_ai=False)
    shop.spend(100, account="b", allocated_by="shared", team="search")
    shop.spend(-100, account="c")
    shop.spend(100, account="", service="")
    shop.spend(500, account="d", last=date(2026, 10, 23))
    assert shop.look() == 0
    shop.spend(0.1)
    assert shop.look() == 1


@pytest.mark.parametrize(
    ("claims", "person"),
    [
        ({"owner": "Engineer@example.com"}, "engineer@example.com"),
        ({"owner": "ada", "team": "search"}, ""),
        ({"team": "search"}, "lead@example.com"),
        ({"owner": "stranger@example.com"}, ""),
    ],
)
def test_the_likely_owner_is_asked_in_person(
    shop: Shop, claims: dict[str, str], person: str
) -> None:
    shop.spend(100)
    shop.spend(1, resource="lead-scoring-1", allocated_by="tags", **claims)
    assert shop.look() == 1
    posted = shop.posts()
    assert [c for _, c, _ in posted] == (["finops", f"@{person}"] if person else ["finops"])
    assert len({m.model_dump_json() for _, _, m in posted}) == 1
    assert ("do you know whose this is?" in words(posted[0][2])) == bool(person)
    assert shop.asked().asked == person


def test_only_a_few_are_asked_about_in_one_look_the_most_money_first(shop: Shop) -> None:
    for n in range(8):
        shop.spend(10 + n, account=f"a{n}")
    assert [shop.look(), shop.look(), shop.look()] == [5, 3, 0]
    assert [m.summary.partition("?")[0][-2:] for _, _, m in shop.posts()] == [
        f"a{n}" for n in range(7, -1, -1)
    ]


def test_a_question_ends_when_tags_have_claimed_it(shop: Shop) -> None:
    row = shop.ask()
    shop.allocate(team="search")
    assert shop.look() == 1
    assert shop.asked().state == "ended"
    card = shop.card(f"shadow:{row.id}")
    assert "Tags or rules have claimed it since" in card.summary
    assert not buttons(card)
    assert shop.look() == 0
    assert shop.claim(row).reason == "already-decided"


def test_a_question_ends_when_the_spend_is_gone_and_is_asked_anew_when_it_is_back(
    shop: Shop,
) -> None:
    row = shop.ask()
    shop.forget()
    assert shop.look() == 1
    assert "has not spent anything unclaimed" in shop.card(f"shadow:{row.id}").summary
    shop.spend(10)
    assert shop.look() == 1
    again = shop.asked()
    assert (again.state, again.times, again.decided_at) == ("asked", 2, None)
    assert [k for k, _, _ in shop.posts()] == [f"shadow:{row.id}", f"shadow:{row.id}:2"]


def test_after_a_month_without_an_answer_it_is_asked_again(shop: Shop) -> None:
    row = shop.ask()
    shop.clock.now += timedelta(days=29, hours=23)
    shop.spend(7, first=date(2026, 11, 24))
    assert shop.look() == 0
    shop.clock.now += timedelta(hours=1)
    assert shop.look() == 1
    newer = shop.posts()[-1]
    assert newer[0] == f"shadow:{row.id}:2"
    assert "it is asked again" in words(newer[2])
    assert "Asked again" in shop.card(f"shadow:{row.id}").summary
    assert not buttons(shop.card(f"shadow:{row.id}"))
    assert shop.look() == 0
    assert shop.claim(row).kind == "done"  # the old message's button works as well
    assert not buttons(shop.card(f"shadow:{row.id}:2"))


def test_somebody_else_can_be_asked(shop: Shop) -> None:
    row = shop.ask()
    form = shop.press("pass-on", row).form
    assert [o.value for o in form.fields[0].options][:2] == [
        "team:search",
        "person:engineer@example.com",
    ]
    reply = shop.submit("pass-on", row, whom="", email="LEAD@example.com")
    assert reply.note == "ML lead, search is asked now; whoever answers first decides it."
    reply = shop.submit("pass-on", row, "lead", whom="team:search", email="")
    assert reply.note.startswith("team search is asked now")
    assert [c for _, c, _ in shop.posts()] == ["finops", "@lead@example.com", "ml-search"]
    assert "ML lead, search (by ML engineer, search)" in _plain(shop.posts()[-1][2])
    assert shop.claim(row, "finops").kind == "done"
    edits = [r for r in shop.rows(Outbox) if r.kind == "edit"]
    assert {Place.model_validate(r.place).channel for r in edits[-3:]} == {
        "finops",
        "@lead@example.com",
        "ml-search",
    }
    assert shop.audited() == [
        "shadow.asked",
        "shadow.passed-on",
        "shadow.passed-on",
        "shadow.claimed",
    ]


def _plain(message: Message) -> str:
    return "".join(
        getattr(span, "text", getattr(span, "name", ""))
        for block in message.blocks
        for span in getattr(block, "text", ())
    )


@pytest.mark.parametrize(
    ("whom", "email", "field", "said"),
    [
        ("", "", "email", "Choose somebody"),
        ("team:search", "lead@example.com", "email", "not both"),
        ("team:nobody", "", "whom", "e-mail address"),
        ("", "nobody@example.com", "email", "The policy knows nobody with"),
        ("", "lead@exmaple.com", "email", "did you mean lead@example.com?"),
        ("person:lead@example.com", "", "whom", "asked already"),
    ],
)
def test_only_those_whom_the_policy_knows_can_be_asked(
    shop: Shop, whom: str, email: str, field: str, said: str
) -> None:
    shop.spend(1, resource="lead-scoring-1", allocated_by="tags", owner="lead@example.com")
    row = shop.ask()
    reply = shop.submit("pass-on", row, whom=whom, email=email)
    assert reply.kind == "errors"
    assert said in reply.errors[field]
    assert len(shop.posts()) == 2


def test_other_currencies_count_in_the_workspaces(
    sqlite: Database, loaded: LoadedPolicy, clock: Clock
) -> None:
    policy = parse_policy(POLICY.replace("currency: USD", "currency: USD, rates: {EUR: 1.25}"))
    shop = Shop(sqlite, replace(loaded, policy=policy), clock)
    shop.spend(3, currency="EUR")
    shop.spend(1)
    assert shop.look() == 1
    row = shop.asked()
    assert (row.cost_micros, row.currency) == (142_500_000, "USD")
    assert "$142.50 of $142.50" in shop.claim(row).note
