"""``/policy``: what rules are in force, since when, and what in them is probably a mistake."""

from collections.abc import Iterator

from guardrails.authority import roles_that_may
from guardrails.lists import either, every
from guardrails.policy.model import Policy
from guardrails.policy.people import ROLES
from handlers.commands import help_message
from handlers.conversation import (
    At,
    Block,
    Button,
    Code,
    Controls,
    Fact,
    Facts,
    Heading,
    Interaction,
    Items,
    Message,
    Paragraph,
    Private,
    Small,
    Table,
    said,
    text,
)
from handlers.policy_rules.words import SHORT, role_words
from handlers.refusals import Unreadable
from handlers.router import command
from handlers.turn import Turn
from storage import audit

_SHOWN = 15  # doubts


@command("policy", permission="read", does="shows what /policy can do", looks=True)
@command("policy help", permission="read", does="shows what /policy can do", looks=True)
def show_help(turn: Turn, it: Interaction) -> Private:
    """The commands that begin with /policy."""
    _no_words(it)
    return Private(message=help_message(turn.policy, "policy"))


@command(
    "policy show",
    permission="read",
    does="the rules in force, since when, and what is in them",
    looks=True,
)
def show_policy(turn: Turn, it: Interaction) -> Private:
    """The policy of now in brief."""
    _no_words(it)
    policy, since = turn.policy, audit.in_force_since(turn.connection, turn.loaded.hash)
    title = f"The policy of {policy.workspace.name}"
    may = either(role_words(roles_that_may(policy, "policy.replay")))
    in_force = text(At(time=since)) if since else text("no decision yet")
    doubts = sum(1 for _ in turn.loaded.doubtful())
    blocks: list[Block] = [
        Heading(text=title),
        Facts(
            facts=(
                Fact(label="Hash", value=text(Code(text=turn.loaded.hash[:SHORT]))),
                Fact(label="In force since", value=in_force),
                Fact(label="May replay a changed one", value=text(may or "nobody")),
            )
        ),
        Table(header=("Section", "Holds"), rows=tuple(sections(policy, turn)), align="ll"),
    ]
    if doubts:
        things = "1 thing in it is" if doubts == 1 else f"{doubts} things in it are"
        mistakes = "probably a mistake" if doubts == 1 else "probably mistakes"
        blocks.append(
            Paragraph(text=text(f"{things} {mistakes}: ", Code(text="/policy check"), "."))
        )
    blocks.append(
        Small(
            text=text("Decisions record this hash. The file itself is kept under version control.")
        )
    )
    replay = Button(label="Replay a policy…", action="policy.replay", subject="", opens_form=True)
    blocks.append(Controls(controls=(replay,)))
    summary = f"{title}: {turn.loaded.hash[:SHORT]}"
    return Private(message=Message(summary=summary, blocks=tuple(blocks)))


@command(
    "policy check",
    permission="read",
    does="what in the rules is allowed but probably a mistake",
    looks=True,
)
def check_policy(turn: Turn, it: Interaction) -> Private:
    """The doubts that sandrail check has about the policy of now."""
    _no_words(it)
    found = list(turn.loaded.doubtful())
    if not found:
        return Private(message=said("Nothing in the policy looks like a mistake."))
    title = "Allowed by the policy, but probably a mistake"
    shown = [text(doubt) for doubt in found[:_SHOWN]]
    if len(found) > _SHOWN:
        shown.append(text(f"and {len(found) - _SHOWN} more; sandrail check shows them all"))
    return Private(message=Message(summary=title, blocks=(Items(title=title, items=tuple(shown)),)))


def sections(policy: Policy, turn: Turn) -> Iterator[tuple[str, str]]:
    """Each section that holds something, with what it holds in a few words."""
    staffed = policy.staffed()
    council = policy.council
    ladder = [r.name for r in policy.ladder.rungs]
    found = {
        "bills": _count(len(policy.bills), "bill"),
        "metrics": _count(len(policy.metrics), "source"),
        "allocation": _count(len(policy.allocation.rules), "rule"),
        "channels": _count(len(policy.channels), "channel"),
        "teams": _count(len(policy.teams), "team"),
        "people": _count(len(policy.people), "person", "people"),
        "roles": every(role_words([r for r in ROLES if r in staffed])) if staffed else "",
        "alerts": _count(len(policy.alerts.routes), "route"),
        "detection": every(policy.detection.signals),
        "budgets": _count(len(policy.budgets), "budget"),
        "ladder": every(ladder) if ladder else "",
        "sandboxes": _count(len(policy.sandboxes.zones), "zone"),
        "gates": _count(len(policy.gates), "gate"),
        "redlines": _count(len(policy.redlines.lines), "redline"),
        "council": f"meets in #{council.channel}" if council is not None else "",
        "runbooks": _count(len({r.title for r in turn.loaded.runbooks.values()}), "runbook"),
    }
    yield from ((name, what) for name, what in found.items() if what)


def _count(count: int, one: str, many: str = "") -> str:
    if not count:
        return ""
    return f"1 {one}" if count == 1 else f"{count} {many or one + 's'}"


def _no_words(it: Interaction) -> None:
    if words := it.inputs.get("text", "").strip():
        raise Unreadable(f"“{words}” was not used. Type /policy help to see what there is.")
