"""What people claim counts after tags and rules, moves money from nobody to somebody, and can be taken back."""

import secrets
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from storage import shadow
from storage.bills.ingest import ingest
from storage.bills.report import IngestReport
from storage.coverage import ai_spend, coverage, is_claimed, shadow_spend, unclaimed_days
from storage.database import Database
from storage.migrate import upgrade
from storage.tables.shadow import Claim
from tests.bills.charges import charge, load_files, rollups, total, write_csv

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
AI: dict[str, Any] = {"ServiceCategory": "AI and Machine Learning", "SkuMeter": "tokens"}
SPAN = (date(2026, 10, 1), date(2026, 10, 31))
SETS = {"experiment": "leads", "team": "sales", "feature": "scoring", "workload": "inference"}


def claim(
    database: Database, account: str, service: str, *, not_ai: bool = False, **sets: str
) -> str:
    """Somebody claims it; the id of the claim."""
    name = secrets.token_hex(4)
    with database.write() as connection:
        shadow.add_claim(
            connection,
            id=name,
            question_id="q",
            account=account,
            service=service,
            sets={} if not_ai else sets or SETS,
            not_ai=not_ai,
            note="",
            person="engineer@example.com",
            name="ML engineer",
            at=NOW,
            withdrawn_at=None,
        )
    return name


def read(
    folder: Path, database: Database, rows: list[dict[str, Any]], more: str = ""
) -> IngestReport:
    write_csv(folder / "bill.csv", rows)
    return ingest(load_files("bill.csv", folder, more), database, today=TODAY)


def bill() -> list[dict[str, Any]]:
    return [
        charge(BilledCost="40.123457", ServiceName="Bedrock", SubAccountName="sales", **AI),
        charge(BilledCost="9.5", ServiceName="Bedrock", SubAccountName="sales", SkuMeter="GB"),
        charge(BilledCost="7", ServiceName="Bedrock", SubAccountName="other", **AI),
        charge(BilledCost="5", ServiceName="EC2", SubAccountName="sales", ResourceId="gpu-1"),
        charge(
            BilledCost="3",
            ServiceName="Bedrock",
            SubAccountName="sales",
            Tags='{"team": "x"}',
            **AI,
        ),
        charge(
            BilledCost="2",
            ServiceName="Bedrock",
            SubAccountName="sales",
            Tags='{"owner": "ada"}',
            **AI,
        ),
    ]


def of(database: Database, cost: str) -> dict[str, Any]:
    (row,) = [r for r in rollups(database) if r["cost"] == Decimal(cost)]
    return row


def test_a_claim_fills_what_nobody_answers_for_and_nothing_else(
    tmp_path: Path, database: Database
) -> None:
    read(tmp_path, database, bill())
    before = total(database)
    claim(database, "sales", "Bedrock", **SETS, owner="leads@example.com")
    report = read(tmp_path, database, bill())
    assert all(p.money_in == p.money_out for p in report.periods)
    assert total(database) == before == Decimal("66.623457")

    claimed = of(database, "40.123457")
    assert {d: claimed[d] for d in SETS} == SETS
    assert (claimed["owner"], claimed["allocated_by"]) == ("leads@example.com", "rules")
    # what its tags say of it stays
    assert (of(database, "2")["owner"], of(database, "2")["experiment"]) == ("ada", "leads")
    for cost, by in (("9.5", "none"), ("7", "none"), ("5", "none"), ("3", "tags")):
        assert (of(database, cost)["allocated_by"], of(database, cost)["experiment"]) == (by, "")


