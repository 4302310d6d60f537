"""What a policy allows but hardly means."""

from pathlib import Path

import pytest

from guardrails.suggest import misspelt
from storage.policy_file import load_policy, parse_policy
from tests.conftest import POLICY

ROOT = Path(__file__).parents[2]
BUDGET = "budgets:\n  - {name: ranker, scope: {experiment: ranker}, limit: 3000}\n"
STEPS = "# Title\n\n1. Look.\n"


def doubts(roles: str) -> list[str]:
    text = POLICY.partition("runbooks:")[0].replace("roles:\n", "roles:\n" + roles, 1) + BUDGET
    return list(parse_policy(text).doubtful())


def doubted(more: str, tags: str = "", rules: str = "") -> list[str]:
    """What is doubted of the policy of the tests with more sections, but for its ladder's roles."""
    text = POLICY.replace("tags:\n", f"tags:\n{tags}", 1) + more + rules
    return [d for d in parse_policy(text).doubtful() if "of the ladder stands" not in d]


def test_a_rung_whose_roles_nobody_has() -> None:
    (doubt,) = doubts("  finance: {emails: [finance@example.com]}\n")
    assert "Nobody has the role product, so the rung joint" in doubt


def test_one_person_cannot_sign_twice() -> None:
    """The only finance partner was the only product owner too: every joint review ran out."""
    both = "{emails: [both@example.com]}"
    (doubt,) = doubts(f"  finance: {both}\n  product: {both}\n")
    assert "finance and product by different people" in doubt
    assert (
        doubts(f"  finance: {both}\n  product: {{emails: [both@example.com, p@example.com]}}\n")
        == []
    )


def test_who_is_in_a_group_is_known_elsewhere() -> None:
    both = "{emails: [both@example.com], slack_groups: [product]}"
    assert doubts(f"  finance: {both}\n  product: {both}\n") == []


def test_without_budgets_nobody_has_to_decide() -> None:
    assert list(parse_policy(POLICY).doubtful()) == []


# --- names --------------------------------------------------------------------------------------------


def test_the_demo_policy_means_what_it_says() -> None:
    assert list(load_policy(ROOT / "app.yaml").doubtful()) == []


WORKLOADS = "  workload: {keys: [workload], values: {train: training, eval: evaluation}}\n"
EXPERIMENTS = "  experiment: {keys: [exp], values: {ranker-old: ranker-v1, seg: segmentation}}\n"
FEATURES = (
    "allocation: {rules: [{name: r, when: {ServiceName: x}, set: {feature: semantic-search}}]}\n"
)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            "budgets: [{name: a, scope: {team: serch}, limit: 5}]\n",
            "The budget a is for the team serch, which nothing else in the policy names; did you mean search?",
        ),
        (
            "budgets: [{name: a, scope: {team: other}, limit: 5}]\n",
            "The budget a is for the team other, which nothing else in the policy names.",
        ),
        (
            "sandboxes: {zones: [{name: z, cap: 5, when: {team: [search, sarch]}}], actuators: [hand],"
            " prices: {gpu_hour: {h100: 4}}}\nactuators: [{name: hand, kind: manual, role: lead}]\n",
            "The zone z is for the team sarch, which nothing else in the policy names; did you mean search?",
        ),
        (
            "redlines: {lines: [{name: l, when: {team: [reserch]}, watch: spend, above: 100}]}\n",
            "The redline l is for the team reserch, which nothing else in the policy names; did you mean search?",
        ),
        (
            "maturity: {override: {serch: {level: 1, because: new}}}\n",
            "An override of maturity is for the team serch, which nothing else in the policy names;"
            " did you mean search?",
        ),
        (
            "redlines: {lines: [{name: l, when: {workload: [traning]}, watch: spend, above: 100}]}\n",
            "The redline l is for the workload traning, which nothing else in the policy names;"
            " did you mean training?",
        ),
        (
            "budgets: [{name: a, scope: {feature: semantic-serch}, limit: 5}]\n",
            "The budget a is for the feature semantic-serch, which nothing else in the policy names;"
            " did you mean semantic-search?",
        ),
        (
            "budgets: [{name: a, scope: {experiment: Segmentation}, limit: 5}]\n",
            "The budget a is for the experiment Segmentation, which nothing else in the policy names;"
            " did you mean segmentation?",
        ),
    ],
)
def test_a_name_that_nothing_else_has(more: str, sentence: str) -> None:
    assert doubted(more, WORKLOADS + EXPERIMENTS, FEATURES) == [sentence]


@pytest.mark.parametrize(
    "more",
    [
        "budgets: [{name: a, scope: {team: search, workload: evaluation}, limit: 5}]\n",
        "budgets: [{name: a, scope: {workload: inference, stage: pilot}, limit: 5}]\n",
        # tags and rules know some experiments and features; the bill knows more
        "budgets: [{name: a, scope: {experiment: ranker-v2}, limit: 5}]\n",
        "budgets: [{name: a, scope: {experiment: writing-helper}, limit: 5}]\n",
        "budgets: [{name: a, scope: {feature: recommendations}, limit: 5}]\n",
    ],
)
def test_a_name_that_may_well_be_meant(more: str) -> None:
    assert doubted(more, WORKLOADS + EXPERIMENTS, FEATURES) == []


