"""Gates in ``app.yaml``: what is refused, what is doubted."""

from typing import Any

import pytest
from pydantic import ValidationError

from guardrails.policy.gates import Gate, doubtful, gate_from, wrong

METRIC = {"judge": "metric", "metric": "accuracy", "at_least": "0.8"}


def gate(*evidence: dict[str, Any], **more: Any) -> Gate:
    base: dict[str, Any] = {"name": "proof", "from": "exploration", "to": "pilot", "cap": 5000}
    return Gate.model_validate({**base, "evidence": evidence or (METRIC,), **more})


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({"judge": "metric", "metric": "m"}, "either at_least or at_most"),
        ({**METRIC, "at_most": 1}, "either at_least or at_most"),
        ({**METRIC, "at_least": 0, "at_most": 0}, "either at_least or at_most"),
        ({"judge": "metric", "at_least": 1}, "metric needs a metric"),
        ({"judge": "unit-cost", "at_most": 1}, "unit-cost needs a metric"),
        ({"judge": "tags", "at_least": 90, "metric": "m"}, "tags need no metric"),
        ({"judge": "tags", "at_least": 101}, "a percentage up to 100"),
        ({"judge": "tags", "at_most": 90}, "a percentage up to 100"),
        ({"judge": "tags", "at_least": 90, "of": "feature"}, "the experiment's own"),
        ({"judge": "target", "at_least": 1}, "the sandbox's own"),
        ({"judge": "target", "metric": "m"}, "the sandbox's own"),
        ({"judge": "target", "of": "feature"}, "the sandbox's own metric"),
        ({"judge": "sign-off"}, "needs a role"),
        ({"judge": "sign-off", "role": "lead", "at_least": 0}, "nothing else"),
        ({**METRIC, "role": "lead"}, "only a sign-off has a role"),
        ({**METRIC, "days": 0}, "greater than or equal to 1"),
        ({**METRIC, "at_least": "NaN"}, "finite number"),
        ({"judge": "unit-cost", "metric": "m", "at_most": 1, "daily": "sum"}, "always sum"),
    ],
)
def test_evidence_that_means_nothing_is_refused(evidence: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        gate(evidence)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"to": "exploration"}, "a later stage"),
        ({"from": "scaled", "to": "pilot"}, "a later stage"),
        ({"cap": 0}, "greater than 0"),
        ({"evidence": []}, "at least 1 item"),
        ({"evidence": [METRIC, METRIC]}, "the same evidence twice"),
        ({"evidence": [{"judge": "sign-off", "role": "lead"}] * 2}, "two sign-offs of one role"),
        (
            {"evidence": [{"judge": "sign-off", "role": "lead"}], "lower_after_days": 7},
            "nothing that is measured",
        ),
        ({"lower_percent": 100}, "less than or equal to 99"),
    ],
)
def test_gates_that_nobody_could_mean_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        gate(**more)


def test_a_limit_of_zero_is_a_limit() -> None:
    assert gate({"judge": "metric", "metric": "errors", "at_most": 0}).evidence[0].at_most == 0


def test_the_first_gate_that_takes_a_sandbox_is_its() -> None:
    vision = gate(name="vision", when={"team": ["vision"], "workload": ["training", "inference"]})
    rest = gate(name="rest")
    both = [vision, rest]
    assert not list(wrong(both))
    assert gate_from(both, "exploration", "vision", "photos", "training") == vision
    assert gate_from(both, "exploration", "vision", "photos", "fine-tuning") == rest
    assert gate_from(both, "exploration", "search", "ranking", "training") == rest
    assert gate_from([vision], "exploration", "search", "ranking", "training") is None
    assert gate_from(both, "pilot", "vision", "photos", "training") is None


def test_a_gate_that_is_never_reached_is_refused() -> None:
    first, second = gate(), gate(name="other", when={"team": ["vision"]})
    ((path, said),) = wrong([first, second])
    assert path == (1, "from")
    assert said == "proof stands before and takes every sandbox that leaves exploration"
    assert [path for path, _ in wrong([first, gate(**{"from": "pilot", "to": "scaled"})])] == [
        (1, "name")
    ]


def test_a_gate_that_nobody_can_sign_or_decide_is_doubted() -> None:
    signed = gate(METRIC, {"judge": "sign-off", "role": "compliance"}, by=["lead"])
    assert not list(doubtful([signed], {"lead", "compliance"}))
    assert "compliance" in next(doubtful([signed], {"lead"}))
    (said,) = doubtful([signed], {"compliance"})
    assert said == "Nobody has the role lead, so nobody can promote at the gate proof."
