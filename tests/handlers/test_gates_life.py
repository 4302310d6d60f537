"""The whole life of gates with random clocks, bills that are late or restated, clicks and policies: nothing is
promoted without its evidence, nothing is lowered unproposed or below what is spent, every proposal has a way out.

``python -m tests.handlers.test_gates_life [examples]`` looks longer than the suite does, on SQLite.
"""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import delete, update

from guardrails.money import MICROS
from handlers.conversation import Controls, Done, Message, Refused
from handlers.sandboxes import control
from handlers.sandboxes.showing import locked
from handlers.turn import Turn
from storage import audit
from storage.database import Database
from storage.tables.audit import AuditEntry, AuditHead
from storage.tables.budgets import BudgetEntry
from storage.tables.delivery import Delivered, Outbox
from storage.tables.runbooks import RunbookShown
from storage.tables.sandboxes import Actuation, GateCase, GateSign, Sandbox
from storage.tables.spend import CostRollup, MetricPoint
from storage.tables.timing import Deadline
from tests.conftest import NOW, Clock
from tests.handlers.gating import UNSIGNED, GateDesk, gate_policy
from tests.handlers.lives import live, look_longer
from tests.stored import rows_in

TABLES: tuple[Any, ...] = (
    *(Sandbox, GateCase, GateSign, Actuation, BudgetEntry, AuditEntry, Delivered, Outbox),
    *(CostRollup, MetricPoint, Deadline, RunbookShown),
)
LOOKED_AT: tuple[Any, ...] = (Sandbox, GateCase, GateSign, BudgetEntry, AuditEntry, Outbox)
PEOPLE = ("lead", "LEAD", "second", "owner", "engineer", "finance", "controller", "operator")
DECIDERS = ("lead", "lead", "LEAD", "second", "owner", "finance")
NEXT = (
    "gates:\n",
    "gates:\n  - {name: next, from: pilot, to: scaled, cap: 9000, lower_after_days: 7, evidence: "
    "[{judge: metric, metric: accuracy, at_least: 0.88, days: 3}]}\n",
)
OWNER_LEADS = ("lead: {emails: [second@", "lead: {emails: [owner@example.com, second@")
POLICIES = (
    gate_policy(NEXT),
    gate_policy(NEXT, UNSIGNED),
    gate_policy(NEXT, UNSIGNED, OWNER_LEADS),
    gate_policy(NEXT, ("cap: 5000", "cap: 700.01")),
    gate_policy(
        NEXT, ("finance: {emails: [finance@", "finance: {emails: [lead@example.com, finance@")
    ),
    gate_policy(UNSIGNED, ("    lower_after_days: 14\n", "")),
)
DECIDED = {
    "gate.promoted": ("promote", "done"),
    "gate.declined": ("promote", "declined"),
    "gate.lowered": ("lower", "done"),
    "gate.kept": ("lower", "declined"),
}


