"""What the tests of the retrospective share: a policy with its text, a quarter of rows as handlers write them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from bot.cli.printed import as_text
from guardrails.money import MICROS
from guardrails.retro.quarter import Quarter
from handlers.alerts.record import to_json
from handlers.conversation import Message
from handlers.retro.build import gather, with_proposals
from handlers.retro.message import Retro, retro_of
from handlers.retro.post import make, post, retro_job
from storage import audit
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.alerts import Anomaly
from storage.tables.audit import AuditEntry
from storage.tables.budgets import BudgetEntry, BudgetNudge, Overrun
from storage.tables.delivery import Outbox
from storage.tables.sandboxes import GateCase, RedlineCase, Sandbox
from storage.tables.shadow import ShadowQuestion
from tests.conftest import POLICY
from tests.handlers.alerting import finding, places
from tests.handlers.overrunning import BUDGET, LADDER, PEOPLE, ROLES
from tests.handlers.sandboxing import MORE_ROLES, SANDBOXES, Sand

QUARTER = Quarter(2026, 4)
AFTER = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)  # the first working day after it, at 10:00 in Berlin
RULES = """
redlines:
  lines:
    # What runs away is told first.
    - {name: runaway, watch: spend-rate, above: 150, days: 2, actions: [nudge, warn, halt]}
    - name: cap
      watch: spend
      above: 110   # percent of the cap
      actions: [warn, halt]
gates:
  - name: first proof
    from: exploration
    to: pilot
    cap: 6000
    evidence: [{judge: target, days: 3}]
    lower_after_days: 14
nudges:
  actual:
    - {at: 50}
    - {at: 90, mention: [owner]}
detection:
  band: 3.5   # half of it
  signals: [spend, quality]
retrospective:
  channel: leadership
  hour_cost: 80
"""


def text_of(*edits: tuple[str, str]) -> str:
    """The policy's text; ``edits`` replace some of it."""
    plain = POLICY.partition("runbooks:")[0]
    plain = plain.replace("currency: USD}", "currency: USD, holidays: DE}", 1)
    people = PEOPLE.lstrip("\n") + "  - {email: compliance@example.com, name: Compliance officer}\n"
    roles = ROLES.lstrip("\n") + MORE_ROLES
    text = plain.replace("roles:\n", people + "roles:\n" + roles, 1)
    text += f"budgets:\n{BUDGET}{LADDER}{SANDBOXES}{RULES}"
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


def loaded_from(text: str) -> LoadedPolicy:
    """As if it had been read from a file."""
    policy = parse_policy(text)
    return LoadedPolicy(policy, policy_hash(policy), Path(), {}, text, "app.yaml")


def at(month: int, day: int, hour: int = 9) -> datetime:
    """A time of the quarter in UTC; Berlin is one or two hours ahead."""
    return datetime(2026, month, day, hour, tzinfo=UTC)


def micros(amount: float) -> int:
    return int(amount * MICROS)


