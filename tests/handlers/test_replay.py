"""The policy of now, replayed over recorded rounds, gives each alert and each routing again."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import insert

from guardrails.replay import Change
from guardrails.replay.budgets import Begun
from handlers.daily import daily_round
from handlers.replay.budgets import as_requests, read_books
from handlers.replay.rounds import Rounds
from handlers.replay.run import replay
from storage.database import Database
from storage.policy_file import LoadedPolicy, load_policy
from storage.tables.budgets import BudgetEntry
from storage.tables.spend import CostRollup
from tests.conftest import Clock

POLICY = """version: 1
workspace: {name: Example AI}
bills: [{name: main, files: bill}]
channels: {finops: {}, search: {}}
alerts: {default: finops, routes: [{when: {impact_at_least: 2000}, to: [finops, search]}]}
roles: {finops: {emails: [finops@example.com]}}
"""
BEGIN = date(2026, 7, 1)
FIRST, LAST = date(2026, 10, 1), date(2026, 10, 6)
SPIKES = {("Compute", date(2026, 10, 1)): 900, ("Models", date(2026, 10, 4)): 9000}


def write_bill(folder: Path, last: date) -> None:
    """The bill as it stands when ``last`` is its newest day."""
    lines = [
        "BilledCost,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodStart,ServiceName"
    ]
    for n in range((last - BEGIN).days + 1):
        day = BEGIN + timedelta(days=n)
        for service, usual in (("Compute", 300), ("Models", 500)):
            money = usual + (n * 7) % 11 + SPIKES.get((service, day), 0)
            lines.append(f"{money},USD,{day.replace(day=1)},Usage,{day},{service}")
    (folder / "bill").mkdir(exist_ok=True)
    (folder / "bill" / "a.csv").write_text("\n".join(lines) + "\n")


def policy_of(folder: Path, name: str, text: str) -> LoadedPolicy:
    (folder / name).write_text(text)
    return load_policy(folder / name)


def test_history_is_reproduced_and_changes_are_seen(tmp_path: Path, database: Database) -> None:
    """Every morning the bill is read that has the charges up to the day before."""
    write_bill(tmp_path, FIRST)
    now = policy_of(tmp_path, "app.yaml", POLICY)
    clock = Clock(datetime(FIRST.year, FIRST.month, FIRST.day, 6, tzinfo=UTC))
    while clock.now.date() <= LAST:
        write_bill(tmp_path, clock.now.date() - timedelta(days=1))
        daily_round(database, now, lambda channel: (), clock)
        clock.now += timedelta(days=1)

    same = replay(database, now, now, FIRST, LAST)
    assert same.reproduced is not None
    assert same.reproduced.kept == same.alerts.kept >= 2
    assert not same.reproduced.differs
    assert not same.differs
    assert same == replay(database, now, now, FIRST, LAST)

    elsewhere = POLICY.replace("to: [finops, search]", "to: [search]")
    routed = replay(database, now, policy_of(tmp_path, "routes.yaml", elsewhere), FIRST, LAST)
    assert [m.after.channels for m in routed.alerts.moved] == [("search",)]
    assert routed.alerts.moved[0].before.channels == ("finops", "search")
    assert not routed.alerts.new
    assert not routed.alerts.gone

    deaf = POLICY + "detection: {signals: [quality]}\n"
    silent = replay(database, now, policy_of(tmp_path, "deaf.yaml", deaf), FIRST, LAST)
    assert len(silent.alerts.gone) == same.alerts.kept

    left = replay(database, now, policy_of(tmp_path, "deaf.yaml", deaf), FIRST, LAST, alerts=False)
    assert (left.alerts, left.reproduced, left.alerts_from) == (Change(), None, None)


def test_the_stage_of_an_overrun_is_where_most_of_its_money_is(
    tmp_path: Path, database: Database
) -> None:
    """Most yen are not most money: 90,000 yen are 600 dollars. What a day costs is not known on its own
    morning."""
    text = POLICY.replace("name: Example AI", "name: Example AI, rates: {JPY: 0.00667}")
    text += "budgets: [{name: search, scope: {team: search}, limit: 500}]\n"
    loaded = policy_of(tmp_path, "app.yaml", text)
    charges = (
        (FIRST, 90_000, "JPY", "exploration"),
        (FIRST, 800, "USD", "production"),
        (LAST, 9_000, "USD", "pilot"),
    )
    rows = [
        CostRollup(
            bill="main", period=day.replace(day=1), day=day, cost_micros=cost * 10**6, currency=currency,
            team="search", stage=stage,
        ).model_dump(exclude={"id"})
        for day, cost, currency, stage in charges
    ]  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(CostRollup.__table__), rows)  # type: ignore[attr-defined]
    at = datetime(2026, 10, 6, 6, tzinfo=UTC)
    begun = Begun("2026-10", "actual", at, LAST, Decimal(900), Decimal(500))
    with database.read() as connection:
        books = read_books(connection, Rounds(FIRST, LAST, LAST))
        (one,) = as_requests(books, loaded.policy, [("search", begun)])
    assert one.stage == "production"


def test_what_came_of_an_overrun_is_not_granted_before_it(
    tmp_path: Path, database: Database
) -> None:
    """A bot was started at three and its overrun granted at four; for the replay it began at six, and its own
    grant put it a rung higher."""
    text = POLICY + "budgets: [{name: search, scope: {team: search}, limit: 500}]\n"
    loaded = policy_of(tmp_path, "app.yaml", text)
    rows = [
        BudgetEntry(
            budget="search", period="2026-10", key=key, kind="overrun", amount_micros=amount * 10**6,
            currency="USD", actor="x", policy_hash="h", at=datetime(2026, 10, 6, hour, tzinfo=UTC),
        ).model_dump(exclude={"id"})
        for key, amount, hour in (("overrun:o0", 70, 2), ("overrun:o1", 400, 4))
    ]  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(BudgetEntry.__table__), rows)  # type: ignore[attr-defined]
    at = datetime(2026, 10, 6, 6, tzinfo=UTC)
    begun = Begun("2026-10", "actual", at, LAST, Decimal(400), Decimal(500), of="o1")
    with database.read() as connection:
        books = read_books(connection, Rounds(FIRST, LAST, LAST))
        (one,) = as_requests(books, loaded.policy, [("search", begun)])
    assert one.before == ((LAST, Decimal(70)),)
