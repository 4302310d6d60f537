"""Burn of a budget: spend so far, its rate, where it will end, and when the limit is reached."""

from guardrails.burn.forecast import burn
from guardrails.burn.values import Burn, Change, Spent

__all__ = ["Burn", "Change", "Spent", "burn"]
