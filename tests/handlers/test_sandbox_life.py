"""The whole life of sandboxes with random events: whatever comes in whatever order, the money is the sum of the
decisions, what is spent beyond it is announced, and nothing gets stuck.

``python -m tests.handlers.test_sandbox_life [examples]`` looks longer than the suite does, on SQLite.
"""

from collections import Counter, defaultdict
from datetime import timedelta
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
from guardrails.sandboxes.life import ENDED, LIVING, MOVES, STATES
from handlers.conversation import Message, Refused
from handlers.sandboxes import control, money, orders
from handlers.turn import Turn
from storage import audit, sandboxes
from storage.actuations import LEASE
from storage.database import Database
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
from storage.tables.sandboxes import Actuation, Sandbox
from storage.tables.spend import CostRollup
from storage.tables.timing import Deadline
from tests.conftest import NOW, Clock
from tests.handlers.lives import live, look_longer
from tests.handlers.sandboxing import FORM, Sand, labels, sandbox_policy
from tests.stored import rows_in

WAITING = ("open", "review")
TABLES: tuple[Any, ...] = (
    *(Sandbox, Actuation, BudgetEntry, BudgetNudge, Overrun, OverrunAgreement, Review, ReviewItem),
    *(AuditEntry, Delivered, Outbox, CostRollup, Deadline),
)
LOOKED_AT: tuple[Any, ...] = (
    *(Sandbox, Actuation, BudgetEntry, Overrun, AuditEntry, Outbox, Deadline),
)
NAMES = ("one", "Two", "three", "FOUR", "five")
PEOPLE = ("engineer", "lead", "LEAD", "product", "finance", "finops", "operator", "compliance")
BY_HAND = ("actuators: [platform]", "actuators: [platform, storeroom]")
POLICIES = (
    sandbox_policy(),
    sandbox_policy(BY_HAND),
    sandbox_policy(("lead: {emails: [lead@", "lead: {emails: [finops@")),
    sandbox_policy(("cap: 2000, cap_month: 5000", "cap: 300, cap_month: 400")),
    sandbox_policy(("at_once: 3", "at_once: 1"), BY_HAND),
    sandbox_policy(("actuators: [platform]", "actuators: []")),
)


def ways() -> dict[str, set[str]]:
    """Every state with all that it may have become since it was last looked at."""
    found = {s: {s, *MOVES.get(s, {}).values()} for s in STATES}
    found["halted"].add("allocated")  # before its resources were there
    for _ in STATES:
        found = {s: set().union(*(found[a] for a in after)) for s, after in found.items()}
    return {str(s): {str(a) for a in after} for s, after in found.items()}


WAYS = ways()


