"""A changed policy is handed in to be replayed: checked at once, run behind, told in the person's own chat."""

from dataclasses import dataclass

from handlers.conversation import (
    ChoiceField,
    Done,
    FileField,
    Form,
    Interaction,
    OpenForm,
    Option,
    text,
)
from handlers.policy_rules.outcome import told_where
from handlers.policy_rules.reading import Read, in_words, read
from handlers.policy_rules.words import SHORT
from handlers.refusals import FieldsRefused, NotFound, Stale, Unreadable
from handlers.router import command, press, submission
from handlers.turn import Turn
from storage import policy_replays, spend
from storage.policy_file import policy_hash

CHOICES = (30, 90, 180)  # days
USUAL = 90
FILE, DAYS = "policy", "days"
NO_BILL = (
    "No bill has been read yet, so there is no history to replay. Ask again after the first round."
)


@dataclass(frozen=True)
class Given:
    """What was handed in, read."""

    read: Read
    text: str
    days: int


@command(
    "policy replay",
    permission="policy.replay",
    does="what a changed policy would have done on stored history",
    usage="[30d, 90d or 180d]",
    takes_files=True,
)
def ask_by_command(turn: Turn, it: Interaction) -> OpenForm | Done:
    """Opens the form; a file that came with the command is taken at once."""
    typed = it.inputs.get("text", "").strip().lower()
    allowed = {f"{days}d": days for days in CHOICES}
    if typed and typed not in allowed:
        raise Unreadable(f"“{typed}” is no choice here: type 30d, 90d or 180d, or nothing.")
    days = allowed.get(typed, USUAL)
    if not it.files and not it.faults:
        return _form(turn, it, days)
    given = {FILE: next(iter(it.files.values()), "")}
    wrong = {FILE: " ".join(it.faults.values())} if it.faults else {}
    sent = {"inputs": {DAYS: str(days)}, "files": given, "faults": wrong}
    return _begin(turn, it.model_copy(update=sent))


@press("policy.replay", permission="policy.replay")
def ask(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form."""
    return _form(turn, it, USUAL)


@submission("policy.replay", permission="policy.replay", takes_files=True)
def begin(turn: Turn, it: Interaction) -> Done:
    """Checks the policy and lets it be replayed; one at a time for each person."""
    return _begin(turn, it)


def _begin(turn: Turn, it: Interaction) -> Done:
    given = _given(it)
    policy = given.read.policy
    assert policy is not None
    if spend.covered(turn.connection) is None:
        raise NotFound(NO_BILL)
    person = it.actor.person.strip().lower()
    new = policy_hash(policy, turn.loaded.runbooks)
    # The audit's lock comes before the look: of two that one person hands in at once, the later one waits here,
    # sees the first, and is taken back.
    turn.audit(
        person,
        "policy.replay-asked",
        f"policy:{new}",
        days=given.days,
        file_sha256=given.read.hash,
        surface=it.place.surface,
    )
    _none_open(turn, person)
    policy_replays.add(
        turn.connection,
        asked_by=person,
        asked_name=it.actor.name,
        days=given.days,
        policy_text=given.text,
        now=turn.now,
    )
    same = (
        " It is the policy of now, so it should give what happened."
        if new == turn.loaded.hash
        else ""
    )
    what = f"Replaying {given.days} days under the policy {new[:SHORT]}.{same}"
    return Done(note=f"{what} The result comes {told_where(turn, person)}.")


def _given(it: Interaction) -> Given:
    errors = {name: sentence for name, sentence in it.faults.items() if name == FILE}
    handed = it.files.get(FILE, "")
    found = None
    if not errors and not handed.strip():
        errors[FILE] = "The file is missing, or empty: give the changed app.yaml."
    elif not errors:
        found = read(handed)
        if found.policy is None:
            errors[FILE] = in_words(found.errors)
    days = it.inputs.get(DAYS, "").strip()
    if days not in {str(d) for d in CHOICES}:
        errors[DAYS] = "Choose 30, 90 or 180 days."
    if errors or found is None:
        raise FieldsRefused(errors)
    return Given(found, handed, int(days))


def _form(turn: Turn, it: Interaction, days: int) -> OpenForm:
    if spend.covered(turn.connection) is None:
        raise NotFound(NO_BILL)
    person = it.actor.person.strip().lower()
    if "@" not in person:
        raise NotFound("Your account has no e-mail here, so the result could not be told to you.")
    _none_open(turn, person)
    options = tuple(Option(value=str(d), label=f"the last {d} days") for d in CHOICES)
    return OpenForm(
        form=Form(
            action="policy.replay",
            subject="",
            title="Replay a policy",
            intro=text(
                "What would have been different if this policy had been in force? It is compared with the policy "
                "of now, on what is stored. Nothing changes, and the file is not kept."
            ),
            fields=(
                FileField(
                    name=FILE,
                    label="The changed app.yaml",
                    endings=("yaml", "yml"),
                    hint="The whole file. It is checked at once.",
                ),
                ChoiceField(name=DAYS, label="How far back", options=options, initial=str(days)),
            ),
            submit="Replay",
        )
    )


def _none_open(turn: Turn, person: str) -> None:
    row = policy_replays.open_of(turn.connection, person)
    if row is not None:
        raise Stale(
            "A policy that you handed in is still being replayed. You will be told when it is done; then hand in "
            "the next."
        )
