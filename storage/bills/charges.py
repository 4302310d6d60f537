"""Cleaning: one pass over the rows of a bill that condenses them to distinct charges.

Rows that differ only in their hour, price or quantity become one charge with exact sums. This pass
runs on the engine that holds the bill and uses only what every engine can do; tags and rules are
then read once a kind of charge instead of once a row, in DuckDB whatever the engine, so that they
cannot mean something else elsewhere.
"""

from collections.abc import Container
from typing import Any

from guardrails.policy.bills import Bill, Facet
from storage.bills.source import FILE, Source
from storage.bills.values import (
    day_of,
    hour_of,
    is_day,
    is_hour,
    money,
    quantity,
    says_nothing,
)

#: Facet → the FOCUS columns that say it, the best first; of those that a bill has, three count.
FACET_COLUMNS: dict[Facet, tuple[str, ...]] = {
    "provider": (
        "ProviderName",
        "ServiceProviderName",
        "HostProviderName",
        "PublisherName",
        "InvoiceIssuerName",
    ),
    "account": ("SubAccountName", "SubAccountId", "BillingAccountName", "BillingAccountId"),
    "region": ("RegionId", "RegionName"),
    "service": ("ServiceName", "ServiceSubcategory"),
    "sku": ("SkuMeter", "SkuId"),
    "resource": ("ResourceId", "ResourceName"),
}

#: Prefix of the text columns of a charge: they are kept as they stand and cleaned once a kind.
RAW = "raw_"
#: Columns of a charge that say when and how much; all others say what kind of charge it is.
NOT_KIND = ("period", "at", "currency", "snapshot", "cost_read", "cost", "quantity", "lines")


def condense(source: Source, bill: Bill, tested: set[str]) -> Any:
    """The expression: a row per distinct charge.

    Columns: ``period`` (:func:`day_of`), ``at`` (:func:`day_of` or :func:`hour_of`, by the grain),
    ``currency``, ``snapshot``, ``cost_read`` (false: no amount); the kind of charge: ``tags`` (JSON
    text), ``sku_text`` (the description where there is no meter), and as :data:`RAW` + FOCUS name
    what the rollup keeps and the ``tested`` columns; sums: ``cost`` (DECIMAL, exact), ``quantity``
    (double), ``lines`` (rows).
    """
    amount = money(source.table[source.columns[bill.cost]], source.exact)
    keys = {
        **_placed(source, bill),
        "cost_read": amount.notnull(),
        "tags": _tags_text(source),
    }
    for name in sorted({*tested, *_kept(source, bill)}):
        column = source.column(name)
        if column is not None:
            keys[RAW + name] = column.cast("string")
    if "sku" in bill.detail:
        keys["sku_text"] = _description(source)
    used, lines = source.column("ConsumedQuantity"), source.table.count()
    return source.table.group_by(**keys).aggregate(
        cost=amount.sum().cast(source.exact),
        quantity=lines.cast("float64") * 0.0 if used is None else quantity(used).sum(),
        lines=lines,
    )


def facet_columns(facet: Facet, have: Container[str]) -> list[str]:
    """The FOCUS columns to look at for a facet: the first three that the bill has."""
    return [name for name in FACET_COLUMNS[facet] if name in have][:3]


def _kept(source: Source, bill: Bill) -> set[str]:
    facets = (facet_columns(facet, source.columns) for facet in bill.detail)
    return {"ChargeCategory", "ConsumedUnit"}.union(*facets)


def _description(source: Source) -> Any:
    """The description where there is no meter. Descriptions are many: kept only where they are needed."""
    import ibis

    described, meter = source.column("ChargeDescription"), source.column("SkuMeter")
    if described is None:
        return ibis.null("string")
    if meter is None:
        return described.cast("string")
    missing = meter.isnull() | meter.isin(["", "NULL"])
    return ibis.ifelse(missing, described.cast("string"), ibis.null("string"))


def _placed(source: Source, bill: Bill) -> dict[str, Any]:
    """The keys by which a row is placed in time, currency and snapshot."""
    start = source.table[source.columns["ChargePeriodStart"]]
    keys: dict[str, Any] = {
        "period": day_of(source.table[source.columns["BillingPeriodStart"]]),
        "at": hour_of(start) if bill.grain == "hour" else day_of(start),
        "currency": source.table[source.columns["BillingCurrency"]].cast("string"),
    }
    if bill.snapshot is not None and source.has_files:
        keys["snapshot"] = source.table[FILE].re_extract(bill.snapshot, 1)
    return keys


def readable(charges: Any, bill: Bill) -> Any:
    """True for the condensed charges that count; the others are in quarantine."""
    in_time = is_hour(charges.at) if bill.grain == "hour" else is_day(charges.at)
    return charges.cost_read & in_time & is_day(charges.period) & is_currency(charges.currency)


def trouble(source: Source, bill: Bill) -> Any:
    """Why a row of the source is not :func:`readable`, as a sentence; null where it is."""
    import ibis

    cost = source.table[source.columns[bill.cost]]
    placed = _placed(source, bill)
    start, period = (source.column(c) for c in ("ChargePeriodStart", "BillingPeriodStart"))
    in_time = is_hour(placed["at"]) if bill.grain == "hour" else is_day(placed["at"])
    return ibis.cases(
        (says_nothing(cost), f"{bill.cost} is missing"),
        (money(cost, source.exact).isnull(), f"{bill.cost} is not an amount"),
        (says_nothing(start), "ChargePeriodStart is missing"),
        (~in_time, "ChargePeriodStart is not a time"),
        (says_nothing(period), "BillingPeriodStart is missing"),
        (~is_day(placed["period"]), "BillingPeriodStart is not a time"),
        (says_nothing(placed["currency"]), "BillingCurrency is missing"),
        (~is_currency(placed["currency"]), "BillingCurrency is not an ISO 4217 currency"),
        else_=ibis.null("string"),
    )


def currency_code(text: Any) -> Any:
    """The currency as ISO 4217 writes it."""
    return text.strip().upper()


def is_currency(text: Any) -> Any:
    """True where the text is an ISO 4217 code; never null."""
    from babel.numbers import list_currencies

    return currency_code(text).isin(sorted(list_currencies())).fill_null(False)


#: How each engine writes nested tags as JSON.
_AS_JSON = {"bigquery": "to_json_string", "trino": "json_format"}


def _tags_text(source: Source) -> Any:
    import ibis

    column = source.column("Tags")
    if column is None:
        return ibis.null("string")
    kind = column.type()
    if kind.is_string():
        return column
    engine = source.backend.name
    if kind.is_json() and engine in ("duckdb", "postgres"):
        return column.cast("string")
    if engine == "trino" and not kind.is_json():
        column = column.cast("json")

    def written(tags):  # type: ignore[no-untyped-def]
        """The engine's own function."""

    function = ibis.udf.scalar.builtin(
        written, name=_AS_JSON.get(engine, "to_json"), signature=((column.type(),), "string")
    )
    return function(column)
