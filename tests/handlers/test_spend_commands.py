"""What ``/spend`` and ``/help`` answer to what people really type."""

from typing import Any

import pytest

from handlers.alerts.message import in_words
from handlers.commands import help_message
from handlers.conversation import Block, Items, Message, Paragraph, Small
from storage.database import Database
from tests.conftest import Clock
from tests.handlers.overrunning import Desk, overrun_policy


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    made = Desk(database, overrun_policy(), clock)
    made.bill(90)
    return made


def spend(desk: Desk, text: str) -> Any:
    return desk.act("command", "spend", text=text)


def words(desk: Desk, blocks: tuple[Block, ...]) -> list[str]:
    """The sentences of a message."""
    texts = [b.text for b in blocks if isinstance(b, Paragraph | Small)]
    return [in_words(desk.loaded.policy, t) for t in texts]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("budget", "; did you mean /spend budgets?"),
        ("Budget", "; did you mean /spend budgets?"),
        ("overun", "; did you mean /spend overrun?"),
        ("overun ranker", "; did you mean /spend overrun?"),
        ("alert", "; did you mean /spend alerts?"),
        ("unclaimd last 30d", "; did you mean /spend unclaimed?"),
        ("serch", "; did you mean search?"),
        ("rankr", "; did you mean ranker?"),
        ("something-else", "; /spend shows the teams."),
        ("team budget", "; /spend shows the teams."),
    ],
)
def test_what_is_no_name_may_be_a_command(desk: Desk, typed: str, hint: str) -> None:
    said = spend(desk, typed)
    assert said.reason == "not-found"
    assert said.sentence.endswith(hint)
    assert "is called “" in said.sentence


def test_a_name_counts_before_a_command_that_looks_like_it(desk: Desk) -> None:
    desk.bill(10, experiment="budget")
    assert spend(desk, "budget").message.summary.startswith("Experiment budget: ")


def test_a_budget_is_shown_for_its_own_period(desk: Desk) -> None:
    plain = spend(desk, "ranker").message
    assert not any("own period" in w for w in words(desk, plain.blocks))
    for typed in ("ranker last 30d", "last 2 weeks ranker", "ranker this month"):
        said = spend(desk, typed).message
        (note,) = [w for w in words(desk, said.blocks) if "own period" in w]
        assert "the one that you typed was not used" in note
        assert note.endswith("/spend experiment ranker last 30d")
        assert said.summary == plain.summary
    other = spend(desk, "experiment ranker last 30d").message
    assert other.summary.startswith("Experiment ranker: ")


def test_a_budget_says_that_an_overrun_of_it_waits(desk: Desk) -> None:
    assert not any(
        "overrun" in w.lower() for w in words(desk, spend(desk, "ranker").message.blocks)
    )
    row = desk.begin(200)
    (waits,) = [w for w in words(desk, spend(desk, "ranker").message.blocks) if "An overrun" in w]
    assert f"is in #{row.channel}. In joint review by finance and product" in waits
    assert ", until " in waits
    desk.submit("halt", row, "operator", why="Enough.")
    assert desk.row(row.id).state == "halted"
    assert not any("An overrun" in w for w in words(desk, spend(desk, "ranker").message.blocks))


# --- /help ------------------------------------------------------------------------------------------


def lists(message: Message) -> list[tuple[str, list[str]]]:
    """The titles of the lists, and what each names."""
    found = [b for b in message.blocks if isinstance(b, Items)]
    return [(b.title, [item[0].text for item in b.items]) for b in found]  # type: ignore[union-attr]


def test_help_names_first_what_can_be_used(desk: Desk) -> None:
    (_, usable), (title, later) = lists(desk.act("command", "help").message)
    assert title == "Not set up in this policy"
    assert "/spend budgets" in usable
    assert any(c.startswith("/spend overrun") for c in usable)
    assert "/council next" in later
    assert "/sandbox zones" in later
    assert any(c.startswith("/sandbox request") for c in usable)
    assert not any(c.startswith("/council") for c in usable)


def test_help_follows_the_policy() -> None:
    without = overrun_policy().policy.model_copy(update={"budgets": ()})
    (_, usable), (_, later) = lists(help_message(without, "spend"))
    assert later == ["/spend budgets", "/spend overrun"]
    assert "/spend alerts" in usable
    with_zones = overrun_policy(more="sandboxes: {zones: [{name: small, cap: 500}]}\n").policy
    (_, usable), (_, later) = lists(help_message(with_zones, ""))
    assert "/sandbox zones" in usable
    assert not any(c.startswith("/sandbox") for c in later)
    assert [title for title, _ in lists(help_message(with_zones, "spend"))] == ["What you can type"]


@pytest.mark.parametrize(
    ("first", "note"),
    [
        ("", "With examples: /spend help. Periods: "),
        ("spend", "Periods: last 30d"),
        ("sandbox", "NAME is what /sandbox list calls it."),
        ("council", "A week is written 2026-W48, a quarter 2026-Q3. "),
        ("policy", "The FinOps owner changes the rules in the policy's file; /policy replay "),
    ],
)
def test_each_help_ends_with_what_is_good_to_know_of_it(desk: Desk, first: str, note: str) -> None:
    """``/council help`` and ``/policy help`` ended with the periods of ``/spend``."""
    message = help_message(desk.loaded.policy, first)
    (said,) = words(desk, message.blocks)
    assert said.startswith(note)
    named = [name for _, names in lists(message) for name in names]
    assert f"/{first} help" not in named  # whoever reads it has found it
    assert "/policy" not in named or not first
