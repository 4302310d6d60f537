"""``/policy``: the rules as they are, and what changed rules would have done."""
