"""All tables, so that one import knows the whole schema."""

from sqlmodel import SQLModel

from storage.tables import alerts, audit, delivery, installations, people, spend, timing

METADATA = SQLModel.metadata

__all__ = ["METADATA", "alerts", "audit", "delivery", "installations", "people", "spend", "timing"]
