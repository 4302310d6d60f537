"""Reads the body of pushed metrics: a point, an array of points, or a point a line."""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from guardrails.suggest import did_you_mean
from storage.metric_points import Point

JSON = ("application/json",)
LINES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json-lines",
)
MOST = 20_000  # points of one request: their transaction must not hold up those who press buttons
TOLD = 100  # mistakes that one answer names
OLDEST = date(2000, 1, 1)


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a point: ``line`` counts lines, or the points of an array, from 1; ``field`` is
    empty when it is about the whole point."""

    line: int
    field: str
    error: str


class Wrong(Exception):
    """The body cannot be stored; ``mistakes`` are the first of all ``count``."""

    def __init__(
        self, sentence: str, mistakes: list[Mistake], count: int, status: int = 422
    ) -> None:
        super().__init__(sentence)
        self.mistakes, self.count, self.status = mistakes, count, status


def _text(value: str) -> str:
    value = value.strip()
    # PostgreSQL stores no NUL, no database half a surrogate pair, and names are shown in one line.
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        raise ValueError("must be one line of plain text")
    return value


def _named(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


Words = Annotated[str, Field(strict=True, max_length=200), AfterValidator(_text)]


class _Given(BaseModel):
    """One point as it is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: Annotated[str, Field(strict=True, pattern=r"^\d{4}-\d{2}-\d{2}$")]
    metric: Annotated[Words, AfterValidator(_named)]
    value: Annotated[float, Field(strict=True, allow_inf_nan=False)]
    unit: Words = ""
    experiment: Words = ""
    team: Words = ""
    feature: Words = ""
    workload: Words = ""
    stage: Words = ""
    owner: Words = ""
    segment: Words = ""


def read_points(body: bytes, content_type: str, today: date) -> list[tuple[int, Point]]:
    """The points with their lines, each once. ``today`` is the day in UTC.

    Raises Wrong: 422 with every mistake by line and field; 400 when it is no JSON; 413 for too many.
    """
    given = list(_lines(body) if content_type in LINES else _whole(body))
    if not given:
        raise Wrong("There is no point in the body.", [], 0)
    if len(given) > MOST:
        raise Wrong(f"{len(given)} points are too many; send at most {MOST} at once.", [], 0, 413)
    found: dict[tuple[Any, ...], tuple[int, Point]] = {}
    mistakes: list[Mistake] = []
    for line, value in given:
        point = value if isinstance(value, Mistake) else _point(line, value, today)
        if isinstance(point, Point):
            first, same = found.setdefault(point.key, (line, point))
            if same.value == point.value:
                continue
            said = f"says another value for the metric, day and names of line {first}"
            mistakes.append(Mistake(line, "value", said))
        else:
            mistakes += [point] if isinstance(point, Mistake) else point
    if mistakes:
        raise Wrong(_counted(mistakes), mistakes[:TOLD], len(mistakes))
    return list(found.values())


def _counted(mistakes: list[Mistake]) -> str:
    if len(mistakes) == 1:
        return "Nothing was stored: one thing is wrong."
    return f"Nothing was stored: {len(mistakes)} things are wrong."


def _load(raw: str) -> Any:
    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    return json.loads(raw, parse_constant=refuse)


def _whole(body: bytes) -> Iterator[tuple[int, Any]]:
    try:
        value = _load(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Wrong(f"The body is not JSON: {_short(error)}.", [], 0, 400) from None
    if isinstance(value, list):
        yield from enumerate(value, 1)
    else:
        yield 1, value


def _lines(body: bytes) -> Iterator[tuple[int, Any]]:
    try:
        text = body.decode("utf-8-sig")
    except ValueError as error:
        raise Wrong(f"The body is not UTF-8: {_short(error)}.", [], 0, 400) from None
    for line, raw in enumerate(text.split("\n"), 1):
        if not raw.strip():
            continue
        try:
            yield line, _load(raw)
        except (ValueError, RecursionError) as error:
            yield line, Mistake(line, "", f"is not JSON: {_short(error)}")


def _short(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)[:160]


def _point(line: int, value: Any, today: date) -> Point | list[Mistake]:
    if not isinstance(value, dict):
        return [Mistake(line, "", "is not an object such as " + _EXAMPLE)]
    try:
        given = _Given.model_validate(value)
    except ValidationError as error:
        return [_mistake(line, dict(one)) for one in error.errors(include_url=False)]
    try:
        day = date.fromisoformat(given.day)
    except ValueError:
        return [Mistake(line, "day", f"“{given.day}” is not a day of the calendar")]
    if day > today + timedelta(days=1):  # somewhere it is tomorrow already
        return [Mistake(line, "day", f"{day} is in the future")]
    if day < OLDEST:
        return [Mistake(line, "day", f"{day} is too long ago")]
    return Point(**{**given.model_dump(), "day": day})


def _mistake(line: int, error: dict[str, Any]) -> Mistake:
    field = str(error["loc"][0])[:80] if error["loc"] else ""
    shown = repr(error.get("input"))[:60]
    match error["type"]:
        case "missing":
            said = "is missing"
        case "extra_forbidden":
            known = list(_Given.model_fields)
            said = f"is not known{did_you_mean(field, known) or ';'} allowed are {', '.join(known)}"
        case "string_pattern_mismatch":
            said = f"{shown} is not a day such as 2026-11-23"
        case "float_type" | "finite_number" | "float_parsing":
            said = f"{shown} is not a finite number"
        case "string_type":
            said = f"{shown} is not a text"
        case "string_unicode" | "invalid_key":
            said = "is not a text that can be stored"
        case "string_too_long":
            said = "is longer than 200 characters"
        case _:
            said = str(error["msg"]).removeprefix("Value error, ")
    return Mistake(line, field, said)


_EXAMPLE = '{"day": "2026-11-23", "metric": "outputs", "value": 412, "feature": "search"}'
