"""Where the bills and metrics are, which tags count, how charges are allocated."""

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from guardrails.focus import CostColumn
from guardrails.policy.base import Name, Section
from guardrails.policy.conditions import Condition

#: What a charge is allocated to. The order is the order of columns in storage and messages.
Dimension = Literal["experiment", "team", "feature", "workload", "stage", "owner", "segment"]
DIMENSIONS: tuple[Dimension, ...] = (
    "experiment",
    "team",
    "feature",
    "workload",
    "stage",
    "owner",
    "segment",
)

#: What the rollup keeps of a charge beside its allocation, for the drivers of an anomaly.
Facet = Literal["provider", "account", "region", "service", "sku", "resource"]
FACETS: tuple[Facet, ...] = ("provider", "account", "region", "service", "sku", "resource")


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", value):
        # The value is not repeated: whoever wrote a URL here wrote its password too.
        raise ValueError(
            "name the environment variable that holds the URL, such as WAREHOUSE_URL "
            "(capital letters, digits and _)"
        )
    return value


#: The name of an environment variable; the schema says so to editors.
Variable = Annotated[
    str,
    AfterValidator(_variable),
    WithJsonSchema({"pattern": "^[A-Z][A-Z0-9_]*$", "type": "string"}),
]


class Sourced(Section):
    """Rows of files, or of a table behind a connection."""

    name: Name
    files: str | None = Field(
        default=None,
        description="a file, a folder, a glob, or s3:// gs:// az:// https://; CSV, CSV.gz or Parquet",
    )
    connection: Variable | None = Field(
        default=None,
        description="the name of the environment variable that holds the connection's URL",
    )
    table: str | None = Field(default=None, description="the table's name: focus, or schema.focus")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        from_table = self.table is not None or self.connection is not None
        if (self.files is not None) == from_table:
            raise ValueError("give either files, or table with connection")
        if (self.table is None) != (self.connection is None):
            raise ValueError("table and connection go together")
        return self


class Bill(Sourced):
    """One source of FOCUS charges: files, or a table behind a connection."""

    cost: CostColumn = Field(
        default="BilledCost",
        description="the cost column that counts; some providers round EffectiveCost",
    )
    grain: Literal["day", "hour"] = "day"
    complete_after_days: int = Field(
        default=1,
        ge=0,
        le=14,
        description="how many days a day stays incomplete after its end began",
    )
    detail: tuple[Facet, ...] = Field(
        default=FACETS, description="what the rollup keeps beside the allocation; fewer is smaller"
    )
    snapshot: str | None = Field(
        default=None,
        description="a regular expression with one group on the file's path, such as snapshot=([0-9-]+): "
        "of several snapshots of one billing period only the greatest counts",
    )


class Metrics(Sourced):
    """Usage, quality and revenue: long files or a long table with day, metric, value and any dimension."""


class TagKey(Section):
    """Which tag keys mean one dimension, and which values mean the same.

    Keys are compared without case and surrounding spaces; values are trimmed.
    """

    keys: tuple[Name, ...] = Field(min_length=1)
    values: dict[str, str] = Field(default_factory=dict, description="alias → value, without case")


class Rule(Section):
    """Sets dimensions that the tags left empty. The first rule that sets a dimension wins."""

    name: Name
    when: Condition
    set: dict[Dimension, Name] = Field(min_length=1)


class Split(Section):
    """How a shared cost is divided over the values of one dimension."""

    over: Dimension
    by: Literal["weights", "spend", "metric"]
    weights: dict[Name, Annotated[Decimal, Field(gt=0)]] = Field(default_factory=dict)
    metric: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Split":
        if (self.by == "weights") != bool(self.weights):
            raise ValueError("weights go with by: weights")
        if (self.by == "metric") != bool(self.metric):
            raise ValueError("metric goes with by: metric")
        return self


class Shared(Section):
    """Charges that serve many and are split, such as a platform's cluster or support plan."""

    name: Name
    when: Condition
    split: Split


class Allocation(Section):
    """Rules for charges without complete tags, then shared costs."""

    rules: tuple[Rule, ...] = ()
    shared: tuple[Shared, ...] = ()


def _ai_default() -> Condition:
    return Condition.model_validate({"ServiceCategory": "AI and Machine Learning"})


def _gpu_default() -> Condition:
    return Condition.model_validate({"SkuMeter": {"regex": r"(?i)\bgpu\b"}})


class AI(Section):
    """Which charges are AI: what is watched for shadow spend and GPU use."""

    services: Condition = Field(default_factory=_ai_default)
    gpu: Condition = Field(
        default_factory=_gpu_default,
        description="charges whose consumed quantity is GPU hours",
    )


def _unique(values: tuple[Bill, ...]) -> tuple[Bill, ...]:
    names = [v.name for v in values]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(f"two bills have the name {twice[0]}; names must differ")
    return values


Bills = Annotated[tuple[Bill, ...], Field(min_length=1), AfterValidator(_unique)]
