"""``/sandbox request``: one form; inside a zone allocated in the same click, else up the ladder."""

import secrets
from collections.abc import Sequence
from datetime import time, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.money import Money
from guardrails.policy.sandboxes import RISK_CLASSES
from guardrails.sandboxes.asking import STAGES, WORKLOADS, Asking, name_of, read
from guardrails.sandboxes.zones import Placement, Use, Wanted, put, with_headroom
from guardrails.suggest import did_you_mean
from handlers.conversation import (
    ChoiceField,
    DateField,
    Done,
    Form,
    FormField,
    Interaction,
    OpenForm,
    Option,
    TextField,
    text,
)
from handlers.overruns.ending import REQUEST
from handlers.refusals import FieldsRefused, NotFound
from handlers.router import command, press, submission
from handlers.sandboxes import clocks, ladder, money
from handlers.sandboxes.allocate import allocate
from handlers.sandboxes.message import STATES, key_of
from handlers.sandboxes.showing import read as read_row
from handlers.turn import Turn
from storage import sandboxes
from storage.sandboxes import SandboxRow
from storage.spend import rate

_DAYS = 14  # what the form offers


@command(
    "sandbox request",
    permission="sandbox.request",
    does="asks for room for an experiment",
    usage="[name]",
)
def command_request(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form."""
    return _form(turn, it, it.inputs.get("text", "").strip()[:40])


@press("sandbox.request", permission="sandbox.request")
def press_request(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form from a button."""
    return _form(turn, it, "")


@submission("sandbox.request", permission="sandbox.request")
def request(turn: Turn, it: Interaction) -> Done:
    """Checks each field, looks for a zone, and allocates or asks."""
    policy = turn.policy
    currency = policy.workspace.currency
    asked = read(it.inputs, policy.sandboxes, currency, policy.teams, turn.today)
    if not isinstance(asked, Asking):
        raise FieldsRefused(asked | _taken(turn, name_of(it.inputs.get("name", ""))))
    wrong = _taken(turn, asked.name) | _stranger(turn, it, asked.owner)
    if wrong:
        raise FieldsRefused(wrong)
    where = _place(turn, it, asked)
    row = _record(turn, it, asked, where)
    me = it.actor.person.strip().lower()
    cap = money.money(turn, where.cap)
    if where.zone is not None:
        why = f"Inside the zone {where.zone.name}."
        row = allocate(turn, row, cap=where.cap, actor=me, name=it.actor.name, why=why)
        now = "is active" if row.state == "active" else "is being set up"
        said = f"{asked.name} {now}: {cap} until {words.day(row.ends_on)}. See #{row.channel}."
        return Done(note=said + _bias(turn, asked.team))
    decides = ladder.ask(
        turn,
        row,
        purpose=REQUEST,
        amount=where.cap,
        until=asked.until,
        why="",
        outside=where.why,
        reviewers=where.reviewers,
        asked_by=me,
        asked_name=it.actor.name,
    )
    said = (
        f"{cap} for {asked.name} are decided by {decides}, because {where.why}. See #{row.channel}."
    )
    return Done(note=said + _bias(turn, asked.team))


def uses(turn: Turn) -> dict[str, Use]:
    """What each zone holds now. Locks the zones, so that two requests at once are counted one after the other."""
    since = clocks.at_local(turn, turn.today.replace(day=1), time())
    own = turn.policy.workspace.currency
    found = {}
    for zone in sorted(turn.policy.sandboxes.zones, key=lambda z: z.name):
        sandboxes.lock_zone(turn.connection, zone.name)
        allocated = sandboxes.allocated_in(turn.connection, zone.name, since)
        month = sum(
            (
                sandboxes.money_of(micros) * rate(turn.policy, currency or own)
                for micros, currency in allocated
            ),
            Decimal(0),
        )
        living = sandboxes.in_zone(turn.connection, zone.name)
        found[zone.name] = Use(living, month)
    return found


def _place(turn: Turn, it: Interaction, asked: Asking) -> Placement:
    wanted = Wanted(
        team=asked.team,
        feature=asked.feature,
        workload=asked.workload,
        stage=asked.stage,
        # What the resources cost counts when less is estimated: an actuator hands out resources.
        estimate=max(asked.estimate, asked.listed or asked.estimate),
        days=asked.days,
        data_class=asked.data_class,
        risk_class=asked.risk_class,
        gpus=asked.resources.gpus,
        of_team=is_of(turn, it, asked.team),
    )
    currency = turn.policy.workspace.currency
    where = put(turn.policy.sandboxes, wanted, it.actor.roles, uses(turn), currency)
    if where.zone is None:
        return where
    people = (it.actor.person.strip().lower(), asked.owner)
    since = turn.now - timedelta(days=turn.policy.ladder.window_days)
    halted = sandboxes.halted_of(turn.connection, people, since)
    if halted is None:
        return where
    outside = with_headroom(wanted.estimate, turn.policy.sandboxes.headroom_percent)
    return Placement(
        None, outside, f"{halted.name} was halted on {words.day(halted.halted_at.date())}"
    )


def is_of(turn: Turn, it: Interaction, team: str) -> bool:
    """Whether somebody is of a team, by the policy: a member, or its lead."""
    me = it.actor.person.strip().lower()
    lead = turn.policy.teams[team].lead if team in turn.policy.teams else None
    return me == lead or any(p.email == me and p.team == team for p in turn.policy.people)


def _record(turn: Turn, it: Interaction, asked: Asking, where: Placement) -> SandboxRow:
    policy = turn.policy
    currency = policy.workspace.currency
    sandbox_id = secrets.token_urlsafe(9)
    zone = where.zone
    chosen = zone.actuators if zone is not None and zone.actuators is not None else None
    added = sandboxes.add(
        turn.connection,
        id=sandbox_id,
        name=asked.name,
        state="requested",
        version=1,
        hypothesis=asked.hypothesis,
        metric=asked.metric,
        target=asked.target,
        feature=asked.feature,
        workload=asked.workload,
        stage=asked.stage,
        team=asked.team,
        owner=asked.owner,
        resources=asked.resources.model_dump(mode="json"),
        estimate_micros=Money(asked.estimate, currency).micros,
        asked_micros=Money(where.cap, currency).micros,
        currency=currency,
        days=asked.days,
        starts_on=turn.today,
        ends_on=asked.until,
        data_class=asked.data_class,
        risk_class=asked.risk_class,
        notes=asked.notes,
        zone=zone.name if zone is not None else "",
        asked_by=it.actor.person.strip().lower(),
        asked_name=it.actor.name,
        asked_at=turn.now,
        channel=policy.teams[asked.team].channel,
        overrun_id="",
        actuators=list(policy.sandboxes.actuators if chosen is None else chosen),
        handles={},
        why="",
        policy_hash=turn.loaded.hash,
    )
    if not added:
        raise FieldsRefused(
            {"name": f"Another sandbox is called {asked.name}; choose another name."}
        )
    turn.audit(
        it.actor.person.strip().lower(),
        "sandbox.requested",
        key_of(sandbox_id),
        asked.hypothesis,
        name=asked.name,
        estimate=str(asked.estimate),
        currency=currency,
        zone=zone.name if zone is not None else "",
    )
    return read_row(turn, sandbox_id)


def _taken(turn: Turn, name: str) -> dict[str, str]:
    """Why a name cannot be used: names are experiments' tags, and a bill must not mix two of them."""
    known = sandboxes.named(turn.connection, name)
    if known is not None and known.state not in ("declined", "withdrawn"):
        who = f"{known.asked_name} asked for it, and it is {STATES[known.state].lower()}"
        return {"name": f"A sandbox is called {known.name} already: {who}. Choose another name."}
    if sandboxes.spends(turn.connection, name):
        return {"name": f"The bill has an experiment {name} already; choose another name."}
    return {}


def _stranger(turn: Turn, it: Interaction, owner: str) -> dict[str, str]:
    """An owner gets messages and may not decide, so it is somebody whom the policy knows, or whoever asks."""
    known = {p.email for p in turn.policy.people} | {it.actor.person.strip().lower()}
    if owner in known or not turn.policy.people:
        return {}
    return {
        "owner": f"The policy knows nobody with the address {owner}{did_you_mean(owner, known)}"
    }


def _bias(turn: Turn, team: str) -> str:
    found = ladder.bias(turn, team)
    return f" Estimates of {team} so far: {found}." if found is not None else ""


def _form(turn: Turn, it: Interaction, name: str) -> OpenForm:
    policy = turn.policy
    if not policy.teams:
        raise NotFound(
            "No team is set, and every sandbox has one. The FinOps owner adds teams to the policy."
        )
    me = it.actor.person.strip().lower()
    mine = next((p.team for p in policy.people if p.email == me and p.team), None)
    rules, currency = policy.sandboxes, policy.workspace.currency
    intro = "Nothing starts untagged: what you write here becomes its tags."
    if rules.zones:
        intro += " What fits into a zone is allocated at once."
    fields: list[FormField] = [
        TextField(
            name="name",
            label="Name",
            hint="becomes the experiment tag, such as try-lora",
            initial=name,
            max_length=40,
        ),
        TextField(
            name="hypothesis", label="What you want to find out", multiline=True, max_length=500
        ),
        TextField(
            name="metric", label="What you measure", hint="such as recall_at_10", max_length=80
        ),
        TextField(
            name="target", label="Success is", hint="such as >= 0.82 or <= 120", max_length=20
        ),
        TextField(
            name="feature", label="Feature", hint="which product feature it serves", max_length=80
        ),
        _choice("workload", "Workload", WORKLOADS),
        _choice("stage", "Stage", STAGES, "exploration"),
        _choice("team", "Team", tuple(policy.teams)[:100], mine),
        TextField(
            name="owner", label="Owner", hint="an e-mail address", initial=me, max_length=120
        ),
        *_resource_fields(tuple(rules.prices.gpu_hour), tuple(rules.prices.million_tokens)),
        TextField(
            name="estimate",
            label=f"Estimate in {currency}",
            hint="such as 1,200; without it the price list and the resources are used. Headroom is added"
            if rules.prices.gpu_hour or rules.prices.million_tokens
            else "such as 1,200",
            required=not (rules.prices.gpu_hour or rules.prices.million_tokens),
            max_length=30,
        ),
        DateField(
            name="until",
            label="Last day",
            hint=f"at most {rules.longest_days} days",
            initial=turn.today + timedelta(days=min(_DAYS, rules.longest_days) - 1),
        ),
        _choice("data_class", "Data", rules.data_classes, rules.data_classes[0]),
        _choice("risk_class", "EU AI Act risk class", RISK_CLASSES, "minimal"),
        TextField(
            name="notes",
            label="Regulatory notes",
            hint="such as the legal basis for personal data",
            required=False,
            multiline=True,
            max_length=1000,
        ),
    ]
    known = ladder.bias(turn, mine) if mine else None
    if known is not None:
        intro += f" Estimates of {mine} so far: {known}."
    return OpenForm(
        form=Form(
            action="sandbox.request",
            subject="",
            title="Ask for a sandbox",
            intro=text(intro),
            fields=tuple(fields),
            submit="Ask",
        )
    )


def _resource_fields(gpus: Sequence[str], models: Sequence[str]) -> list[FormField]:
    found: list[FormField] = []
    if gpus:
        found += [
            _choice("gpu", "GPU", gpus, required=False),
            TextField(name="gpus", label="How many GPUs", required=False, max_length=6),
            TextField(
                name="gpu_hours",
                label="Hours on each GPU, in all",
                hint="without a number: all day, every day",
                required=False,
                max_length=8,
            ),
        ]
    if models:
        found += [
            _choice("model", "Model", models, required=False),
            TextField(name="tokens", label="Million tokens, in all", required=False, max_length=12),
        ]
    return found


def _choice(
    name: str,
    label: str,
    values: Sequence[str],
    initial: str | None = None,
    *,
    required: bool = True,
) -> ChoiceField:
    options = tuple(Option(value=v, label=v) for v in values)
    return ChoiceField(name=name, label=label, options=options, initial=initial, required=required)
