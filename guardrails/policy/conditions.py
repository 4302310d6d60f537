"""Conditions on the columns of a charge, as the allocation rules and the AI section use them.

A condition is data: ``storage/bills`` turns it into one Ibis expression, so that the same rule gives
the same answer on every engine.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ConfigDict, Field, create_model, field_validator, model_validator

from guardrails.focus import COLUMNS
from guardrails.policy.base import Section


def _plain_or_object(schema: dict[str, Any]) -> None:
    """For editors: ``ServiceName: Amazon Bedrock`` is short for ``{equals: Amazon Bedrock}``."""
    spelled_out = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": ["string", "number"]}, spelled_out]


class Test(Section):
    """One test of one column. Text is compared as it stands in the bill; a missing value never passes."""

    model_config = ConfigDict(json_schema_extra=_plain_or_object)
    __test__ = False  # not a test class, whatever its name makes pytest think

    equals: str | None = None
    one_of: tuple[str, ...] | None = Field(default=None, min_length=1)
    prefix: str | None = Field(default=None, min_length=1)
    regex: str | None = Field(
        default=None, min_length=1, description="found anywhere in the value; (?i) ignores case"
    )

    @model_validator(mode="before")
    @classmethod
    def _plain_value_means_equals(cls, value: Any) -> Any:
        return {"equals": str(value)} if isinstance(value, str | int | float) else value

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> "Test":
        given = [n for n in ("equals", "one_of", "prefix", "regex") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of equals, one_of, prefix, regex")
        return self


class _Combined(Section):
    """All that is given must hold: every column test, every tag test, ``all``, one of ``any``, not ``not``."""

    all_of: tuple["Condition", ...] = Field(default=(), alias="all")
    any_of: tuple["Condition", ...] = Field(default=(), alias="any")
    none_of: "Condition | None" = Field(default=None, alias="not")
    tag: dict[str, Test] = Field(default_factory=dict, description="tests of raw tags by their key")

    def columns(self) -> Iterator[tuple[str, Test]]:
        """The tests on FOCUS columns: (column, test)."""
        for column in COLUMNS:
            test = getattr(self, column, None)
            if test is not None:
                yield column, test

    @model_validator(mode="after")
    def _says_something(self) -> "_Combined":
        if not (self.all_of or self.any_of or self.none_of or self.tag or any(self.columns())):
            raise ValueError(
                "must test at least one column, for example ServiceName: Amazon Bedrock"
            )
        return self


_fields: dict[str, Any] = {
    column: (Test | None, None) for column, kind in COLUMNS.items() if kind != "json"
}
Condition: type[_Combined] = create_model("Condition", __base__=_Combined, **_fields)
_Combined.model_rebuild(_types_namespace={"Condition": Condition})
Condition.model_rebuild(force=True, _types_namespace={"Condition": Condition})
