"""MLflow: where scores of runs are read from."""

from typing import Literal

from pydantic import Field

from guardrails.policy.actuators import Url
from guardrails.policy.base import Name, Section
from guardrails.policy.bills import Dimension, Variable

#: What the points of one day and allocation come to when several runs ended on it.
OfADay = Literal["last", "mean", "best-high", "best-low"]


class Mlflow(Section):
    """A tracking server whose runs' metrics are read with the bills."""

    url: Url = Field(description="of the tracking server, without /api")
    token: Variable | None = Field(
        default=None, description="the environment variable that holds a bearer token"
    )
    experiments: tuple[Name, ...] = Field(
        default=(), description="MLflow's experiments by name; none: all that are active"
    )
    metrics: dict[Name, Name] = Field(
        min_length=1, description="MLflow's metric → what it is called here"
    )
    tags: dict[Dimension, Name] = Field(
        default_factory=dict,
        description="the runs' tag of a dimension, where it is not called like the dimension",
    )
    of_a_day: OfADay = Field(
        default="last",
        description="which of several runs of one day counts: last ended, mean, best",
    )
    days: int = Field(default=30, ge=1, le=731, description="how far back runs are read each time")
