"""Conditions of the policy as Ibis expressions: a rule gives the same answer on every bill."""

from collections.abc import Callable, Iterator
from typing import Any

from guardrails.policy.bills import AI, Allocation
from guardrails.policy.conditions import Test

#: Gives the column of a FOCUS name, cleaned, or None when the bill lacks it.
Columns = Callable[[str], Any | None]
#: Gives the value of the raw tag with this key, or None when no charge has it.
Tags = Callable[[str], Any | None]


def holds(condition: Any, columns: Columns, tags: Tags) -> Any:
    """A boolean expression that is never null: true where the condition holds."""
    import ibis

    parts = [_test(columns(name), test) for name, test in condition.columns()]
    parts += [_test(tags(key), test) for key, test in condition.tag.items()]
    parts += [holds(part, columns, tags) for part in condition.all_of]
    if condition.any_of:
        parts.append(ibis.or_(*(holds(part, columns, tags) for part in condition.any_of)))
    if condition.none_of is not None:
        parts.append(~holds(condition.none_of, columns, tags))
    return ibis.and_(*parts)


def _test(column: Any | None, test: Test) -> Any:
    """A missing value never passes, whether the row or the whole column is missing."""
    import ibis

    if column is None:
        return ibis.literal(False)
    if test.equals is not None:
        passed = column == test.equals
    elif test.one_of is not None:
        passed = column.isin(list(test.one_of))
    elif test.prefix is not None:
        passed = column.startswith(test.prefix)
    else:
        passed = column.re_search(test.regex)
    return passed.fill_null(False)


def every_condition(allocation: Allocation, ai: AI) -> Iterator[tuple[str, Any]]:
    """All conditions that a bill is tested with: (what a person calls it, the condition)."""
    for rule in allocation.rules:
        yield f"allocation rule {rule.name}", rule.when
    for shared in allocation.shared:
        yield f"shared cost {shared.name}", shared.when
    yield "ai.services", ai.services
    yield "ai.gpu", ai.gpu


def tested_columns(condition: Any) -> set[str]:
    """The FOCUS columns that a condition looks at."""
    found = {name for name, _ in condition.columns()}
    for part in _parts(condition):
        found |= tested_columns(part)
    return found


def tested_tags(condition: Any) -> set[str]:
    """The raw tag keys that a condition looks at."""
    found = set(condition.tag)
    for part in _parts(condition):
        found |= tested_tags(part)
    return found


def tested_patterns(condition: Any) -> set[str]:
    """The regular expressions in a condition."""
    tests = [test for _, test in condition.columns()] + list(condition.tag.values())
    found = {test.regex for test in tests if test.regex is not None}
    for part in _parts(condition):
        found |= tested_patterns(part)
    return found


def _parts(condition: Any) -> list[Any]:
    inner = [*condition.all_of, *condition.any_of]
    return [*inner, condition.none_of] if condition.none_of is not None else inner
