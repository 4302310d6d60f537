"""Exact money as integers: rounding that leaves no remainder behind."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from guardrails.money import MICROS


def to_micros(amount: Decimal) -> int:
    """Millionths of the currency's unit, half to even."""
    return int((amount * MICROS).to_integral_value(ROUND_HALF_EVEN))


def put_residue_back(micros: Any, total: int) -> Any:
    """The int64 array with what rounding each part lost or won given to the part that is largest.

    Its sum is ``total`` afterwards. Of equally large parts the first gets it.
    """
    import numpy as np

    residue = total - int(micros.sum(dtype=np.int64)) if len(micros) else 0
    if residue:
        micros = micros.copy()
        micros[int(np.argmax(np.abs(micros)))] += residue
    return micros


def split_exactly(amount: int, weights: Sequence[int]) -> list[int]:
    """``amount`` in whole parts in proportion to the weights (none negative, not all zero).

    The parts add up to ``amount``: what is left after rounding down goes to the largest remainders
    (Hamilton's method), the first of equal ones. Negative amounts work alike.
    """
    total = sum(weights)
    parts, remainders = [], []
    for weight in weights:
        part, remainder = divmod(amount * weight, total)
        parts.append(part)
        remainders.append(remainder)
    left = amount - sum(parts)
    for i in sorted(range(len(parts)), key=lambda i: (-remainders[i], i))[:left]:
        parts[i] += 1
    return parts
