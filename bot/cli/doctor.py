"""``sandrail doctor``: what is wrong with this installation, and how to mend each."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from bot.cli.start import Start, fail, out, started
from guardrails.authority import roles_that_may
from guardrails.policy.people import PERMISSIONS
from guardrails.suggest import did_you_mean

STALE_DAYS = 3


@dataclass(frozen=True)
class Finding:
    """One check. ``mend`` says what to do when it is not ok."""

    state: Literal["ok", "warning", "wrong"]
    what: str
    mend: str = ""


def doctor_command(
    config: Annotated[
        Path | None, typer.Option(help="the policy; SANDRAIL_CONFIG or app.yaml")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the findings as JSON")] = False,
) -> None:
    """Checks database, bill, roles, deliveries, audit chain and credentials."""
    with started(config) as start:
        findings = [
            Finding("ok", f"The policy is valid ({start.loaded.hash[:12]})."),
            *_database(start),
            *_bill(start),
            *_roles(start),
            *_metrics(start),
            *_deliveries(start),
            *_actuators(start),
            *_slack(start),
            *_teams(start),
        ]
    if as_json:
        typer.echo(json.dumps([vars(f) for f in findings], indent=1))
    else:
        marks = {"ok": "[green]✓[/green]", "warning": "[yellow]![/yellow]", "wrong": "[red]✗[/red]"}
        for finding in findings:
            out.print(marks[finding.state], end=" ")
            out.print(finding.what, markup=False, soft_wrap=True)
            if finding.mend:
                out.print(f"    {finding.mend}", markup=False, style="dim", soft_wrap=True)
    wrong = sum(f.state == "wrong" for f in findings)
    if wrong:
        raise fail("1 thing is wrong." if wrong == 1 else f"{wrong} things are wrong.")


def _database(start: Start) -> Iterator[Finding]:
    from storage import audit

    kind = "SQLite" if start.database.is_sqlite else "PostgreSQL"
    yield Finding("ok", f"The database answers ({kind}) and its tables are up to date.")
    with start.database.read() as connection:
        chain = audit.verify(connection)
    if isinstance(chain, audit.Broken):
        yield Finding(
            "wrong",
            f"The audit chain is broken: {chain.why}.",
            "Compare with the last export (sandrail audit export) to see what was changed.",
        )
    else:
        yield Finding("ok", f"The audit chain holds ({chain} entries).")


def _bill(start: Start) -> Iterator[Finding]:
    from storage import claims, spend

    with start.database.read() as connection:
        covered = spend.covered(connection)
        last = claims.last_outcome(connection, "read-bills")
    if covered is None:
        yield Finding("wrong", "No bill has been read yet.", "Read it with: sandrail ingest")
        return
    today: date = datetime.now(UTC).astimezone(start.loaded.policy.workspace.zone).date()
    age = (today - covered.last).days
    if age > STALE_DAYS:
        yield Finding(
            "warning",
            f"The bill ends on {covered.last}, {age} days ago.",
            "See whether the provider's export still runs, then: sandrail ingest",
        )
    else:
        yield Finding("ok", f"The bill is read from {covered.first} to {covered.last}.")
    if last is not None and last[2].startswith("failed"):
        yield Finding(
            "wrong", f"The daily round of {last[0]} {last[2]}.", "Run it by hand: sandrail ingest"
        )


def _roles(start: Start) -> Iterator[Finding]:
    policy = start.loaded.policy
    staffed = policy.staffed()
    for permission in PERMISSIONS:
        roles = roles_that_may(policy, permission)
        if not staffed.intersection(roles):
            yield Finding(
                "wrong",
                f"Nobody has the permission {permission}: no role that has it has a member.",
                f"Give {' or '.join(roles) or 'a role'} a member under roles in the policy.",
            )
    empty = sorted(set(policy.roles) - staffed)
    if empty:
        yield Finding(
            "warning", f"Roles without members: {', '.join(empty)}.", "Add e-mails or groups."
        )
    for doubt in policy.doubtful():
        yield Finding("warning", doubt, "Mend it in the policy, or leave it if it is meant.")
    known = {p.email for p in policy.people}
    for role, members in sorted(policy.roles.items()):
        for email in members.emails if known else ():
            if email not in known:
                yield Finding(
                    "warning",
                    f"The role {role} names {email}, who is not under people{did_you_mean(email, known)}",
                    "Mend the address, or add the person.",
                )
    if staffed:
        yield Finding("ok", f"Roles with members: {', '.join(sorted(staffed))}.")


def _metrics(start: Start) -> Iterator[Finding]:
    from storage import spend

    watch = start.loaded.policy.watch
    wanted = [*(u.metric for u in watch.units), *watch.quality]
    with start.database.read() as connection:
        known = spend.metric_names(connection)
    for metric in wanted if known else ():
        if metric not in known:
            yield Finding(
                "warning",
                f"The policy watches the metric {metric}, which no source has{did_you_mean(metric, known)}",
                "Mend the name under watch, or add the source under metrics.",
            )


def _deliveries(start: Start) -> Iterator[Finding]:
    from storage import outbox

    with start.database.read() as connection:
        dead = outbox.dead_letters(connection)
        waiting = outbox.waiting(connection)
    for row_id, lane, reason in dead[:5]:
        yield Finding(
            "warning",
            f"Message {row_id} for {lane} was not delivered: {reason}",
            "It is kept; mend the cause.",
        )
    if len(dead) > 5:
        yield Finding("warning", f"and {len(dead) - 5} more were not delivered.")
    if not dead:
        yield Finding("ok", f"Deliveries: none failed, {waiting} waiting.")


def _actuators(start: Start) -> Iterator[Finding]:
    from bot.actuators.making import make_actuators
    from storage import actuations

    async def check() -> list[tuple[str, str | None]]:
        made = make_actuators(start.loaded.policy)
        found = []
        for name, actuator in made.items():
            try:
                found.append((name, await actuator.check()))
            except Exception as error:  # whatever a library of theirs raises
                found.append((name, f"It failed: {error!r}"[:300]))
            await actuator.close()
        return found

    trial = {a.name for a in start.loaded.policy.actuators if a.dry_run}
    for name, wrong in asyncio.run(check()):
        if name in trial:
            yield Finding("ok", f"The actuator {name} is a dry run: it says what it would do.")
        elif wrong is None:
            yield Finding("ok", f"The actuator {name} is ready.")
        else:
            yield Finding("warning", f"The actuator {name} is not ready.", wrong)
    with start.database.read() as connection:
        failed = actuations.failed(connection)
        orphans = {r.actuator for r in actuations.open_orders(connection)}
    for row in failed[:5]:
        what = f"{row.actuator} gave up an order ({row.operation}): {row.said}"
        yield Finding("warning", what, "Press Try again on the sandbox's card when it is mended.")
    for name in sorted(orphans - {a.name for a in start.loaded.policy.actuators}):
        what = f"Orders wait for the actuator {name}, which the policy no longer has."
        yield Finding("warning", what, "Put it back into the policy, or close the sandbox.")


def _slack(start: Start) -> Iterator[Finding]:
    if start.settings.slack is None:
        if start.settings.teams is None:
            yield Finding(
                "ok",
                "Neither Slack nor Microsoft Teams is set up; the local console is served instead.",
            )
        return
    from bot.slack.doctor import check_slack

    for state, what, mend in asyncio.run(
        check_slack(start.settings.slack, start.loaded, start.database)
    ):
        yield Finding(state, what, mend)


def _teams(start: Start) -> Iterator[Finding]:
    if start.settings.teams is None:
        return
    from bot.teams.doctor import check_teams

    for state, what, mend in asyncio.run(
        check_teams(start.settings.teams, start.loaded, start.database)
    ):
        yield Finding(state, what, mend)
