"""The whole life of overruns with random events: whatever comes in whatever order, each has one outcome, and the
ledger is the sum of the decisions.

``python -m tests.handlers.test_overrun_life [examples]`` looks longer than the suite does, on SQLite.
"""

from collections import Counter
from datetime import date, timedelta
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

from handlers.conversation import Controls, Message, Refused
from storage import audit
from storage.database import Database
from storage.tables.alerts import Anomaly
from storage.tables.audit import AuditEntry, AuditHead
from storage.tables.budgets import (
    BudgetEntry,
    BudgetNudge,
    Overrun,
    OverrunAgreement,
    Review,
    ReviewItem,
)
from storage.tables.delivery import Delivered, Outbox
from storage.tables.spend import CostRollup
from storage.tables.timing import Deadline
from tests.conftest import NOW, Clock
from tests.handlers.lives import live, look_longer
from tests.handlers.overrunning import LADDER, Desk, overrun_policy
from tests.stored import rows_in

WAITING = ("open", "review")
TABLES: tuple[Any, ...] = (
    *(BudgetEntry, BudgetNudge, Overrun, OverrunAgreement, Review, ReviewItem),
    *(Anomaly, AuditEntry, Delivered, Outbox, CostRollup, Deadline),
)
LOOKED_AT: tuple[Any, ...] = (Overrun, BudgetEntry, AuditEntry, Outbox, Deadline)
PEOPLE = (
    "engineer",
    "lead",
    "LEAD",
    "owner",
    "product",
    "finance",
    "controller",
    "finops",
    "operator",
)
DECISIONS = frozenset(
    f"overrun.{how}" for how in ("granted", "declined", "halted", "withdrawn", "expired", "bridged")
)
BRIDGE = LADDER + "  silence: {then: end, at_end: bridge}\n"
POLICIES = (
    overrun_policy(),
    overrun_policy(("lead: {emails: [lead@", "lead: {emails: [owner@")),
    overrun_policy(("product: {emails: [product@", "product: {emails: [lead@")),
    overrun_policy(("all_of: [finance, product]", "all_of: [finance, product, lead]")),
    overrun_policy(("limit: 3000, owner: owner@", "limit: 3300, owner: lead@")),
    overrun_policy(("name: ranker", "name: another")),
    overrun_policy((", limit: 3000,", ", limit: 9000, period: quarter,")),
    overrun_policy(more=BRIDGE),
    overrun_policy(
        (", any_of: [lead]}", ", any_of: [lead], also: [finance]}"),
        more=LADDER + "  own_team: [lead]\n",
    ),
    overrun_policy(("currency: USD", "currency: EUR, rates: {USD: 1.25}")),
    overrun_policy(more="ladder:\n  rungs: [{name: joint, any_of: [finops, lead]}]\n"),
)


