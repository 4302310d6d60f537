"""Tags: all keys that matter are read in one JSON call a charge, whatever their spelling."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

from collections.abc import Iterable
from typing import Any

from guardrails.policy.bills import Dimension, TagKey
from storage.bills.engine import quoted


def plain_key(key: str) -> str:
    """How keys are compared: without case and surrounding spaces."""
    return key.strip().lower()


#: DuckDB macros. ``sandrail_tags``: the tags as a JSON object, null when they are none; braces that
#: a provider left out are put back. ``sandrail_entries``: tags in the form of a key/value list.
_MACROS = (
    """CREATE OR REPLACE TEMP MACRO sandrail_tags(t) AS CASE left(ltrim(t), 1)
        WHEN '{' THEN try_cast(t AS JSON)
        WHEN '"' THEN try_cast('{' || t || '}' AS JSON) END""",
    """CREATE OR REPLACE TEMP MACRO sandrail_entries(t) AS CASE left(ltrim(t), 1) WHEN '[' THEN
        list_transform(try_cast(try_cast(t AS JSON) AS JSON[]), lambda e: {
            'key': coalesce(e->>'key', e->>'Key', e->>'name', e->>'Name'),
            'value': coalesce(e->>'value', e->>'Value')}) END""",
    """CREATE OR REPLACE TEMP MACRO sandrail_tag_list(t, keys, paths) AS CASE
        WHEN sandrail_entries(t) IS NOT NULL THEN list_transform(keys,
            lambda k: list_filter(sandrail_entries(t), lambda e: e.key = k)[1].value)
        ELSE json_extract_string(sandrail_tags(t), paths) END""",
    """CREATE OR REPLACE TEMP MACRO sandrail_tags_read(t) AS trim(coalesce(t, '')) IN ('', 'NULL', 'null')
        OR coalesce(json_type(sandrail_tags(t)) = 'OBJECT', false) OR sandrail_entries(t) IS NOT NULL""",
)


def read_tags(backend: Any, charges: str, wanted: Iterable[str], into: str) -> dict[str, list[int]]:
    """Writes the table ``into``: the table ``charges`` with ``tag_list`` (its tags' values as text)
    and ``tags_read`` (false: its ``tags`` are not what tags look like).

    ``wanted`` are keys as people write them. The answer says for each, in the form of
    :func:`plain_key`, where in ``tag_list`` its values stand, the exact spelling first. Only the
    spellings that occur in the bill are asked for. On DuckDB.
    """
    for macro in _MACROS:
        backend.raw_sql(macro)
    spellings = [
        str(row[0])
        for row in backend.raw_sql(
            f"""WITH seen AS (SELECT DISTINCT tags FROM {charges})
            SELECT DISTINCT unnest(json_keys(sandrail_tags(tags))) AS spelling FROM seen
            WHERE json_type(sandrail_tags(tags)) = 'OBJECT'
            UNION SELECT DISTINCT unnest(list_transform(sandrail_entries(tags), lambda e: e.key))
            FROM seen"""
        ).fetchall()
        if row[0] is not None
    ]
    places: dict[str, list[int]] = {}
    keys: list[str] = []
    for key in wanted:
        plain = plain_key(key)
        if plain in places:
            continue
        same = sorted((s for s in spellings if plain_key(s) == plain), key=lambda s: (s != key, s))
        places[plain] = list(range(len(keys), len(keys) + len(same)))
        keys += same
    values = (
        f"sandrail_tag_list(tags, {_list(keys)}, {_list([_pointer(k) for k in keys])})"
        if keys
        else "NULL::VARCHAR[]"
    )
    backend.raw_sql(
        f"""CREATE OR REPLACE TEMP TABLE {into} AS
        SELECT *, {values} AS tag_list, sandrail_tags_read(tags) AS tags_read FROM {charges}"""
    )
    return places


def _pointer(key: str) -> str:
    """The JSON pointer of a top-level key: unlike a path it can hold any character."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _list(texts: list[str]) -> str:
    return "[" + ", ".join(f"'{quoted(t)}'" for t in texts) + "]"


def tag_value(charges: Any, places: dict[str, list[int]], keys: Iterable[str]) -> Any | None:
    """The first value, trimmed, that a charge has for one of the keys, in their order; else null.

    None when no charge of the bill has any of the keys.
    """
    import ibis

    found = [charges.tag_list[i].strip() for key in keys for i in places.get(plain_key(key), [])]
    said = [ibis.ifelse(v.isin(["", "NULL", "null"]), ibis.null("string"), v) for v in found]
    return ibis.coalesce(*said) if said else None


def dimension_from_tags(charges: Any, places: dict[str, list[int]], tag: TagKey | None) -> Any:
    """What the tags say of one dimension, aliases of values replaced; null when they say nothing."""
    import ibis

    value = None if tag is None else tag_value(charges, places, tag.keys)
    if tag is None or value is None:
        return ibis.null("string")
    if not tag.values:
        return value
    plain = value.lower()
    aliases = [(plain == alias.strip().lower(), said) for alias, said in tag.values.items()]
    return ibis.cases(*aliases, else_=value)


def wanted_keys(tags: dict[Dimension, TagKey], tested: Iterable[str]) -> list[str]:
    """The keys to read: the dimensions', then those that conditions test."""
    return [key for tag in tags.values() for key in tag.keys] + sorted(tested)
