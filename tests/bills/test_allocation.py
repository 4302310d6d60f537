"""Whose charge is it: tags, then rules, then shared costs; what stays unclaimed."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.bills.amounts import split_exactly
from storage.bills.errors import BillError
from storage.bills.ingest import ingest
from storage.coverage import coverage, name_prefix, shadow_spend
from storage.database import Database
from tests.bills.charges import charge, load_files, rollups, write_csv

TODAY = date(2026, 11, 23)

RULES = """
allocation:
  rules:
    - {name: bedrock, when: {ServiceName: Amazon Bedrock}, set: {team: assistants, feature: chat}}
    - {name: late, when: {ServiceName: Amazon Bedrock}, set: {team: nobody, workload: inference}}
    - {name: trials, when: {SubAccountName: {prefix: trial-}}, set: {team: growth}}
    - {name: listed, when: {RegionId: {one_of: [eu-1, eu-2]}}, set: {team: europe}}
    - {name: pattern, when: {ResourceId: {regex: '(?i)^GPU-\\d+\\b'}}, set: {team: cluster}}
    - name: combined
      when:
        any: [{ServiceName: A}, {ServiceName: B}]
        not: {tag: {Keep: {equals: "yes"}}}
        ProviderName: {regex: '^(AWS|Microsoft)$'}
      set: {team: both}
    - {name: absent, when: {not: {CapacityReservationId: {regex: .}}, ServiceName: C}, set: {team: c}}
"""


def _read(folder: Path, database: Database, rows: list[dict[str, Any]], more: str) -> None:
    write_csv(folder / "bill.csv", [{**r, "ResourceId": r["ResourceId"] or ""} for r in rows])
    ingest(load_files("bill.csv", folder, more), database, today=TODAY)


def test_the_first_rule_that_sets_a_dimension_wins_where_tags_are_empty(
    tmp_path: Path, sqlite: Database
) -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"ServiceName": "Amazon Bedrock"}, "assistants", "rules"),
        ({"ServiceName": "Amazon Bedrock", "Tags": '{"team": "x"}'}, "x", "rules"),
        ({"ServiceName": "Amazon Bedrock", "Tags": '{"team": "x", "feature": "y"}'}, "x", "tags"),
        ({"SubAccountName": "trial-7"}, "growth", "rules"),
        ({"SubAccountName": "a-trial-7"}, "", "none"),
        ({"RegionId": "eu-2"}, "europe", "rules"),
        ({"ResourceId": "gpu-17 x"}, "cluster", "rules"),
        ({"ResourceId": "no gpu-17"}, "", "none"),
        ({"ServiceName": "B"}, "both", "rules"),
        ({"ServiceName": "B", "Tags": '{"keep ": "yes"}'}, "", "none"),
        ({"ServiceName": "B", "Tags": '{"keep": "no"}'}, "both", "rules"),
        ({"ServiceName": "B", "ProviderName": "AWS2"}, "", "none"),
        ({"ServiceName": "C"}, "c", "rules"),
        ({"Tags": '{"owner": "ada"}'}, "", "none"),
        ({"Tags": '{"experiment": "e-1"}'}, "", "tags"),
    ]
    rows = [charge(**change, ChargeDescription=str(i)) for i, (change, _, _) in enumerate(cases)]
    for row in rows:  # the description becomes the sku, which tells the rows apart
        row.update(SkuMeter="", SkuId="")
    _read(tmp_path, sqlite, rows, RULES)
    found = {int(row["sku"]): (row["team"], row["allocated_by"]) for row in rollups(sqlite)}
    assert found == {i: (team, by) for i, (_, team, by) in enumerate(cases)}
    bedrock = next(row for row in rollups(sqlite) if row["sku"] == "0")
    assert (bedrock["feature"], bedrock["workload"]) == ("chat", "inference")


def test_a_pattern_that_the_engine_cannot_run_is_refused(tmp_path: Path, sqlite: Database) -> None:
    more = "allocation: {rules: [{name: r, when: {ServiceName: {regex: '(?=x)'}}, set: {team: t}}]}"
    write_csv(tmp_path / "bill.csv", [charge()])
    with pytest.raises(BillError, match="allocation rule r: the regular expression"):
        ingest(load_files("bill.csv", tmp_path, more), sqlite, today=TODAY)
    assert rollups(sqlite) == []


def _shared(split: str) -> str:
    return f"""
metrics:
  - {{name: usage, files: usage.csv}}
allocation:
  shared:
    - {{name: cluster, when: {{ServiceName: Platform}}, split: {split}}}
