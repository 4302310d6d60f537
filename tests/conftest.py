"""What most tests need: a policy, a clock that stands still, a database of each kind."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from guardrails.runbooks import Runbook, parse
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash

if TYPE_CHECKING:
    from tests.postgres import Migrated  # as a plugin it is loaded later

# A time limit of one example says something about the machine, not about the code.
# Where a change is judged, the same examples each time: what a new one finds is found, and mended, on a desk.
settings.register_profile("sandrail", deadline=None, derandomize=bool(os.environ.get("CI")))
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


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database: tests copy it, which is quicker than migrating."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    made = Database(f"sqlite:///{path}")
    upgrade(made)
    made.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path
) -> Iterator[Database]:
    """A migrated, empty database of each kind."""
    if request.param == "sqlite":
        yield from _opened(f"sqlite:///{shutil.copy(empty_database, tmp_path / 'sandrail.db')}")
    else:
        migrated: Migrated = request.getfixturevalue("migrated_postgres")
        with migrated.one() as url:
            yield from _opened(url)


def _opened(url: str) -> Iterator[Database]:
    made = Database(url)
    yield made
    made.close()


@pytest.fixture
def sqlite(empty_database: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty SQLite database, where the kind does not matter."""
    yield from _opened(f"sqlite:///{shutil.copy(empty_database, tmp_path / 'sandrail.db')}")
