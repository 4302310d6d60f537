"""The money in a digest: cost report with its movers, shadow spend and coverage, budgets and their runway."""

from collections.abc import Sequence
from decimal import Decimal

from guardrails import amounts
from guardrails.alerts import words
from guardrails.budgets import Standing
from guardrails.contributions import Part as Cut
from guardrails.contributions import parts_of, shown_to, whole_of
from guardrails.lists import every
from guardrails.money import Money
from guardrails.policy.bills import Dimension
from guardrails.policy.budgets import Term
from guardrails.unit_economics import exactly
from handlers.alerts.record import found_of, state_said
from handlers.ask.saying import as_shown, by, change_table, exact, moved, name_of, rows_of
from handlers.budgets import message as budget_words
from handlers.budgets.standing import standings
from handlers.conversation import Block, Items, Paragraph, Small, Span, Strong, Table, Text, text
from handlers.council.frame import Frame, Part
from storage import council_week, coverage, spend
from storage.anomalies import AnomalyRow
from storage.coverage import Coverage

MOVERS, SHOWN = 5, 8
_BY: Dimension = "experiment"


def money(frame: Frame, amount: Decimal) -> str:
    """In the workspace's currency: whole units from 100 on."""
    return amounts.money(amount, frame.turn.policy.workspace.currency)


def counted(*counts: tuple[int, str]) -> str:
    """``2 waiting, 1 granted``; what there is none of is left out."""
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def items(title: str, lines: list[Text]) -> Block:
    """A list that says how many it leaves out."""
    shown = lines[:SHOWN]
    if len(lines) > SHOWN:
        shown.append(text(f"and {len(lines) - SHOWN} more"))
    return Items(title=title, items=tuple(shown))


def costs(frame: Frame) -> Part | None:
    """The week's spend and what changed most, and why; None while no day of it is complete."""
    if frame.period is None or frame.earlier is None:
        return None
    c, policy = frame.turn.connection, frame.turn.policy
    parts = parts_of(
        spend.totals(c, policy, frame.earlier, _BY), spend.totals(c, policy, frame.period, _BY)
    )
    exact_whole = whole_of(parts)
    if not exact_whole.now and not exact_whole.before:
        return None
    rows = rows_of(parts)
    shown, step = as_shown(frame.turn, rows)
    whole = whole_of(shown)
    period = frame.period
    days = f"{words.day(period.first)} to {words.day(period.last)}"
    whole_days = "1 complete day" if period.days == 1 else f"{period.days} complete days"
    short = "" if period.days == 7 else f", {whole_days}"
    blocks: list[Block] = [
        Paragraph(text=text(f"{days}{short}, against the same days a week before.")),
        change_table(frame.turn, _BY, rows, ("Spend", "Before", "Change")),
    ]
    movers = [p for p in parts if p.change][:MOVERS]
    whys = [(p, w) for p in movers if (w := _why(frame, p, step))]
    if whys:
        lines = tuple(text(Strong(text=name_of(p, _BY)), f": {w}") for p, w in whys)
        blocks.append(Items(title="Why", items=lines))
    said = f" was spent from {days}{short}: {_change(frame, exact_whole, whole, step)}."
    line: list[str | Span] = [Strong(text=exact(frame.turn, whole.now, step)), said]
    if shown[0].change:
        line.append(f" Most: {name_of(shown[0], _BY)} {by(frame.turn, shown[0].change, step)}.")
    loud = abs(exact_whole.change) * 100 > exact_whole.before * frame.rules.quiet_percent
    return Part("cost", "Cost report", tuple(blocks), text(*line), loud)


def _change(frame: Frame, exact_whole: Cut, whole: Cut, step: Decimal) -> str:
    """``+8 % (+$914)``; without a share where there was nothing before. The amount is as the table says it."""
    if not whole.change:
        return "as much as the week before"
    amount = by(frame.turn, whole.change, step)
    if whole.before <= 0:
        return f"{amount}, nothing the week before"
    share = moved(exact_whole)
    return f"{share} ({amount})" if share[0] in "+−" else amount