def test_the_policys_rules_win_over_claims(tmp_path: Path, sqlite: Database) -> None:
    more = """
allocation:
  rules:
    - {name: sales, when: {SubAccountName: sales}, set: {team: ruled}}
    - {name: stage, when: {SubAccountName: other}, set: {workload: training}}
"""
    claim(sqlite, "sales", "Bedrock")
    claim(sqlite, "other", "Bedrock")
    read(tmp_path, sqlite, bill(), more)
    assert (of(sqlite, "40.123457")["team"], of(sqlite, "40.123457")["experiment"]) == ("ruled", "")
    # a rule that names nobody leaves it unclaimed; what it sets stays
    other = of(sqlite, "7")
    assert (other["workload"], other["team"], other["allocated_by"]) == (
        "training",
        "sales",
        "rules",
    )


def test_a_withdrawn_claim_stops_counting_with_the_next_reading(
    tmp_path: Path, database: Database
) -> None:
    read(tmp_path, database, bill())
    plain = rollups(database)
    name = claim(database, "sales", "Bedrock")
    read(tmp_path, database, bill())
    assert rollups(database) != plain
    with database.write() as connection:
        shadow.withdraw_claim(connection, name, "lead@example.com", NOW)
    read(tmp_path, database, bill())
    assert rollups(database) == plain


def test_of_two_claims_of_the_same_charges_the_first_counts(
    tmp_path: Path, sqlite: Database
) -> None:
    first = claim(sqlite, "sales", "Bedrock", team="one")
    second = claim(sqlite, "sales", "Bedrock", team="two")
    table = Claim.__table__  # type: ignore[attr-defined]
    with sqlite.write() as connection:
        connection.execute(update(table).where(table.c.id == second).values(at=NOW.replace(hour=8)))
    read(tmp_path, sqlite, bill())
    assert of(sqlite, "40.123457")["team"] == "two"
    with sqlite.write() as connection:
        shadow.withdraw_claim(connection, second, "lead@example.com", NOW)
    read(tmp_path, sqlite, bill())
    assert of(sqlite, "40.123457")["team"] == "one"
    assert first


def test_shared_costs_are_split_as_if_nobody_had_claimed_them(
    tmp_path: Path, sqlite: Database
) -> None:
    more = """
allocation:
  shared:
    - {name: cluster, when: {ServiceName: EC2}, split: {over: team, by: weights, weights: {a: 1, b: 1}}}
"""
    claim(sqlite, "sales", "EC2")
    read(tmp_path, sqlite, bill(), more)
    parts = [r for r in rollups(sqlite) if r["service"] == "EC2"]
    assert [(r["team"], r["experiment"], r["allocated_by"]) for r in parts] == [
        ("a", "", "shared"),
        ("b", "", "shared"),
    ]


def test_not_ai_leaves_the_list_at_once_and_the_bill_alone(
    tmp_path: Path, database: Database
) -> None:
    read(tmp_path, database, bill())
    plain, policy = rollups(database), load_files("bill.csv", tmp_path).policy
    with database.read() as connection:
        before, parts = ai_spend(connection, policy, *SPAN)
    name = claim(database, "sales", "Bedrock", not_ai=True)
    with database.read() as connection:
        after, left = ai_spend(connection, policy, *SPAN)
        listed = {(s.account, s.service) for s in shadow_spend(connection, policy)}
    assert listed == {("other", "Bedrock"), ("sales", "EC2")} == set(left)
    assert after == before.without(parts["sales", "Bedrock"])
    read(tmp_path, database, bill())
    assert rollups(database) == plain
    with database.write() as connection:
        shadow.withdraw_claim(connection, name, "lead@example.com", NOW)
    with database.read() as connection:
        assert ai_spend(connection, policy, *SPAN) == (before, parts)


