"""Allocation: each kind of charge gets its dimensions by tags, then by the first rule that sets them,
and AI that is still nobody's by the first claim of it."""

from collections.abc import Sequence
from typing import Any

from guardrails.policy.bills import DIMENSIONS, FACETS, Allocation, Bill, Facet
from guardrails.policy.model import Policy
from guardrails.shadow import Claimed
from storage.bills.charges import FACET_COLUMNS, RAW, facet_columns
from storage.bills.conditions import holds
from storage.bills.tags import dimension_from_tags, tag_value

#: A charge is allocated when one of these is known: then somebody answers for it.
CLAIMING = ("experiment", "team", "feature")

#: What a rollup row says beside time, currency, money and quantity.
PLACE = (
    *DIMENSIONS,
    "allocated_by",
    "shared",
    *FACETS,
    "category",
    "is_ai",
    "is_gpu",
    "unit",
)


def allocate(
    kinds: Any,
    bill: Bill,
    policy: Policy,
    places: dict[str, list[int]],
    claims: Sequence[Claimed] = (),
) -> Any:
    """The expression: ``kind`` and the columns of :data:`PLACE` for each kind of charge.

    ``kinds`` has cleaned text and ``tag_list``. ``allocated_by`` is ``tags`` when no rule had to fill
    experiment, team or feature, ``rules`` when one or a claim did, ``none`` when all three are unknown.
    ``shared`` is the name of the first shared cost that the charge belongs to, else empty.
    """
    import ibis

    def column(name: str) -> Any | None:
        return kinds[RAW + name] if RAW + name in kinds.columns else None

    def tag(key: str) -> Any | None:
        return tag_value(kinds, places, [key])

    rules = policy.allocation.rules
    dimensions: dict[str, Any] = {}
    ruled: list[Any] = []
    holding = [holds(rule.when, column, tag) for rule in rules]
    for name in DIMENSIONS:
        by_tag = dimension_from_tags(kinds, places, policy.tags.get(name))
        settings = [
            (holding[i], rule.set[name]) for i, rule in enumerate(rules) if name in rule.set
        ]
        by_rule = ibis.cases(*settings, else_=None) if settings else ibis.null("string")
        dimensions[name] = ibis.coalesce(by_tag, by_rule, "")
        if name in CLAIMING:
            ruled.append(by_tag.isnull() & by_rule.notnull())
    known = ibis.or_(*(dimensions[name] != "" for name in CLAIMING))
    said: dict[str, Any] = {
        **dimensions,
        "allocated_by": ibis.cases((~known, "none"), (ibis.or_(*ruled), "rules"), else_="tags"),
        "shared": _first_shared(policy.allocation, column, tag),
        **{name: _facet(kinds, bill, name) for name in FACETS if name != "sku"},
        "sku": _sku(kinds),
        "category": _text(kinds, "ChargeCategory"),
        "is_ai": holds(policy.ai.services, column, tag),
        "is_gpu": holds(policy.ai.gpu, column, tag),
        "unit": _text(kinds, "ConsumedUnit"),
    }
    placed = kinds.select(kind=kinds.kind, **{name: said[name] for name in PLACE})
    return _claimed(placed, claims) if claims else placed


def _claimed(placed: Any, claims: Sequence[Claimed]) -> Any:
    """With the claims: the first of an account and service fills what is empty, where nobody answers for AI.

    Shared costs are left alone: they are split, and a claim of them would go to every part.
    """
    import ibis

    free = (placed.allocated_by == "none") & (placed.is_ai | placed.is_gpu) & (placed.shared == "")
    first = {(c.account, c.service): c for c in reversed(claims)}
    mine = [
        (free & (placed.account == c.account) & (placed.service == c.service), dict(c.sets))
        for c in first.values()
        if any(name in CLAIMING for name, _ in c.sets)
    ]
    if not mine:
        return placed
    changed: dict[str, Any] = {}
    for name in DIMENSIONS:
        cases = [
            (holds_now & (placed[name] == ""), sets[name])
            for holds_now, sets in mine
            if name in sets
        ]
        if cases:
            changed[name] = ibis.cases(*cases, else_=placed[name])
    taken = ibis.or_(*(holds_now for holds_now, _ in mine))
    changed["allocated_by"] = ibis.ifelse(taken, "rules", placed.allocated_by)
    return placed.mutate(**changed)


def _first_shared(allocation: Allocation, column: Any, tag: Any) -> Any:
    import ibis

    cases = [(holds(shared.when, column, tag), shared.name) for shared in allocation.shared]
    return ibis.cases(*cases, else_="") if cases else ibis.literal("")


def _facet(kinds: Any, bill: Bill, facet: Facet) -> Any:
    import ibis

    have = {name.removeprefix(RAW) for name in kinds.columns if name.startswith(RAW)}
    known = [kinds[RAW + name] for name in facet_columns(facet, have)]
    return ibis.coalesce(*known, "") if facet in bill.detail and known else ibis.literal("")


def _text(kinds: Any, focus: str) -> Any:
    import ibis

    return kinds[RAW + focus].fill_null("") if RAW + focus in kinds.columns else ibis.literal("")


def _sku(kinds: Any) -> Any:
    """What a person recognises: an id in words (``claude-opus-input``), else the meter, else the
    description, else the id as it is (``G95FST5FTYV3JSRX``)."""
    import ibis

    if "sku_text" not in kinds.columns:
        return ibis.literal("")
    have = {name: kinds[RAW + name] for name in FACET_COLUMNS["sku"] if RAW + name in kinds.columns}
    nothing = ibis.null("string")
    number, meter = have.get("SkuId", nothing), have.get("SkuMeter", nothing)
    guid = "^[0-9a-f]{8}-[0-9a-f]{4}-"
    in_words = (number.re_search("[a-z]{3}") & ~number.re_search(guid)).fill_null(False)
    return ibis.coalesce(ibis.ifelse(in_words, number, None), meter, kinds.sku_text, number, "")
