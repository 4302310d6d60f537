"""The rollup: charges of one bill by day or hour, allocation and facets, in exact money."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

from collections.abc import Sequence
from typing import Any

from guardrails.policy.bills import Bill
from guardrails.policy.model import Policy
from guardrails.shadow import Claimed
from storage.bills.allocation import PLACE, allocate
from storage.bills.charges import NOT_KIND, condense, currency_code, readable
from storage.bills.conditions import every_condition, tested_columns, tested_patterns, tested_tags
from storage.bills.engine import batches, identifier, quoted
from storage.bills.errors import BillError
from storage.bills.find_files import first_line
from storage.bills.source import Source
from storage.bills.tags import read_tags, wanted_keys
from storage.bills.values import cleaned

#: Temporary tables of one reading, in the DuckDB of this process. A kind of charge is what it is
#: without time and money: allocated once, however many days it lasts. A place is what the rollup
#: says of it; many kinds may have one.
CHARGES, KINDS, TAGS, PLACES, FACTS = (
    "bill_charges",
    "bill_kinds",
    "bill_tags",
    "bill_places",
    "bill_facts",
)


def roll_up(
    local: Any, source: Source, bill: Bill, policy: Policy, claims: Sequence[Claimed] = ()
) -> None:
    """Reads the source once and leaves the rollup in ``local`` (DuckDB).

    :data:`FACTS`: ``period``, ``day``, ``hour``, ``currency``, ``place``, ``cost`` (exact),
    ``quantity``, ``lines``; :data:`PLACES`: ``kind``, ``place`` and :data:`PLACE`; one row of a place
    is enough. Charges that cannot be read are in :data:`CHARGES` only.
    """
    conditions = [c for _, c in every_condition(policy.allocation, policy.ai)]
    tested = set[str]().union(*(tested_columns(c) for c in conditions))
    tag_keys = set[str]().union(*(tested_tags(c) for c in conditions))
    _bring(local, source, condense(source, bill, tested))
    charges = local.table(CHARGES)
    texts = [c for c in charges.columns if c not in (*NOT_KIND, "kind")]
    # What is in quarantine is not allocated: a bill that is broken all through would fill the memory.
    kinds = (
        charges.filter(readable(charges, bill))
        .group_by("kind")
        .aggregate(**{c: charges[c].first() for c in texts})
    )
    kinds = kinds.mutate(**{c: cleaned(kinds[c]) for c in texts if c != "tags"})
    _keep(local, KINDS, kinds)
    places = read_tags(local, KINDS, wanted_keys(policy.tags, tag_keys), TAGS)
    _keep(local, PLACES, allocate(local.table(TAGS), bill, policy, places, claims))
    _number_places(local)
    _keep(local, FACTS, _facts(charges, local.table(PLACES), bill))


def check_patterns(local: Any, policy: Policy) -> None:
    """Raises BillError when a regular expression of the policy is one DuckDB cannot run."""
    import duckdb

    for what, condition in every_condition(policy.allocation, policy.ai):
        for pattern in sorted(tested_patterns(condition)):
            try:
                # Quoted, not bound: DuckDB loads pandas for its first bound value.
                local.raw_sql(f"SELECT regexp_matches('', '{quoted(pattern)}')").fetchall()
            except duckdb.Error as error:
                raise BillError(
                    f"{what}: the regular expression {pattern} cannot be used: {first_line(error)}."
                ) from None


def _keep(local: Any, name: str, expression: Any) -> None:
    local.raw_sql(f"CREATE OR REPLACE TEMP TABLE {name} AS {local.compile(expression)}")


def _bring(local: Any, source: Source, expression: Any) -> None:
    """The condensed charges as a table in DuckDB, streamed from another engine when they are there.

    ``kind`` is the number of a kind of charge: 128 bits of MD5, so that two never share one.
    """
    texts = [c for c in expression.columns if c not in NOT_KIND]
    # A missing text and an empty one differ by the separator that only a present text gets.
    said = ", ".join(f"coalesce({identifier(c)} || '\x1f', '\x1e')" for c in texts)
    numbered = (
        f"SELECT * REPLACE (CAST(tags AS VARCHAR) AS tags), md5_number(concat({said})) AS kind FROM"
    )
    if source.backend is local:
        query = local.compile(expression)
        local.raw_sql(f"CREATE OR REPLACE TEMP TABLE {CHARGES} AS {numbered} ({query})")
        return
    first = True
    for batch in batches(source.backend, expression, 50_000):
        local.con.register("bill_batch", batch)
        start = f"CREATE OR REPLACE TEMP TABLE {CHARGES} AS" if first else f"INSERT INTO {CHARGES}"
        local.raw_sql(f"{start} {numbered} bill_batch")
        local.con.unregister("bill_batch")
        first = False
    if first:
        raise BillError(f"bill {source.name}: its table has no rows.")


def _number_places(local: Any) -> None:
    """Adds ``place`` to :data:`PLACES`: kinds that the rollup cannot tell apart share one."""
    keys = ", ".join(identifier(c) for c in PLACE)
    local.raw_sql(
        f"CREATE OR REPLACE TEMP TABLE {PLACES} AS "
        f"SELECT *, first_value(kind) OVER (PARTITION BY {keys} ORDER BY kind) AS place FROM {PLACES}"
    )


def _facts(charges: Any, places: Any, bill: Bill) -> Any:
    import ibis

    good = charges.filter(readable(charges, bill))
    if "snapshot" in charges.columns:
        # Of several snapshots of one billing period only the greatest counts.
        newest = good.snapshot.max().over(ibis.window(group_by=good.period))
        good = good.mutate(newest=newest).filter(lambda t: t.snapshot == t.newest)
    placed = good.join(places.select("kind", "place"), "kind")
    hourly = bill.grain == "hour"
    at = placed.at
    if at.type().is_string():
        day = at.left(10).try_cast("date")
        hour = at.right(2).try_cast("int64") if hourly else ibis.literal(0)
    else:
        day = at.cast("date")
        hour = at.hour() if hourly else ibis.literal(0)
    return placed.group_by(
        period=placed.period.try_cast("date"),
        day=day,
        hour=hour.cast("int64"),
        currency=currency_code(placed.currency),
        place=placed.place,
    ).aggregate(
        cost=placed.cost.sum().cast("decimal(38, 18)"),
        quantity=placed.quantity.sum(),
        lines=placed.lines.sum(),
    )
