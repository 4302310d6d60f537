"""The money in a digest: cost report with its movers, shadow spend and coverage, budgets and their runway."""

from decimal import Decimal

from guardrails.alerts import words
from guardrails.council import Mover, movers
from guardrails.money import Money
from guardrails.policy.bills import Dimension
from handlers.alerts.record import found_of
from handlers.budgets import message as budget_words
from handlers.budgets.standing import standings
from handlers.conversation import Block, Items, Paragraph, Small, Span, Strong, Table, text
from handlers.council.frame import Frame, Part
from storage import council_week, coverage, spend

MOVERS, SHOWN = 5, 8
_BY: Dimension = "experiment"


def money(frame: Frame, amount: Decimal) -> str:
    """In the workspace's currency: whole units from 100 on."""
    return str(Money(amount, frame.turn.policy.workspace.currency))


def signed(frame: Frame, amount: Decimal) -> str:
    """``+$800``, ``−$20``."""
    return f"{'+' if amount >= 0 else '−'}{money(frame, abs(amount))}"


def change(frame: Frame, now: Decimal, before: Decimal) -> str:
    """``+8 % (+$914)``; without a share where there was nothing before."""
    if now == before:
        return "as much as the week before"
    if before <= 0:
        return f"{signed(frame, now - before)}, nothing the week before"
    share = float((now - before) / before)
    sign = "+" if share >= 0 else "−"
    return f"{sign}{words.percent(abs(share))} ({signed(frame, now - before)})"


def counted(*counts: tuple[int, str]) -> str:
    """``2 waiting, 1 granted``; what there is none of is left out."""
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def costs(frame: Frame) -> Part | None:
    """The week's spend and what changed most, and why; None while no day of it is complete."""
    if frame.period is None or frame.earlier is None:
        return None
    c, policy = frame.turn.connection, frame.turn.policy
    now = spend.totals(c, policy, frame.period, _BY)
    before = spend.totals(c, policy, frame.earlier, _BY)
    total, earlier = sum(now.values(), Decimal(0)), sum(before.values(), Decimal(0))
    if not total and not earlier:
        return None
    found, rest = movers(before, now, MOVERS)
    rows = [_row(frame, m) for m in found]
    if rest.now or rest.before:
        rows.append(_row(frame, rest))
    rows.append(_row(frame, Mover("All", earlier, total)))
    period = frame.period
    days = f"{words.day(period.first)} to {words.day(period.last)}"
    short = (
        ""
        if period.days == 7
        else f", {period.days} complete {'day' if period.days == 1 else 'days'}"
    )
    blocks: list[Block] = [
        Paragraph(text=text(f"{days}{short}, against the same days a week before.")),
        Table(header=("Experiment", "Spend", "Before", "Change"), rows=tuple(rows), align="lrrr"),
    ]
    whys = [(m, w) for m in found if (w := _why(frame, m))]
    if whys:
        lines = tuple(text(Strong(text=_name(m)), f" {w}") for m, w in whys)
        blocks.append(Items(title="Why", items=lines))
    said = f" was spent from {days}{short}: {change(frame, total, earlier)}."
    line: list[str | Span] = [Strong(text=money(frame, total)), said]
    if found:
        line.append(f" Most: {_name(found[0])} {signed(frame, found[0].change)}.")
    loud = abs(total - earlier) * 100 > earlier * frame.rules.quiet_percent
    return Part("cost", "Cost report", tuple(blocks), text(*line), loud)


def _row(frame: Frame, m: Mover) -> tuple[str, str, str, str]:
    return (_name(m), money(frame, m.now), money(frame, m.before), signed(frame, m.change))


def _name(m: Mover) -> str:
    return m.name or "not allocated"


def _why(frame: Frame, m: Mover) -> str:
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
            said.append(f"{what} {signed(frame, most)}")
    for row in council_week.anomalies_opened(c, frame.since, frame.until):
        if row.scope == f"{_BY}:{m.name}" and row.signal == "spend":
            said.append(f"an anomaly: {row.cause or row.reason or row.state}")
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
    rows = tuple(
        (s.service, s.account, money(frame, s.money), s.likely_owner or "not known")
        for s in found[:SHOWN]
    )
    blocks: list[Block] = [
        Paragraph(
            text=text(
                f"{words.percent(1 - shares.share_unallocated)} of all spend is allocated: "
                f"{words.percent(shares.share_by_tags)} by tags, "
                f"{words.percent(shares.share_by_rules)} by rules, "
                f"{words.percent(shares.share_by_splits)} shared."
            )
        ),
        Table(header=("Service", "Account", "Spend", "Likely owner"), rows=rows, align="llrl"),
    ]
    if len(found) > SHOWN:
        rest = sum((s.money for s in found[SHOWN:]), Decimal(0))
        blocks.append(Small(text=text(f"and {len(found) - SHOWN} more: {money(frame, rest)}")))
    line = text(f"{money(frame, total)} of AI spend is unclaimed.")
    return Part("shadow", "Shadow spend and coverage", tuple(blocks), line, loud=False)


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
    blocks: list[Block] = [Table(header=header, rows=rows, align="lrrrl")]
    if len(found) > SHOWN:
        blocks.append(Small(text=text(f"and {len(found) - SHOWN} more, which have more room")))
    blocks += budget_words.notes(turn, found[:SHOWN])
    over = [s for s in found if s.is_over]
    already = sum(s.burn.billed > s.limit for s in over)
    more = f"; {already} {'is' if already == 1 else 'are'} already over" if already else ""
    line = text(f"{_budgets(len(over))} by the forecast{more}.") if over else ()
    return Part("forecast", "Forecast against budgets", tuple(blocks), line, bool(over))


def _budgets(count: int) -> str:
    return (
        "1 budget needs more than its limit"
        if count == 1
        else f"{count} budgets need more than their limits"
    )


def anomalies(frame: Frame) -> Part | None:
    """What was found, what was closed with its cause, what is open; None when there is nothing."""
    c, policy = frame.turn.connection, frame.turn.policy
    opened = council_week.anomalies_opened(c, frame.since, frame.until)
    closed = council_week.anomalies_closed(c, frame.since, frame.until)
    still = council_week.anomalies_open(c, frame.until)
    if not (opened or closed or still):
        return None
    blocks: list[Block] = []
    if still:
        lines = [
            text(Strong(text=r.severity.capitalize()), f" {words.headline(found_of(r))}")
            for r in still[:SHOWN]
        ]
        if len(still) > SHOWN:
            lines.append(text(f"and {len(still) - SHOWN} more"))
        blocks.append(Items(title="Open", items=tuple(lines)))
    if closed:
        zone = policy.workspace.zone
        lines = [
            text(
                Strong(text=words.what(found_of(r))),
                f" {_SAID[r.state]} by {r.decided_by.partition(' <')[0] or 'nobody'}, "
                f"{words.day(r.decided_at.astimezone(zone).date())}: "
                f"{r.cause or r.reason or 'no cause was said'}",
            )
            for r in closed[:SHOWN]
        ]
        if len(closed) > SHOWN:
            lines.append(text(f"and {len(closed) - SHOWN} more"))
        blocks.append(Items(title="Closed", items=tuple(lines)))
    counts = counted((len(opened), "found"), (len(closed), "closed"), (len(still), "open"))
    return Part("anomalies", f"Anomalies: {counts}", tuple(blocks), text(f"Anomalies: {counts}."))


_SAID = {
    "resolved": "resolved",
    "expected": "called expected",
    "false-alarm": "called a false alarm",
}
