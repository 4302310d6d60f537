"""``/spend why``: what changed, by the cut of the bill that explains most, and what happened meanwhile."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from guardrails.contributions import (
    Part,
    explains_most,
    leaders,
    parts_of,
    shown_to,
    whole_of,
)
from guardrails.lists import every
from guardrails.periods import Period
from guardrails.unit_economics import Effects, Used, effects, exactly
from handlers.ask.days import Compared, earlier, noted, on, with_before
from handlers.ask.meanwhile import meanwhile
from handlers.ask.saying import (
    as_shown,
    by,
    change_table,
    money,
    moved,
    name_of,
    rows_of,
    share,
    signed,
    waterfall_of,
)
from handlers.ask.subjects import Names, Subject, also, called, find, namesake, one, read, usual
from handlers.conversation import (
    Block,
    Code,
    Fact,
    Facts,
    Interaction,
    Message,
    Paragraph,
    Private,
    Small,
    Span,
    Strong,
    said,
    text,
)
from handlers.router import command
from handlers.turn import Turn
from storage import spend
from storage.spend import Key

#: Below this share a sum is said to be about the same.
SAME = Decimal("0.005")
#: The cuts of what is asked about, in the order in which they are preferred where they explain alike.
_OF_ALL: tuple[Key, ...] = ("experiment", "feature", "team", "service", "sku")
_INSIDE: tuple[Key, ...] = ("experiment", "sku", "service", "workload", "account", "region")
_INSIDE_EXPERIMENT: tuple[Key, ...] = (
    "sku",
    "service",
    "workload",
    "region",
    "account",
    "resource",
    "stage",
)
#: Price and volume are said where at least so much of the money has a quantity.
MEASURED = Decimal("0.5")


@command(
    "spend why",
    permission="spend.read",
    does="why spend changed: what of it, more use or higher prices, what was decided",
    usage="[NAME] [last 30d]",
    example="/spend why {experiment} last week",
    looks=True,
)
def show_why(turn: Turn, it: Interaction) -> Private:
    """Against as many days before."""
    names = Names(turn)
    period, name = read(names, it.inputs.get("text", ""))
    subject = find(names, name)
    days = with_before(turn, usual(turn, period))
    if isinstance(days, str):
        return Private(message=said(days))
    message = why(turn, subject, days)
    return Private(message=message if name else also(message, namesake(names, "why")))


def why(turn: Turn, subject: Subject, days: Compared) -> Message:
    """The finding in words, then the waterfall, its table, price and volume, and what happened meanwhile."""
    found = cuts(turn, subject, days)
    if not any(p.now or p.before for parts in found.values() for p in parts):
        return said(
            f"Nothing was spent on {subject.name} {on(turn, days.now)}, nor in {earlier(turn, days)}."
        )
    key = explains_most(found)
    parts = found[key]
    rows = rows_of(parts)
    finding = _finding(turn, subject, days, key, parts, as_shown(turn, rows)[0])
    blocks: list[Block] = [
        Paragraph(text=text(Strong(text=finding))),
        *waterfall_of(
            f"What changed: {subject.name} by {called(key)}",
            key,
            rows,
            ("Before", "Now"),
            turn.policy.workspace.currency,
        ),
        change_table(turn, key, rows),
        *_price_and_volume(turn, subject, days),
        *meanwhile(turn, subject, days.now),
        *noted(days.notes),
        _further(subject, days, key, parts),
    ]
    return Message(summary=finding, blocks=tuple(blocks))


def _ways(subject: Subject) -> tuple[Key, ...]:
    ways = _OF_ALL
    if "experiment" in subject.parts:
        ways = _INSIDE_EXPERIMENT
    elif subject.parts:
        ways = _INSIDE
    return tuple(way for way in ways if way not in subject.parts)


def cuts(turn: Turn, subject: Subject, days: Compared) -> dict[Key, tuple[Part, ...]]:
    """The spend of both periods, cut in each way that makes sense for the subject."""
    ways = _ways(subject)
    before, now = (cut(turn, subject, period, ways) for period in (days.before, days.now))
    return {way: parts_of(before[way], now[way]) for way in ways}


def cut(
    turn: Turn, subject: Subject, period: Period, ways: Sequence[Key]
) -> dict[Key, dict[str, Decimal]]:
    """The spend of a period, cut in each of these ways; one look at the bill."""
    return spend.each_by(turn.connection, turn.policy, period, *ways, only=subject.parts)


def _finding(
    turn: Turn,
    subject: Subject,
    days: Compared,
    key: Key,
    parts: Sequence[Part],
    shown: Sequence[Part],
) -> str:
    """What changed by how much, and mostly because of what; in the numbers that are ``shown``."""
    whole = whole_of(shown)
    begins = f"{subject.title} came to {money(turn, whole.now)} {on(turn, days.now)}"
    before = earlier(turn, days)
    if not whole.before:
        return f"{begins}; nothing was spent in {before}."
    if abs(whole.change) < SAME * abs(whole.before):
        return f"{begins}, about as much as in {before} ({signed(turn, whole.change)})."
    more = "more" if whole.change > 0 else "less"
    much = f"{money(turn, abs(whole.change))} {more} than in {before} ({moved(whole)})"
    changes = {p.name: p.change for p in shown}
    return f"{begins}, {much}. {_mostly(turn, key, parts, changes)}"


def _mostly(turn: Turn, key: Key, parts: Sequence[Part], changes: Mapping[str, Decimal]) -> str:
    found = leaders(parts)
    all_of_it = whole_of(parts).change
    label = called(key)
    if not found:
        return f"No few {label}s explain it: many changed a little."
    names = [f"{name_of(p, key)} {signed(turn, changes.get(p.name, p.change))}" for p in found]
    explained = whole_of(found).change / all_of_it
    if explained > Decimal("1.005"):
        part = "more than all of it, others went the other way"
    else:
        part = f"{share(explained, Decimal(1))} of it"
    what = f"{label} " if found[0].name else ""
    return f"Mostly {what}{every(names)}: {part}."


def price_and_volume(turn: Turn, subject: Subject, days: Compared) -> Effects | None:
    """How much of the change is volume and how much price, SKU by SKU; None where most has no quantity."""
    before, now = (
        spend.used_by(turn.connection, turn.policy, period, subject.parts)
        for period in (days.before, days.now)
    )
    nothing = Used(Decimal(0), Decimal(0))
    volume = price = unmeasured = measured = money_in = Decimal(0)
    for part in {*before, *now}:
        old, new = before.get(part, nothing), now.get(part, nothing)
        found = effects({"": old}, {"": new})  # one thing with one price: there is no mix
        volume, price = volume + found.volume + found.mix, price + found.price
        unmeasured += found.unmeasured
        money_in += abs(old.cost) + abs(new.cost)
        measured += sum(abs(used.cost) for used in (old, new) if used.units > 0)
    if not money_in or measured < MEASURED * money_in:
        return None
    return Effects(volume, price, Decimal(0), unmeasured)


def _price_and_volume(turn: Turn, subject: Subject, days: Compared) -> list[Block]:
    found = price_and_volume(turn, subject, days)
    if found is None or not found.total:
        return []
    step = shown_to(max(abs(found.volume), abs(found.price)), turn.policy.workspace.currency)
    amounts = exactly((found.volume, found.price, found.unmeasured), found.total, step)
    names = ("Volume", "Price", "Without a quantity")
    facts = tuple(
        Fact(label=name, value=text(by(turn, amount, step)))
        for name, amount in zip(names, amounts, strict=True)
        if amount or name != names[2]
    )
    what = (
        "Volume: more or less was used, at the old price. Price: the same SKU is dearer or cheaper."
    )
    return [Facts(facts=facts), Small(text=text(what))]


def _further(subject: Subject, days: Compared, key: Key, parts: Sequence[Part]) -> Block:
    """How to look into the part that changed most, and at all of it."""
    spans: list[str | Span] = ["Look further: "]
    first = next((p for p in parts if p.name and p.change), None)
    if first is not None and (not subject.parts or key == "experiment"):
        spans += [Code(text=f"/spend why {one(key, first.name).typed} {days.asked}"), " · "]
    spans.append(Code(text=" ".join(f"/spend {subject.typed} {days.asked}".split())))
    return Small(text=text(*spans))