class Past(Sand):
    """The bot's handlers, and a past that is written at once."""

    _open: Connection | None = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction; everything in it, when it is around others."""
        if self._open is not None:
            yield self._open
            return
        with self.database.write() as connection:
            self._open = connection
            try:
                yield connection
            finally:
                self._open = None

    def put(self, table: Any, **values: Any) -> None:
        row = table(**values).model_dump(exclude={"id"} if table in _COUNTED else set())
        with self.writing() as connection:
            connection.execute(insert(table.__table__), [row])

    def note(self, when: datetime, action: str, subject: str, **detail: Any) -> None:
        """One entry of the audit."""
        with self.writing() as connection:
            audit.append(
                connection, at=when, actor="x", action=action, subject=subject, detail=detail, policy_hash="h"
            )  # fmt: skip

    def anomaly(
        self, name: str, told: datetime, state: str, hours: float = 2, signal: str = "spend",
        began: int = 2, impact: int = 900, scope: str = "",
    ) -> None:  # fmt: skip
        """An anomaly of three days that was told on a day and judged some hours later; of an experiment of its
        name, or of a ``scope``."""
        last = told.date() - timedelta(days=1)
        found = finding(name, last=last, days=began, impact=Decimal(impact), signal=signal)
        decided = told + timedelta(hours=hours) if state != "open" else None
        self.put(
            Anomaly, id=f"a-{name}", signal=signal, scope=scope or f"experiment:{name}", direction="up",
            state=state, started_on=found.started_on, last_on=last, ended_on=last + timedelta(days=1),
            severity="high", impact_micros=micros(impact), currency="USD", found=to_json(found),
            channels=["ml-search"], decided_at=decided, created_at=told,
            cause="Runaway job or loop" if state == "resolved" else "",
        )  # fmt: skip

    def overrun(
        self, name: str, opened: datetime, state: str, *, amount: float = 800, granted: float = 0,
        hours: float = 6, rung: str = "lead", by: str = "lead", asked: str = "engineer",
        kind: str = "asked", budget: str = "ranker", first: str = "",
    ) -> None:  # fmt: skip
        """A request that was decided on a rung some hours later; it came to the rung ``first``, or to the same."""
        decided = opened + timedelta(hours=hours) if state != "open" else None
        self.put(
            Overrun, id=name, budget=budget, period=f"{opened:%Y-%m}", kind=kind, state=state,
            amount_micros=micros(amount), currency="USD", until=(opened + timedelta(days=20)).date(),
            asked_by=f"{asked}@example.com" if asked else "", asked_name=asked, channel="ml-search", rung=1,
            rung_name=rung, facts={"limit": "3000", "asked": str(amount)}, opened_at=opened, placed_at=opened,
            due_at=opened, decided_at=decided, decided_by=f"{by}@example.com" if decided else "",
            decided_name=by, granted_micros=micros(granted), policy_hash="h",
        )  # fmt: skip
        self.note(
            opened, "overrun.opened", f"overrun:{name}", rung=first or rung, amount=str(amount), currency="USD",
            budget=budget, period=f"{opened:%Y-%m}",
        )  # fmt: skip

    def sandbox_row(
        self, name: str, asked: datetime, *, zone: str = "exploring", cap: float = 1000,
        state: str = "closed", overrun: str = "", days: int = 14,
    ) -> None:  # fmt: skip
        """A sandbox with its first money."""
        first = asked.date()
        last = first + timedelta(days=days - 1)
        self.put(
            Sandbox, id=f"box-{name}", name=name, state=state, hypothesis="better", feature="semantic-search",
            workload="fine-tuning", stage="exploration", team="search", owner="engineer@example.com",
            resources={}, estimate_micros=micros(cap), asked_micros=micros(cap), currency="USD", days=days,
            starts_on=first, ends_on=last, data_class="internal", risk_class="minimal", zone=zone,
            asked_by="engineer@example.com", asked_name="engineer", asked_at=asked, channel="ml-search",
            overrun_id=overrun, actuators=[], handles={}, policy_hash="h",
        )  # fmt: skip
        self.put(
            BudgetEntry, budget=f"sandbox/{name}", period=f"from {first}", key="set", kind="set",
            amount_micros=micros(cap), currency="USD", actor="x", policy_hash="h", at=asked,
        )  # fmt: skip

    def case_row(
        self, sandbox: str, opened: datetime, *, line: str = "runaway", kept: int = 0,
        stopped: datetime | None = None, resumed: datetime | None = None, end: str = "",
    ) -> None:  # fmt: skip
        """A redline that was crossed."""
        facts = {"end": end, "stopped": "halt" if stopped else ""}
        facts |= {"resumed_by": "ML lead, search"} if resumed else {}
        self.put(
            RedlineCase, id=f"case-{sandbox}-{opened:%m%d}", sandbox_id=f"box-{sandbox}", redline=line,
            taken=[["nudge", opened.isoformat()]], kept_times=kept, stopped_at=stopped, resumed_at=resumed,
            facts=facts, opened_at=opened, closed_at=stopped or opened + timedelta(days=2), policy_hash="h",
        )  # fmt: skip

    def gate_row(self, sandbox: str, kind: str, state: str, proposed: datetime, hours: int) -> None:
        decided = proposed + timedelta(hours=hours)
        self.put(
            GateCase, id=f"gate-{sandbox}-{kind}-{proposed:%m%d}", sandbox_id=f"box-{sandbox}",
            gate="first proof", kind=kind, state=state, amount_micros=micros(500),
            facts={"from": "exploration", "to": "pilot" if kind == "promote" else "exploration"},
            proposed_at=proposed, decided_at=decided, policy_hash="h",
        )  # fmt: skip

    def nudge(self, when: datetime, percent: int, budget: str = "ranker") -> None:
        self.put(
            BudgetNudge,
            budget=budget,
            period=f"{when:%Y-%m}",
            basis="actual",
            percent=percent,
            at=when,
        )

    def question(self, account: str, state: str, asked: datetime, began: int = 3) -> None:
        self.put(
            ShadowQuestion, id=f"q-{account}", account=account, service="Gateway", state=state,
            cost_micros=micros(420), currency="USD", first_day=asked.date() - timedelta(days=began),
            last_day=asked.date(), channel="finops", facts={}, asked_at=asked,
            decided_at=asked + timedelta(hours=3) if state != "asked" else None,
        )  # fmt: skip

    def begins(self) -> None:
        """The bot does its first thing on the quarter's first day."""
        self.note(at(10, 1), "budget.moved", "budget:ranker")

    def busy(self) -> None:
        """A quarter in which every kind of rule did something; the bot looks back on 4 January at 10:00."""
        for a_day, name, first, last in _BILL:
            self.bill(a_day, first, last, experiment=name)
        with self.writing():
            self._busy()
        self.clock.now = AFTER

    def _busy(self) -> None:
        self.begins()
        states = ["resolved", "false-alarm", "false-alarm", "expected", "resolved", "false-alarm"]
        for n, state in enumerate(states):
            self.anomaly(f"model-{n}", at(10, 6 + n), state)
        self.anomaly("late", at(11, 20), "resolved", began=9, impact=1800)
        for n in range(10):
            self.anomaly(f"score-{n}", at(11, 1 + n), "false-alarm", signal="quality", impact=0)
        for n in range(6):
            self.overrun(
                f"r{n}", at(10, 12 + n, 8), "granted", amount=600, granted=600, hours=5 + n
            )
        self.overrun("refused", at(11, 3), "declined", amount=2500)
        self.overrun(
            "own", at(11, 4), "granted", amount=100, granted=100, rung="own", by="engineer", hours=0
        )
        self.overrun(
            "by-itself", at(11, 23), "granted", amount=400, granted=400, asked="", kind="actual"
        )
        self.overrun("silent", at(12, 1), "expired", amount=900, hours=20)
        for month in (10, 11, 12):
            self.nudge(at(month, 14), 50)
        self.nudge(at(11, 20), 90)
        self._boxes()
        for account, state in (("lab", "claimed"), ("tools", "not-ai"), ("new", "asked")):
            self.question(account, state, at(10, 20))
        self.question("old", "claimed", at(12, 3), began=45)

    def short(self) -> None:
        """A quarter whose bill begins late, so that replays are quick; the lead waved six requests through."""
        self.begins()
        self.bill(90, date(2026, 12, 10), date(2027, 1, 3))
        for n in range(6):
            opened = at(12, 14, 8) + timedelta(days=n)
            self.overrun(f"r{n}", opened, "granted", amount=600, granted=600)
        self.clock.now = AFTER

    def _boxes(self) -> None:
        self.sandbox_row("try-lora", at(10, 5))
        self.case_row("try-lora", at(10, 7), stopped=at(10, 9), resumed=None)
        self.sandbox_row("sweep", at(11, 9))
        self.case_row("sweep", at(11, 11), stopped=at(11, 12, 8), resumed=at(11, 13, 8))
        self.sandbox_row("kept", at(11, 16))
        self.case_row("kept", at(11, 18), kept=1, end="It is within the limit again: 80 %.")
        self.sandbox_row("back", at(11, 16))
        self.case_row("back", at(11, 18), end="It is within the limit again: 90 %.")
        self.sandbox_row("greedy", at(12, 1), cap=300)
        self.gate_row("kept", "promote", "done", at(11, 24), 5)
        self.gate_row("back", "lower", "declined", at(11, 25), 3)
        for n in range(2):
            self.overrun(
                f"near{n}", at(12, 7 + n), "granted", amount=2400, granted=2400, kind="sandbox",
                budget=f"sandbox/near-{n}",
            )  # fmt: skip
            self.sandbox_row(f"near-{n}", at(12, 7 + n), zone="", cap=2400, overrun=f"near{n}")

    # --- what is made of it ----------------------------------------------------------------------

    def made(self, quarter: Quarter = QUARTER, *, replayed: bool = False) -> Retro:
        """As it would be posted; without the replay's numbers unless asked for."""
        if replayed:
            return make(self.database, self.loaded, self.clock(), quarter)
        found = self.turn(lambda t: gather(t, quarter))
        return retro_of(self.loaded, with_proposals(self.loaded, found, None))

    def tallies(self, quarter: Quarter = QUARTER) -> dict[str, Any]:
        """What each rule did, by its id."""
        found = self.turn(lambda t: gather(t, quarter))
        return {t.rule.id: t for t, _ in found.verdicts}

    def words(self, made: Retro) -> str:
        zone = self.loaded.policy.workspace.zone
        return "\n\n".join(as_text(m, zone) for m in made.every()) + "\n"

    def post(self) -> str:
        """Posts it without the replay's numbers."""
        made = self.made()
        return self.turn(lambda t: post(t, made))

    def job(self) -> str:
        """What the scheduler's job does."""
        return retro_job(self.database, self.loaded, places, self.clock)

    def posted(self) -> list[str]:
        """The keys of what was posted, in their order."""
        return [r.key for r in self.posts("retro:")]

    def shown(self, key: str) -> Message:
        last = max((r for r in self.rows(Outbox) if r.key == key), key=lambda r: r.id)
        return Message.model_validate(last.content)


_COUNTED = (BudgetEntry, BudgetNudge, AuditEntry)
_BILL = (
    (90, "ranker", date(2026, 9, 1), date(2027, 1, 3)),
    (100, "try-lora", date(2026, 10, 5), date(2026, 10, 9)),
    (10, "try-lora", date(2026, 10, 10), date(2026, 10, 20)),
    (50, "sweep", date(2026, 11, 9), date(2026, 11, 20)),
    (40, "greedy", date(2026, 12, 1), date(2026, 12, 14)),
)
