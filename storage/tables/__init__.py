"""All tables, so that one import knows the whole schema."""

from sqlmodel import SQLModel

from storage.tables import (
    alerts,
    audit,
    budgets,
    council,
    delivery,
    installations,
    people,
    rules,
    runbooks,
    sandboxes,
    shadow,
    spend,
    teams,
    timing,
)

METADATA = SQLModel.metadata

__all__ = [
    "METADATA",
    "alerts",
    "audit",
    "budgets",
    "council",
    "delivery",
    "installations",
    "people",
    "rules",
    "runbooks",
    "sandboxes",
    "shadow",
    "spend",
    "teams",
    "timing",
]
