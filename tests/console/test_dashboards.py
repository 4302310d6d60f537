"""The console's export of spend, and a dashboard as a browser shows it."""

import csv
import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Page, expect
from sqlalchemy import insert

import handlers.dashboards.showing  # noqa: F401  (registers the command)
from bot.console.dashboards import add_export
from bot.console.gate import Gate
from guardrails.money import MICROS
from storage.policy_file import LoadedPolicy, parse_policy
from storage.tables.spend import CostRollup
from tests.console.desk import POLICY, Desk, open_desk
from tests.console.windows import Window

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
YESTERDAY = date(2026, 11, 22)
FINANCE = "finance@example.com"
AXE = Path(sys.prefix) / "share" / "sandrail-node" / "node_modules" / "axe-core" / "axe.min.js"


def spend(desk: Desk, *rows: dict[str, Any]) -> None:
    values = [
        CostRollup(
            **{
                "bill": "cloud",
                "period": date(2026, 11, 1),
                "day": YESTERDAY,
                "currency": "USD",
                **r,
            }
        ).model_dump(exclude={"id"})
        for r in rows
    ]
    with desk.database.write() as connection:
        connection.execute(insert(CostRollup.__table__), values)  # type: ignore[attr-defined]


class Door:
    """The export alone, behind a gate of its own."""

    def __init__(self, desk: Desk, http: aiohttp.ClientSession, url: str) -> None:
        self.desk, self.http, self.url = desk, http, url

    async def get(self, query: str = f"?person={FINANCE}", **headers: str) -> tuple[int, str, Any]:
        async with self.http.get(
            f"{self.url}/console/api/export.csv{query}", headers=headers
        ) as got:
            return got.status, await got.text(), got.headers

    async def rows(self, query: str = f"?person={FINANCE}") -> list[dict[str, str]]:
        status, words, _ = await self.get(query)
        assert status == 200, words
        return list(csv.DictReader(io.StringIO(words, newline=""), strict=True))


