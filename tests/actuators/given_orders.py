"""Orders as a sandbox gives them."""

from datetime import date
from decimal import Decimal
from typing import Any

from guardrails.orders import Operation, Order

TAGS = {
    "experiment": "search-rerank",
    "team": "search",
    "feature": "recommendations-v2",
    "workload": "training",
    "stage": "exploration",
    "owner": "engineer@example.com",
    "sandbox": "search-rerank",
}


def order(operation: Operation, **changed: Any) -> Order:
    """An order for the sandbox ``7f3a``, which ends on 2026-12-01 and has a cap of 500.25 USD."""
    given: dict[str, Any] = {
        "id": f"order-{operation}",
        "operation": operation,
        "sandbox": "7f3a",
        "name": "search-rerank",
        "tags": TAGS,
        "owner": "engineer@example.com",
        "cap": Decimal("500.25"),
        "currency": "USD",
        "starts_on": date(2026, 11, 23),
        "ends_on": date(2026, 12, 1),
    }
    return Order.model_validate(given | changed)
