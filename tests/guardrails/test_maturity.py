"""The level of a team: no more than its facts allow, never lowered by knowing more."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from guardrails.maturity import Facts, covering, judge, shown
from guardrails.policy.budgets import Budget
from guardrails.policy.maturity import Maturity, Override

POLICY = Maturity()
GOOD = Facts(
    "search",
    30,
    spend=Decimal(1000),
    covered=Decimal(950),
    owned=Decimal(990),
    metrics=("ndcg",),
    budgets=("search-team",),
)


@pytest.mark.parametrize(
    ("changes", "level", "needs"),
    [
        ({}, 3, ()),
        ({"owned": Decimal("949.9")}, 2, ("94.9 % of spend has an owner; level 3 needs 95 %",)),
        ({"owned": Decimal(950)}, 3, ()),
        ({"metrics": ()}, 2, ("no unit or quality metric has a value; level 3 needs one",)),
        (
            {"budgets": ()},
            1,
            (
                "no budget covers it; level 2 needs one for the team or one of its features or experiments",
            ),
        ),
        (
            {"covered": Decimal(840), "owned": Decimal(840)},
            2,
            (
                "84 % of spend has experiment, feature and workload; level 3 needs 90 %",
                "84 % of spend has an owner; level 3 needs 95 %",
            ),
        ),
        (
            {"covered": Decimal(500), "owned": Decimal(0)},
            1,
            (
                "50 % of spend has experiment, feature and workload; level 2 needs 80 %",
                "0 % of spend has an owner; level 2 needs 80 %",
            ),
        ),
        (
            {"covered": Decimal("499.99")},
            0,
            ("49.9 % of spend has experiment, feature and workload; level 1 needs 50 %",),
        ),
        ({"spend": Decimal(0)}, 0, ("nothing to judge by; level 1 needs spend in 30 days",)),
        ({"spend": Decimal(-5)}, 0, ("nothing to judge by; level 1 needs spend in 30 days",)),
    ],
)
def test_the_level_and_what_the_next_one_needs(
    changes: dict[str, object], level: int, needs: tuple[str, ...]
) -> None:
    judged = judge(replace(GOOD, **changes), POLICY)  # type: ignore[arg-type]
    assert (judged.level, judged.computed, judged.needs) == (level, level, needs)
    assert not judged.overruled


def test_it_says_why_and_what_the_bot_does() -> None:
    judged = judge(replace(GOOD, budgets=("a", "b", "c")), POLICY)
    assert judged.why == (
        "95 % of spend has experiment, feature and workload",
        "99 % of spend has an owner",
        "budgets a, b and 1 more",
        "metric ndcg",
    )
    assert [
        judge(replace(GOOD, **changes), POLICY).word  # type: ignore[arg-type]
        for changes in (
            {"spend": Decimal(0)},
            {"budgets": ()},
            {"metrics": ()},
            {},
        )
    ] == ["observe", "nudge", "approve", "stop"]


def test_people_overrule_the_numbers_and_both_are_said() -> None:
    override = Override(level=0, because="a merger moves all tags")
    judged = judge(GOOD, Maturity(override={"Search": override}))
    assert (judged.level, judged.computed, judged.overruled) == (0, 3, True)
    assert judged.why[:2] == (
        "people set level 0 (observe): a merger moves all tags",
        "by the numbers it is level 3",
    )
    up = judge(
        Facts("new", 30), Maturity(override={"new": Override(level=3, because="all in sandboxes")})
    )
    assert (up.level, up.computed) == (3, 0)
    assert up.needs == ("nothing to judge by; level 1 needs spend in 30 days",)


money = st.decimals(-100, 10**6, places=4)
facts = st.builds(
    Facts,
    team=st.just("t"),
    days=st.just(30),
    spend=money,
    covered=money,
    owned=money,
    metrics=st.sampled_from([(), ("m",)]),
    budgets=st.sampled_from([(), ("b",)]),
)
percent = st.integers(0, 100).map(Decimal)


@st.composite
def policies(draw: st.DrawFn) -> Maturity:
    coverage = sorted(draw(st.lists(percent, min_size=3, max_size=3)))
    owned = sorted(draw(st.lists(percent, min_size=2, max_size=2)))
    return Maturity(
        nudge_coverage=coverage[0],
        approve_coverage=coverage[1],
        stop_coverage=coverage[2],
        approve_owned=owned[0],
        stop_owned=owned[1],
    )


@given(
    facts,
    policies(),
    st.sampled_from(["covered", "owned", "metrics", "budgets"]),
    st.decimals(0, 10**6, places=4),
)
def test_knowing_more_never_lowers_a_level(
    known: Facts, policy: Maturity, what: str, more: Decimal
) -> None:
    value = (getattr(known, what) + more) if what in ("covered", "owned") else ("new",)
    better = judge(replace(known, **{what: value}), policy)
    assert better.level >= judge(known, policy).level


@given(facts, policies())
def test_a_level_is_what_its_conditions_say_and_there_is_always_a_next_step(
    known: Facts, policy: Maturity
) -> None:
    judged = judge(known, policy)
    assert (judged.level == 3) == (not judged.needs)
    if judged.level >= 1:
        assert known.coverage >= policy.nudge_coverage
        assert known.spend > 0
    if judged.level >= 2:
        assert known.coverage >= policy.approve_coverage
        assert known.ownership >= policy.approve_owned
        assert known.budgets
    if judged.level == 3:
        assert known.coverage >= policy.stop_coverage
        assert known.ownership >= policy.stop_owned
        assert known.metrics
    assert all(0 <= share <= 100 for share in (known.coverage, known.ownership))


@given(st.decimals(0, 100, places=6))
def test_a_share_is_never_shown_as_more_than_it_is(share: Decimal) -> None:
    said = Decimal(shown(share).removesuffix(" %"))
    assert said <= share < said + Decimal("0.1")


def _budget(name: str, **scope: str) -> Budget:
    return Budget.model_validate({"name": name, "scope": scope, "limit": 1})


def test_a_budget_covers_its_team_or_the_teams_features_and_experiments() -> None:
    budgets = [
        _budget("team", team="Search"),
        _budget("feature", feature="find"),
        _budget("experiment", experiment="ranker", workload="training"),
        _budget("both", team="search", feature="find"),
        _budget("theirs", team="fraud", feature="find"),
        _budget("part", team="search", feature="pay"),
        _budget("zone", workload="training", stage="pilot"),
    ]
    found = covering(budgets, "search", frozenset({"find"}), frozenset({"ranker"}))
    assert found == ("team", "feature", "experiment", "both")


@pytest.mark.parametrize(
    ("given_values", "said"),
    [
        ({"approve_coverage": 40}, "approve_coverage \\(40\\) must not be below nudge_coverage"),
        ({"stop_coverage": 79}, "stop_coverage \\(79\\) must not be below approve_coverage"),
        ({"stop_owned": 10}, "stop_owned \\(10\\) must not be below approve_owned"),
        ({"override": {"a": {"level": 4, "because": "x"}}}, "override.a.level"),
        ({"override": {"a": {"level": 1, "because": ""}}}, "override.a.because"),
    ],
)
def test_a_policy_whose_levels_do_not_rise_is_refused(
    given_values: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Maturity.model_validate(given_values)
