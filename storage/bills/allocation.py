"""Allocation: each kind of charge gets its dimensions by tags, then by the first rule that sets them."""

from typing import Any

from guardrails.policy.bills import DIMENSIONS, FACETS, Allocation
from guardrails.policy.model import Policy
from storage.bills.charges import RAW
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


def allocate(kinds: Any, policy: Policy, places: dict[str, list[int]]) -> Any:
    """The expression: ``kind`` and the columns of :data:`PLACE` for each kind of charge.

    ``kinds`` has cleaned text and ``tag_list``. ``allocated_by`` is ``tags`` when no rule had to fill
    experiment, team or feature, ``rules`` when one did, ``none`` when all three are unknown.
    ``shared`` is the name of the first shared cost that the charge belongs to, else empty.
    """
    import ibis

    def column(name: str) -> Any | None:
        return kinds[RAW + name] if RAW + name in kinds.columns else None

    def tag(key: str) -> Any:
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
    said = {
        **dimensions,
        "allocated_by": ibis.cases((~known, "none"), (ibis.or_(*ruled), "rules"), else_="tags"),
        "shared": _first_shared(policy.allocation, column, tag),
        **{name: _text(kinds, name) for name in FACETS},
        "sku": _sku(kinds),
        "category": _text(kinds, "category"),
        "is_ai": holds(policy.ai.services, column, tag),
        "is_gpu": holds(policy.ai.gpu, column, tag),
        "unit": _text(kinds, "unit"),
    }
    return kinds.select(kind=kinds.kind, **{name: said[name] for name in PLACE})


def _first_shared(allocation: Allocation, column: Any, tag: Any) -> Any:
    import ibis

    cases = [(holds(shared.when, column, tag), shared.name) for shared in allocation.shared]
    return ibis.cases(*cases, else_="") if cases else ibis.literal("")


def _text(kinds: Any, name: str) -> Any:
    import ibis

    return kinds[name].fill_null("") if name in kinds.columns else ibis.literal("")


def _sku(kinds: Any) -> Any:
    """What a person recognises: an id in words (``claude-opus-input``), else the meter, else the
    description, else the id as it is (``G95FST5FTYV3JSRX``)."""
    import ibis

    if "sku_id" not in kinds.columns:
        return ibis.literal("")
    number = kinds.sku_id
    guid = "^[0-9a-f]{8}-[0-9a-f]{4}-"
    in_words = (number.re_search("[a-z]{3}") & ~number.re_search(guid)).fill_null(False)
    parts = [ibis.ifelse(in_words, number, None), kinds.sku_meter]
    if "sku_text" in kinds.columns:
        parts.append(kinds.sku_text)
    return ibis.coalesce(*parts, number, "")
