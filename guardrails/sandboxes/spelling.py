"""Other spellings of a sandbox's name in the tags of a bill are the sandbox's: no spend slips out of a cap."""

from collections.abc import Sequence

from guardrails.policy.model import Policy


def with_sandboxes(policy: Policy, names: Sequence[str]) -> Policy:
    """The policy whose experiment tag knows each name with spaces or underscores for its hyphens, in any case.

    What the policy itself says of a value stands.
    """
    tag = policy.tags.get("experiment")
    if tag is None or not names:
        return policy
    spelled = {name.replace("-", sign): name for name in names for sign in ("-", "_", " ")}
    said = {value.strip().lower() for value in tag.values}
    values = {**tag.values, **{s: n for s, n in spelled.items() if s not in said}}
    named = tag.model_copy(update={"values": values})
    return policy.model_copy(update={"tags": {**policy.tags, "experiment": named}})