class Life(RuleBasedStateMachine):
    """Five names, eight people, months of time, a runner whose answers get lost."""

    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        with self.database.write() as connection:
            for table in TABLES:
                connection.execute(delete(table.__table__))
            head = AuditHead.__table__  # type: ignore[attr-defined]
            connection.execute(update(head).values(seq=0, hash=audit.START))
        self.sand = Sand(self.database, POLICIES[0], Clock(NOW))
        self.states: dict[str, str] = {}
        self.said: list[tuple[Any, dict[str, Any], Any]] = []
        self.lost: list[Any] = []
        self.a_day: dict[str, float] = {}

    def _act(self, kind: Any, name: str, subject: str = "", /, **more: Any) -> Any:
        """An interaction, kept so that it can come again."""
        more["delivery"] = f"d{len(self.said)}"
        more.setdefault("version", self.sand.version(subject))
        answer = self.sand.act(kind, name, subject, **more)
        assert not (isinstance(answer, Refused) and answer.reason == "failed"), answer
        self.said.append(((kind, name, subject), more, answer))
        return answer

    def _some(self, at: int, states: tuple[str, ...] = LIVING) -> str:
        """One of the sandboxes, of those in such a state when there is one."""
        rows = sorted(self.sand.rows(Sandbox), key=lambda r: str(r.name))
        found = [r.id for r in rows if r.state in states] or [r.id for r in rows]
        return str(found[at % len(found)]) if found else "none"

    # --- what people do ---

    @initialize(estimate=st.sampled_from(["200", "1000"]))
    def begins(self, estimate: str) -> None:
        self.somebody_asks("one", "engineer", estimate, 12, "internal")
        self.orders_are_carried_out()

    @rule(
        name=st.sampled_from(NAMES),
        who=st.sampled_from(PEOPLE),
        estimate=st.sampled_from(["50", "200", "1000", "3000", "20000", "0"]),
        days=st.sampled_from([1, 4, 12, 60]),
        data=st.sampled_from(["internal", "internal", "internal", "personal"]),
    )
    def somebody_asks(self, name: str, who: str, estimate: str, days: int, data: str) -> None:
        until = (self.sand.clock.now + timedelta(days=days - 1)).date().isoformat()
        changes = {"name": name, "estimate": estimate, "until": until, "data_class": data}
        self._act("submission", "sandbox.request", who=who, **(FORM | changes))

    @rule(
        who=st.sampled_from(PEOPLE),
        how=st.sampled_from(["approve", "approve", "approve", "less", "decline", "halt"]),
        at=st.integers(0, 3),
    )
    def somebody_decides(self, who: str, how: str, at: int) -> None:
        rows = [r for r in self.sand.rows(Overrun) if r.state in WAITING]
        if not rows:
            return
        row = sorted(rows, key=lambda r: str(r.budget))[at % len(rows)]
        if how == "approve":
            self._act("press", "overrun.approve", row.id, who=who)
        elif how == "less":
            amount = str(max(1, row.amount_micros // MICROS // 2))
            self._act("submission", "overrun.approve-less", row.id, who=who, amount=amount, why="")
        else:
            self._act("submission", f"overrun.{how}", row.id, who=who, why="no room")

    @rule(at=st.integers(0, 3))
    def everybody_who_may_agrees(self, at: int) -> None:
        for who in PEOPLE:
            self.somebody_decides(who, "approve", at)

    @rule(at=st.integers(0, 4), what=st.sampled_from(["halt", "resume", "close"]))
    def the_platform_runs_it(self, at: int, what: str) -> None:
        self.somebody_runs_it(what, "operator", at)
        self.orders_are_carried_out()

    @rule(
        who=st.sampled_from(PEOPLE),
        amount=st.sampled_from(["", "100", "700", "4000"]),
        days=st.sampled_from([0, 2, 9, 40]),
        at=st.integers(0, 4),
    )
    def somebody_extends(self, who: str, amount: str, days: int, at: int) -> None:
        subject = self._some(at, ("active", "throttled"))
        row = self.sand.sandbox(subject)
        until = (row.ends_on + timedelta(days=days)).isoformat() if row else ""
        inputs = {"amount": amount, "until": until, "why": "more"}
        self._act("submission", "sandbox.extend", subject, who=who, **inputs)

    @rule(
        what=st.sampled_from(["halt", "halt", "resume", "resume", "resume", "close"]),
        who=st.sampled_from(PEOPLE),
        at=st.integers(0, 4),
    )
    def somebody_runs_it(self, what: str, who: str, at: int) -> None:
        states = ("halted",) if what == "resume" else LIVING
        self._act("submission", f"sandbox.{what}", self._some(at, states), who=who, why="because")

    @rule(who=st.sampled_from(PEOPLE), at=st.integers(0, 4))
    def somebody_tries_again(self, who: str, at: int) -> None:
        failed = {r.sandbox_id for r in self.sand.rows(Actuation) if r.state == "failed"}
        subjects = sorted(failed) or [self._some(at)]
        self._act("press", "sandbox.again", subjects[at % len(subjects)], who=who)

    @rule(who=st.sampled_from(PEOPLE), at=st.integers(0, 4))
    def somebody_says_what_came_of_it(self, who: str, at: int) -> None:
        inputs = {"result": "0.8", "worth": "partly"}
        self._act("submission", "sandbox.outcome", self._some(at, ENDED), who=who, **inputs)

    @rule(who=st.sampled_from(PEOPLE))
    def somebody_has_done_it_by_hand(self, who: str) -> None:
        for row in self.sand.rows(Actuation):
            if row.state == "asked":
                self._act("press", "sandbox.order-done", str(row.id), who=who, version=1)

    # --- what the machines do ---

    @rule(at=st.integers(0, 4))
    def a_redline_throttles(self, at: int) -> None:
        subject = self._some(at, ("active",))

        def work(turn: Turn) -> None:
            row = sandboxes.get(turn.connection, subject, lock=True)
            if row is not None and row.state == "active":
                control.throttle(
                    turn, row, actor="redlines", name="A redline", why="It is too fast."
                )

        self.sand.turn(work)

    @rule(
        at=st.integers(0, 4),
        share=st.sampled_from(["1", "0.5", "-0.5", "0"]),
        stage=st.sampled_from(["pilot", "pilot", "pilot", "scaled"]),
    )
    def a_gate_moves_it(self, at: int, share: str, stage: str) -> None:
        subject = self._some(at, ("active", "throttled"))

        def work(turn: Turn) -> None:
            row = sandboxes.get(turn.connection, subject, lock=True)
            if row is None or row.state not in ("active", "throttled"):
                return
            amount = (money.cap(turn, row) * Decimal(share)).quantize(Decimal("0.01"))
            ends_on = row.ends_on + timedelta(days=3)
            control.lift(
                turn,
                row,
                stage=stage,
                amount=amount,
                ends_on=ends_on,
                key=f"gate:{row.id}:{row.version}",
                actor="lead@example.com",
                name="ML lead, search",
                why="It has proved itself.",
            )

        self.sand.turn(work)

    @rule()
    def orders_are_carried_out(self) -> None:
        self.sand.carry_out()

    @rule(final=st.booleans())
    def orders_fail(self, final: bool) -> None:
        self.sand.fail(final=final)

    @rule()
    def a_runner_dies(self) -> None:
        self.lost += self.sand.claim()

    @precondition(lambda self: self.lost)
    @rule(how=st.sampled_from(["done", "failed", "given up"]))
    def its_answer_comes_late(self, how: str) -> None:
        late = self.lost.pop()
        if how == "done":
            self.sand.turn(lambda t: orders.carried_out(t, late, "late", {}))
        elif how == "failed":
            self.sand.turn(lambda t: orders.not_yet(t, late, "late", 5))
        else:
            self.sand.turn(lambda t: orders.given_up(t, late, "late"))

    @rule(policy=st.integers(0, len(POLICIES) - 1))
    def policy_changes(self, policy: int) -> None:
        self.sand.loaded = POLICIES[policy]

    @rule(hours=st.sampled_from([1, 9, 24, 24, 96]))
    def time_passes(self, hours: int) -> None:
        self.sand.clock.now += timedelta(hours=hours)
        self.sand.due()

    @rule(
        a_day=st.sampled_from([0.0, 20.0, 90.0, 90.0, 400.0]),
        late=st.integers(0, 3),
        at=st.integers(0, 4),
    )
    def bills_are_read(self, a_day: float, late: int, at: int) -> None:
        """All days anew, one sandbox's restated; they may be days behind. Then the daily look."""
        rows = [r for r in self.sand.rows(Sandbox) if r.state in (*LIVING, *ENDED)]
        last = self.sand.clock.now.date() - timedelta(days=late)
        if rows and last >= NOW.date():
            self.a_day[str(rows[at % len(rows)].name)] = a_day
            self.sand.bill(1, NOW.date(), last, experiment="rest")
            for name, amount in self.a_day.items():
                self.sand.bill(amount, NOW.date(), last, experiment=name)
        self.sand.daily()
        self._what_is_beyond_the_cap_is_announced()

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def it_is_delivered_again(self, data: st.DataObject) -> None:
        call, more, answer = data.draw(st.sampled_from(self.said))
        tables = (Sandbox, Actuation, Overrun, BudgetEntry, AuditEntry, Outbox)
        before = [len(self.sand.rows(t)) for t in tables]
        assert self.sand.act(*call, **more) == answer
        assert [len(self.sand.rows(t)) for t in tables] == before

    # --- what always holds ---

    def _what_is_beyond_the_cap_is_announced(self) -> None:
        told = {(n.budget, n.basis) for n in self.sand.rows(BudgetNudge) if n.percent >= 100}
        began = {r.budget for r in self.sand.rows(Overrun) if r.kind != "sandbox"}
        for row in self.sand.rows(Sandbox):
            if row.state not in LIVING:
                continue
            stands = self.sand.turn(lambda t, r=row: money.standing_of(t, r))
            if stands is not None and stands.burn.spent > stands.limit:
                budget = f"sandbox/{row.name}"
                assert (budget, "actual") in told or budget in began, row.name

    @invariant()
    def whole(self) -> None:
        with self.database.read() as connection:
            found = {table: rows_in(connection, table) for table in LOOKED_AT}
            assert isinstance(audit.verify(connection), int)
        rows = found[Sandbox]
        self._states_follow_the_moves(rows)
        self._money_is_the_sum_of_the_decisions(rows, found)
        self._orders_end(rows, found[Actuation])
        self._what_was_done_last_is_what_is_true(rows, found)
        self._there_is_a_way_out(rows, found)
        posts = Counter(r.message_key for r in found[Outbox] if r.kind == "post")
        assert not [key for key, count in posts.items() if count > 1]

    def _states_follow_the_moves(self, rows: Any) -> None:
        for row in rows:
            before = self.states.get(row.id, "requested")
            assert row.state in WAYS[before], (row.name, before, row.state)
            assert row.state != "allocated" or row.active_at is None
            self.states[row.id] = row.state
        assert len(rows) >= len(self.states)
        taken = Counter(r.name for r in rows if r.state not in ("declined", "withdrawn"))
        assert all(count == 1 for count in taken.values())

    def _money_is_the_sum_of_the_decisions(self, rows: Any, found: Any) -> None:
        decided: dict[str, Decimal] = defaultdict(Decimal)
        names = {f"sandbox:{r.id}": f"sandbox/{r.name}" for r in rows}
        spent_over = {f"overrun:{r.id}": r.budget for r in found[Overrun] if r.kind != "sandbox"}
        for e in found[AuditEntry]:
            if e.action == "sandbox.allocated":
                decided[names[e.subject]] += Decimal(e.detail["cap"])
            elif e.action in ("sandbox.extended", "sandbox.lifted", "sandbox.lowered"):
                decided[names[e.subject]] += Decimal(e.detail["amount"])
            elif e.action in ("overrun.granted", "overrun.bridged") and e.subject in spent_over:
                decided[spent_over[e.subject]] += Decimal(e.detail["amount"])
        ledger: dict[str, Decimal] = defaultdict(Decimal)
        for entry in found[BudgetEntry]:
            ledger[entry.budget] += Decimal(entry.amount_micros) / MICROS
        assert {b: a for b, a in decided.items() if a} == dict(ledger)
        for row in rows:
            has = ledger.get(f"sandbox/{row.name}", Decimal(0))
            if row.state in (*LIVING, *ENDED):
                assert has > 0
                assert self.sand.turn(lambda t, r=row: money.cap(t, r)) == has
        waiting = Counter(r.budget for r in found[Overrun] if r.state in WAITING)
        ended = {f"sandbox/{r.name}" for r in rows if r.state in ("closed", "expired")}
        assert not ended & set(waiting)

    def _orders_end(self, rows: Any, all_orders: Any) -> None:
        claimed = {c.id for c in self.lost}
        for row in rows:
            mine = [o for o in all_orders if o.sandbox_id == row.id]
            if row.state in ("requested", "declined", "withdrawn"):
                assert not mine
            if row.state in ("closed", "expired"):
                left = [o for o in mine if o.state not in ("done", "dropped")]
                assert all(
                    o.operation == "close" or o.id in claimed or o.state == "acting" for o in left
                )
            if row.state in ("active", "throttled"):
                assert all(
                    o.state in ("done", "dropped") for o in mine if o.operation == "allocate"
                )

    @staticmethod
    def _what_was_done_last_is_what_is_true(rows: Any, found: Any) -> None:
        """When nothing is left to do, what is halted was halted last, and what has ended was removed last."""
        last: dict[str, str] = {}
        for e in found[AuditEntry]:
            if e.action == "sandbox.order-done" and e.actor == "platform":
                last[e.subject.partition(":")[2]] = e.detail["operation"]
        open_ = {
            o.sandbox_id
            for o in found[Actuation]
            if o.actuator == "platform" and o.state not in ("done", "dropped")
        }
        for row in rows:
            if row.id in last and row.id not in open_:
                wanted = {"halted": "halt", "closed": "close", "expired": "close"}.get(row.state)
                assert wanted in (None, last[row.id]), (row.name, row.state, last[row.id])

    def _there_is_a_way_out(self, rows: Any, found: Any) -> None:
        assert all(d.attempts == 0 for d in found[Deadline])
        due = {(d.kind, d.subject) for d in found[Deadline]}
        cards: dict[str, Message] = {}
        for r in sorted(found[Outbox], key=lambda r: int(r.id)):
            if r.key.count(":") == 1:
                cards[r.key] = Message.model_validate(r.content)
        overruns = {r.id: r for r in found[Overrun]}
        failed = {o.sandbox_id: o.operation for o in found[Actuation] if o.state == "failed"}
        for row in rows:
            if row.state == "requested":
                assert overruns[row.overrun_id].state in WAITING
                assert ("overrun.due", row.overrun_id) in due
                assert "Decline…" in labels(cards[f"overrun:{row.overrun_id}"])
                continue
            if row.state in ("declined", "withdrawn"):
                continue
            shown = labels(cards[f"sandbox:{row.id}"])
            if row.state in LIVING:
                assert ("sandbox.ends", row.id) in due
                assert "Close…" in shown
                assert ("Resume…" if row.state == "halted" else "Halt…") in shown
            else:
                assert ("sandbox.ends", row.id) not in due
                assert ("What came of it…" in shown) == (not row.outcome)
            assert ("Try again" in shown) == (row.id in failed)

    def teardown(self) -> None:
        """Everything that is left is carried out and runs out: then nothing is open any more."""
        self.lost.clear()
        sand = self.sand
        sand.loaded = POLICIES[1]
        for row in sand.rows(Sandbox):  # what has graduated ends by people only
            if row.state in LIVING and row.ended_at is not None:
                sand.act("submission", "sandbox.close", row.id, who="finops", why="Over.")
        for _ in range(4):
            sand.clock.now += timedelta(days=60)
            sand.due()
            for row in sand.rows(Actuation):
                if row.state == "failed":
                    sand.act("press", "sandbox.again", row.sandbox_id, who="finops")
            sand.clock.now += LEASE
            sand.carry_out()
            self.somebody_has_done_it_by_hand("operator")
        assert {r.state for r in sand.rows(Sandbox)} <= {*ENDED, "declined", "withdrawn"}
        assert {r.state for r in sand.rows(Actuation)} <= {"done", "dropped"}
        assert not [r for r in sand.rows(Overrun) if r.state in WAITING]
        assert sand.rows(Deadline) == []


def test_money_is_the_sum_of_decisions_and_nothing_gets_stuck(database: Database) -> None:
    live(Life, database, 8 if database.is_sqlite else 4, steps=40)


if __name__ == "__main__":
    look_longer(Life, steps=40)
