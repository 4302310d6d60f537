"""Claiming AI spend that was nobody's, or saying that it is no AI. One answer counts, the first."""

import secrets
from datetime import time
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter, ValidationError

from guardrails.money import Money
from guardrails.policy.base import Email
from guardrails.policy.bills import Dimension
from guardrails.sandboxes.asking import WORKLOADS
from guardrails.shadow import DAYS, LONGEST_NAME, LONGEST_NOTE, AiSpend, clean_name
from guardrails.suggest import did_you_mean
from handlers.conversation import (
    ChoiceField,
    Done,
    Form,
    FormField,
    Interaction,
    OpenForm,
    Option,
    TextField,
    text,
)
from handlers.refusals import AlreadyDecided, FieldsRefused, NotFound, Stale
from handlers.router import press, submission
from handlers.shadow.look import look_period
from handlers.shadow.message import key_of, outcome_of, question_message, said_of, what
from handlers.turn import Turn
from storage import shadow, spend
from storage.coverage import ai_spend
from storage.shadow import QuestionRow

_EMAIL: TypeAdapter[str] = TypeAdapter(Email)


@press("shadow.claim", permission="shadow.claim")
def press_claim(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: whose it is."""
    row = asked_row(turn, it)
    likely = str(row.facts.get("likely") or "")
    teams = known_teams(turn)
    same = next((t for t in teams if t.casefold() == likely.casefold()), None)
    team: FormField = TextField(name="team", label="Team", max_length=LONGEST_NAME)
    if teams:
        options = tuple(Option(value=t, label=t) for t in teams)
        team = ChoiceField(name="team", label="Team", options=options, initial=same)
    workloads = tuple(Option(value=w, label=w) for w in WORKLOADS)
    fields: tuple[FormField, ...] = (
        team,
        TextField(
            name="experiment",
            label="Experiment",
            hint="one that there is, or a new name",
            max_length=LONGEST_NAME,
        ),
        TextField(
            name="feature",
            label="Feature",
            hint="the business feature it serves",
            max_length=LONGEST_NAME,
        ),
        ChoiceField(name="workload", label="Workload", options=workloads),
        TextField(
            name="owner",
            label="Owner",
            hint="an e-mail address",
            initial=likely if "@" in likely else who(it),
            required=False,
            max_length=200,
        ),
        TextField(name="note", label="Note", required=False, max_length=LONGEST_NOTE),
    )
    money = Money.from_micros(row.cost_micros, row.currency)
    return OpenForm(
        form=Form(
            action="shadow.claim",
            subject=row.id,
            title="Claim AI spend",
            intro=text(
                f"{money} of {what(row.account, row.service)}. Your answer is kept as a rule: it also counts "
                "for what this service in this account costs later, wherever tags and the policy's rules say "
                "nothing."
            ),
            fields=fields,
            submit="Claim",
        )
    )


@submission("shadow.claim", permission="shadow.claim")
def claim(turn: Turn, it: Interaction) -> Done:
    """Keeps the claim as an allocation rule, which counts from the next reading of the bill."""
    row = asked_row(turn, it)
    sets = _read(turn, it)
    note = " ".join(it.inputs.get("note", "").split())
    if len(note) > LONGEST_NOTE:
        raise FieldsRefused({"note": f"Say it in {LONGEST_NOTE} characters at most."})
    before, amount = _at_stake(turn, row)
    outcome = _coverage(before, before.with_claim(amount))
    reading = f"It counts from the next reading of the bill, at {next_reading(turn)}"
    outcome |= {
        "said": said_of(sets),
        "note": note,
        "counts": f"{reading}, and for what comes later.",
    }
    _keep(turn, it, row, "claimed", outcome, sets=sets, note=note)
    return Done(
        note=f"Claimed for {outcome['said']}. AI spend that is claimed was {outcome['before']}; with this "
        f"claim it is {outcome['after']}. {outcome['counts']}"
    )


@press("shadow.not-ai", permission="shadow.claim")
def press_not_ai(turn: Turn, it: Interaction) -> Done:
    """It is not asked about again, and leaves the list of unclaimed AI spend at once."""
    row = asked_row(turn, it)
    before, amount = _at_stake(turn, row)
    outcome = _coverage(before, before.without(amount))
    outcome["counts"] = "It is no longer counted as AI spend."
    _keep(turn, it, row, "not-ai", outcome, sets={}, note="")
    return Done(
        note=f"Noted: not AI. AI spend that is claimed was {outcome['before']}; without it, it is "
        f"{outcome['after']}."
    )


# --- what answers share -----------------------------------------------------------------------------


def asked_row(turn: Turn, it: Interaction) -> QuestionRow:
    """The question that is answered, locked. Raises when it is answered or no longer asked."""
    row = shadow.get(turn.connection, it.subject, lock=True)
    if row is None:
        raise NotFound("This question is not known here (any more). Nothing was changed.")
    if row.state != "asked":
        raise AlreadyDecided(f"This was answered before: {outcome_of(turn.policy, row)}")
    return row


def known_teams(turn: Turn) -> list[str]:
    """The teams of the policy and of the bill."""
    return sorted({*turn.policy.teams, *spend.names(turn.connection)["team"]}, key=str.casefold)


def who(it: Interaction) -> str:
    """Who answers, the same on every surface however the address is written there."""
    return it.actor.person.strip().lower()


def next_reading(turn: Turn) -> str:
    """The time of day at which the bill is read next: ``06:00``."""
    times = sorted(turn.policy.schedule.read_bills_at)
    now = turn.now.astimezone(turn.policy.workspace.zone).time()
    return next((t for t in times if time.fromisoformat(t) > now), times[0])


def _read(turn: Turn, it: Interaction) -> dict[Dimension, str]:
    """What the form says. Raises FieldsRefused with a sentence for each field that cannot be used."""
    errors: dict[str, str] = {}
    sets: dict[Dimension, str] = {}
    said: dict[Dimension, str] = {}
    names: tuple[Dimension, ...] = ("experiment", "feature", "team")
    for name in names:
        try:
            said[name] = clean_name(it.inputs.get(name, ""))
        except ValueError as error:
            errors[name] = str(error)
    if "team" in said:
        teams = known_teams(turn)
        same = next((t for t in teams if t.casefold() == said["team"].casefold()), None)
        if same is None and teams:
            hint = did_you_mean(said["team"], teams) or "; ask the FinOps owner to add it."
            errors["team"] = f"No team is called {said['team']}{hint}"
        sets["team"] = same or said["team"]
    theirs: dict[str, set[str]] = {}
    if "experiment" in said:
        theirs = shadow.experiments_like(turn.connection, said["experiment"])
        sets["experiment"] = _spelling(said["experiment"], sorted(theirs))
    if "feature" in said:
        known = spend.spelled(turn.connection, "feature", said["feature"])
        sets["feature"] = _spelling(said["feature"], known)
    workload = it.inputs.get("workload", "").strip()
    if workload not in WORKLOADS:
        errors["workload"] = f"Choose one of {', '.join(WORKLOADS)}."
    sets["workload"] = workload
    owner = it.inputs.get("owner", "").strip()
    if owner:
        try:
            sets["owner"] = _EMAIL.validate_python(owner)
        except ValidationError:
            errors["owner"] = "Write an e-mail address such as name@example.com."
    owners = theirs.get(sets.get("experiment", ""), set())
    team = sets.get("team", "").casefold()
    if owners and team and "team" not in errors and team not in {t.casefold() for t in owners}:
        errors["experiment"] = (
            f"{sets['experiment']} is an experiment of the team {' and '.join(sorted(owners))}; choose "
            "that team, or another name."
        )
    if errors:
        raise FieldsRefused(errors)
    return sets


def _spelling(said: str, known: list[str]) -> str:
    """As it is spelled already: two names that differ by case only would be two experiments in every list."""
    return said if said in known or not known else known[0]


def _at_stake(turn: Turn, row: QuestionRow) -> tuple[AiSpend, Decimal]:
    """AI spend as it is now, and what of it this question is about. Raises Stale when nothing is left."""
    period = look_period(turn)
    before, parts = ai_spend(turn.connection, turn.policy, period.first, period.last)
    amount = parts.get((row.account, row.service), Decimal(0))
    if amount <= 0:
        raise Stale(
            f"Nothing of {what(row.account, row.service)} is unclaimed in the last {DAYS} days any more, so there "
            "is nothing to claim. Nothing was changed."
        )
    return before, amount


def _coverage(before: AiSpend, after: AiSpend) -> dict[str, Any]:
    """Both as sentences to the cent, and as ``money`` the difference of the cents that they say."""

    def cents(amount: Decimal) -> Money:
        return Money(amount, before.currency).rounded()

    more = cents(after.claimed) - cents(before.claimed)
    less = cents(before.total) - cents(after.total)
    return {
        "before": before.sentence(),
        "after": after.sentence(),
        "money": (more + less).exact(),
    }


def _keep(
    turn: Turn,
    it: Interaction,
    row: QuestionRow,
    state: str,
    outcome: dict[str, Any],
    *,
    sets: dict[Dimension, str],
    note: str,
) -> None:
    claim_id = secrets.token_hex(8)
    shadow.add_claim(
        turn.connection,
        id=claim_id,
        question_id=row.id,
        account=row.account,
        service=row.service,
        sets=dict(sets),
        not_ai=state == "not-ai",
        note=note,
        person=who(it),
        name=it.actor.name,
        at=turn.now,
        withdrawn_at=None,
    )
    row = shadow.change(
        turn.connection,
        row,
        state=state,
        decided_by=who(it),
        decided_name=it.actor.name,
        decided_at=turn.now,
        facts={**row.facts, "outcome": {**outcome, "claim": claim_id}},
    )
    turn.audit(
        who(it),
        f"shadow.{state}",
        f"shadow:{row.id}",
        note,
        account=row.account,
        service=row.service,
        claim=claim_id,
        sets=dict(sets),
        money=outcome["money"],
        before=outcome["before"],
        after=outcome["after"],
    )
    turn.edit(key_of(row), question_message(turn.policy, row))
