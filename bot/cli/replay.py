"""``sandrail replay``: what a changed policy would have done on history, against the policy of now."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.start import err, fail, out, policy, started

if TYPE_CHECKING:
    from guardrails.replay import AlertChange, Report

MOST = 20  # lines of each kind; --json has all


def replay_command(
    new: Annotated[Path, typer.Argument(metavar="NEW.yaml", help="the changed policy")],
    since: Annotated[str, typer.Option(help="how far back: 90d, 12w")] = "90d",
    config: Annotated[
        Path | None, typer.Option(help="the policy of now; SANDRAIL_CONFIG or app.yaml")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the whole report as JSON")] = False,
) -> None:
    """Run a changed policy over stored history and show what would have been different."""
    from handlers.replay.run import replay
    from storage.budgets import NoRate
    from storage.series import MissingRateError, bill_days

    days = _days(since)
    changed = policy(new)
    with started(config) as start:
        with start.database.read() as connection:
            covered = bill_days(connection)
        if covered is None:
            raise fail("No bill has been read yet: run sandrail ingest first.")
        last = covered[1]
        first = max(covered[0], last - timedelta(days=days - 1))

        def progress(what: str, share: float) -> None:
            if err.is_terminal:
                err.print(f"{what}: {share:.0%}", end="\r", markup=False)

        try:
            report = replay(start.database, start.loaded, changed, first, last, progress)
        except (MissingRateError, NoRate) as error:
            raise fail(str(error)) from None
        currency = start.loaded.policy.workspace.currency
    if as_json:
        from pydantic import TypeAdapter

        from guardrails.replay import Report

        typer.echo(TypeAdapter(Report).dump_json(report, indent=1).decode())
        return
    _show(report, currency)


def _days(text: str) -> int:
    found = re.fullmatch(r"(\d{1,4})([dw])", text.strip())
    if found is None or not int(found[1]):
        sentence = f"“{text}” is no length of time; write it as 90d or 12w."
        raise typer.BadParameter(sentence, param_hint="--since")
    return int(found[1]) * (7 if found[2] == "w" else 1)


def _show(report: "Report", currency: str) -> None:
    from rich.table import Table

    from guardrails.money import Money

    if report.first > report.last:
        out.print(f"No alert was told before {report.first}, so there is none to replay yet.")
    else:
        out.print(f"Replayed {report.first} to {report.last}.", markup=False)
        if report.reproduced is not None:
            said = report.reproduced
            all_of = said.kept + len(said.gone) + len(said.moved)
            out.print(f"The policy of now gives {said.kept} of the {all_of} recorded alerts again.")
        _alerts(report.alerts)
    changed = [d for d in report.decided if d.differs]
    table = Table("Requests on the ladder", "now", "new")
    names = dict(report.before.by_rung) | dict(report.after.by_rung)
    for name in sorted(names):
        counts = (dict(s.by_rung).get(name, 0) for s in (report.before, report.after))
        table.add_row(f"decided on {name}", *map(str, counts))
    sides = (report.before, report.after)
    table.add_row("words needed", *(str(s.words) for s in sides))
    table.add_row("working hours to decide, at most", *(f"{s.hours:f}" for s in sides))
    table.add_row(
        "granted where an engineer's word suffices", *(str(Money(s.alone, currency)) for s in sides)
    )
    if report.decided:
        out.print(table)
    for one in changed[:MOST]:
        what = f"{one.request.day} {one.request.subject}, {Money(one.request.amount, currency)}"
        out.print(f"{what}: {one.before.rung} → {one.after.rung}", markup=False, soft_wrap=True)
    if len(changed) > MOST:
        out.print(f"and {len(changed) - MOST} more; --json has all.", markup=False)
    if not report.differs:
        out.print("Nothing would have been different.")
    if report.not_replayed:
        names_of = ", ".join(report.not_replayed)
        out.print(f"Also changed, but not replayed: {names_of}.", markup=False, soft_wrap=True)


def _alerts(change: "AlertChange") -> None:
    counts = f"{len(change.new)} new, {len(change.gone)} gone, {len(change.moved)} moved"
    out.print(f"Alerts: {change.kept} the same, {counts}.", markup=False)
    lines = [f"new   {a.told_on} {a.signal} {a.scope} to {_to(a.channels)}" for a in change.new]
    lines += [f"gone  {a.told_on} {a.signal} {a.scope} to {_to(a.channels)}" for a in change.gone]
    lines += [
        f"moved {m.before.told_on} {m.before.signal} {m.before.scope}: {_to(m.before.channels)} → "
        f"{_to(m.after.channels)}"
        + (f" on {m.after.told_on}" if m.after.told_on != m.before.told_on else "")
        for m in change.moved
    ]
    for line in lines[:MOST]:
        out.print(line, markup=False, soft_wrap=True)
    if len(lines) > MOST:
        out.print(f"and {len(lines) - MOST} more; --json has all.", markup=False)


def _to(channels: tuple[str, ...]) -> str:
    return ", ".join(f"#{c}" for c in channels)
