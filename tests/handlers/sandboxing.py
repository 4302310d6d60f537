"""What the tests of sandboxes share: a policy with zones, prices and actuators, and people who ask and press."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from guardrails.authority import roles_of
from guardrails.orders import Order
from handlers.conversation import (
    Actor,
    Button,
    Controls,
    FieldErrors,
    Interaction,
    Kind,
    Message,
    Place,
    Refused,
)
from handlers.daily import look_at_budgets, look_at_sandboxes
from handlers.sandboxes import orders
from handlers.sandboxes.daily import look_at
from handlers.turn import Turn
from storage import actuations, sandboxes
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.delivery import Outbox
from storage.tables.sandboxes import Actuation, Sandbox
from tests.conftest import POLICY
from tests.handlers.alerting import places
from tests.handlers.overrunning import LADDER, PEOPLE, ROLES, Desk

SANDBOXES = """
actuators:
  - {name: platform, kind: webhook, url: "http://127.0.0.1:9", secret: PLATFORM_SECRET}
  - {name: storeroom, kind: manual, role: operator}
sandboxes:
  prices:
    gpu_hour: {H100: 4, L4: 0.8}
    million_tokens: {atlas-mini: 2.5}
  actuators: [platform]
  reviewers:
    - {role: compliance, when: {data_class: [personal], risk_class: [high]}}
  zones:
    - {name: exploring, when: {role: [engineer, lead], stage: [exploration]}, cap: 2000, cap_month: 5000,
       at_once: 3, longest_days: 21}
"""
MORE_ROLES = """  compliance: {emails: [compliance@example.com]}
"""
FORM = {
    "name": "try-lora",
    "hypothesis": "LoRA ranks as well as full fine-tuning",
    "metric": "recall_at_10",
    "target": ">= 0.82",
    "feature": "semantic-search",
    "workload": "fine-tuning",
    "stage": "exploration",
    "team": "search",
    "owner": "engineer@example.com",
    "estimate": "1000",
    "until": "2026-12-04",
    "data_class": "internal",
    "risk_class": "minimal",
}


def sandbox_policy(*edits: tuple[str, str], more: str = "") -> LoadedPolicy:
    """The tests' policy with zones, prices, actuators, a ladder and people; ``edits`` replace text."""
    plain = POLICY.partition("runbooks:")[0]
    people = PEOPLE + "  - {email: compliance@example.com, name: Compliance officer}\n"
    roles = ROLES.lstrip("\n") + MORE_ROLES
    text = plain.replace("roles:\n", people.lstrip("\n") + "roles:\n" + roles, 1)
    text += LADDER + SANDBOXES + more
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    policy = parse_policy(text)
    return LoadedPolicy(policy, policy_hash(policy), Path())


def refused(answer: Any) -> str:
    """What a refusal says."""
    assert isinstance(answer, Refused), answer
    return f"{answer.reason}: {answer.sentence}"


def errors(answer: Any) -> dict[str, str]:
    """What is said at which field."""
    assert isinstance(answer, FieldErrors), answer
    return answer.errors


def labels(message: Message) -> list[str]:
    """Of the buttons of a message."""
    controls = [c for b in message.blocks if isinstance(b, Controls) for c in b.controls]
    return [c.label for c in controls if isinstance(c, Button)]