def _why(frame: Frame, m: Cut, step: Decimal) -> str:
    """What of the bill changed most, and what people said of an anomaly of it."""
    if frame.period is None or frame.earlier is None:
        return ""
    c, policy = frame.turn.connection, frame.turn.policy
    now = council_week.parts_of(c, policy, _BY, m.name, frame.period)
    before = council_week.parts_of(c, policy, _BY, m.name, frame.earlier)
    changes = {k: now.get(k, Decimal(0)) - before.get(k, Decimal(0)) for k in {*now, *before}}
    same = {k: v for k, v in changes.items() if v and (v > 0) == (m.change > 0)}
    said: list[str] = []
    if not before:
        said.append("new this week")
    elif not now:
        said.append("nothing was spent any more")
    if same:
        (service, sku), most = min(same.items(), key=lambda item: (-abs(item[1]), item[0]))
        what = " ".join(dict.fromkeys(w for w in (service, sku) if w))
        if what:
            said.append(f"{what} {by(frame.turn, most.quantize(step), step)}")
    alike = (f"{_BY}:{m.name}", "spend", "up" if m.change > 0 else "down")
    for row in council_week.anomalies_opened(c, frame.since, frame.until):
        if row.channels and (row.scope, row.signal, row.direction) == alike:
            said.append(f"an anomaly, {_stands(row)}")
            break
    return "; ".join(said)


def shadow(frame: Frame) -> Part | None:
    """AI spend that nobody has claimed, and how much of all is allocated; None when there is none."""
    if frame.period is None:
        return None
    c, policy, period = frame.turn.connection, frame.turn.policy, frame.period
    found = coverage.shadow_spend(c, policy, period.first, period.last)
    if not found:
        return None
    total = sum((s.money for s in found), Decimal(0))
    shares = coverage.coverage(c, policy, period.first, period.last)
    rest = sum((s.money for s in found[SHOWN:]), Decimal(0))
    step = shown_to(total, policy.workspace.currency)
    amounts = exactly([*(s.money for s in found[:SHOWN]), rest], total, step)
    rows = tuple(
        (s.service, s.account, exact(frame.turn, amount, step), s.likely_owner or "not known")
        for s, amount in zip(found[:SHOWN], amounts, strict=False)
    )
    blocks: list[Block] = [
        Paragraph(text=text(allocated(shares))),
        Table(header=("Service", "Account", "Spend", "Likely owner"), rows=rows, align="llrl"),
    ]
    if len(found) > SHOWN:
        more = exact(frame.turn, amounts[-1], step)
        blocks.append(Small(text=text(f"and {len(found) - SHOWN} more: {more}")))
    line = text(f"{exact(frame.turn, sum(amounts, Decimal(0)), step)} of AI spend is unclaimed.")
    return Part("shadow", "Shadow spend and coverage", tuple(blocks), line, loud=False)


def allocated(shares: Coverage) -> str:
    """How much of all spend is allocated, and by which ways; these add up as they are shown."""
    ways = ("by tags", "by rules", "shared")
    shares_of = (shares.share_by_tags, shares.share_by_rules, shares.share_by_splits)
    points = [Decimal(share) * 100 for share in shares_of]
    shown = exactly(points, sum(points, Decimal(0)), Decimal(1))
    how = every([f"{n} % {way}" for n, way in zip(shown, ways, strict=True) if n])
    return f"{sum(shown)} % of all spend is allocated: {how}." if how else "No spend is allocated."


