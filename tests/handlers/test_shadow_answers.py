"""Answers to the question whose AI spend it is: one counts, is kept, and can be taken back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from handlers.conversation import Message, Place
from storage.database import Database
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.delivery import Outbox
from storage.tables.sandboxes import Sandbox
from storage.tables.shadow import Claim, ShadowQuestion
from tests.conftest import POLICY, Clock
from tests.handlers.claiming import ANSWER, Shop, buttons, facts, words


@pytest.fixture
def shop(database: Database, loaded: LoadedPolicy, clock: Clock) -> Shop:
    return Shop(database, loaded, clock)


def test_a_claim_is_kept_and_says_what_it_does_to_the_coverage(shop: Shop) -> None:
    row = shop.ask()
    form = shop.press("claim", row).form
    assert [f.name for f in form.fields] == list(ANSWER)
    assert [o.value for o in form.fields[0].options] == ["search"]
    reply = shop.claim(row, experiment="  lead-scoring ")
    assert reply.kind == "done"
    assert reply.note == (
        "Claimed for experiment lead-scoring · team search · feature sales-assistant · workload inference. "
        "AI spend that is claimed was $1,500.00 of $4,500.00 (33.3 %); with this claim it is $4,500.00 of "
        "$4,500.00 (100.0 %). It counts from the next reading of the bill, at 06:00, and for what comes later."
    )
    (kept,) = shop.rows(Claim)
    assert kept.sets == {
        "experiment": "lead-scoring",
        "team": "search",
        "feature": "sales-assistant",
        "workload": "inference",
    }
    assert (kept.account, kept.service, kept.person) == ("sales", "Bedrock", "engineer@example.com")
    card = shop.card(f"shadow:{row.id}")
    assert card.tone == "good"
    assert facts(card) == {
        "AI spend that is claimed, before": "$1,500.00 of $4,500.00 (33.3 %)",
        "With this claim": "$4,500.00 of $4,500.00 (100.0 %)",
        "Of these 30 days": "$3,000.00",
    }
    assert "ML engineer, search" in card.summary
    assert "trial of the sales team" in words(card)
    assert not buttons(card)
    assert shop.look() == 0  # although the rollup says so only after the next reading
    assert shop.audited() == ["shadow.asked", "shadow.claimed"]


def test_the_cents_that_are_shown_add_up(shop: Shop) -> None:
    shop.spend(1.000167, allocated_by="tags", team="search")
    shop.spend(10.000167, account="sales")
    shop.look()
    row = shop.asked()
    shop.claim(row)
    shown = facts(shop.card(f"shadow:{row.id}"))
    before, after, money = (
        Decimal(said.split()[0].strip("$").replace(",", "")) for said in shown.values()
    )
    assert (before, after) == (Decimal("30.01"), Decimal("330.01"))
    assert before + money == after


def test_every_person_who_was_asked_sees_the_outcome(shop: Shop) -> None:
    shop.spend(1, resource="lead-scoring-1", allocated_by="tags", owner="lead@example.com")
    row = shop.ask()
    shop.claim(row, "lead")
    edits = [r for r in shop.rows(Outbox) if r.kind == "edit"]
    assert {Place.model_validate(r.place).channel for r in edits} == {"finops", "@lead@example.com"}
    assert {Message.model_validate(r.content).tone for r in edits} == {"good"}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"experiment": " "}, "experiment", "Say a name."),
        ({"experiment": "a" * 81}, "experiment", "80 characters"),
        ({"experiment": "a\u202eb"}, "experiment", "letters, digits"),
        ({"experiment": "RANKER"}, "experiment", "experiment of the team fraud"),
        ({"experiment": "try-lora"}, "experiment", "experiment of the team fraud"),
        ({"feature": ""}, "feature", "Say a name."),
        ({"team": "serach"}, "team", "did you mean search?"),
        ({"team": "zz"}, "team", "ask the FinOps owner"),
        ({"workload": "dreaming"}, "workload", "training, inference, fine-tuning"),
        ({"owner": "me"}, "owner", "name@example.com"),
        ({"note": "n" * 301}, "note", "300 characters"),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field(
    shop: Shop, changes: dict[str, str], field: str, said: str
) -> None:
    row = shop.ask()
    shop.spend(1, account="other", allocated_by="tags", experiment="ranker", team="fraud")
    shop.turn(lambda turn: turn.connection.execute(insert(Sandbox.__table__), _sandbox()))  # type: ignore[attr-defined]
    reply = shop.claim(row, **changes)
    assert reply.kind == "errors"
    assert list(reply.errors) == [field]
    assert said in reply.errors[field]
    assert shop.asked().state == "asked"
    assert shop.rows(Claim) == []


def _sandbox() -> dict[str, Any]:
    from tests.conftest import NOW

    return Sandbox(
        id="s1",
        name="try-lora",
        state="active",
        hypothesis="h",
        feature="f",
        workload="training",
        stage="pilot",
        team="fraud",
        owner="lead@example.com",
        resources={},
        estimate_micros=1,
        asked_micros=1,
        currency="USD",
        days=3,
        data_class="internal",
        risk_class="minimal",
        asked_by="lead@example.com",
        asked_name="ML lead",
        asked_at=NOW,
        channel="finops",
        actuators=[],
        handles={},
        policy_hash="",
    ).model_dump()


def test_names_take_the_spelling_that_is_there(shop: Shop) -> None:
    row = shop.ask()
    shop.spend(
        1, account="other", allocated_by="tags", experiment="Ranker", team="search", feature="Find"
    )
    assert shop.claim(row, experiment="ranker", feature="FIND", team="SEARCH").kind == "done"
    (kept,) = shop.rows(Claim)
    assert [kept.sets[d] for d in ("experiment", "feature", "team")] == ["Ranker", "Find", "search"]


def test_one_answer_counts_and_who_comes_later_learns_whose(shop: Shop) -> None:
    row = shop.ask()
    assert shop.press("not-ai", row, "lead").kind == "done"
    for reply in (
        shop.claim(row),
        shop.press("claim", row),
        shop.press("not-ai", row),
        shop.press("pass-on", row),
    ):
        assert (reply.kind, reply.reason) == ("refused", "already-decided")
        assert "ML lead, search says that this is not AI" in reply.sentence
    assert len(shop.rows(Claim)) == 1


def test_two_answers_at_once_have_one_outcome(shop: Shop) -> None:
    row = shop.ask()

    def answer(n: int) -> Any:
        who = ("engineer", "lead", "finops")[n % 3]
        return shop.claim(row, who) if n % 2 else shop.press("not-ai", row, who)

    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(answer, range(6)))
    assert sorted(r.kind for r in replies) == ["done", *["refused"] * 5]
    assert {r.reason for r in replies if r.kind == "refused"} == {"already-decided"}
    assert len(shop.rows(Claim)) == 1
    assert len(shop.audited()) == 2


def test_a_look_and_an_answer_at_once_have_one_outcome(shop: Shop) -> None:
    row = shop.ask()
    shop.clock.now += timedelta(days=30)
    shop.spend(30, first=date(2026, 11, 24))

    def work(n: int) -> Any:
        return shop.look() if n % 2 else shop.claim(row)

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(work, range(6)))
    assert sorted(r.kind for r in done[::2]) == ["done", "refused", "refused"]
    assert sum(done[1::2]) <= 1  # asked again only before the answer, and only once
    after = shop.asked()
    assert (after.state, after.times) == ("claimed", 1 + sum(done[1::2]))
    for key in {k for k, _, _ in shop.posts()}:
        assert not buttons(shop.card(key))
    assert shop.audited().count("shadow.claimed") == len(shop.rows(Claim)) == 1


def test_who_may_not_claim_is_told_who_may(shop: Shop) -> None:
    row = shop.ask()
    for reply in (shop.claim(row, "executive"), shop.press("not-ai", row, "executive")):
        assert (reply.kind, reply.reason) == ("refused", "not-allowed")
    assert shop.asked().state == "asked"


def test_not_ai_leaves_the_list_at_once(shop: Shop) -> None:
    row = shop.ask()
    reply = shop.press("not-ai", row)
    assert reply.note == (
        "Noted: not AI. AI spend that is claimed was $1,500.00 of $4,500.00 (33.3 %); without it, it is "
        "$1,500.00 of $1,500.00 (100.0 %)."
    )
    listed = shop.act("command", "spend", text="unclaimed").message
    assert "No AI spend is unclaimed" in listed.summary
    assert shop.asked().state == "not-ai"


def test_nothing_left_to_claim_is_said(shop: Shop) -> None:
    row = shop.ask()
    shop.allocate(team="search")
    reply = shop.claim(row)
    assert (reply.kind, reply.reason) == ("refused", "stale")
    assert shop.rows(Claim) == []


def test_claims_are_listed_and_withdrawn(shop: Shop) -> None:
    assert "Nobody has claimed" in shop.act("command", "spend", text="claims").message.summary
    row = shop.ask()
    shop.claim(row)
    (kept,) = shop.rows(Claim)
    listed = shop.act("command", "spend", text="claims SALES lead-scoring").message
    assert listed.summary == "1 claim of AI spend"
    assert buttons(listed) == ["shadow.withdraw"]
    assert "None of the 1 claims" in shop.act("command", "spend", text="claims zz").message.summary
    assert shop.press("withdraw", kept, "executive").reason == "not-allowed"
    reply = shop.press("withdraw", kept, "lead")
    assert reply.note == (
        "Withdrawn. From the next reading of the bill, at 06:00, Bedrock in sales is unclaimed again, unless "
        "tags or rules claim it."
    )
    reply = shop.press("withdraw", kept)
    assert (reply.reason, reply.sentence) == (
        "already-decided",
        "This was withdrawn before, by ML lead, search.",
    )
    card = shop.card(f"shadow:{row.id}")
    assert "ML lead, search withdrew what was said about it" in card.summary
    assert "Nobody has claimed" in shop.act("command", "spend", text="claims").message.summary
    assert shop.look() == 1  # it is nobody's again
    assert shop.asked().times == 2
    assert shop.claim(row, "lead").kind == "done"
    assert shop.press("withdraw", kept).reason == "already-decided"
    assert (
        shop.asked().state == "claimed"
    )  # the older claim's button does not touch the newer answer
    assert shop.audited() == [
        "shadow.asked",
        "shadow.claimed",
        "shadow.withdrawn",
        "shadow.asked",
        "shadow.claimed",
    ]


def test_many_claims_are_listed_within_a_message(shop: Shop) -> None:
    for n in range(15):
        shop.spend(20 + n, account=f"a{n}")
    while shop.look():
        pass
    for row in shop.rows(ShadowQuestion):
        assert shop.press("not-ai", row).kind == "done"
    listed = shop.act("command", "spend", text="claims").message
    assert listed.summary == "15 claims of AI spend"
    assert len(buttons(listed)) == 12
    assert "and 3 more" in words(listed)
    assert len(buttons(shop.act("command", "spend", text="claims a7").message)) == 1


def test_a_press_on_nothing_is_said(shop: Shop) -> None:
    for kind, name in (("press", "claim"), ("press", "not-ai"), ("press", "withdraw")):
        reply = shop.act(kind, f"shadow.{name}", "nothing")  # type: ignore[arg-type]
        assert (reply.kind, reply.reason) == ("refused", "not-found")


def test_without_teams_any_team_can_be_named(sqlite: Database, clock: Clock) -> None:
    text = POLICY.replace("teams:\n  search: {channel: ml-search, lead: lead@example.com}\n", "")
    policy = parse_policy(text.replace(", team: search}", "}"))
    shop = Shop(sqlite, LoadedPolicy(policy, policy_hash(policy), Path()), clock)
    shop.spend(100)
    shop.look()
    row = shop.asked()
    assert shop.press("claim", row).form.fields[0].kind == "text"
    assert shop.claim(row, team=" growth ").kind == "done"
