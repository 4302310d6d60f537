"""A claim from the bill to the bill: asked about, claimed in chat, read again, taken back, overtaken by a rule."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from handlers.conversation import Facts
from handlers.shadow.look import look_at_shadow
from storage.bills.ingest import ingest
from storage.coverage import AiSpend, ai_spend, coverage
from storage.database import Database
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.shadow import Claim
from tests.bills.charges import charge, rollups, total, write_csv
from tests.conftest import POLICY, Clock
from tests.handlers.claiming import Shop

TODAY = date(2026, 11, 23)
AI: dict[str, Any] = {"ServiceCategory": "AI and Machine Learning", "SkuMeter": "tokens"}
RULE = """
allocation:
  rules:
    - {name: sales, when: {SubAccountName: sales}, set: {team: search, feature: crm}}
"""


def _policy(folder: Path, more: str = "") -> LoadedPolicy:
    policy = parse_policy(POLICY + more)
    return LoadedPolicy(policy, policy_hash(policy), folder)


@pytest.fixture
def shop(database: Database, clock: Clock, tmp_path: Path) -> Shop:
    """Forty days of a bill: a third of its AI is nobody's."""
    rows = []
    for n in range(40):
        day = TODAY - timedelta(days=40 - n)
        at = {
            "ChargePeriodStart": f"{day}T03:00:00Z",
            "BillingPeriodStart": f"{day:%Y-%m}-01T00:00:00Z",
        }
        mine = {"ServiceName": "Bedrock", "SubAccountName": "research"}
        rows += [
            charge(BilledCost="20.123457", Tags='{"team": "search"}', **mine, **AI, **at),
            charge(
                BilledCost="10.004999", ServiceName="Bedrock", SubAccountName="sales", **AI, **at
            ),
            charge(BilledCost="1.5", ServiceName="S3", SubAccountName="sales", SkuMeter="GB", **at),
        ]
    write_csv(tmp_path / "bill" / "bill.csv", rows)
    return Shop(database, _policy(tmp_path), clock)


def _read(shop: Shop) -> None:
    report = ingest(shop.loaded, shop.database, today=TODAY)
    assert all(p.money_in == p.money_out for p in report.periods)


def _spend(shop: Shop) -> AiSpend:
    last = TODAY - timedelta(days=1)
    with shop.database.read() as connection:
        return ai_spend(connection, shop.loaded.policy, TODAY - timedelta(days=30), last)[0]


def _none(shop: Shop) -> Decimal:
    with shop.database.read() as connection:
        return coverage(connection, shop.loaded.policy).none


def _said(shop: Shop, key: str) -> list[str]:
    (facts,) = [b for b in shop.card(key).blocks if isinstance(b, Facts)]
    return ["".join(s.text for s in fact.value if hasattr(s, "text")) for fact in facts.facts]


def test_a_claim_counts_with_the_next_reading_and_says_so_before(shop: Shop) -> None:
    _read(shop)
    assert shop.turn(look_at_shadow) == 1
    row = shop.asked()
    assert (row.first_day, row.last_day) == (date(2026, 10, 14), date(2026, 11, 22))
    before, nobody, money = _spend(shop), _none(shop), total(shop.database)
    plain = rollups(shop.database)

    assert "06:00" in shop.claim(row).note
    assert rollups(shop.database) == plain  # nothing is rewritten in the click
    promised = _said(shop, f"shadow:{row.id}")
    assert promised[:2] == [before.sentence(), _spend(shop).sentence()]
    assert promised[2] == "$300.15"

    _read(shop)
    assert total(shop.database) == money
    assert _spend(shop).sentence() == promised[1]
    assert nobody - _none(shop) == Decimal("10.004999") * 40
    claimed = [r for r in rollups(shop.database) if r["experiment"] == "lead-scoring"]
    assert {(r["service"], r["allocated_by"]) for r in claimed} == {("Bedrock", "rules")}
    assert shop.turn(look_at_shadow) == 0

    (kept,) = shop.rows(Claim)
    assert shop.press("withdraw", kept, "lead").kind == "done"
    assert shop.turn(look_at_shadow) == 0  # until it is read, it still has the claim's names
    _read(shop)
    assert rollups(shop.database) == plain
    assert shop.turn(look_at_shadow) == 1
    assert (shop.asked().state, shop.asked().times) == ("asked", 2)


def test_not_ai_lasts_over_readings_until_it_is_withdrawn(shop: Shop) -> None:
    _read(shop)
    shop.turn(look_at_shadow)
    row, plain = shop.asked(), rollups(shop.database)
    shop.press("not-ai", row)
    promised = _said(shop, f"shadow:{row.id}")[1]
    _read(shop)
    assert rollups(shop.database) == plain
    assert _spend(shop).sentence() == promised
    assert _spend(shop).unclaimed == 0
    assert shop.turn(look_at_shadow) == 0
    shop.press("withdraw", shop.rows(Claim)[0])
    assert shop.turn(look_at_shadow) == 1


def test_a_rule_of_the_policy_overtakes_a_question_and_a_claim(shop: Shop, tmp_path: Path) -> None:
    _read(shop)
    shop.turn(look_at_shadow)
    row = shop.asked()
    shop.loaded = _policy(tmp_path, RULE)
    _read(shop)
    assert shop.turn(look_at_shadow) == 1
    assert "Tags or rules have claimed it since" in shop.card(f"shadow:{row.id}").summary

    shop.loaded = _policy(tmp_path)
    _read(shop)
    assert shop.turn(look_at_shadow) == 1
    assert shop.claim(shop.asked()).kind == "done"
    shop.loaded = _policy(tmp_path, RULE)
    _read(shop)
    sales = [r for r in rollups(shop.database) if r["account"] == "sales"]
    assert {(r["feature"], r["experiment"]) for r in sales} == {("crm", "")}
    assert shop.turn(look_at_shadow) == 0