"""


def _spend() -> list[dict[str, Any]]:
    return [
        charge(ServiceName="Platform", BilledCost="100.000001", ResourceId="k8s"),
        charge(Tags='{"team": "a"}', BilledCost="30"),
        charge(Tags='{"team": "b"}', BilledCost="10"),
        charge(Tags='{"team": "c"}', BilledCost="-5"),
        charge(ServiceName="Platform", BilledCost="-1", ChargePeriodStart="2026-10-06T00:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("split", "shares"),
    [
        ("{over: team, by: weights, weights: {a: 1, b: 2.5, z: 0.5}}", "25 62.500001 12.5"),
        ("{over: team, by: spend}", "75.000001 25"),
        ("{over: team, by: metric, metric: requests}", "90.000001 10"),
    ],
)
def test_shared_costs_are_split_to_the_millionth(
    tmp_path: Path, sqlite: Database, split: str, shares: str
) -> None:
    (tmp_path / "usage.csv").write_text(
        "day,metric,value,team\n2026-10-05,requests,90,a\n2026-10-05,requests,10,b\n"
    )
    _read(tmp_path, sqlite, _spend(), _shared(split))
    parts = [r for r in rollups(sqlite) if r["service"] == "Platform" and r["day"].day == 5]
    assert [r["cost"] for r in sorted(parts, key=lambda r: r["team"])] == [
        Decimal(share) for share in shares.split()
    ]
    assert {r["allocated_by"] for r in parts} == {"shared"}
    # the next day has no spend and no requests of its own: the period's weights count
    later = [r["cost"] for r in rollups(sqlite) if r["day"].day == 6]
    assert sum(later) == Decimal(-1)
    assert len(later) == len(parts)
    assert sum(r["cost"] for r in rollups(sqlite)) == Decimal("134.000001")


def test_what_cannot_be_split_is_said_and_kept(tmp_path: Path, sqlite: Database) -> None:
    (tmp_path / "usage.csv").write_text("day,metric,value,team\n2026-10-05,other,90,a\n")
    more = _shared("{over: team, by: metric, metric: requests}")
    write_csv(tmp_path / "bill.csv", [charge(ServiceName="Platform")])
    report = ingest(load_files("bill.csv", tmp_path, more), sqlite, today=TODAY)
    assert report.bills[0].notes == (
        "shared cost cluster: no values of the metric requests, so split by spend (1 day)",
        "shared cost cluster: nothing else has a team, so not split (1 day)",
    )
    assert [(r["cost"], r["allocated_by"]) for r in rollups(sqlite)] == [(Decimal("1.5"), "none")]


@given(
    st.integers(-(10**15), 10**15),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any),
)
def test_parts_add_up_and_are_in_proportion(amount: int, weights: list[int]) -> None:
    parts = split_exactly(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount * weight) < sum(weights)


def test_coverage_and_shadow_spend(tmp_path: Path, database: Database) -> None:
    ai: dict[str, Any] = {"ServiceCategory": "AI and Machine Learning"}
    owned = '{"team": "search", "owner": "ada"}'
    rows = [
        charge(BilledCost="60", Tags='{"team": "search"}', ResourceId="a"),
        charge(BilledCost="20", ServiceName="Amazon Bedrock", ResourceId="b", **ai),
        charge(BilledCost="8", BillingCurrency="EUR", ResourceId="llm-eval-9", SkuMeter="", **ai),
        charge(BilledCost="5", ServiceName="Storage", SkuMeter="GB", ResourceId="s3"),
        charge(BilledCost="5", Tags=owned, ResourceId="llm-eval-2", SubAccountName="other"),
        charge(BilledCost="3", ResourceId="x", SubAccountName="lonely", SkuMeter="GPU hours"),
    ]
    _read(tmp_path, database, rows, RULES)
    policy = load_files("bill.csv", tmp_path, RULES).policy
    with database.read() as connection:
        found = coverage(connection, policy)
        shadow = shadow_spend(connection, policy)
        nothing = coverage(connection, policy, since=date(2026, 11, 1))
    assert [int(m) for m in (found.tags, found.rules, found.shared, found.none)] == [65, 20, 0, 18]
    assert found.total == Decimal(103)
    assert round(found.share_by_tags, 4) == round(65 / 103, 4)
    assert not nothing.total
    assert nothing.share_unallocated == 0.0
    assert [(s.account, s.money, s.likely_owner, s.why) for s in shadow] == [
        ("research", Decimal(10), "ada", "claims resources with such names"),
        ("lonely", Decimal(3), "", ""),
    ]


def test_likely_owners_come_from_the_account_when_names_say_nothing(
    tmp_path: Path, sqlite: Database
) -> None:
    rows = [
        charge(Tags='{"team": "search"}', ResourceId="i-1"),
        charge(ResourceId="i-2", BilledCost="9"),
    ]
    _read(tmp_path, sqlite, rows, "")
    with sqlite.read() as connection:
        (one,) = shadow_spend(connection, load_files("bill.csv", tmp_path).policy)
    assert (one.likely_owner, one.why) == ("search", "claims most in account research")


@pytest.mark.parametrize(
    ("resource", "prefix"),
    [
        ("arn:aws:sagemaker:us-east-1:1:training-job/llm-eval-0042", "llm-eval"),
        ("i-0abc", ""),
        ("ranker-train-a1b2", "ranker-train"),
        ("", ""),
    ],
)
def test_names_of_the_same_origin_share_a_prefix(resource: str, prefix: str) -> None:
    assert name_prefix(resource) == prefix
