"""The policy: every error at once, each with its place, what is allowed and the nearest name."""

import json
from pathlib import Path

import pytest
import yaml

from guardrails.authority import may, roles_of
from storage.policy_file import (
    PolicyRefusedError,
    load_policy,
    parse_policy,
    policy_hash,
    policy_schema,
)
from storage.policy_sentences import _EXAMPLES
from tests.conftest import POLICY

ROOT = Path(__file__).parents[2]


def errors(text: str) -> list[str]:
    with pytest.raises(PolicyRefusedError) as refused:
        parse_policy(text)
    return [str(e) for e in refused.value.errors]


def test_the_demo_policy_is_valid_and_its_schema_is_up_to_date() -> None:
    load_policy(ROOT / "app.yaml")
    written = json.loads((ROOT / "docs" / "app.schema.json").read_text())
    assert written == policy_schema(), "run: sandrail check --schema docs/app.schema.json"
    first = (ROOT / "app.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=docs/app.schema.json"


def test_all_errors_at_once_with_their_places() -> None:
    text = """version: 1
workspace: {name: X, time_zone: Europe/Berln, currency: USDD}
bills:
  - name: main
    files: sample
    costt: BilledCost
    grain: dayy
channels:
  finops: {slack: "#x"}
alerts:
  default: finops
allocation:
  rules:
    - name: a
      when: {ServiceNam: foo}
      set: {teem: x}
"""
    assert [e.split(": ", 2)[:2] for e in errors(text)] == [
        ["app.yaml:2:22", "workspace.time_zone"],
        ["app.yaml:2:47", "workspace.currency"],
        ["app.yaml:6:5", "bills[0].costt"],
        ["app.yaml:7:5", "bills[0].grain"],
        ["app.yaml:15:14", "allocation.rules[0].when.ServiceNam"],
        ["app.yaml:16:13", "allocation.rules[0].set.teem"],
    ]
    said = "\n".join(errors(text))
    for near in ("Europe/Berlin?", "mean cost?", "mean day?", "mean ServiceName?", "mean team?"):
        assert near in said
    assert "Allowed: day, hour." in said


@pytest.mark.parametrize(
    ("change", "place", "sentence"),
    [
        (
            "default: finops|default: finop",
            "alerts.default",
            "no channel is called finop; did you mean finops?",
        ),
        (
            "channel: ml-search|channel: nowhere",
            "teams.search.channel",
            "no channel is called nowhere",
        ),
        (
            "to: [finops]|to: [fin]",
            "alerts.routes[1].to[0]",
            "no channel is called fin; did you mean finops?",
        ),
        (
            "team: search}\n  - {email: lead|team: serch}\n  - {email: lead",
            "people[0].team",
            "did you mean search?",
        ),
        ("version: 1|version: 2", "version", "Allowed: 1."),
        ("flood: 4|flood: many", "alerts.flood", "must be a whole number (it is 'many')"),
        (
            "when: {team: search}|when: {stage: [scaled, prod]}",
            "alerts.routes[0].when.stage[1]",
            "did you mean production?",
        ),
        (
            "when: {team: search}|when: {signal: qualty}",
            "alerts.routes[0].when.signal",
            "did you mean quality?",
        ),
        (
            "email: lead@example.com, name|email: engineer@example.com, name",
            "people[1].email",
            "given twice",
        ),
        ("flood: 4|flood: 0", "alerts.flood", "greater than or equal to 1"),
        ("flood: 4|flood: !!bool maybe", "alerts.flood", "a whole number (it is 'maybe')"),
        ("flood: 4|flood: !!int four", "alerts.flood", "a whole number (it is 'four')"),
        (f"flood: 4|flood: 0x{'f' * 9000}", "alerts.flood", "must be a whole number (it is '"),
        (f"flood: 4|flood: {'9' * 9000}", "alerts.flood", "it is"),
        (
            "time_zone: Europe/Berlin|rates: {JPY: 9e15}",
            "workspace.rates.JPY",
            "less than 1000000000000",
        ),
        ("{email: finops@|{email: finops(at)", "people[2].email", "must be an e-mail address"),
        ("slack: C0FINOPS1|slack: Finance!", "channels.finops.slack", "pattern"),
        ("engineer: {emails|enginer: {emails", "roles.enginer", "did you mean engineer?"),
    ],
)
def test_each_mistake_has_its_sentence(change: str, place: str, sentence: str) -> None:
    before, after = change.split("|", 1)
    assert before in POLICY
    found = errors(POLICY.replace(before, after, 1))
    assert len(found) == 1
    assert place in found[0]
    assert sentence in found[0]


BUDGET = "{name: a, scope: {team: search}, limit: 5"


@pytest.mark.parametrize(
    ("more", "place", "sentence"),
    [
        (
            f"budgets: [{BUDGET}, period: {{from: 2026-12-01, to: 2026-11-01}}}}]",
            "31:54: budgets[0].period",
            "must end on or after the day on which it begins",
        ),
        (
            f"budgets: [{BUDGET}, period: {{from: 2026-12-01, to: soon}}}}]",
            "budgets[0].period.to",
            "must be a day such as 2026-12-01 (it is 'soon')",
        ),
        (
            f"budgets: [{BUDGET}, per_unit: {{metric: answers, limit: 3}}}}]",
            "budgets[0]",
            "must have either a limit or per_unit; it has both",
        ),
        (
            "budgets: [{name: a, scope: {team: search}}]",
            "budgets[0]",
            "must have either a limit or per_unit; it has neither",
        ),
        (
            "budgets: [{name: My Budget, scope: {team: search}, limit: 5}]",
            "budgets[0].name",
            "must be 1 to 60 lower-case letters, digits, dots, hyphens or underscores, the first a letter or "
            "digit, such as search-team (it is 'My Budget')",
        ),
        (
            "budgets: {}",
            "31:1: budgets",
            "must be a list, not a mapping: [] for none, or entries that begin with "
            "a hyphen, such as - {name: search-team, scope: {team: search}, limit: 5000}",
        ),
        ("budgets:", "budgets", "must be a list, not nothing: [] for none"),
        ("gates: {}", "gates", "must be a list (it is a mapping)"),
        (
            "ladder: {review_cut_off: 9:00}",
            "ladder.review_cut_off",
            "must be a time of day such as 06:00",
        ),
        (
            "schedule: {read_bills_at: ['06:30:00']}",
            "schedule.read_bills_at[0]",
            "both with two digits",
        ),
        (
            "sandboxes: {longest_days: 1:30}",
            "sandboxes.longest_days",
            "must be a whole number (it is '1:30')",
        ),
        (
            "actuators: [{name: a, kind: manul, role: lead}]",
            "actuators[0]",
            "“manul” is not allowed for kind; did you mean manual? Allowed: webhook, kubernetes, litellm, manual.",
        ),
        ("actuators: [{name: a, role: lead}]", "actuators[0]", "kind is missing"),
        (
            "actuators: [{name: A B, kind: manual, role: lead}]",
            "actuators[0].name",
            "1 to 40 lower-case letters",
        ),
    ],
)
def test_what_people_get_wrong_in_budgets_and_sandboxes(
    more: str, place: str, sentence: str
) -> None:
    (found,) = errors(POLICY + more + "\n")
    assert f"{place}: " in found
    assert sentence in found


def test_a_time_needs_no_quotes() -> None:
    """YAML 1.1 reads 14:00 as the number 840, and 09:00 as text: the one was an error, the other none."""
    more = "ladder: {review_cut_off: 14:00}\nschedule: {read_bills_at: [09:00, 12:30]}\n"
    policy = parse_policy(POLICY + more)
    assert policy.ladder.review_cut_off == "14:00"
    assert policy.schedule.read_bills_at == ("09:00", "12:30")


@pytest.mark.parametrize("section", sorted(_EXAMPLES))
def test_the_examples_in_sentences_are_right(section: str) -> None:
    """What a sentence offers can be pasted."""
    given = f"[{_EXAMPLES[section]}]"
    more = f"sandboxes: {{zones: {given}}}\n" if section == "zones" else f"{section}: {given}\n"
    text = POLICY
    if section in ("bills", "people"):
        kept, _, rest = text.partition(f"{section}:\n")
        text = kept + rest[rest.index("\n", rest.rindex("  - {", 0, _end(rest))) + 1 :]
    assert parse_policy(text + more)


def _end(section: str) -> int:
    """Where the entries of a section end."""
    lines = section.splitlines(keepends=True)
    return sum(map(len, lines[: next(i for i, x in enumerate(lines) if not x.startswith("  "))]))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "version: is missing"),
        ("a: [1, 2", "not YAML"),
        ("- a\n- b\n", "mapping"),
        ("version: 1\nversion: 1\n", "given twice"),
        ("\tversion: 1", "not YAML"),
        ("a: &a [*a]", "contains itself"),
        ("version: !!int foo", "“foo” is not allowed"),
    ],
)
def test_what_is_no_policy_gets_a_sentence(text: str, sentence: str) -> None:
    assert any(sentence in e for e in errors(text))


def test_a_missing_file_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefusedError, match="there is no such file"):
        load_policy(tmp_path / "app.yaml")


def test_the_hash_is_of_what_is_said_not_of_how_it_is_written() -> None:
    policy = parse_policy(POLICY)
    turned = yaml.safe_dump(yaml.safe_load(POLICY), sort_keys=True)
    assert policy_hash(parse_policy("# a comment\n" + turned)) == policy_hash(policy)
    other = POLICY.replace("flood: 4", "flood: 5")
    assert policy_hash(parse_policy(other)) != policy_hash(policy)


def test_money_in_the_policy_is_never_a_float() -> None:
    text = POLICY.replace("impact_at_least: 10000", "impact_at_least: 0.1")
    assert str(parse_policy(text).alerts.routes[1].when.impact_at_least) == "0.1"


def test_roles_fail_closed() -> None:
    policy = parse_policy(POLICY)
    assert roles_of(policy, " Engineer@Example.com ") == {"engineer"}
    assert roles_of(policy, None) == frozenset()
    assert roles_of(policy, "") == frozenset()
    assert not may(policy, "anomaly.triage", frozenset())
    assert may(policy, "read", frozenset({"executive"}))
    assert not may(policy, "anomaly.close", frozenset({"executive"}))