@asynccontextmanager
async def opened(desk: Desk, more: str = "") -> AsyncIterator[Door]:
    """The export of a desk's spend, with more in the policy."""
    loaded = LoadedPolicy(parse_policy(POLICY + more), "hash", desk.kernel.loaded.folder)
    desk.now = NOW
    app = web.Application()
    add_export(app, Gate(), desk.surface, replace(desk.kernel, loaded=loaded))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as http:
        yield Door(desk, http, f"http://127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with open_desk(tmp_path) as desk, opened(desk) as door:
        yield door


async def test_the_export_is_a_file_of_the_last_thirty_days(door: Door) -> None:
    spend(
        door.desk,
        {"cost_micros": 12_340_000, "team": "search", "service": 'say "hi", twice', "is_ai": True},
        {"cost_micros": -2_500_000, "team": "=HYPERLINK(1)", "experiment": "@x", "account": "-7"},
        {"cost_micros": 1, "day": date(2026, 10, 24)},
        {"cost_micros": 99 * MICROS, "day": date(2026, 10, 23)},
        {"cost_micros": 99 * MICROS, "day": date(2026, 11, 23)},
    )
    status, words, headers = await door.get()
    assert status == 200
    assert headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    wanted = 'attachment; filename="spend-2026-10-24-to-2026-11-22.csv"'
    assert headers["Content-Disposition"] == wanted
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert '"say ""hi"", twice"' in words
    found = await door.rows()
    assert sum(Decimal(r["amount"]) for r in found) == Decimal("9.840001")
    by_team = {r["team"]: r for r in found}
    assert by_team["'=HYPERLINK(1)"]["amount"] == "-2.5"
    assert by_team["'=HYPERLINK(1)"]["experiment"] == "'@x"
    assert by_team["'=HYPERLINK(1)"]["account"] == "-7"
    assert by_team["search"]["ai"] == "yes"


async def test_days_can_be_chosen(door: Door) -> None:
    days = [YESTERDAY - timedelta(days=n) for n in range(5)]
    spend(door.desk, *[{"cost_micros": MICROS, "day": day} for day in days])
    who = f"?person={FINANCE}"
    assert len(await door.rows(f"{who}&first=2026-11-20&last=2026-11-21")) == 2
    assert len(await door.rows(f"{who}&last=2026-11-20")) == 3
    for query in (
        "&first=2026-11-31",
        "&first=x",
        "&last=2026-11-01&first=2026-11-02",
        "&last=0001-01-01",
    ):
        status, words, _ = await door.get(who + query)
        assert (status, "2026-11-01" in words) == (422, True), query
    status, words, _ = await door.get(f"{who}&first=2001-01-01")
    assert (status, "Two years" in words) == (422, True)


async def test_only_who_may_read_spend_has_it(door: Door) -> None:
    spend(door.desk, {"cost_micros": MICROS})
    for query in ("", "?person=", "?person=stranger@example.com"):
        status, _, _ = await door.get(query)
        assert status == 422, query
    async with opened(door.desk, "permissions: {spend.read: [finance]}\n") as strict:
        status, words, _ = await strict.get("?person=engineer@example.com")
        assert (status, "spend" in words) == (403, True)
        assert (await strict.get())[0] == 200


async def test_other_pages_and_other_names_have_nothing(door: Door) -> None:
    spend(door.desk, {"cost_micros": MICROS})
    who = f"?person={FINANCE}"
    assert (await door.get(who, Host="evil.example"))[0] == 421
    assert (await door.get(who, Origin="http://evil.example"))[0] == 403
    assert (await door.get(who, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await door.get(who, **{"Sec-Fetch-Site": "same-origin"}))[0] == 200


async def test_a_currency_without_a_rate_is_said(door: Door) -> None:
    spend(door.desk, {"cost_micros": MICROS, "currency": "CHF"})
    status, words, _ = await door.get()
    assert (status, "CHF" in words) == (422, True)


@pytest.fixture(scope="module")
def axe() -> str:
    """The published accessibility checker, as a script."""
    if not AXE.exists():
        pytest.fail("axe-core is missing: make install-test installs it.", pytrace=False)
    return AXE.read_text(encoding="utf-8")


# --- in a browser ---------------------------------------------------------------------------------


async def ask(page: Page, words: str) -> None:
    box = page.get_by_role("combobox", name="Command")
    await box.fill(words)
    await box.press("Enter")
    answer = page.locator("section.private").last  # until the new one is there, the one before
    await expect(answer.locator(".private-asked")).to_have_text(words)
    await expect(answer.get_by_role("heading").first).to_be_visible()


def busy(desk: Desk) -> None:
    """Spend to yesterday, as the desk's own clock has it."""
    last = datetime.now(UTC).date()
    rows = []
    for n in range(60):
        day = last - timedelta(days=n)
        for team, cost in (("recommendations", 900), ("search", 400), ("", 60)):
            rows.append(
                {
                    "day": day,
                    "period": day.replace(day=1),
                    "cost_micros": (cost + n % 7 * 10) * MICROS,
                    "team": team,
                    "experiment": f"{team}-1" if team else "",
                    "feature": team,
                    "segment": team,
                    "stage": "pilot" if team == "search" else "production",
                    "is_ai": True,
                    "allocated_by": "tags" if team else "none",
                }
            )
    spend(desk, *rows)


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_dashboard_fits_a_desk_and_a_phone(
    window: Window, busy_desk: Desk, scheme: str
) -> None:
    busy(busy_desk)
    for size in ((1280, 860), (390, 844)):
        page = await window(
            f"/?as={FINANCE}",
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
        )
        for name in ("engineer", "product", "finance", "executive", "finops"):
            await ask(page, f"/spend dashboard {name}")
            answer = page.locator("section.private").last
            await expect(answer).to_contain_text("Its parts:")
            await expect(answer.locator("table").first).to_contain_text("All")
            assert not await page.evaluate("document.scrollingElement.scrollWidth > innerWidth + 1")
            for picture in await answer.locator("img").all():
                assert len(await picture.get_attribute("alt") or "") > 40
        await page.evaluate(
            "Promise.all([...document.querySelectorAll('section.private img')].map((i) => i.decode()))"
        )


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_dashboard_has_a_serious_finding_of_axe(
    window: Window, busy_desk: Desk, axe: str, scheme: str
) -> None:
    busy(busy_desk)
    page = await window(
        f"/?as={FINANCE}", color_scheme=scheme, viewport={"width": 1280, "height": 900}
    )
    for name in ("engineer", "product", "finance", "executive", "finops"):
        await ask(page, f"/spend dashboard {name}")
    session = await page.context.new_cdp_session(page)
    await session.send("Runtime.evaluate", {"expression": axe})
    found = await session.send(
        "Runtime.evaluate",
        {
            "expression": "axe.run('section.private').then((r) => JSON.stringify("
            "r.passes.length ? r.violations.filter((v) => ['serious', 'critical'].includes(v.impact))"
            ".map((v) => [v.id, v.nodes.map((n) => n.html).slice(0, 3)]) : 'nothing was checked'))",
            "awaitPromise": True,
            "returnByValue": True,
        },
    )
    assert found["result"].get("value") == "[]", found