def test_coverage_before_and_after_agree_to_the_millionth(
    tmp_path: Path, database: Database
) -> None:
    read(tmp_path, database, bill())
    policy = load_files("bill.csv", tmp_path).policy
    with database.read() as connection:
        before, parts = ai_spend(connection, policy, *SPAN)
        all_before = coverage(connection, policy)
        assert not is_claimed(connection, ("other", "Bedrock"), *SPAN)
        assert unclaimed_days(connection)["sales", "Bedrock"] == (date(2026, 10, 5),) * 2
    amount = parts["sales", "Bedrock"]
    assert (before.total, before.unclaimed, amount) == (
        Decimal("57.123457"),
        Decimal("54.123457"),
        Decimal("42.123457"),
    )
    promised = before.with_claim(amount)
    claim(database, "sales", "Bedrock")
    with database.read() as connection:  # claimed by word, before any reading
        assert ai_spend(connection, policy, *SPAN)[0] == promised
    read(tmp_path, database, bill())
    with database.read() as connection:
        assert ai_spend(connection, policy, *SPAN)[0] == promised
        after = coverage(connection, policy)
        assert is_claimed(connection, ("sales", "Bedrock"), *SPAN)
    assert after.none == all_before.none - amount
    assert after.rules == all_before.rules + amount
    assert (after.total, after.tags) == (all_before.total, all_before.tags)


# --- whatever the bill and the claims -----------------------------------------------------------------

names = st.sampled_from(["", "a", "A", "b'", 'b"', "x · y", "%", "ä"])
lines = st.fixed_dictionaries(
    {
        "BilledCost": st.decimals(-1000, 10**6, places=8).map(lambda a: format(a, "f")),
        "BillingCurrency": st.sampled_from(["USD", "EUR"]),
        "SubAccountName": names,
        "ServiceName": names,
        "ServiceCategory": st.sampled_from(["AI and Machine Learning", "Compute"]),
        "SkuMeter": st.sampled_from(["GPU hours", "GB"]),
        "Tags": st.sampled_from(["{}", '{"team": "t"}', '{"owner": "o"}', '{"feature": "f"}']),
    }
)
rules = st.fixed_dictionaries(
    {
        "account": names,
        "service": names,
        "not_ai": st.booleans(),
        "sets": st.dictionaries(
            st.sampled_from(list(SETS)), st.sampled_from(["p", "q'"]), min_size=1
        ),
    }
)


@pytest.fixture(scope="module")
def store() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/sandrail.db")
        upgrade(database)
        yield database
        database.close()


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(found=st.lists(lines, min_size=1, max_size=20), claimed=st.lists(rules, max_size=4))
def test_claims_move_money_only_from_nobody_to_somebody(
    store: Database, found: list[dict[str, Any]], claimed: list[dict[str, Any]]
) -> None:
    rows = [charge(**row) for row in found]
    with store.write() as connection:
        connection.execute(delete(Claim.__table__))  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder), store, rows)
        policy = load_files("bill.csv", Path(folder)).policy
        plain = rollups(store)
        with store.read() as connection:
            base, parts = ai_spend(connection, policy, *SPAN)
            before = coverage(connection, policy)
        for one in claimed:
            claim(store, one["account"], one["service"], not_ai=one["not_ai"], **one["sets"])
        with store.read() as connection:
            promised, _ = ai_spend(connection, policy, *SPAN)
        report = read(Path(folder), store, rows)
    assert all(p.money_in == p.money_out for p in report.periods)
    assert sum(r["cost"] for r in rollups(store)) == sum(r["cost"] for r in plain)
    kinds = {(o["account"], o["service"]) for o in claimed}
    # a claim that names neither experiment, team nor feature answers for nothing: no form makes one
    whole = {
        (o["account"], o["service"])
        for o in claimed
        if not o["not_ai"] and {"experiment", "team", "feature"} & set(o["sets"])
    }
    with store.read() as connection:
        after = coverage(connection, policy)
        now, left = ai_spend(connection, policy, *SPAN)
    moved = sum((parts.get(kind, Decimal(0)) for kind in whole), Decimal(0))
    assert after.none == before.none - moved
    assert after.rules == before.rules + moved
    assert (after.tags, after.total) == (before.tags, before.total)
    assert not kinds & set(left)
    assert base.unclaimed == sum(parts.values())
    if len(kinds) == len(claimed):  # one answer for a kind, as questions see to
        assert now == promised
