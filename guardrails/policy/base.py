"""What all sections of the policy share."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


class Section(BaseModel):
    """A part of ``app.yaml``: unknown keys are errors, nothing changes after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


#: A name that people give to a channel, team or rule.
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


def _email(value: str) -> str:
    local, at, domain = value.strip().partition("@")
    if not (local and at and "." in domain) or " " in value.strip():
        raise ValueError("must be an e-mail address such as name@example.com")
    return value.strip().lower()


Email = Annotated[str, AfterValidator(_email)]