def test_where_no_list_is_no_name_is_doubted() -> None:
    policy = POLICY.replace("  search: {channel: ml-search, lead: lead@example.com}\n", "")
    policy = policy.replace("teams:\n", "").replace(", team: search", "")
    text = policy + "budgets: [{name: a, scope: {team: x, workload: y}, limit: 5}]\n"
    assert not any("which nothing else" in d for d in parse_policy(text).doubtful())


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("accurracy", "accuracy"),
        ("ACCURACY", "accuracy"),
        ("accuracy", None),
        ("recall_at_20", None),  # another name than recall_at_10
        ("latency", None),
    ],
)
def test_what_can_hardly_be_but_a_misspelling(word: str, found: str | None) -> None:
    assert misspelt(word, ["accuracy", "recall_at_10"]) == found


# --- metrics, people, runbooks, zones -----------------------------------------------------------------

WATCH = "watch: {quality: [accuracy], units: [{metric: answers}]}\n"


def line(watch: str, metric: str) -> str:
    return (
        f"redlines: {{lines: [{{name: l, watch: {watch}, metric: {metric}, above: 1, days: 2}}]}}\n"
    )


def gate(judge: str, metric: str) -> str:
    evidence = f"{{judge: {judge}, metric: {metric}, at_least: 1}}"
    return f"gates: [{{name: g, from: pilot, to: scaled, cap: 5, evidence: [{evidence}]}}]\n"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (line("quality", "acuracy"), "The redline l judges the metric acuracy, which nothing else"),
        (line("unit-cost", "clicks"), "The redline l judges the metric clicks, which nothing else"),
        (line("error-rate", "answer"), "did you mean answers?"),
        (gate("metric", "accuraccy"), "The gate g judges the metric accuraccy, which nothing else"),
        (gate("unit-cost", "answer"), "did you mean answers?"),
        (line("quality", "accuracy"), ""),
        (gate("unit-cost", "answers"), ""),
        # a rate of errors, idle hours and revenue are not in the list of what is watched
        (line("idle-gpus", "idle_share"), ""),
        (gate("return-on-spend", "revenue"), ""),
    ],
)
def test_a_metric_that_nothing_else_has(more: str, sentence: str) -> None:
    found = doubted(WATCH + more)
    assert len(found) == bool(sentence)
    assert all(sentence in doubt for doubt in found)
    assert doubted(more) == []  # without a list nothing is told


def test_an_owner_who_is_not_among_the_people() -> None:
    def owned(by: str) -> list[str]:
        return doubted(f"budgets: [{{name: a, scope: {{team: search}}, limit: 5, owner: {by}}}]\n")

    assert owned("engineer@example.com") == []
    assert owned("enginer@example.com") == [
        "The owner of the budget a, enginer@example.com, is not under people; did you mean engineer@example.com?"
    ]


ZONE = "sandboxes: {zones: [{name: z, cap: 5%s}]%s}\n"
HAND = "actuators: [{name: hand, kind: manual, role: lead}]\n"
PRICES = ", prices: {million_tokens: {m: 2}}"


def test_a_zone_without_prices_or_actuators() -> None:
    unpriced, bare = doubted(ZONE % ("", ""))
    assert unpriced.startswith("sandboxes.prices is empty, so no estimate can be worked out")
    assert bare.startswith("The zone z has no actuators: only the money is set aside")
    assert doubted(ZONE % ("", PRICES)) == [bare]
    assert doubted(ZONE % ("", PRICES + ", actuators: [hand]") + HAND) == []
    assert doubted(ZONE % (", actuators: [hand]", PRICES) + HAND) == []
    assert doubted(ZONE % (", actuators: []", PRICES + ", actuators: [hand]") + HAND) == [bare]


def missing(folder: Path, more: str, *events: str) -> list[str]:
    """The events that a policy is told to have no runbook for, when there are these."""
    (folder / "runbooks").mkdir(exist_ok=True)
    (folder / "app.yaml").write_text(POLICY + more)
    for event in events:
        (folder / "runbooks" / f"{event}.md").write_text(f"---\nevents: [{event}]\n---\n{STEPS}")
    found = load_policy(folder / "app.yaml").doubtful()
    return [d.split()[6].strip(",") for d in found if d.startswith("No runbook is for the event")]


SIGNALS = ("spend", "gpu-usage", "cost-per-unit", "quality", "resource-mix")


def test_what_happens_without_a_runbook(tmp_path: Path) -> None:
    everything = (
        BUDGET + ZONE % ("", "") + line("quality", "accuracy") + gate("unit-cost", "answers")
    )
    assert missing(tmp_path, everything) == []  # a policy without runbooks
    assert missing(tmp_path, "", *SIGNALS) == []  # nothing of all that is used
    assert missing(tmp_path, BUDGET) == ["overrun", "joint-review", "budget"]
    events = ["overrun", "joint-review", "budget", "sandbox", "redline", "gate"]
    assert missing(tmp_path, everything) == events
    assert missing(tmp_path, everything, *events[:3]) == events[3:]
    assert missing(tmp_path, everything, *events) == []
