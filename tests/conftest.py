"""What most tests need: a policy, a clock that stands still, a database of each kind."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from guardrails.runbooks import Runbook, parse
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash

# A time limit of one example says something about the machine, not about the code.
settings.register_profile("sandrail", deadline=None)
settings.load_profile("sandrail")

pytest_plugins = ["tests.postgres"]

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

POLICY = """
version: 1
workspace: {name: Example AI, time_zone: Europe/Berlin, currency: USD}
bills:
  - {name: main, files: bill}
tags:
  team: {keys: [team]}
channels:
  finops: {slack: C0FINOPS1}
  ml-search: {slack: C0SEARCH1}
  leadership: {}
teams:
  search: {channel: ml-search, lead: lead@example.com}
people:
  - {email: engineer@example.com, name: "ML engineer, search", team: search}
  - {email: lead@example.com, name: "ML lead, search", team: search}
  - {email: finops@example.com, name: FinOps owner}
  - {email: executive@example.com, name: Executive}
roles:
  engineer: {emails: [engineer@example.com]}
  lead: {emails: [lead@example.com]}
  finops: {emails: [finops@example.com]}
  executive: {emails: [executive@example.com]}
alerts:
  default: finops
  flood: 4
  worst: 3
  routes:
    - {when: {team: search}, to: [team]}
    - {when: {impact_at_least: 10000}, to: [finops]}
"""

RUNBOOKS = {
    "spend": ("Spend spike", ("Look at the drivers.", "Stop what runs away.")),
    "gpu-usage": ("GPU use", ("Look at idle nodes.",)),
    "cost-per-unit": ("Unit cost", ("Compare price and volume.",)),
    "quality": ("Quality drop", ("Compare with the last release.",)),
    "resource-mix": ("Resource mix", ("See what moved.",)),
}


def runbook(event: str, title: str, steps: tuple[str, ...], more: str = "") -> Runbook:
    """A runbook as a file would have it; ``more`` is further front matter."""
    listed = "\n".join(f"{n}. {step}" for n, step in enumerate(steps, 1))
    return parse(event, f"---\nevents: [{event}]\n{more}---\n# {title}\n\n{listed}\n")


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def loaded() -> LoadedPolicy:
    policy = parse_policy(POLICY)
    made = [runbook(event, title, steps) for event, (title, steps) in RUNBOOKS.items()]
    runbooks = {event: one for one in made for event in one.events}
    return LoadedPolicy(policy, policy_hash(policy, runbooks), Path(), runbooks)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'sandrail.db'}"
    else:
        from tests.postgres import fresh_database

        url = fresh_database(request.getfixturevalue("postgres_server"))
    made = Database(url)
    upgrade(made)
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty SQLite database, where the kind does not matter."""
    made = Database(f"sqlite:///{tmp_path / 'sandrail.db'}")
    upgrade(made)
    yield made
    made.close()