class GateLife(RuleBasedStateMachine):
    """One sandbox, eight people, weeks of time."""

    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        with self.database.write() as connection:
            for table in TABLES:
                connection.execute(delete(table.__table__))
            head = AuditHead.__table__  # type: ignore[attr-defined]
            connection.execute(update(head).values(seq=0, hash=audit.START))
        self.desk = GateDesk(self.database, POLICIES[0], Clock(NOW))
        self.said: list[tuple[tuple[Any, str, str], dict[str, Any], Any]] = []
        self.ended: dict[str, Any] = {}
        self.cap = Decimal(1000)

    def _today(self) -> date:
        return self.desk.clock.now.date()

    def _act(self, kind: Any, name: str, subject: str, **more: Any) -> Any:
        """An interaction, kept so that it can come again."""
        more["delivery"] = f"d{len(self.said)}"
        more.setdefault("version", self.desk.version(subject))
        answer = self.desk.act(kind, name, subject, **more)
        assert not (isinstance(answer, Refused) and answer.reason == "failed"), answer
        self.said.append(((kind, name, subject), more, answer))
        return answer

    def _subject(self, kind: str = "") -> str:
        """The proposal that waits, else the last one."""
        rows = [r for r in self.desk.cases() if kind in ("", r.kind)]
        rows.sort(key=lambda r: r.state == "proposed")
        return str(rows[-1].id) if rows else "none"

    # --- what happens ---

    @initialize(
        ago=st.sampled_from([3, 13, 20, 20]),
        accuracy=st.sampled_from([0.7, 0.86, 0.9]),
        number=st.integers(0, len(POLICIES) - 1),
    )
    def begins(self, ago: int, accuracy: float, number: int) -> None:
        self.desk.loaded = POLICIES[number]
        self.desk.allocate(ago)
        self.goes_on(accuracy)

    @rule(accuracy=st.sampled_from([0.7, 0.86, 0.9, 0.9]))
    def goes_on(self, accuracy: float) -> None:
        """Bill and scores are whole again, and looked at."""
        self.desk.good(days=25)
        self.desk.scores(accuracy, days=25)
        self.desk.judge()

    @rule(a_day=st.sampled_from([4.0, 10.0, 45.0, 80.0]), late=st.sampled_from([-1, 0, 1, 3, 6]))
    def bill(self, a_day: float, late: int) -> None:
        """A bill that is restated, and ends some days ago."""
        with self.database.write() as connection:
            connection.execute(delete(CostRollup.__table__))  # type: ignore[attr-defined]
        first = self.desk.box().starts_on
        self.desk.spends(a_day, first, max(first, self._today() - timedelta(days=late)))

    @rule(
        value=st.sampled_from([0.5, 0.84, 0.9, 1.0]),
        days=st.integers(1, 12),
        metric=st.sampled_from(["accuracy", "accuracy", "outputs"]),
    )
    def scores(self, value: float, days: int, metric: str) -> None:
        self.desk.scores(value * (100 if metric == "outputs" else 1), metric, days=days)

    @rule(days=st.integers(1, 4))
    def scores_are_lost(self, days: int) -> None:
        table = MetricPoint.__table__  # type: ignore[attr-defined]
        with self.database.write() as connection:
            since = self._today() - timedelta(days=days)
            connection.execute(delete(table).where(table.c.day >= since))

    @rule(hours=st.sampled_from([5, 24, 50, 98, 190]))
    def time_passes(self, hours: int) -> None:
        """Bill and scores go on as they were."""
        before = self._today()
        self.desk.clock.now += timedelta(hours=hours)
        gone = (self._today() - before).days
        if gone:
            self.desk.spends(10, before)
            self.desk.scores(0.9, days=gone)
            self.desk.scores(100, "outputs", days=gone)

    @rule()
    def looks(self) -> None:
        """The daily look; once more changes nothing."""
        self.desk.judge()
        before = [self.desk.rows(t) for t in LOOKED_AT]
        assert self.desk.judge() == 0
        assert [self.desk.rows(t) for t in LOOKED_AT] == before

    @rule(number=st.integers(0, len(POLICIES) - 1))
    def policy_changes(self, number: int) -> None:
        self.desk.loaded = POLICIES[number]

    @rule(what=st.sampled_from(["halt", "resume", "resume", "throttle"]))
    def somebody_controls(self, what: str) -> None:
        def work(turn: Turn) -> None:
            row = locked(turn, "box")
            getattr(control, what)(turn, row, actor="redlines", name="", why="")

        try:
            self.desk.turn(work)
        except Exception as error:
            assert hasattr(error, "sentence")  # noqa: PT017  (it means nothing in that state)

    @rule(who=st.sampled_from(DECIDERS), kind=st.sampled_from(["", "", "promote", "lower"]))
    def somebody_decides(self, who: str, kind: str) -> None:
        subject = self._subject(kind)
        if subject == "none":
            return
        case = next(r for r in self.desk.cases() if r.id == subject)
        if case.kind == "promote":
            self._promotes(who, subject)
        else:
            self._lowers(who, subject)

    @precondition(lambda self: self.desk.cases("proposed"))
    @rule(
        signer=st.sampled_from(["finance", "controller"]), who=st.sampled_from(["lead", "second"])
    )
    def the_right_people_decide(self, signer: str, who: str) -> None:
        case = self.desk.case()
        if case.facts["unsigned"]:
            self._act("press", "gate.sign", case.id, who=signer)
        self.somebody_decides(who, case.kind)

    def _promotes(self, who: str, subject: str) -> None:
        before = self.desk.box()
        answer = self._act("press", "gate.promote", subject, who=who)
        if answer == Done():
            case = next(r for r in self.desk.cases() if r.id == subject)
            self._promoted_well(case, before, f"{who}@example.com".lower())
        else:
            assert self.desk.box().stage == before.stage

    def _lowers(self, who: str, subject: str) -> None:
        before = self.desk.cap()
        if self._act("press", "gate.lower", subject, who=who) == Done():
            assert f"{who}@example.com".lower() in self._emails("lead")
            assert self._spent() <= self.desk.cap() < before
        else:
            assert self.desk.cap() == before

    @rule(who=st.sampled_from(PEOPLE), what=st.sampled_from(["promote", "lower", "sign"]))
    def somebody_presses_what_is_old(self, who: str, what: str) -> None:
        subject = self._subject()
        before = self.desk.cap()
        version = self.desk.version(subject) - 1
        answer = self._act("press", f"gate.{what}", subject, who=who, version=version)
        assert isinstance(answer, Refused)
        assert self.desk.cap() == before

    @rule(who=st.sampled_from(PEOPLE), what=st.sampled_from(["decline", "keep"]), why=st.booleans())
    def somebody_refuses(self, who: str, what: str, why: bool) -> None:
        said = "not now" if why else ""
        self._act("submission", f"gate.{what}", self._subject(), who=who, why=said)

    @rule(who=st.sampled_from(PEOPLE))
    def somebody_signs(self, who: str) -> None:
        self._act("press", "gate.sign", self._subject("promote"), who=who)

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def it_is_delivered_again(self, data: st.DataObject) -> None:
        what, more, answer = data.draw(st.sampled_from(self.said))
        before = [len(self.desk.rows(t)) for t in LOOKED_AT]
        assert self.desk.act(*what, **more) == answer
        assert [len(self.desk.rows(t)) for t in LOOKED_AT] == before

    # --- what always holds ---

    def _emails(self, role: Any) -> tuple[str, ...]:
        return tuple(self.desk.loaded.policy.roles[role].emails)

    def _spent(self) -> Decimal:
        rows = [r for r in self.desk.rows(CostRollup) if r.day <= self._today()]
        return Decimal(sum(r.cost_micros for r in rows)) / MICROS

    def _promoted_well(self, case: Any, before: Any, person: str) -> None:
        """Evidence, people, ledger and time of a promotion, each counted here anew."""
        policy = self.desk.loaded.policy
        gate = next(g for g in policy.gates if g.name == case.gate)
        assert (case.state, case.decided_by, before.state) == ("done", person, "active")
        assert person in self._emails(gate.by[0])
        assert person not in ("owner@example.com", "engineer@example.com")
        bill = {r.day: r for r in self.desk.rows(CostRollup)}
        through = min(max(bill) - timedelta(days=1), self._today() - timedelta(days=1))
        assert through >= self._today() - timedelta(days=3), "a late bill promotes nothing"
        passed = [c for c in self.desk.cases("done") if c.kind == "promote" and c.id != case.id]
        began = max((c.decided_at for c in passed), default=before.active_at).date()
        signs = [s for s in self.desk.rows(GateSign) if s.gate == gate.name]
        for e in gate.evidence:
            if e.role is not None:
                assert [s.role for s in signs].count(e.role) == 1
                continue
            days = [through - timedelta(days=n) for n in range(e.days)]
            assert min(days) > began, "only whole days of the stage count"
            if e.judge == "tags":
                assert all(bill[d].owner and bill[d].team for d in days)
                continue
            points = {r.day: r.value for r in self.desk.rows(MetricPoint) if r.metric == e.metric}
            if e.judge == "metric":
                assert e.at_least is not None
                mean = sum(Decimal(str(points[d])) for d in days) / len(days)
                assert mean >= e.at_least
            else:
                assert e.at_most is not None
                cost = Decimal(sum(bill[d].cost_micros for d in days)) / MICROS
                assert cost / sum(Decimal(str(points[d])) for d in days) <= e.at_most
        assert person not in {s.person for s in signs if s.role not in gate.by}
        assert self.desk.cap() == max(gate.cap, self.cap)
        after = self.desk.box()
        assert after.stage == gate.to
        assert after.ends_on == max(before.ends_on, self._today() + timedelta(days=gate.days))

    @invariant()
    def whole(self) -> None:
        with self.database.read() as connection:
            found = {t: rows_in(connection, t) for t in LOOKED_AT}
            assert isinstance(audit.verify(connection), int)
        cases = found[GateCase]
        assert sum(c.state == "proposed" for c in cases) <= 1
        now = {c.id: tuple(c) for c in cases if c.state != "proposed"}
        assert self.ended.items() <= now.items(), "what is decided stays"
        self.ended = now
        self._ledger_is_the_decisions(cases, found[BudgetEntry])
        self._each_has_one_entry(cases, found[AuditEntry])
        self._cards_say_it(cases, found[Outbox])
        people = [(s.gate, s.person) for s in found[GateSign]]
        assert len(set(people)) == len(people), "one person signs for one role"

    def _ledger_is_the_decisions(self, cases: Any, entries: Any) -> None:
        wanted = {f"gate:{c.id}": c.amount_micros for c in cases if c.state == "done"}
        moved = {e.key: e.amount_micros for e in entries if e.kind == "gate"}
        assert moved == {key: amount for key, amount in wanted.items() if amount}
        self.cap = Decimal(sum(e.amount_micros for e in entries)) / MICROS
        for c in cases:
            if c.state == "done":
                after = Decimal(c.facts["cap_before"]) + Decimal(c.amount_micros) / MICROS
                assert after == Decimal(c.facts["cap"])
                assert after >= Decimal(c.facts["spent"]) or c.kind == "promote"

    @staticmethod
    def _each_has_one_entry(cases: Any, entries: Any) -> None:
        proposed = Counter(e.detail["case"] for e in entries if e.action == "gate.proposed")
        assert proposed == {c.id: 1 for c in cases}
        decided = {e.detail["case"]: DECIDED[e.action] for e in entries if e.action in DECIDED}
        assert len(decided) == sum(e.action in DECIDED for e in entries)
        ends = {c.id: (c.kind, c.state) for c in cases if c.state in ("done", "declined")}
        assert decided == ends
        gone = {e.detail["case"] for e in entries if e.action == "gate.withdrawn"}
        assert gone == {c.id for c in cases if c.state == "withdrawn"}

    @staticmethod
    def _cards_say_it(cases: Any, outbox: Any) -> None:
        posts = Counter(r.message_key for r in outbox if r.kind == "post")
        assert not [key for key, count in posts.items() if count > 1]
        keys = {f"gate:{c.id}" for c in cases}
        cards = {r.key: r for r in sorted(outbox, key=lambda r: int(r.id))}
        for c in cases:
            card = Message.model_validate(cards[f"gate:{c.id}"].content)
            controls = [x for b in card.blocks if isinstance(b, Controls) for x in b.controls]
            assert bool(controls) == (c.state == "proposed"), "what waits can be decided"
            assert {x.version for x in controls} <= {c.version}
        threads = {
            r.thread_key.partition("@")[0] for r in outbox if r.key in keys and r.kind == "post"
        }
        assert threads <= {"sandbox:box"}


def test_no_promotion_without_evidence_and_no_lowering_unproposed(database: Database) -> None:
    live(GateLife, database, 12 if database.is_sqlite else 8)


if __name__ == "__main__":
    look_longer(GateLife)
