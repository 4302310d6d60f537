"""app.yaml is the sample company's policy: it is valid and knows everyone and everything in the sample."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from guardrails.policy.bills import DIMENSIONS
from guardrails.policy.model import Policy
from guardrails.policy.people import PERMISSIONS, ROLES
from storage.policy_file import load_policy
from storage.sample.company import EXPERIMENTS, TEAMS
from storage.sample.lines import RULED
from tests.sample.conftest import Sample

APP = Path(__file__).resolve().parents[2] / "app.yaml"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(APP).policy


def test_it_points_editors_to_its_schema() -> None:
    first = APP.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=docs/app.schema.json"


def test_every_section_is_shown(policy: Policy) -> None:
    written = yaml.safe_load(APP.read_text(encoding="utf-8"))
    assert set(written) == set(Policy.model_fields)
    assert set(policy.tags) == set(DIMENSIONS)
    assert set(policy.permissions) == set(PERMISSIONS)


def _keys(schema: dict[str, object]) -> Iterator[str]:
    for name in ("Bill", "TagKey", "Split", "Shared", "Route", "Alerts", "Detection", "CostPerUnit",
                 "Person", "Members", "Team", "Channel", "Workspace", "When"):  # fmt: skip
        yield from schema["$defs"][name]["properties"]  # type: ignore[index]


def test_every_key_is_named_in_the_reference() -> None:
    text = APP.read_text(encoding="utf-8")
    missing = {key for key in _keys(Policy.model_json_schema()) if key not in text}
    assert not missing


def test_everyone_in_the_sample_is_known(policy: Policy) -> None:
    known = {person.email for person in policy.people}
    assert {e.owner for e in EXPERIMENTS} <= known
    assert {team.name for team in TEAMS} == set(policy.teams)
    assert {team.lead for team in policy.teams.values()} <= known
    for role in ROLES:
        assert policy.roles[role].emails, role
        assert set(policy.roles[role].emails) <= known
    for rule in policy.allocation.rules:
        assert rule.set.get("team", "ml-search") in policy.teams
        assert rule.set.get("owner", "finops@example.com") in known


def test_rules_know_the_experiments_that_have_no_tags(policy: Policy) -> None:
    by_rule = {
        rule.set["experiment"]: rule.set
        for rule in policy.allocation.rules
        if "experiment" in rule.set
    }
    assert set(by_rule) == set(RULED)
    for e in EXPERIMENTS:
        if e.name in RULED:
            given = by_rule[e.name]
            assert (given["team"], given["feature"], given["workload"], given["stage"]) == (
                e.team,
                e.feature,
                e.workload,
                e.stage,
            )


def test_watched_metrics_are_in_the_sample(policy: Policy, sample: Sample) -> None:
    written: set[str] = set()
    for name in ("usage", "quality", "revenue"):
        lines = (sample.report.out / f"metrics/{name}.csv").read_text().splitlines()
        assert (
            lines[0] == "day,metric,value,unit,experiment,team,feature,workload,stage,owner,segment"
        )
        keys = [(*line.split(",")[:2], *line.split(",")[4:]) for line in lines[1:]]
        assert len(keys) == len(set(keys))
        written |= {key[1] for key in keys}
    assert {unit.metric for unit in policy.watch.units} <= written
    assert set(policy.watch.quality) <= written
    splits = {shared.split.metric for shared in policy.allocation.shared if shared.split.metric}
    assert splits <= written
    assert {"revenue", "gpu_hours_busy"} <= written
