"""The rules of sandboxes: what may be asked for, what a zone takes, how one lives, how good estimates were."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from guardrails.orders import Resources
from guardrails.policy.people import Role
from guardrails.policy.sandboxes import Prices, Reviewer, ReviewerWhen, Sandboxes, Zone, ZoneWhen
from guardrails.sandboxes import life
from guardrails.sandboxes.asking import Asking, estimate_of, name_of, read
from guardrails.sandboxes.bias import bias_of
from guardrails.sandboxes.budget import budget_of, is_sandbox
from guardrails.sandboxes.zones import Placement, Use, Wanted, put, with_headroom

TODAY = date(2026, 11, 23)
PRICES = Prices(
    gpu_hour={"H100": Decimal(4), "L4": Decimal("0.8")},
    million_tokens={"atlas-mini": Decimal("2.5")},
)
RULES = Sandboxes(prices=PRICES)
TEAMS: dict[str, Any] = {"search": None, "ads": None}
FORM = {
    "name": "try-lora",
    "hypothesis": "LoRA ranks as well as full fine-tuning",
    "metric": "recall_at_10",
    "target": ">= 0.82",
    "feature": "semantic-search",
    "workload": "fine-tuning",
    "stage": "exploration",
    "team": "search",
    "owner": "Engineer@Example.com",
    "estimate": "1,000",
    "until": "2026-12-04",
    "data_class": "internal",
    "risk_class": "minimal",
}
EVERY_FIELD = (*FORM, "gpu", "gpus", "gpu_hours", "model", "tokens", "notes")


def asked(**changes: str) -> Asking | dict[str, str]:
    return read(FORM | changes, RULES, "USD", TEAMS, TODAY)


def wrong(field: str, value: str, **more: str) -> str:
    """The sentence at the one field that is wrong."""
    errors = asked(**{field: value}, **more)
    assert isinstance(errors, dict), errors
    assert set(errors) == {field}, errors
    return errors[field]


# --- life -------------------------------------------------------------------------------------------


def test_every_state_that_is_no_end_has_a_way_to_one_and_no_end_has_any() -> None:
    ends = set(life.STATES) - set(life.MOVES)
    assert ends == {"expired", "closed", "declined", "withdrawn"}

    def reached(state: life.State) -> set[life.State]:
        found, ahead = set[life.State](), [state]
        while ahead:
            now = ahead.pop()
            for after in life.MOVES.get(now, {}).values():
                if after not in found:
                    found.add(after)
                    ahead.append(after)
        return found

    for state in life.MOVES:
        assert reached(state) & ends, state
    assert reached("requested") == set(life.STATES) - {"requested"}


def test_what_lives_ends_by_its_time_and_by_people_and_can_be_stopped_before() -> None:
    for state in life.LIVING:
        by_time = None if state == "graduated" else "expired"  # it goes on until people end it
        assert life.after(state, "expire", graduated=state == "graduated") == by_time
        assert life.after(state, "close") == "closed"
        stopped = life.after(state, "halt")
        assert stopped == (None if state == "halted" else "halted")
    assert life.after("halted", "resume") == "active"
    assert life.after("halted", "resume", was_active=False) == "allocated"
    assert life.after("halted", "resume", graduated=True) == "graduated"
    assert life.after("halted", "expire", graduated=True) is None


@given(st.sampled_from(life.STATES) | st.text(max_size=12), st.sampled_from(life.EVENTS))
def test_an_event_that_means_nothing_leads_nowhere(state: str, event: life.Event) -> None:
    for was_active in (True, False):
        found = life.after(state, event, was_active=was_active)
        if state not in life.MOVES:
            assert found is None
        else:
            assert (found is None) == (event not in life.MOVES[state])
        assert found != state


# --- zones ------------------------------------------------------------------------------------------

cents = st.decimals(Decimal("0.01"), Decimal(20_000), places=2)
stages = st.sampled_from(["exploration", "pilot", "scaled"])
people = st.frozensets(st.sampled_from(["engineer", "lead", "finance"]), max_size=2)
whens = st.builds(
    ZoneWhen,
    role=st.lists(st.sampled_from(["engineer", "lead"]), max_size=1).map(tuple),
    stage=st.lists(stages, max_size=1).map(tuple),
    team=st.lists(st.sampled_from(["search", "ads"]), max_size=1).map(tuple),
)


@st.composite
def zones(draw: st.DrawFn, name: str = "a") -> Zone:
    cap = draw(cents)
    more = draw(st.none() | cents)
    return Zone(
        name=name,
        when=draw(whens),
        cap=cap,
        cap_month=None if more is None else cap + more,
        at_once=draw(st.none() | st.integers(1, 3)),
        gpus=draw(st.none() | st.integers(0, 8)),
        longest_days=draw(st.integers(1, 60)),
        headroom_percent=draw(st.integers(0, 200)),
    )


rules = st.builds(
    Sandboxes,
    zones=st.tuples(zones("a"), zones("b")),
    headroom_percent=st.integers(0, 200),
    reviewers=st.sampled_from(
        [
            (),
            (Reviewer(role="compliance", when=ReviewerWhen(data_class=("personal",))),),
            (Reviewer(role="compliance", when=ReviewerWhen(risk_class=("high",))),),
        ]
    ),
)
wants = st.builds(
    Wanted,
    team=st.sampled_from(["search", "ads"]),
    feature=st.just("semantic-search"),
    workload=st.just("training"),
    stage=stages,
    estimate=cents,
    days=st.integers(1, 70),
    data_class=st.sampled_from(["internal", "personal"]),
    risk_class=st.sampled_from(["minimal", "high"]),
    gpus=st.integers(0, 12),
    of_team=st.booleans(),
)
uses = st.fixed_dictionaries(
    {}, optional={n: st.builds(Use, st.integers(0, 4), cents) for n in ("a", "b")}
)


def placed(
    rules: Sandboxes, want: Wanted, roles: frozenset[Role], held: dict[str, Use]
) -> Placement:
    return put(rules, want, roles, held, "USD")


@given(rules, wants, people, uses)
def test_a_zone_takes_what_fits_and_never_cuts_below_the_estimate(
    rules: Sandboxes, want: Wanted, roles: frozenset[Role], held: dict[str, Use]
) -> None:
    where = placed(rules, want, roles, held)
    assert where.cap >= want.estimate
    if where.zone is None:
        assert where.why
        assert where.cap == with_headroom(want.estimate, rules.headroom_percent)
        return
    zone, use = where.zone, held.get(where.zone.name, Use())
    assert where.cap <= zone.cap
    assert where.cap <= with_headroom(want.estimate, zone.headroom_percent)
    assert zone.cap_month is None or use.month + where.cap <= zone.cap_month
    assert zone.at_once is None or use.living < zone.at_once
    assert want.days <= zone.longest_days
    assert not zone.when.role or roles & set(zone.when.role)
    assert not zone.when.stage or want.stage in zone.when.stage
    assert not zone.when.team or (want.team in zone.when.team and want.of_team)
    assert zone.gpus is None or want.gpus <= zone.gpus
    assert where.reviewers == ()


@given(rules, wants, people, uses, cents)
def test_more_money_or_days_never_bring_a_request_inside(
    rules: Sandboxes, want: Wanted, roles: frozenset[Role], held: dict[str, Use], more: Decimal
) -> None:
    fields = {f: getattr(want, f) for f in want.__dataclass_fields__}
    greater = Wanted(**fields | {"estimate": want.estimate + more})
    longer = Wanted(**fields | {"days": want.days + 1})
    if placed(rules, want, roles, held).zone is None:
        assert placed(rules, greater, roles, held).zone is None
        assert placed(rules, longer, roles, held).zone is None


@given(rules, wants, people, uses, cents, st.integers(0, 3))
def test_a_fuller_zone_takes_no_more(
    rules: Sandboxes,
    want: Wanted,
    roles: frozenset[Role],
    held: dict[str, Use],
    more: Decimal,
    others: int,
) -> None:
    fuller = {n: Use(u.living + others, u.month + more) for n, u in held.items()}
    if placed(rules, want, roles, held).zone is None:
        assert placed(rules, want, roles, fuller).zone is None


@given(zones(), st.lists(st.tuples(cents, st.booleans()), max_size=12))
def test_splitting_a_request_never_gets_more_in_a_month(
    zone: Zone, pieces: list[tuple[Decimal, bool]]
) -> None:
    """Whoever asks in pieces, or closes one and asks again, gets what the zone has a month at most."""
    rules = Sandboxes(zones=(zone,))
    use = Use()
    for estimate, closed_before in pieces:
        want = Wanted("search", "f", "training", "exploration", estimate, 1, "internal", "minimal")
        where = placed(rules, want, frozenset({"engineer", "lead"}), {zone.name: use})
        if where.zone is not None:
            assert where.cap <= zone.cap
            use = Use(use.living + 1, use.month + where.cap)
            assert zone.at_once is None or use.living <= zone.at_once
        if closed_before and use.living:
            use = Use(use.living - 1, use.month)
        assert zone.cap_month is None or use.month <= zone.cap_month


@given(zones(), cents, cents, cents)
def test_one_that_is_extended_counts_what_it_has_once(
    zone: Zone, before: Decimal, more: Decimal, others: Decimal
) -> None:
    """What it has stands in the month already: only what is more has to fit."""
    assume(zone.cap_month is not None)
    want = Wanted(
        "search",
        "f",
        "training",
        "exploration",
        before + more,
        1,
        "internal",
        "minimal",
        before=before,
        new=False,
    )
    use = Use(zone.at_once or 1, before + others)
    where = placed(
        Sandboxes(zones=(zone,)), want, frozenset({"engineer", "lead"}), {zone.name: use}
    )
    assert zone.cap_month is not None
    if where.zone is not None:
        assert before + others + more <= zone.cap_month
        assert before + more <= zone.cap


@given(rules, wants, people)
def test_what_somebody_has_to_look_at_is_always_outside(
    rules: Sandboxes, want: Wanted, roles: frozenset[Role]
) -> None:
    demanded = any(
        want.data_class in r.when.data_class or want.risk_class in r.when.risk_class
        for r in rules.reviewers
    )
    where = placed(rules, want, roles, {})
    assert (where.reviewers == ("compliance",)) == demanded
    if demanded:
        assert where.zone is None
        assert "compliance" in where.why


@given(cents, st.integers(0, 200))
def test_headroom_is_what_it_says_to_the_cent(estimate: Decimal, percent: int) -> None:
    cap = with_headroom(estimate, percent)
    assert 0 <= cap - estimate * (100 + percent) / 100 < Decimal("0.01")


# --- asking -----------------------------------------------------------------------------------------

anything = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"-?[0-9]{0,14}([.,][0-9]{0,8})?(e[0-9]{1,6})?", fullmatch=True),
    st.dates().map(str),
    st.sampled_from(
        ["NaN", "-inf", "1e999999", "1E-400", "٣", "²", "9" * 500, "H100", "atlas-mini", "\x00"]
    ),
)


@given(st.dictionaries(st.sampled_from(EVERY_FIELD), anything, max_size=6))
@example({"estimate": "", "model": "atlas-mini", "tokens": "0.001"})
@example({"estimate": "", "gpu": "L4", "gpu_hours": "1E-9"})
@example({"until": "9999-12-31"})
@example({"until": "0001-01-01"})
def test_any_text_in_any_field_is_a_request_or_sentences(changes: dict[str, str]) -> None:
    found = read(FORM | changes, RULES, "USD", TEAMS, TODAY)
    if isinstance(found, dict):
        assert found
        assert set(found) <= set(EVERY_FIELD)
        assert all(s.strip() and s[-1] in ".?" for s in found.values()), found
        return
    assert 0 < found.estimate < Decimal(10) ** 12
    assert found.listed is None or found.listed > 0
    assert found.estimate == found.estimate.quantize(Decimal("0.01"))
    assert TODAY <= found.until <= TODAY + timedelta(days=RULES.longest_days - 1)
    assert found.days == (found.until - TODAY).days + 1
    assert found.name == name_of(found.name)
    assert found.owner == found.owner.lower()
    assert found.team in TEAMS
    assert found.risk_class != "prohibited"
    assert Resources.model_validate(found.resources.model_dump(mode="json")) == found.resources


@given(st.dictionaries(st.sampled_from(EVERY_FIELD), anything, max_size=20))
def test_a_form_that_lacks_fields_is_refused_at_them(inputs: dict[str, str]) -> None:
    found = read(inputs, RULES, "USD", TEAMS, TODAY)
    if isinstance(found, dict):
        assert all(found.values())


@given(st.text(max_size=40))
def test_names_that_differ_by_case_or_spaces_are_one(said: str) -> None:
    name = name_of(said)
    assert name_of(name) == name
    found = asked(name=said)
    if isinstance(found, Asking):
        assert found.name == name
        for written in (said.upper(), said.title(), f"  {said}\n"):
            again = asked(name=written)
            if isinstance(again, Asking):
                assert again.name == name
    for one, other in (("Try LoRA", "try_lora"), ("TRY-LORA", "try-lora")):
        assert name_of(one) == name_of(other) == "try-lora"


@pytest.mark.parametrize("said", ["", "-", "a", "x" * 41, "überall", "a/b", "a.b", "-a", "a" * 99])
def test_a_name_that_cannot_be_a_tag_is_refused(said: str) -> None:
    assert "lower-case letters" in wrong("name", said)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("0", "above zero"),
        ("0.00", "above zero"),
        ("-5", "above zero"),
        ("1000 EUR", "not an amount in USD"),
        ("€1000", "not an amount in USD"),
        ("1.200", "not an amount in USD"),
        ("1,5", "not an amount in USD"),
        ("a lot", "not an amount in USD"),
        ("999999999999999", "not an amount"),
        ("900000000m", "not an amount"),
        ("1e9", "not an amount in USD"),
    ],
)
def test_money_is_read_strictly(said: str, sentence: str) -> None:
    assert sentence in wrong("estimate", said)


@pytest.mark.parametrize(
    ("said", "amount"), [("$1,200.50", "1200.50"), ("1.2k", "1200"), ("7", "7")]
)
def test_money_is_read_as_people_write_it(said: str, amount: str) -> None:
    found = asked(estimate=said)
    assert isinstance(found, Asking)
    assert found.estimate == Decimal(amount)


def test_the_last_day_is_inside_what_the_policy_allows() -> None:
    assert "is over" in wrong("until", "2026-11-22")
    assert "90 days at most" in wrong("until", "2027-03-01")
    for said in ("soon", "", "2026-02-30", "04.12.2026"):
        assert "Choose the last day" in wrong("until", said)
    today = asked(until="2026-11-23")
    last = asked(until="2027-02-20")
    assert isinstance(today, Asking)
    assert isinstance(last, Asking)
    assert (today.days, last.days) == (1, 90)


def test_each_field_says_what_is_wrong_with_it() -> None:
    assert "Choose one of" in wrong("workload", "Training")
    assert "Choose one of" in wrong("stage", "")
    assert "Choose one of" in wrong("data_class", "secret")
    assert "prohibits" in wrong("risk_class", "prohibited")
    assert "No team is called “serach”" in wrong("team", "serach")
    assert "e-mail" in wrong("owner", "me")
    assert "Write a number" in wrong("target", "better")
    assert "500 characters" in wrong("hypothesis", "x" * 501)
    assert "1000 characters" in wrong("notes", "x" * 1001)
    assert "what you measure" in wrong("metric", " ")
    assert "price list has no B200" in wrong("gpu", "B200")
    assert "Choose the kind of GPU" in wrong("gpu", "", gpus="2")
    assert "whole number" in wrong("gpus", "1.5", gpu="H100")
    assert "Choose the model" in wrong("model", "", tokens="5")


def test_without_an_estimate_the_price_list_makes_one() -> None:
    found = asked(
        estimate="", gpu="H100", gpus="4", gpu_hours="48", model="atlas-mini", tokens="20"
    )
    assert isinstance(found, Asking)
    assert (found.estimate, found.listed) == (Decimal(818), Decimal(818))
    all_day = asked(estimate="", gpu="L4", until="2026-11-24")
    assert isinstance(all_day, Asking)
    assert all_day.estimate == Decimal("38.40")  # one for two days
    other = asked(estimate="500", gpu="H100", gpu_hours="48")
    assert isinstance(other, Asking)
    assert (other.estimate, other.listed) == (Decimal(500), Decimal(192))
    assert "Say what you expect to spend" in wrong("estimate", "")


@given(st.integers(0, 10_000), st.decimals(0, 100_000, places=3), st.integers(0, 10**15))
def test_the_price_list_never_makes_nothing_of_something(
    gpus: int, hours: Decimal, tokens: int
) -> None:
    """A thousand tokens came to $0.00, and a sandbox of nothing was asked for."""
    resources = Resources(gpu="H100", gpus=gpus, gpu_hours=hours, model="atlas-mini", tokens=tokens)
    exact = 4 * gpus * hours + Decimal("2.5") * tokens / 1_000_000
    found = estimate_of(resources, PRICES)
    if not exact:
        assert found is None
    else:
        assert found is not None
        assert 0 <= found - exact < Decimal("0.01")
    assert estimate_of(resources, Prices()) is None


# --- budgets and estimates --------------------------------------------------------------------------


@given(st.dates(), st.integers(-5, 400))
def test_the_budget_of_a_sandbox_is_its_own(first: date, days: int) -> None:
    assume(first.year < 9990)
    last = first + timedelta(days=days) if first.year > 2 else first
    budget = budget_of("try-lora", first, last, "a@example.com", "ml")
    assert is_sandbox(budget)
    assert (budget.name, budget.scope.experiment, budget.limit) == (
        "sandbox/try-lora",
        "try-lora",
        None,
    )
    assert budget.period.last >= budget.period.first == first  # type: ignore[union-attr]


@given(
    st.lists(
        st.tuples(st.decimals(0, 10**9, places=2), st.decimals(0, 10**9, places=2)), max_size=8
    )
)
def test_bias_is_what_was_spent_for_what_was_estimated(
    ended: list[tuple[Decimal, Decimal]],
) -> None:
    found = bias_of(ended)
    estimated, spent = (
        sum((e for e, _ in ended), Decimal(0)),
        sum((s for _, s in ended), Decimal(0)),
    )
    if estimated == 0:
        assert found is None
        return
    assert found is not None
    assert found.count == len(ended)
    assert abs(found.ratio * estimated - spent) <= Decimal("0.01")
    percent = round((found.ratio - 1) * 100)
    assert ("more" in str(found)) == (percent > 0)
    assert ("less" in str(found)) == (percent < 0)


def test_bias_in_words() -> None:
    one, two = (Decimal(100), Decimal(130)), (Decimal(100), Decimal(30))
    assert str(bias_of([one])) == "the last sandbox spent 30 % more than estimated"
    assert str(bias_of([one, two])) == "the last 2 sandboxes spent 20 % less than estimated"
    assert str(bias_of([(Decimal(5), Decimal(5))])) == "the last sandbox spent what was estimated"