class Life(RuleBasedStateMachine):
    """One budget, nine people, months of time."""

    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        with self.database.write() as connection:
            for table in TABLES:
                connection.execute(delete(table.__table__))
            head = AuditHead.__table__  # type: ignore[attr-defined]
            connection.execute(update(head).values(seq=0, hash=audit.START))
        self.desk = Desk(self.database, POLICIES[0], Clock(NOW))
        self.ended: dict[str, Any] = {}
        self.said: list[tuple[dict[str, Any], Any]] = []
        self.a_day = 100.0

    def _act(self, kind: Any, name: str, subject: str, **more: Any) -> Any:
        """An interaction, kept so that it can come again."""
        more["delivery"] = f"d{len(self.said)}"
        more.setdefault("version", self.desk.version(subject))
        answer = self.desk.act(kind, name, subject, **more)
        assert not (isinstance(answer, Refused) and answer.reason == "failed"), answer
        self.said.append(({"kind": kind, "name": name, "subject": subject, **more}, answer))
        return answer

    def _some(self, old: bool) -> str:
        """The overrun that waits, or one that is decided."""
        rows = self.desk.rows(Overrun)
        found = [r.id for r in rows if (r.state in WAITING) != old] or [r.id for r in rows]
        return str(found[0]) if found else "none"

    # --- what happens ---

    @initialize(a_day=st.sampled_from([107.0, 115.0, 140.0]))
    def begins(self, a_day: float) -> None:
        self.bill(a_day)

    @rule(a_day=st.sampled_from([60.0, 100.0, 104.0, 107.0, 112.0, 115.0, 125.0, 140.0, 190.0]))
    def bill(self, a_day: float) -> None:
        """A bill that was restated, or has gone on."""
        self.a_day = a_day
        self.desk.bill(a_day, date(2026, 10, 12))
        self.desk.look()

    @rule(hours=st.sampled_from([1, 4, 7, 24, 60]), looked=st.booleans())
    def time_passes(self, hours: int, looked: bool) -> None:
        self.desk.clock.now += timedelta(hours=hours)
        self.desk.due()
        if looked:
            self.bill(self.a_day)

    @rule(policy=st.sampled_from(POLICIES), looked=st.booleans())
    def policy_changes(self, policy: Any, looked: bool) -> None:
        self.desk.loaded = policy
        if looked:
            self.desk.look()

    @rule(
        amount=st.sampled_from(["20", "200", "600", "5000"]),
        who=st.sampled_from(PEOPLE),
        days=st.integers(0, 9),
    )
    def somebody_asks(self, amount: str, who: str, days: int) -> None:
        until = (self.desk.clock.now + timedelta(days=days)).date().isoformat()
        inputs = {"amount": amount, "why": "a sweep", "value": "", "until": until}
        self._act("submission", "overrun.ask", "ranker", who=who, version=1, **inputs)

    @rule(
        who=st.sampled_from(PEOPLE),
        old=st.booleans(),
        stale=st.booleans(),
        surface=st.sampled_from(["slack", "teams"]),
    )
    def somebody_approves(self, who: str, old: bool, stale: bool, surface: str) -> None:
        subject = self._some(old and stale)
        version = self.desk.version(subject) - stale
        before = self.desk.row(subject)
        answer = self._act(
            "press", "overrun.approve", subject, who=who, surface=surface, version=version
        )
        if stale:
            assert isinstance(answer, Refused)
        self._decided_well(before, who)

    @rule(who=st.sampled_from(PEOPLE), amount=st.sampled_from(["10", "150", "400", "1000"]))
    def somebody_approves_less(self, who: str, amount: str) -> None:
        subject = self._some(False)
        before = self.desk.row(subject)
        self._act("submission", "overrun.approve-less", subject, who=who, amount=amount, why="")
        self._decided_well(before, who)

    @rule(who=st.sampled_from(PEOPLE), what=st.sampled_from(["decline", "decline", "halt"]))
    def somebody_ends_it(self, who: str, what: str) -> None:
        self._act("submission", f"overrun.{what}", self._some(False), who=who, why="no room")

    @rule(who=st.sampled_from(PEOPLE))
    def somebody_asks_for_a_review(self, who: str) -> None:
        self._act("press", "overrun.review", self._some(False), who=who)

    @rule(who=st.sampled_from(PEOPLE))
    def somebody_notes(self, who: str) -> None:
        self._act("submission", "review.note", self._some(False), who=who, note="seen")

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def it_is_delivered_again(self, data: st.DataObject) -> None:
        call, answer = data.draw(st.sampled_from(self.said))
        before = [len(self.desk.rows(t)) for t in (Overrun, BudgetEntry, AuditEntry, Outbox)]
        named = ("kind", "name", "subject")
        more = {k: v for k, v in call.items() if k not in named}
        assert self.desk.act(*(call[k] for k in named), **more) == answer
        assert [
            len(self.desk.rows(t)) for t in (Overrun, BudgetEntry, AuditEntry, Outbox)
        ] == before

    # --- what always holds ---

    def _decided_well(self, before: Any, who: str) -> None:
        """A grant has the roles of now behind it, and nobody's own where the rung forbids that."""
        if before is None or before.state not in WAITING:
            return
        row = self.desk.row(before.id)
        if row.state != "granted":
            return
        policy = self.desk.loaded.policy
        rung = next(r for r in policy.ladder.rungs if r.name == row.rung_name)
        person = f"{who}@example.com".lower()
        mine = {role for role, members in policy.roles.items() if person in members.emails}
        assert mine & set(rung.roles)
        if not rung.self_approval:
            assert person not in (row.asked_by, row.owner, policy.budgets[0].owner)
        signed = [a for a in self.desk.rows(OverrunAgreement) if a.overrun_id == row.id]
        at_the_end = {a.person for a in signed if a.revision == row.revision} | {person}
        assert rung.any_of or len(at_the_end) >= len(rung.all_of)
        assert rung.up_to is None or row.granted_micros <= rung.up_to * 10**6

    @invariant()
    def whole(self) -> None:
        with self.database.read() as connection:
            found = {table: rows_in(connection, table) for table in LOOKED_AT}
            assert isinstance(audit.verify(connection), int)
        rows = found[Overrun]
        self._one_waits(rows)
        self._what_is_decided_stays(rows)
        self._ledger_is_the_sum(rows, found[BudgetEntry])
        self._one_entry_a_decision(rows, found[AuditEntry])
        self._messages_say_it(rows, found[Outbox])
        self._clocks_run(rows, found[Deadline])

    @staticmethod
    def _one_waits(rows: Any) -> None:
        waiting = Counter((r.budget, r.period) for r in rows if r.state in WAITING)
        assert all(count == 1 for count in waiting.values())

    def _what_is_decided_stays(self, rows: Any) -> None:
        now = {r.id: tuple(r) for r in rows if r.state not in WAITING}
        assert self.ended.items() <= now.items()
        self.ended = now

    @staticmethod
    def _ledger_is_the_sum(rows: Any, entries: Any) -> None:
        granted: Counter[str] = Counter()
        for r in rows:
            if r.granted_micros:
                assert r.state in ("granted", "expired")
                granted[f"overrun:{r.id}"] = r.granted_micros
        moved = {e.key: e.amount_micros for e in entries if e.kind in ("overrun", "bridge")}
        assert moved == dict(granted)
        others = [e for e in entries if e.kind not in ("overrun", "bridge")]
        assert all(e.kind in ("set", "correction") for e in others)

    @staticmethod
    def _one_entry_a_decision(rows: Any, entries: Any) -> None:
        decided = Counter(e.subject for e in entries if e.action in DECISIONS)
        assert decided == {f"overrun:{r.id}": 1 for r in rows if r.state not in WAITING}

    @staticmethod
    def _messages_say_it(rows: Any, outbox: Any) -> None:
        posts = Counter(r.message_key for r in outbox if r.kind == "post")
        assert not [key for key, count in posts.items() if count > 1]
        cards = {r.key: r for r in sorted(outbox, key=lambda r: int(r.id))}
        for row in rows:
            card = Message.model_validate(cards[f"overrun:{row.id}"].content)
            controls = [c for b in card.blocks if isinstance(b, Controls) for c in b.controls]
            if row.state in WAITING:
                assert {c.version for c in controls} == {row.revision}
                shown = "In joint review" if row.state == "review" else "Waits for a decision"
                assert shown in card.summary
            else:
                assert not controls
                assert row.state.capitalize() in card.summary
            case = cards.get(f"overrun:{row.id}:review")
            if case is not None and row.state in WAITING:
                said = Message.model_validate(case.content)
                buttons = [c for b in said.blocks if isinstance(b, Controls) for c in b.controls]
                signs = [c for c in buttons if c.action == "overrun.approve"]
                assert [c.version for c in signs] == [row.revision]

    @staticmethod
    def _clocks_run(rows: Any, deadlines: Any) -> None:
        assert all(d.attempts == 0 for d in deadlines)
        due = {d.subject: d.due_at for d in deadlines if d.kind == "overrun.due"}
        assert due == {r.id: r.due_at for r in rows if r.state in WAITING}
        assert {d.subject for d in deadlines} <= set(due)


def test_each_overrun_has_one_outcome_and_the_ledger_is_their_sum(database: Database) -> None:
    live(Life, database, 12 if database.is_sqlite else 8)


if __name__ == "__main__":
    look_longer(Life)
