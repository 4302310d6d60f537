"""What the tests of the council share: a policy with a council, a busy week, its messages as words."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from bot.cli.printed import as_text
from guardrails.council import Week
from guardrails.policy.council import Council
from handlers.alerts.publish import publish
from handlers.conversation import Kind, Message
from handlers.council import add as _add  # noqa: F401  (registers the commands)
from handlers.council import decide as _decide  # noqa: F401  (registers the buttons)
from handlers.council.frame import frame_of
from handlers.council.message import Digest, digest_of
from handlers.council.post import council_job, post_digest
from storage.policy_file import LoadedPolicy
from storage.tables.alerts import Anomaly
from storage.tables.council import CouncilItem
from storage.tables.delivery import Outbox
from tests.handlers.alerting import finding, places
from tests.handlers.overrunning import BUDGET
from tests.handlers.sandboxing import Sand, sandbox_policy

WEEK = Week(2026, 48)


def with_council(loaded: LoadedPolicy, **rules: Any) -> LoadedPolicy:
    """The policy with a council on Tuesdays at 10:00 in Berlin."""
    section = Council.model_validate({"channel": "leadership", **rules})
    return replace(loaded, policy=loaded.policy.model_copy(update={"council": section}))


def council_policy(**rules: Any) -> LoadedPolicy:
    """Sandboxes, a budget of an experiment, a ladder, people and a council."""
    return with_council(sandbox_policy(more=f"budgets:\n{BUDGET}"), **rules)


def at(day: int, hour: int = 9, minute: int = 0) -> datetime:
    """A time of November 2026 in UTC; Berlin is an hour ahead."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


class Hall(Sand):
    """The bot's handlers with a council."""

    def busy(self) -> None:
        """A week in which much happened, up to Tuesday, 24 November at 10:00 in Berlin."""
        self.clock.now = at(18)
        self.bill(90, last=date(2026, 11, 15))
        self.bill(130, date(2026, 11, 16), date(2026, 11, 24), sku="H100 hours", service="Compute")
        self.bill(40, date(2026, 11, 1), date(2026, 11, 24), experiment="vectors", team="data")
        self.bill(30, date(2026, 11, 1), date(2026, 11, 24), experiment="", team="", is_ai=True,
                  allocated_by="none", service="Gateway", account="lab")  # fmt: skip
        self.active()
        self.ask(name="big-sweep", estimate="9000", hypothesis="More data beats a larger model")
        self.bill(180, date(2026, 11, 18), date(2026, 11, 24), experiment="try-lora")
        closed = finding("vectors", last=date(2026, 11, 17), impact=Decimal(900))
        self.turn(lambda t: publish(t, [finding("ranker", last=date(2026, 11, 17)), closed]))
        self.close_anomaly()
        self.ask_more("400")
        self.clock.now = at(19, 12)
        (row,) = [r for r in self.waiting_rows() if r.budget == "ranker"]
        assert self.press("approve", row, "lead").kind == "done"
        self.act(
            "command", "council", text="add Which model serves search next year?", who="product"
        )
        self.clock.now = at(24)

    def close_anomaly(self) -> None:
        (row,) = [r for r in self.rows(Anomaly) if r.scope == "experiment:vectors"]
        given = {"cause": "1", "words": "A loop asked for the same vectors again and again."}
        reply = self.act(
            "submission", "anomaly.resolve", row.id, who="lead", version=row.version, **given
        )
        assert reply.kind == "done", reply

    def ask_more(self, amount: str) -> None:
        given = {"amount": amount, "why": "a sweep", "value": ""}
        reply = self.act("submission", "overrun.ask", "ranker", who="engineer", **given)
        assert reply.kind == "done", reply

    def waiting_rows(self) -> list[Any]:
        from storage import overruns

        with self.database.read() as connection:
            return list(overruns.waiting(connection))

    def post(self) -> str:
        return self.turn(post_digest)

    def job(self) -> str:
        """What the scheduler's job does."""
        return council_job(self.database, self.loaded, places, self.clock)

    def digest(self, week: Week = WEEK) -> Digest:
        return self.turn(lambda t: digest_of(frame_of(t, week)))

    def words(self, digest: Digest) -> str:
        zone = self.loaded.policy.workspace.zone
        return "\n\n".join(as_text(m, zone) for m in digest.every()) + "\n"

    def shown(self, key: str) -> Message:
        """What a message says now."""
        last = max((r for r in self.rows(Outbox) if r.key == key), key=lambda r: r.id)
        return Message.model_validate(last.content)

    def posted(self) -> list[str]:
        """The keys of what was posted for the council, in their order."""
        return [r.key for r in self.posts("council:")]

    def item(self, title: str) -> Any:
        (row,) = [r for r in self.rows(CouncilItem) if r.title == title]
        return row

    def say(self, choice: str, title: str, who: str, **more: Any) -> Any:
        kind: Kind = "press" if choice == "continue" else "submission"
        return self.act(kind, f"council.{choice}", self.item(title).id, who=who, **more)

    def item_words(self, title: str) -> str:
        row = self.item(title)
        message = self.shown(f"council:{row.week}:item:{row.id}")
        return as_text(message, self.loaded.policy.workspace.zone)

    def words_of(self, key: str) -> str:
        """What a message says now, as words."""
        return as_text(self.shown(key), self.loaded.policy.workspace.zone)
