"""``/sandbox``: which there are, and one of them."""

from guardrails.alerts import words
from guardrails.money import Money
from guardrails.suggest import did_you_mean
from handlers.commands import help_message
from handlers.conversation import (
    Block,
    Button,
    Code,
    Controls,
    Heading,
    Interaction,
    Items,
    Message,
    Private,
    Small,
    Table,
    text,
)
from handlers.refusals import NotFound
from handlers.router import AnyReply, command
from handlers.sandboxes.message import STATES, card, spent_line
from handlers.turn import Turn
from storage import sandboxes
from storage.sandboxes import SandboxRow

_NEW = Controls(
    controls=(
        Button(
            label="Ask for a sandbox…",
            action="sandbox.request",
            subject="",
            style="primary",
            opens_form=True,
        ),
    )
)


@command("sandbox", permission="read", does="one sandbox, or all", usage="[name]", looks=True)
def show_sandbox(turn: Turn, it: Interaction) -> Private:
    """One by its name, else the list."""
    name = it.inputs.get("text", "").strip()
    return _one(turn, name) if name else _all(turn)


@command("sandbox status", permission="read", does="spend against cap", usage="NAME", looks=True)
def show_status(turn: Turn, it: Interaction) -> AnyReply:
    """One by its name."""
    return show_sandbox(turn, it)


@command("sandbox list", permission="read", does="the sandboxes that live or wait", looks=True)
def list_sandboxes(turn: Turn, it: Interaction) -> Private:
    """All of them, by name."""
    return _all(turn)


@command(
    "sandbox zones", permission="read", does="where a sandbox needs nobody's decision", looks=True
)
def list_zones(turn: Turn, it: Interaction) -> Private:
    """The zones with their caps."""
    currency = turn.policy.workspace.currency
    rows = []
    for zone in turn.policy.sandboxes.zones:
        when = [", ".join(v) for v in zone.when.model_dump().values() if v]
        month = str(Money(zone.cap_month, currency)) if zone.cap_month else "–"
        cap = str(Money(zone.cap, currency))
        days = words.days(zone.longest_days)
        rows.append((zone.name, " · ".join(when) or "everything", cap, month, days))
    if not rows:
        sentence = "No zone is set, so every sandbox is decided on the ladder."
        return Private(message=Message(summary=sentence, blocks=(Small(text=text(sentence)),)))
    header = ("Zone", "For", "A sandbox", "A month", "At most")
    title = "Inside a zone a sandbox is allocated at once"
    table = Table(header=header, rows=tuple(rows), align="llrrl")
    return Private(message=Message(summary=title, blocks=(Heading(text=title), table, _NEW)))


@command("sandbox help", permission="read", does="shows what /sandbox can do", looks=True)
def show_help(turn: Turn, it: Interaction) -> Private:
    """The commands that begin with /sandbox."""
    return Private(message=help_message(turn.policy, "sandbox"))


def _all(turn: Turn) -> Private:
    waiting = sandboxes.requested(turn.connection)
    living = sandboxes.living(turn.connection)
    if not (waiting or living):
        sentence = (
            "No sandbox lives or waits. Ask for one: what fits into a zone is allocated at once."
        )
        blocks: tuple[Block, ...] = (Small(text=text(sentence)), _NEW)
        return Private(message=Message(summary=sentence, blocks=blocks))
    rows = tuple(
        (
            r.name,
            STATES[r.state],
            r.team,
            "–" if r.state == "requested" else spent_line(turn, r),
            words.day(r.ends_on),
        )
        for r in (*waiting, *living)
    )
    title = "1 sandbox" if len(rows) == 1 else f"{len(rows)} sandboxes"
    header = ("Sandbox", "State", "Team", "Spent", "Until")
    blocks = (
        Heading(text=title),
        Table(header=header, rows=rows, align="lllrl"),
        Small(text=text("One of them: ", Code(text="/sandbox NAME"))),
        _NEW,
    )
    return Private(message=Message(summary=title, blocks=blocks))


def find_named(turn: Turn, name: str) -> SandboxRow:
    """The sandbox of that name, without case. Raises NotFound with the nearest name."""
    row = sandboxes.named(turn.connection, name)
    if row is not None:
        return row
    if not name:
        raise NotFound("Say which sandbox, by its name; /sandbox list shows them.")
    every = (*sandboxes.living(turn.connection), *sandboxes.requested(turn.connection))
    hint = did_you_mean(name, [r.name for r in every]) or "; /sandbox list shows them."
    raise NotFound(f"No sandbox is called “{name}”{hint}")


def _one(turn: Turn, name: str) -> Private:
    row = find_named(turn, name)
    shown = card(turn, row)
    blocks: list[Block] = list(shown.blocks)
    if row.state == "requested":
        lines = (text(f"It waits on the ladder, in #{row.channel}."),)
        blocks.append(Items(items=lines))
    return Private(message=Message(summary=shown.summary, blocks=tuple(blocks), tone=shown.tone))