class Sand(Desk):
    """The bot's handlers with sandboxes; orders are carried out as a test says."""

    def version(self, subject: str) -> int:
        row = self.sandbox(subject) if subject else None
        return int(row.version) if row is not None else super().version(subject)

    def sandbox(self, name: str) -> Any:
        """By its name or id."""
        with self.database.read() as connection:
            return sandboxes.named(connection, name) or sandboxes.get(connection, name)

    def ask(self, who: str = "engineer", **changes: str) -> Any:
        """Asks for a sandbox; ``changes`` to the form."""
        return self.act("submission", "sandbox.request", who=who, **(FORM | changes))

    def said_by(
        self, kind: Kind, name: str, subject: str = "", /, *, who: str = "engineer", **inputs: str
    ) -> Interaction:
        """An interaction for a test that calls a handler in a transaction of its own."""
        person = f"{who}@example.com"
        actor = Actor(
            person=person,
            name=person,
            surface="console",
            tenant="local",
            user_id=who,
            roles=roles_of(self.loaded.policy, person),
        )
        return Interaction(
            delivery_id=uuid4().hex,
            kind=kind,
            name=name,
            subject=subject,
            inputs=inputs,
            actor=actor,
            place=Place(surface="console", tenant="local", channel="ml-search"),
        )

    def orders(self, sandbox: str = "try-lora") -> list[Any]:
        """Its orders, the oldest first."""
        wanted = self.sandbox(sandbox).id
        return sorted(
            (r for r in self.rows(Actuation) if r.sandbox_id == wanted), key=lambda r: r.id
        )

    def claim(self) -> list[actuations.ClaimedOrder]:
        names = [a.name for a in self.loaded.policy.actuators if a.kind != "manual"]
        with self.database.write() as connection:
            return actuations.claim(connection, self.clock(), names)

    def carry_out(
        self, said: str = "It is there", handle: Mapping[str, str] | None = None
    ) -> list[Order]:
        """Carries out all that is due; returns the orders."""
        done: list[Order] = []
        while claimed := self.claim():
            for one in claimed:
                self.turn(lambda t, o=one: orders.carried_out(t, o, said, dict(handle or {})))
                done.append(one.order)
        return done

    def active(self, **changes: str) -> Any:
        """A sandbox inside the zone that is set up."""
        self.ask(**changes)
        self.carry_out()
        return self.sandbox(changes.get("name", "try-lora"))

    def on(self, what: str, who: str = "engineer", sandbox: str = "try-lora", **inputs: str) -> Any:
        """Submits one of the card's forms."""
        return self.act(
            "submission", f"sandbox.{what}", self.sandbox(sandbox).id, who=who, **inputs
        )

    def look_at(self, sandbox: str = "try-lora") -> int:
        return self.turn(lambda t: look_at(t, self.sandbox(sandbox).id))

    def daily(self) -> int:
        """The daily look at budgets and sandboxes, as the job does it after the bills are read."""
        look_at_budgets(self.database, self.loaded, places, self.clock)
        return look_at_sandboxes(self.database, self.loaded, places, self.clock)

    def spend(self, a_day: float, first: date, last: date, sandbox: str = "try-lora") -> None:
        """What a sandbox's bill says, in place of what was there; the rest of the bill goes on."""
        self.bill(1, first, last, experiment="rest")
        self.bill(a_day, first, last, experiment=sandbox)

    def fail(self, reason: str = "The gateway is down.", *, final: bool = False) -> int:
        """Every order that is due fails once; returns how many."""
        claimed = self.claim()
        for one in claimed:
            if final:
                self.turn(lambda t, o=one: orders.given_up(t, o, reason))
            else:
                self.turn(lambda t, o=one: orders.not_yet(t, o, reason, 10))
        return len(claimed)

    def said(self, sandbox: str = "try-lora") -> list[str]:
        """What stands in its thread."""
        root = f"sandbox:{self.sandbox(sandbox).id}:"
        return [Message.model_validate(r.content).summary for r in self.posts(root)]

    def card_of(self, sandbox: str = "try-lora") -> Message:
        key = f"sandbox:{self.sandbox(sandbox).id}"
        last = max((r for r in self.rows(Outbox) if r.key == key), key=lambda r: r.id)
        return Message.model_validate(last.content)

    def states(self) -> dict[str, str]:
        return {r.name: r.state for r in self.rows(Sandbox)}

    def turn_on(self, connection: Connection) -> Turn:
        """A turn of a transaction that a test has begun."""
        return Turn(connection, self.loaded, self.clock(), places)

    def in_turn(self, work: Any) -> Any:
        """A turn that reads its sandbox locked: ``work(turn, row)``."""

        def run(turn: Turn) -> Any:
            row = sandboxes.get(turn.connection, self.sandbox("try-lora").id, lock=True)
            return work(turn, row)

        return self.turn(run)
