"""The example receiver of webhooks in a process of its own, started as its users start it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "webhook_receiver.py"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Receiver:
    """Where it listens."""

    url: str

    async def sandboxes(self) -> dict[str, dict[str, Any]]:
        """What it has set up, by the names of the sandboxes."""
        async with aiohttp.ClientSession() as http, http.get(self.url) as got:
            found = (await got.json())["sandboxes"]
        return {one["name"]: one for one in found.values()}


@asynccontextmanager
async def receiving(secrets: str = SECRET, state: Path | None = None) -> AsyncIterator[Receiver]:
    """A receiver that runs while the context lasts."""
    options = ["--port", "0", *(["--state", str(state)] if state else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        *options,
        env={**os.environ, "SANDBOX_WEBHOOK_SECRET": secrets},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        said = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        yield Receiver(said.removeprefix("Listening on ").strip())
    finally:
        process.terminate()
        await process.stdout.read()
        await process.wait()