def forecast(frame: Frame) -> Part | None:
    """Budgets by what their forecast leaves, the tightest first; None without any."""
    turn = frame.turn
    found = sorted(
        standings(turn), key=lambda s: (s.room / s.limit if s.limit else s.room, s.budget.name)
    )
    if not found:
        return None
    currency = turn.policy.workspace.currency
    rows = tuple(
        (
            s.budget.name,
            budget_words.spent(s, currency),
            Money(s.limit, currency).in_full(),
            budget_words.share(s.forecast_share),
            words.day(s.burn.exhausted_on)
            if s.burn.exhausted_on is not None and s.burn.exhausted_on <= s.span.last
            else "to its end",
        )
        for s in found[:SHOWN]
    )
    header = ("Budget", "Spent", "Limit", "Forecast", "Lasts until")
    blocks: list[Block] = [
        Paragraph(text=text(_periods(found))),
        Table(header=header, rows=rows, align="lrrrl"),
    ]
    if len(found) > SHOWN:
        blocks.append(Small(text=text(f"and {len(found) - SHOWN} more, which have more room")))
    blocks += budget_words.notes(turn, found[:SHOWN])
    over = [s for s in found if s.is_over]
    already = sum(s.burn.billed > s.limit for s in over)
    more = f"; {already} {'is' if already == 1 else 'are'} already over" if already else ""
    line = text(f"{_budgets(len(over))} by the forecast{more}.") if over else ()
    return Part("forecast", "Forecast against budgets", tuple(blocks), line, bool(over))


def _periods(found: Sequence[Standing]) -> str:
    """Which periods the budgets are of: ``For December 2026 and Q4 2026.``"""
    ordered = sorted(found, key=lambda s: (s.span.last, s.span.first))
    terms = [s for s in ordered if isinstance(s.budget.period, Term)]
    named = every(list(dict.fromkeys(budget_words.period(s) for s in ordered if s not in terms)))
    if not named:
        return "Each for the whole of its term."
    return f"For {named}{'; what has a term of its own, for the whole of it' if terms else ''}."


def _budgets(count: int) -> str:
    return (
        "1 budget needs more than its limit"
        if count == 1
        else f"{count} budgets need more than their limits"
    )


def anomalies(frame: Frame) -> Part | None:
    """What was told, what was closed with its cause, what is open; None when there is nothing.

    What was over before it was found was only recorded: nobody was told, so nobody is asked about it.
    """
    c, policy = frame.turn.connection, frame.turn.policy
    opened = council_week.anomalies_opened(c, frame.since, frame.until)
    told = [r for r in opened if r.channels]
    over = [r for r in told if r.state in _GOES_ON and r.ended_on is not None]
    closed = council_week.anomalies_closed(c, frame.since, frame.until)
    still = council_week.anomalies_open(c, frame.until)
    if not (opened or closed or still):
        return None
    blocks: list[Block] = []
    for title, rows in (("Open", still), ("Over, and nobody has said why", over)):
        if rows:
            lines = [
                text(Strong(text=f"{r.severity.capitalize()}:"), f" {words.headline(found_of(r))}")
                for r in rows
            ]
            blocks.append(items(title, lines))
    if closed:
        zone = policy.workspace.zone
        lines = [
            text(
                Strong(text=words.what(found_of(r))),
                f" {state_said(r)} by {r.decided_by.partition(' <')[0] or 'nobody'}, "
                f"{words.day(r.decided_at.astimezone(zone).date())}{_because(r)}",
            )
            for r in closed
        ]
        blocks.append(items("Closed", lines))
    recorded = len(opened) - len(told)
    if recorded:
        many = "1 more was" if recorded == 1 else f"{recorded} more were"
        said = f"{many} found in earlier days of the bill and had ended by then; nobody was told."
        blocks.append(Small(text=text(said)))
    counts = counted(
        (len(told), "told"),
        (len(closed), "closed"),
        (len(over), "over without a cause"),
        (len(still), "open"),
        (recorded, "only recorded"),
    )
    loud = bool(told or closed or still)
    line = text(f"Anomalies: {counts}.")
    return Part("anomalies", f"Anomalies: {counts}", tuple(blocks), line, loud)


_GOES_ON = ("open", "investigating")


def _stands(row: AnomalyRow) -> str:
    """What was said of an anomaly, in words: ``resolved: Runaway job or loop``."""
    return f"{state_said(row)}{_because(row)}"


def _because(row: AnomalyRow) -> str:
    """``: Runaway job or loop``; empty where none was said."""
    why = row.cause or row.reason
    return f": {why}" if why else ""
