"""What somebody writes into the form of a sandbox, read strictly: each error stands at its field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_UP, Decimal, InvalidOperation
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from guardrails.money import Money
from guardrails.orders import Resources
from guardrails.policy.alerts import Stage
from guardrails.policy.base import Email
from guardrails.policy.sandboxes import RISK_CLASSES, Prices, Sandboxes
from guardrails.suggest import did_you_mean

WORKLOADS = ("training", "inference", "fine-tuning", "data-preparation")
STAGES: tuple[str, ...] = get_args(Stage)
LONGEST = 500  # characters of a sentence
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")
_TARGET = re.compile(r"(>=|<=|≥|≤|at least|at most)?\s*(-?\d{1,12}(?:\.\d{1,6})?)\s*%?")
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
_HOURS = 24


@dataclass(frozen=True)
class Asking:
    """A request that can be decided. ``estimate`` in the workspace's currency; ``listed`` what the price list
    makes of the resources, None when it does not know them."""

    name: str
    hypothesis: str
    metric: str
    target: str
    feature: str
    workload: str
    stage: str
    team: str
    owner: str
    resources: Resources
    estimate: Decimal
    listed: Decimal | None
    until: date
    days: int
    data_class: str
    risk_class: str
    notes: str


def read(
    inputs: Mapping[str, str],
    rules: Sandboxes,
    currency: str,
    teams: Mapping[str, Any],
    today: date,
) -> Asking | dict[str, str]:
    """The request, or a sentence for each field that is wrong."""
    said = {k: " ".join(v.split()) if k != "notes" else v.strip() for k, v in inputs.items()}
    errors: dict[str, str] = {}

    def words(field: str, what: str, *, required: bool = True, most: int = LONGEST) -> str:
        value = said.get(field, "")
        if required and not value:
            errors[field] = what
        elif len(value) > most:
            errors[field] = f"Say it in {most} characters at most."
        return value

    def one_of(field: str, known: tuple[str, ...]) -> str:
        value = said.get(field, "")
        if value not in known:
            errors[field] = f"Choose one of {', '.join(known)}."
        return value

    name = name_of(said.get("name", ""))
    if not _NAME.fullmatch(name):
        errors["name"] = (
            "Use 2 to 40 lower-case letters, digits and hyphens, such as try-lora; it becomes the experiment tag."
        )
    until, days = _until(said.get("until", ""), rules, today, errors)
    resources = _resources(said, rules.prices, days, errors)
    listed = estimate_of(resources, rules.prices)
    estimate = _estimate(said.get("estimate", ""), currency, listed, errors)
    target = said.get("target", "").lower()
    if target and not _TARGET.fullmatch(target):
        errors["target"] = "Write a number, such as >= 0.82 or <= 120."
    owner = said.get("owner", "")
    try:
        owner = _EMAIL.validate_python(owner)
    except ValidationError:
        errors["owner"] = "Write the owner's e-mail address."
    team = said.get("team", "")
    if team not in teams:
        errors["team"] = f"No team is called “{team}”{did_you_mean(team, teams) or '.'}"
    risk = one_of("risk_class", RISK_CLASSES)
    if risk == "prohibited":
        errors["risk_class"] = (
            "The EU AI Act prohibits this practice, so there is no sandbox for it; ask your compliance team."
        )
    asking = Asking(
        name=name,
        hypothesis=words("hypothesis", "Say what you want to find out."),
        metric=words("metric", "Say what you measure.", most=80),
        target=target or words("target", "Say from which number on it is a success."),
        feature=words("feature", "Say which feature it serves.", most=80),
        workload=one_of("workload", WORKLOADS),
        stage=one_of("stage", STAGES),
        team=team,
        owner=owner,
        resources=resources,
        estimate=estimate,
        listed=listed,
        until=until,
        days=days,
        data_class=one_of("data_class", rules.data_classes),
        risk_class=risk,
        notes=words("notes", "", required=False, most=1000),
    )
    return errors or asking


def name_of(said: str) -> str:
    """The name as it is kept: lower case, hyphens for spaces and underscores, so that two never differ by case."""
    return re.sub(r"[\s_]+", "-", said.strip().lower())


def estimate_of(resources: Resources, prices: Prices) -> Decimal | None:
    """What the price list makes of resources; None when it knows no price of one of them, or nothing is asked."""
    total = Decimal(0)
    if resources.gpus:
        price = prices.gpu_hour.get(resources.gpu)
        if price is None:
            return None
        total += price * resources.gpus * resources.gpu_hours
    if resources.tokens:
        price = prices.million_tokens.get(resources.model)
        if price is None:
            return None
        total += price * resources.tokens / 1_000_000
    return total.quantize(Decimal("0.01"), ROUND_UP) if total else None


def _until(said: str, rules: Sandboxes, today: date, errors: dict[str, str]) -> tuple[date, int]:
    try:
        until = date.fromisoformat(said)
    except ValueError:
        errors["until"] = "Choose the last day, such as 2026-12-04."
        return today, 1
    days = (until - today).days + 1
    if days < 1:
        errors["until"] = "That day is over; choose today or a later one."
    elif days > rules.longest_days:
        errors["until"] = (
            f"A sandbox lasts {rules.longest_days} days at most; choose an earlier day."
        )
    return until, max(days, 1)


def _resources(
    said: Mapping[str, str], prices: Prices, days: int, errors: dict[str, str]
) -> Resources:
    gpus = _number(said, "gpus", 0, 10_000, errors)
    gpu = said.get("gpu", "")
    if gpus and not gpu:
        errors["gpu"] = "Choose the kind of GPU."
    if gpu and gpu not in prices.gpu_hour:
        errors["gpu"] = f"The price list has no {gpu}."
    hours = _number(said, "gpu_hours", 0, 100_000, errors)
    model = said.get("model", "")
    if model and model not in prices.million_tokens:
        errors["model"] = f"The price list has no {model}."
    tokens = _number(said, "tokens", 0, 10**9, errors)
    if tokens and not model:
        errors["model"] = "Choose the model."
    if gpu and not gpus and "gpus" not in errors:
        gpus = Decimal(1)
    if errors.keys() & {"gpus", "gpu", "gpu_hours", "model", "tokens"}:
        return Resources()
    return Resources(
        gpu=gpu if gpus else "",
        gpus=int(gpus),
        gpu_hours=(hours or Decimal(days * _HOURS)) if gpus else Decimal(0),
        model=model if tokens else "",
        tokens=int(tokens * 1_000_000),
    )


def _number(
    said: Mapping[str, str], field: str, least: int, most: int, errors: dict[str, str]
) -> Decimal:
    value = said.get(field, "")
    if not value:
        return Decimal(0)
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    whole = field != "tokens" and field != "gpu_hours"
    if not number.is_finite() or not least <= number <= most or (whole and number % 1):
        kind = "a whole number" if whole else "a number"
        errors[field] = f"Write {kind} from {least} to {most:,}."
        return Decimal(0)
    return number


def _estimate(said: str, currency: str, listed: Decimal | None, errors: dict[str, str]) -> Decimal:
    if not said:
        if listed is None and "estimate" not in errors:
            errors["estimate"] = (
                "Say what you expect to spend, or resources that the price list knows."
            )
        return listed or Decimal(0)
    try:
        money = Money.parse(said, currency).rounded()
    except ValueError as error:
        errors["estimate"] = str(error)
        return Decimal(0)
    if money.amount <= 0:
        errors["estimate"] = "Say an amount above zero."
    return money.amount
