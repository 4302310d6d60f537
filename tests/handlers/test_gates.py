"""A pilot comes to its gate: proposed once with its numbers, signed, promoted by one click; or not."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from handlers.conversation import Done, FieldErrors, Message, OpenForm, Refused
from handlers.sandboxes import control
from handlers.sandboxes.showing import locked
from storage.database import Database
from storage.tables.audit import AuditEntry
from storage.tables.budgets import BudgetEntry
from storage.tables.sandboxes import GateSign
from storage.tables.spend import BillPeriod
from tests.conftest import Clock
from tests.handlers.gating import UNSIGNED, GateDesk, gate_policy, judged_lines, labels

POLICY = gate_policy()
PLAIN = gate_policy(UNSIGNED)


@pytest.fixture
def desk(database: Database, clock: Clock) -> GateDesk:
    """A sandbox that is active for ten days."""
    made = GateDesk(database, POLICY, clock)
    made.allocate(10)
    return made


def refusal(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return f"{answer.reason}: {answer.sentence}"


def test_a_pilot_is_proposed_once_signed_and_promoted_by_one_click(desk: GateDesk) -> None:
    desk.spends(10)
    desk.scores(0.8)
    desk.scores(100, "outputs")
    assert desk.judge() == 0
    desk.scores(0.9)  # now it suffices
    assert desk.judge() == 1
    assert desk.judge() == 0
    case = desk.case()
    card = desk.gate_card(case)
    assert judged_lines(card) == [
        "✓ accuracy: 0.9, at least 0.84 (5 days)",
        "✓ Cost per unit of outputs: $0.10, at most $0.50 (5 days)",
        "✓ Spend with complete tags: 100 %, at least 95 % (5 days)",
        "○ Sign-off by finance: not yet",
    ]
    assert labels(card) == ["Sign as finance", "Decline…"]
    assert "finance must sign: Finance partner, Controller" in card.summary
    (told,) = desk.posts(f"gate:{case.id}:told")
    assert told.place["channel"] == "@owner@example.com"
    assert "is proposed" in Message.model_validate(told.content).summary
    assert len(desk.posts("sandbox:box:runbook")) == 1

    waits = desk.click("promote", "lead")
    assert refusal(waits) == "stale: finance must sign first. Nothing was changed."
    assert desk.click("sign", "finance") == Done()
    signed = desk.gate_card(case)
    assert labels(signed) == ["Promote", "Decline…"]
    assert "✓ Sign-off by finance: Finance partner, Mon 23 Nov" in judged_lines(signed)
    assert desk.thread()[-1].endswith(
        "Finance partner signed the gate pilot-proof as finance. It can be decided now."
    )

    assert desk.click("promote", "lead") == Done()
    box = desk.box()
    assert (box.stage, box.state) == ("pilot", "active")
    assert box.ends_on == date(2027, 1, 11)  # its own end is later than 30 days from now
    (entry,) = [e for e in desk.rows(BudgetEntry) if e.kind == "gate"]
    assert (entry.amount_micros, entry.key) == (4_000_000_000, f"gate:{case.id}")
    assert desk.cap() == 5000
    done = desk.gate_card(case)
    assert done.summary.startswith(
        "Gate pilot-proof: ranker from exploration to pilot. Promoted by"
    )
    assert labels(done) == []
    (audited,) = desk.audited("gate.promoted")
    assert audited.policy_hash == POLICY.hash
    assert audited.detail["amount"] == "4000.000000"
    assert audited.detail["evidence"] == judged_lines(done)
    assert desk.chain_holds()
    assert desk.judge() == 0  # no gate leads out of pilot


def test_the_days_of_the_stage_before_do_not_count(desk: GateDesk) -> None:
    desk.loaded = gate_policy(
        UNSIGNED,
        (
            "gates:\n",
            "gates:\n  - {name: next, from: pilot, to: scaled, cap: 9000, evidence: "
            "[{judge: metric, metric: accuracy, at_least: 0.84, days: 5}]}\n",
        ),
    )
    desk.good()
    desk.judge()
    assert desk.click("promote", "lead") == Done()
    assert desk.judge() == 0
    desk.days(5)
    assert desk.judge() == 0
    desk.days(1)
    assert desk.judge() == 1
    assert desk.click("promote", "lead") == Done()
    box = desk.box()
    assert (box.state, box.stage) == ("graduated", "scaled")
    assert desk.cap() == 9000
    assert desk.judge() == 0


def test_a_sandbox_is_judged_by_its_own_target_and_its_teams_gate(
    database: Database, clock: Clock
) -> None:
    loaded = gate_policy(
        UNSIGNED,
        ("{judge: metric, metric: accuracy, at_least: 0.84, days: 5}", "{judge: target, days: 5}"),
        (
            "gates:\n",
            "gates:\n  - {name: vision, when: {team: [vision]}, from: exploration, to: pilot, cap: 1, "
            "evidence: [{judge: sign-off, role: lead}]}\n",
        ),
    )
    desk = GateDesk(database, loaded, clock)
    desk.allocate(10, metric="error_rate", target="<= 0.05")
    desk.good()
    assert desk.judge() == 0
    desk.scores(0.06, "error_rate")
    assert desk.judge() == 0
    desk.scores(0.04, "error_rate")
    assert desk.judge() == 1
    assert (
        judged_lines(desk.gate_card(desk.case()))[0] == "✓ error_rate: 0.04, at most 0.05 (5 days)"
    )
    assert desk.click("promote", "lead") == Done()


def test_return_on_spend_is_of_the_whole_feature(database: Database, clock: Clock) -> None:
    loaded = gate_policy(
        UNSIGNED,
        (
            "{judge: unit-cost, metric: outputs, at_most: 0.5, days: 5}",
            "{judge: return-on-spend, metric: revenue, of: feature, at_least: 1.5, days: 5}",
        ),
    )
    desk = GateDesk(database, loaded, clock)
    desk.allocate(10)
    desk.good()
    desk.spends(10, experiment="ranker-serving")  # $20 a day for the feature
    feature = {"experiment": "", "feature": "semantic-search", "unit": "USD"}
    desk.scores(20, "revenue", segment="consumer", **feature)
    assert desk.judge() == 0
    desk.scores(11, "revenue", segment="enterprise", **feature)
    assert desk.judge() == 1
    line = judged_lines(desk.gate_card(desk.case()))[1]
    assert line == "✓ revenue of the feature for each $1 spent: $1.55, at least $1.50 (5 days)"


def test_money_in_a_currency_without_a_rate_is_not_known(database: Database, clock: Clock) -> None:
    loaded = gate_policy(
        UNSIGNED,
        (
            "{judge: unit-cost, metric: outputs, at_most: 0.5, days: 5}",
            "{judge: return-on-spend, metric: revenue, at_least: 1.5, days: 5}",
        ),
    )
    desk = GateDesk(database, loaded, clock)
    desk.allocate(10)
    desk.good()
    desk.scores(1000, "revenue", unit="CHF")
    assert desk.judge() == 0
    desk.scores(1000, "revenue", unit="USD")
    assert desk.judge() == 1


def test_a_late_bill_proposes_nothing(desk: GateDesk) -> None:
    last = date(2026, 11, 19)
    desk.spends(10, last=last + timedelta(days=1))
    desk.scores(0.9)
    desk.scores(100, "outputs")
    assert desk.judge() == 0
    desk.spends(10, last=last + timedelta(days=2))
    assert desk.judge() == 1


def test_a_bill_that_is_not_whole_proposes_nothing(desk: GateDesk) -> None:
    desk.good()
    with desk.database.write() as connection:
        connection.execute(
            BillPeriod.__table__.insert(),  # type: ignore[attr-defined]
            {
                "bill": "main",
                "period": date(2026, 11, 1),
                "currency": "USD",
                "rows": 1,
                "rollups": 1,
                "money_in_micros": 1,
                "money_out_micros": 1,
                "quarantined_rows": 0,
                "complete_through": date(2026, 11, 18),
                "ingested_at": desk.clock(),
                "fingerprint": "",
            },
        )
    assert desk.judge() == 0


@pytest.mark.parametrize("missing", ["accuracy", "outputs", "spend", "a day", "young"])
def test_what_is_not_known_proposes_nothing(database: Database, clock: Clock, missing: str) -> None:
    desk = GateDesk(database, PLAIN, clock)
    desk.allocate(5 if missing == "young" else 10)
    if missing != "spend":
        desk.spends(10)
    else:
        desk.spends(10, experiment="another")
    if missing != "accuracy":
        desk.scores(0.9, days=4 if missing == "a day" else 10)
    if missing != "outputs":
        desk.scores(100, "outputs")
    assert desk.judge() == 0
    assert desk.cases() == []
    desk.good()
    desk.clock.now += timedelta(days=missing == "young")
    desk.good()
    assert desk.judge() == 1


def test_spend_without_tags_proposes_nothing(desk: GateDesk) -> None:
    desk.good()
    desk.spends(10, owner="")
    assert desk.judge() == 0


def test_evidence_that_fails_again_withdraws_the_proposal_and_says_so(desk: GateDesk) -> None:
    desk.good()
    desk.judge()
    case = desk.case()
    desk.days(1, accuracy=0.5)
    assert desk.judge() == 0
    (gone,) = desk.cases()
    assert gone.state == "withdrawn"
    why = "The evidence is no longer there: accuracy: 0.82, at least 0.84 (5 days); 0.02 short."
    assert gone.reason == why
    assert desk.thread()[-1].endswith(f"is withdrawn. {why}")
    assert labels(desk.gate_card(case)) == []
    assert refusal(desk.click("promote", "lead", case)).startswith(
        "already-decided: This was decided before: withdrawn. The evidence"
    )
    desk.days(1, accuracy=1.0)
    assert desk.judge() == 1  # and it may come again
    assert len(desk.cases()) == 2


def test_evidence_that_fails_before_the_click_withdraws_it_at_the_click(desk: GateDesk) -> None:
    desk.loaded = PLAIN
    desk.good()
    desk.judge()
    case = desk.case()
    desk.scores(0.5, days=1)
    answer = desk.click("promote", "lead")
    assert isinstance(answer, Done)
    assert answer.note.startswith("Nothing was decided: the proposal is withdrawn. The evidence")
    assert desk.cases("withdrawn")[0].id == case.id
    assert (desk.box().stage, desk.cap()) == ("exploration", Decimal(1000))


def test_evidence_that_is_no_longer_known_holds_the_promotion(desk: GateDesk) -> None:
    desk.loaded = PLAIN
    desk.good()
    desk.judge()
    desk.clock.now += timedelta(days=4)  # no bill since
    answer = refusal(desk.click("promote", "lead"))
    assert answer.startswith("stale: Not all of the evidence is known now (the bill is late")
    assert desk.judge() == 0
    card = desk.gate_card(desk.case())
    assert labels(card) == ["Decline…"]
    assert "nothing is promoted before it is" in card.summary
    desk.good()
    desk.judge()
    assert labels(desk.gate_card(desk.case())) == ["Promote", "Decline…"]
    assert desk.click("promote", "lead") == Done()


def test_what_was_declined_comes_again_when_it_is_better_or_in_a_week(desk: GateDesk) -> None:
    desk.loaded = PLAIN
    desk.good()
    desk.judge()
    form = desk.click("decline", "lead")
    assert isinstance(form, OpenForm)
    assert form.form.action == "gate.decline"
    assert isinstance(desk.say("decline", "lead", "  "), FieldErrors)
    assert desk.say("decline", "lead", "Show it on fresh data.") == Done()
    (case,) = desk.cases()
    assert (case.state, case.reason) == ("declined", "Show it on fresh data.")
    assert desk.thread()[-1].endswith("declined by ML lead, search. Show it on fresh data.")
    desk.days(1)
    assert desk.judge() == 0
    desk.spends(5)  # half as dear
    assert desk.judge() == 1
    desk.say("decline", "lead", "Still not.")
    desk.days(6)
    desk.spends(5)
    assert desk.judge() == 0
    desk.days(1)
    desk.spends(5)
    assert desk.judge() == 1
    assert desk.cap() == 1000


def test_neither_owner_nor_asker_promotes_or_signs(database: Database, clock: Clock) -> None:
    loaded = gate_policy(
        (
            "lead: {emails: [second@",
            "lead: {emails: [owner@example.com, engineer@example.com, second@",
        ),
        ("finance: {emails: [finance@", "finance: {emails: [owner@example.com, finance@"),
    )
    desk = GateDesk(database, loaded, clock)
    desk.allocate(10)
    desk.good()
    desk.judge()
    said = "not-allowed: You own this sandbox or asked for it, so somebody else"
    assert refusal(desk.click("sign", "owner")) == f"{said} signs."
    desk.click("sign", "finance")
    for who in ("owner", "OWNER", "engineer"):
        assert refusal(desk.click("promote", who)) == f"{said} decides: lead."
    assert "Experiment owner" not in desk.gate_card(desk.case()).summary
    assert desk.click("promote", "second") == Done()


def test_a_role_that_was_lost_no_longer_promotes(desk: GateDesk) -> None:
    desk.loaded = PLAIN
    desk.good()
    desk.judge()
    desk.loaded = gate_policy(
        UNSIGNED,
        ("second@example.com, lead@example.com", "second@example.com"),
        ("product: {emails: [product@", "product: {emails: [lead@example.com, product@"),
    )
    assert refusal(desk.click("promote", "lead")) == "not-allowed: This is decided by lead."
    for who in ("finance", "finops", "executive"):
        assert refusal(desk.click("promote", who)).startswith("not-allowed")
        assert refusal(desk.click("decline", who)).startswith("not-allowed")
        assert refusal(desk.say("decline", who, "no")).startswith("not-allowed")
    assert desk.click("promote", "second") == Done()


def test_one_person_signs_for_one_role(database: Database, clock: Clock) -> None:
    two = "{judge: sign-off, role: finance}\n      - {judge: sign-off, role: product}"
    loaded = gate_policy(
        ("{judge: sign-off, role: finance}", two),
        ("product: {emails: [product@", "product: {emails: [finance@example.com, product@"),
    )
    desk = GateDesk(database, loaded, clock)
    desk.allocate(10)
    desk.good()
    desk.judge()
    assert labels(desk.gate_card(desk.case())) == ["Sign as…", "Decline…"]
    assert "choose one of them" in refusal(desk.click("sign", "finance"))
    assert "needs the sign-off of finance" in refusal(
        desk.click("sign", "product", choice="finance")
    )
    assert desk.click("sign", "finance", choice="product") == Done()
    again = refusal(desk.click("sign", "finance", choice="finance"))
    assert again == "already-decided: You have signed as product already."
    assert refusal(desk.click("sign", "product")).startswith("not-allowed")
    assert refusal(desk.click("promote", "lead")).startswith("stale: finance must sign first")
    assert labels(desk.gate_card(desk.case()))[0] == "Sign as finance"
    old = refusal(desk.click("sign", "controller", version=1))
    assert old.startswith("stale: What is proposed has changed")
    assert desk.click("sign", "controller") == Done()
    assert {(s.role, s.person) for s in desk.rows(GateSign)} == {
        ("product", "finance@example.com"),
        ("finance", "controller@example.com"),
    }
    assert desk.click("promote", "lead") == Done()
    assert len(desk.audited("gate.signed")) == 2


def test_a_signature_counts_while_its_person_has_the_role(desk: GateDesk) -> None:
    desk.good()
    desk.judge()
    desk.click("sign", "finance")
    before = desk.loaded
    desk.loaded = gate_policy(("finance: {emails: [finance@example.com, ", "finance: {emails: ["))
    answer = desk.click("promote", "lead")
    assert isinstance(answer, Done)
    assert answer.note.startswith("Nothing was decided: what is proposed has changed")
    assert labels(desk.gate_card(desk.case())) == ["Sign as finance", "Decline…"]
    assert desk.click("sign", "controller") == Done()
    desk.loaded = before
    assert [s.person for s in desk.rows(GateSign)] == ["controller@example.com"]
    assert desk.click("promote", "lead") == Done()


def test_roles_of_the_own_team_count_there_alone(database: Database, clock: Clock) -> None:
    loaded = gate_policy(UNSIGNED, ("ladder:\n", "ladder:\n  own_team: [lead]\n"))
    desk = GateDesk(database, loaded, clock)
    desk.allocate(10)
    desk.good()
    desk.judge()
    assert refusal(desk.click("promote", "second")) == "not-allowed: This is decided by lead."
    assert desk.click("promote", "lead") == Done()


def test_signatures_outlive_a_withdrawn_proposal(desk: GateDesk) -> None:
    desk.good()
    desk.judge()
    desk.click("sign", "finance")
    desk.days(1, accuracy=0.5)
    desk.judge()
    desk.days(1, accuracy=1.0)
    desk.judge()
    assert labels(desk.gate_card(desk.case())) == ["Promote", "Decline…"]


def test_a_sandbox_that_is_halted_is_not_promoted(desk: GateDesk) -> None:
    desk.loaded = PLAIN
    desk.good()
    desk.judge()
    case = desk.case()
    desk.turn(
        lambda turn: control.halt(
            turn, locked(turn, "box"), actor="redlines", name="", why="too fast"
        )
    )
    answer = desk.click("promote", "lead")
    assert isinstance(answer, Done)
    assert "no longer active: halted" in answer.note
    assert desk.cases("withdrawn")[0].id == case.id
    assert desk.judge() == 0  # what is halted is not at its gate
    assert desk.cap() == 1000


def test_a_sandbox_that_ended_takes_its_proposal_with_it(desk: GateDesk) -> None:
    desk.good()
    desk.judge()
    desk.turn(
        lambda turn: control.end(
            turn, locked(turn, "box"), "close", actor="owner", name="Owner", why="done"
        )
    )
    desk.judge()
    (case,) = desk.cases()
    assert (case.state, case.reason) == ("withdrawn", "The sandbox is no longer active: closed.")


def test_a_gate_that_the_policy_no_longer_has_is_withdrawn(desk: GateDesk) -> None:
    desk.good()
    desk.judge()
    desk.loaded = gate_policy(("name: pilot-proof", "name: another-proof"))
    assert desk.judge() == 1
    assert [c.state for c in desk.cases()].count("withdrawn") == 1
    assert desk.case().gate == "another-proof"


def test_another_cap_in_the_policy_makes_older_buttons_stale(desk: GateDesk) -> None:
    desk.loaded = PLAIN
    desk.good()
    desk.judge()
    desk.loaded = gate_policy(UNSIGNED, ("cap: 5000", "cap: 8000"))
    answer = desk.click("promote", "lead")
    assert isinstance(answer, Done)
    assert answer.note.startswith("Nothing was decided: what is proposed has changed.")
    assert desk.cap() == 1000
    assert "$1,000 → $8,000" in str(desk.gate_card(desk.case()))
    assert desk.click("promote", "lead") == Done()
    assert desk.cap() == 8000


def test_a_cap_above_the_gates_stays(database: Database, clock: Clock) -> None:
    desk = GateDesk(database, PLAIN, clock)
    desk.allocate(10, cap="6000.01")
    desk.good()
    desk.judge()
    assert "$6,000.01, which stays" in str(desk.gate_card(desk.case()))
    assert desk.click("promote", "lead") == Done()
    assert (desk.cap(), desk.box().stage) == (Decimal("6000.01"), "pilot")


def test_the_stage_that_opens_has_its_days(database: Database, clock: Clock) -> None:
    desk = GateDesk(database, PLAIN, clock)
    desk.allocate(10, days=15)
    desk.good()
    desk.judge()
    desk.days(2)
    assert desk.click("promote", "lead") == Done()
    assert desk.box().ends_on == date(2026, 12, 25)


def test_a_click_twice_and_after_another_decides_once(desk: GateDesk) -> None:
    desk.loaded = PLAIN
    desk.good()
    desk.judge()
    case = desk.case()
    assert desk.click("promote", "lead", case, delivery="one") == Done()
    assert desk.click("promote", "lead", case, delivery="one") == Done()
    later = refusal(desk.click("promote", "second", case))
    assert later == "already-decided: This was decided before: promoted by ML lead, search."
    assert refusal(desk.say("decline", "second", "no", case)).startswith("already-decided")
    assert desk.cap() == 5000
    assert len([e for e in desk.rows(AuditEntry) if e.action == "gate.promoted"]) == 1


def test_what_is_unknown_here_is_refused(desk: GateDesk) -> None:
    answer = desk.act("press", "gate.promote", "nothing", who="lead")
    assert refusal(answer).startswith("not-found")
    desk.good()
    desk.judge()
    assert refusal(desk.click("lower", "lead")).startswith("not-found")  # it is a promotion
