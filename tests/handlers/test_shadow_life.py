"""Whatever happens to unclaimed spend, in any order: one question, one answer that counts, always a way on."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import delete, update

from guardrails.shadow import AGAIN, LEAST
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.shadow import Claim, ShadowQuestion
from storage.tables.spend import CostRollup
from tests.conftest import POLICY, Clock
from tests.handlers.claiming import Shop, buttons

_rollup = CostRollup.__table__  # type: ignore[attr-defined]
people = st.sampled_from(["engineer", "lead", "finops"])


class Life(RuleBasedStateMachine):
    """A shop whose bill is read, and whose people answer, in any order."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        database = Database(f"sqlite:///{self.folder.name}/sandrail.db")
        upgrade(database)
        policy = parse_policy(POLICY)
        self.shop = Shop(database, LoadedPolicy(policy, policy_hash(policy), Path()), Clock())
        self.posted: list[Any] = []  # times at which it was asked
        self.shop.spend(10)

    def teardown(self) -> None:
        self.shop.database.close()
        self.folder.cleanup()

    @property
    def row(self) -> Any:
        rows = self.shop.rows(ShadowQuestion)
        assert len(rows) <= 1
        return rows[0] if rows else None

    @property
    def kept(self) -> list[Any]:
        return self.shop.rows(Claim)

    @rule(days=st.integers(1, 40), cost=st.sampled_from([0, 1, 20]))
    def days_pass(self, days: int, cost: int) -> None:
        first = self.shop.clock.now.date() + timedelta(days=1)
        self.shop.clock.now += timedelta(days=days)
        if cost:
            self.shop.spend(cost, first=first)

    @rule(tagged=st.booleans())
    def the_bill_is_read(self, tagged: bool) -> None:
        live = [c for c in self.kept if c.withdrawn_at is None and not c.not_ai]
        values = {"allocated_by": "none", "team": ""}
        if tagged:
            values = {"allocated_by": "tags", "team": "search"}
        elif live:
            values = {"allocated_by": "rules", "team": "search"}
        with self.shop.database.write() as connection:
            connection.execute(update(_rollup).values(**values))

    @rule()
    def the_spend_is_gone(self) -> None:
        with self.shop.database.write() as connection:
            connection.execute(delete(_rollup))

    @rule()
    def somebody_looks(self) -> None:
        before, said = self.row, len(self.shop.posts())
        self.shop.look()
        if len(self.shop.posts()) > said:
            now = self.shop.clock.now
            assert self.row.state == "asked"
            assert self.row.cost_micros >= LEAST * 10**6
            if before is not None and before.state == "asked":
                assert now - self.posted[-1] >= AGAIN
            assert not [c for c in self.kept if c.withdrawn_at is None]
            self.posted.append(now)
        said = len(self.shop.posts())
        assert self.shop.look() == 0
        assert len(self.shop.posts()) == said

    @rule(who=people, not_ai=st.booleans())
    def somebody_answers(self, who: str, not_ai: bool) -> None:
        if self.row is None:
            return
        before, count = self.row.state, len(self.kept)
        reply = (
            self.shop.press("not-ai", self.row, who) if not_ai else self.shop.claim(self.row, who)
        )
        if reply.kind == "done":
            assert before == "asked"
            assert self.row.state == ("not-ai" if not_ai else "claimed")
        else:
            assert reply.reason == ("stale" if before == "asked" else "already-decided")
            assert len(self.kept) == count

    @rule(who=people)
    def somebody_else_is_asked(self, who: str) -> None:
        if self.row is not None:
            self.shop.submit("pass-on", self.row, who, whom="", email="lead@example.com")

    @rule(who=people, which=st.integers(0, 9))
    def somebody_withdraws(self, who: str, which: int) -> None:
        if self.kept:
            claim = self.kept[which % len(self.kept)]
            reply = self.shop.press("withdraw", claim, who)
            assert (reply.kind == "done") == (claim.withdrawn_at is None)

    @invariant()
    def one_answer_counts_and_the_card_says_it(self) -> None:
        if self.row is None:
            return
        live = [c for c in self.kept if c.withdrawn_at is None]
        assert (len(live) == 1) == (self.row.state in ("claimed", "not-ai"))
        keys = {k for k, _, _ in self.shop.posts()}
        assert len(keys) == self.row.times
        open_cards = [k for k in keys if buttons(self.shop.card(k))]
        assert len(open_cards) == (self.row.state == "asked")

    @invariant()
    def there_is_always_a_way_on(self) -> None:
        """A question can be answered, a claim withdrawn; what is neither is asked anew when it is worth it."""
        if self.row is not None and self.row.state in ("claimed", "not-ai"):
            assert self.shop.act("command", "spend", text="claims").message.summary.startswith(
                "1 claim"
            )

    @invariant()
    def the_audit_holds(self) -> None:
        assert self.shop.audited().count("shadow.asked") == len(self.posted)


Life.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestLife = Life.TestCase
