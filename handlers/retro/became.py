"""What became of the last retrospective's proposals: the policy of now beside what was proposed."""

from collections.abc import Iterable, Sequence
from typing import Any

from guardrails.policy.model import Policy
from guardrails.retro.patch import written
from guardrails.retro.tally import Rule

_GONE = object()


def became(
    policy: Policy, rules: Sequence[Rule], proposals: Iterable[dict[str, Any]]
) -> tuple[str, ...]:
    """A sentence for each proposal that was a change of one value."""
    places = {rule.id: rule for rule in rules}
    dumped = policy.model_dump(mode="json", by_alias=True)
    return tuple(
        f"{one['name']}, {one['verdict']}: {_one(dumped, places.get(one['rule']), change)}."
        for one in proposals
        for change in one["changes"]
    )


def _one(dumped: Any, rule: Rule | None, change: dict[str, Any]) -> str:
    if rule is None:
        return "done" if change["new"] is None else "the policy no longer has it"
    if change["new"] is None:
        return "not done"
    now = _value(dumped, [*rule.path, *change["keys"]] if change["inside"] else change["keys"])
    place, new = change["place"], written(change["new"])
    if now is not _GONE and _same(now, change["new"]):
        return f"done, {place} is {new}"
    if now is not _GONE and _same(now, change["old"]):
        return f"not done, {place} is still {written(change['old'])}"
    other = "gone" if now is _GONE else written(now)
    return f"{place} is {other}, and {new} was proposed"


def _value(found: Any, path: Sequence[str | int]) -> Any:
    for key in path:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            return _GONE
    return found


def _same(a: Any, b: Any) -> bool:
    try:
        return float(a) == float(b)
    except (TypeError, ValueError):
        return bool(a == b)
