"""What the tests of gates share: gates, a sandbox that was allocated days ago, its bill and its scores."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert

from handlers.conversation import Button, Controls, Items, Menu, Message
from handlers.gates import presses as _presses  # noqa: F401  (registers the handlers)
from handlers.gates.look import look_at_gates
from handlers.sandboxes import money
from handlers.sandboxes.allocate import allocate
from handlers.sandboxes.showing import read
from handlers.turn import Turn
from storage import gates, sandboxes
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.delivery import Outbox
from storage.tables.sandboxes import GateCase
from storage.tables.spend import MetricPoint
from tests.conftest import POLICY, runbook
from tests.handlers.overrunning import LADDER, PEOPLE, ROLES, Desk

ALL = {"feature": "semantic-search", "workload": "training", "stage": "exploration"}
ALL |= {"owner": "owner@example.com"}

GATES = """gates:
  - name: pilot-proof
    from: exploration
    to: pilot
    cap: 5000
    days: 30
    evidence:
      - {judge: metric, metric: accuracy, at_least: 0.84, days: 5}
      - {judge: unit-cost, metric: outputs, at_most: 0.5, days: 5}
      - {judge: tags, at_least: 95, days: 5}
      - {judge: sign-off, role: finance}
    by: [lead]
    lower_after_days: 14
    lower_percent: 50
"""
UNSIGNED = ("      - {judge: sign-off, role: finance}\n", "")


def gate_policy(*edits: tuple[str, str]) -> LoadedPolicy:
    """The tests' policy with a gate out of exploration; ``edits`` replace text."""
    plain = POLICY.partition("runbooks:")[0]
    text = plain.replace("roles:\n", PEOPLE.lstrip("\n") + "roles:\n" + ROLES.lstrip("\n"), 1)
    text = text.replace("lead: {emails: [lead@", "lead: {emails: [second@example.com, lead@")
    text += LADDER + GATES
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    policy = parse_policy(text)
    runbooks = {"gate": runbook("gate", "At the gate", ("Look at the numbers.",))}
    return LoadedPolicy(policy, policy_hash(policy, runbooks), Path(), runbooks)  # type: ignore[arg-type]


class GateDesk(Desk):
    """A desk where one sandbox, ``ranker``, is at its gate."""

    def version(self, subject: str) -> int:
        with self.database.read() as connection:
            case = gates.get(connection, subject)
        return 1 if case is None else int(case.version)

    def allocate(self, days_ago: int, cap: str = "1000", days: int = 60, **values: Any) -> Any:
        """A sandbox of the owner, allocated and active since so many days ago."""
        now, self.clock.now = self.clock.now, self.clock.now - timedelta(days=days_ago)
        row: dict[str, Any] = {
            "id": "box",
            "name": "ranker",
            "state": "requested",
            "version": 1,
            "hypothesis": "a smaller ranker is as good",
            "metric": "accuracy",
            "target": ">= 0.84",
            "feature": "semantic-search",
            "workload": "training",
            "stage": "exploration",
            "team": "search",
            "owner": "owner@example.com",
            "resources": {},
            "estimate_micros": 800_000_000,
            "asked_micros": 1_000_000_000,
            "currency": "USD",
            "days": days,
            "starts_on": self.clock.now.date(),
            "ends_on": None,
            "data_class": "internal",
            "risk_class": "minimal",
            "notes": "",
            "zone": "",
            "asked_by": "engineer@example.com",
            "asked_name": "ML engineer, search",
            "asked_at": self.clock.now,
            "channel": "ml-search",
            "overrun_id": "",
            "actuators": [],
            "handles": {},
            "why": "",
            "policy_hash": "",
            **values,
        }

        def work(turn: Turn) -> None:
            assert sandboxes.add(turn.connection, **row)
            found = sandboxes.get(turn.connection, row["id"], lock=True)
            assert found is not None
            allocate(turn, found, cap=Decimal(cap), actor="lead@example.com", name="Lead", why="")

        self.turn(work)
        self.clock.now = now
        return self.box(row["id"])

    def box(self, sandbox_id: str = "box") -> Any:
        return self.turn(lambda turn: read(turn, sandbox_id))

    def cap(self) -> Decimal:
        return self.turn(lambda turn: money.cap(turn, read(turn, "box")))

    def scores(self, value: float, metric: str = "accuracy", days: int = 10, **more: Any) -> None:
        """The same score a day for so many days until yesterday, in place of what was there."""
        last = self.clock.now.date() - timedelta(days=1)
        point: dict[str, Any] = {"source": "m", "metric": metric, "experiment": "ranker", **more}
        rows = [
            MetricPoint(day=last - timedelta(days=n), value=value, **point).model_dump(
                exclude={"id"}
            )
            for n in range(days)
        ]
        table = MetricPoint.__table__  # type: ignore[attr-defined]
        segment = more.get("segment", "")
        with self.database.write() as connection:
            connection.execute(
                delete(table).where(
                    table.c.metric == metric,
                    table.c.day > last - timedelta(days=days),
                    table.c.segment == segment,
                )
            )
            connection.execute(insert(table), rows)

    def spends(
        self, a_day: float, first: date | None = None, last: date | None = None, **scope: str
    ) -> None:
        """A bill with complete tags."""
        self.bill(a_day, first or self.box().starts_on, last, **{**ALL, **scope})

    def good(self, days: int = 10) -> None:
        """Evidence that suffices: accuracy 0.9, a dollar for ten outputs, complete tags."""
        self.spends(10)
        self.scores(0.9, days=days)
        self.scores(100, "outputs", days=days)

    def judge(self) -> int:
        """The daily look."""
        return self.turn(look_at_gates)

    def days(self, count: int, accuracy: float = 0.9) -> None:
        """Days pass; bill and metrics go on."""
        self.clock.now += timedelta(days=count)
        self.spends(10)
        self.scores(accuracy, days=count)
        self.scores(100, "outputs", days=count)

    def cases(self, *states: str) -> list[Any]:
        rows = [r for r in self.rows(GateCase) if not states or r.state in states]
        return sorted(rows, key=lambda r: (r.proposed_at, r.id))

    def case(self) -> Any:
        """The one proposal that waits."""
        (row,) = self.cases("proposed")
        return row

    def click(self, what: str, who: str, case: Any = None, **more: Any) -> Any:
        return self.act("press", f"gate.{what}", (case or self.case()).id, who=who, **more)

    def say(self, what: str, who: str, why: str, case: Any = None, **more: Any) -> Any:
        case = case or self.case()
        return self.act("submission", f"gate.{what}", case.id, who=who, why=why, **more)

    def gate_card(self, case: Any) -> Message:
        mine = [r for r in self.rows(Outbox) if r.key == f"gate:{case.id}"]
        return Message.model_validate(max(mine, key=lambda r: r.id).content)

    def thread(self) -> list[str]:
        """What was said in the sandbox's thread as news."""
        return [
            Message.model_validate(r.content).summary for r in self.posts("sandbox:box:news:gate")
        ]


def labels(message: Message) -> list[str]:
    """What can be pressed."""
    found: list[Button | Menu] = []
    for block in message.blocks:
        if isinstance(block, Controls):
            found += block.controls
    return [control.label for control in found]


def judged_lines(message: Message) -> list[str]:
    """The lines of evidence."""
    (items,) = [b for b in message.blocks if isinstance(b, Items)]
    return ["".join(getattr(span, "text", "") for span in item) for item in items.items]
