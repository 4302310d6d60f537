"""The whole bot in front of the fake Slack, on its first day with the sample bill, and someone who uses it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.application import put_together
from bot.kernel import utc_now
from bot.settings import read_settings
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import load_policy
from storage.sample import write_sample
from tests.fakes.slack_hands import Hands
from tests.fakes.slack_server import FakeSlack

ROOT = Path(__file__).parents[2]
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


@dataclass
class Workspace:
    """The workspace and the hands of its people."""

    slack: FakeSlack
    hands: Hands
    accounts: dict[str, str]  # e-mail → account
    zone: tzinfo  # of the company

    @property
    def names(self) -> dict[str, str]:
        """Account → the name that Slack shows."""
        return {i: str(u["profile"]["display_name"]) for i, u in self.slack.users.items()}

    @property
    def files(self) -> dict[str, bytes]:
        """File id → the picture."""
        return {i: f["content"] for i, f in self.slack.files.items() if "content" in f}

    def channel(self, name: str) -> str:
        """The id of a channel."""
        return next(c.id for c in self.slack.channels.values() if c.name == name)

    def roots(self, channel: str) -> list[dict[str, Any]]:
        """The messages of a channel that begin a thread."""
        return [m for m in self.slack.messages(channel) if "thread_ts" not in m]

    def thread(self, channel: str, root: dict[str, Any]) -> list[dict[str, Any]]:
        """The replies to a message."""
        return [m for m in self.slack.messages(channel) if m.get("thread_ts") == root["ts"]]

    async def quiet(self) -> None:
        """Waits until nothing more is said."""
        calls, still = -1, 0
        while still < 4:
            await asyncio.sleep(0.5)
            now = len(self.slack.calls)
            still = still + 1 if now == calls else 0
            calls = now


@asynccontextmanager
async def first_day(folder: Path) -> AsyncIterator[Workspace]:
    """The demo's policy and bill in ``folder``, read, and everything that is said about it posted."""
    config = Path(shutil.copy(ROOT / "app.yaml", folder))
    shutil.copytree(ROOT / "runbooks", folder / "runbooks")
    loaded = load_policy(config)
    policy = loaded.policy
    assert policy.sample is not None
    until = utc_now().astimezone(policy.workspace.zone).date() - timedelta(days=1)
    await asyncio.to_thread(
        write_sample, folder / policy.sample.folder, seed=policy.sample.seed, until=until
    )
    async with FakeSlack() as slack:
        accounts = {
            p.email: slack.add_user(f"U0PERSON{n}", p.name, p.email)
            for n, p in enumerate(policy.people)
        }
        for n, channel in enumerate(policy.channels.values()):
            if channel.slack:
                slack.add_channel(f"C0CHANNEL{n}", channel.slack.lstrip("#"))
        environ = {
            "SANDRAIL_CONFIG": str(config),
            "DATABASE_URL": f"sqlite:///{folder / 'sandrail.db'}",
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": slack.api_url,
            "HOST": "127.0.0.1",
        }
        settings = read_settings(environ)
        database = Database(settings.database_url)
        upgrade(database)
        # Signing in blocks, so it must not happen on the loop that serves the fake.
        application = await asyncio.to_thread(put_together, settings, loaded, database)
        await asyncio.to_thread(application.first_round)
        runner = web.AppRunner(application.web, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        hands = Hands(slack, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events", SECRET)
        workspace = Workspace(slack, hands, accounts, policy.workspace.zone)
        try:
            await workspace.quiet()
            yield workspace
        finally:
            await hands.close()
            await runner.cleanup()
            database.close()
