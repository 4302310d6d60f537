"""``/help``: what can be typed, first what this policy has a use for."""

import re
from collections.abc import Mapping

from guardrails.authority import may
from guardrails.policy.model import Policy
from guardrails.typed_periods import EXAMPLES
from handlers.ask.subjects import ASKED, Names, is_name, usual
from handlers.conversation import Block, Code, Interaction, Items, Message, Private, Small, text
from handlers.router import Registered, command, registered
from handlers.turn import Turn
from storage import spend

#: The beginning of commands → the section of the policy that they work with. Without it they are not set up.
_WORKS_WITH = {
    "spend budgets": "budgets",
    "spend overrun": "budgets",
    "sandbox zones": "sandboxes",
    "sandbox": "teams",
    "council": "council",
}
#: What is good to know of the commands that begin with a word; ``""``: of all.
_NOTES: dict[str, tuple[str | Code, ...]] = {
    "": ("With examples: ", Code(text="/spend help"), f". Periods: {EXAMPLES}."),
    "spend": (
        f"Periods: {EXAMPLES}. A name that is also a command, or a month: ",
        Code(text="/spend experiment top"),
    ),
    "sandbox": ("NAME is what ", Code(text="/sandbox list"), " calls it."),
    "council": (
        "A week is written 2026-W48, a quarter 2026-Q3. "
        "“Bring to the council” in the menu of any message adds it, too.",
    ),
    "policy": (
        "The FinOps owner changes the rules in the policy's file; ",
        Code(text="/policy replay"),
        " says first what a change would have done.",
    ),
}
#: Of the examples where the bill has none.
_NAMES = {
    "experiment": "ranker",
    "other": "reranker",
    "feature": "search",
    "team": "search",
    "budget": "search-month",
}
_PLAIN = re.compile(r"[\w.-]{1,40}")


@command("help", permission="read", does="shows what can be typed", looks=True)
def show_help(turn: Turn, it: Interaction) -> Private:
    """All commands, with what each does."""
    return Private(message=help_message(turn.policy, ""))


@command("spend help", permission="read", does="shows what /spend can do", looks=True)
def show_spend_help(turn: Turn, it: Interaction) -> Private:
    """The commands that begin with /spend."""
    sees = may(turn.policy, "spend.read", it.actor.roles)
    return Private(message=help_message(turn.policy, "spend", _names(turn) if sees else _NAMES))


def _names(turn: Turn) -> dict[str, str]:
    """Names for the examples: those on which most was spent in 30 days and that can be typed as they are."""
    known = Names(turn)
    found = dict(_NAMES)
    try:
        sums = spend.each_by(turn.connection, turn.policy, usual(turn, None), *ASKED)
    except LookupError:  # a currency without a rate: help is there all the same
        sums = {}
    for key in sums:
        dearest = sorted(sums[key], key=lambda n: (-sums[key][n], n))
        wanted = (key, "other") if key == "experiment" else (key,)
        plain = (
            n for n in dearest if _PLAIN.fullmatch(n) and is_name(known, n)
        )  # no more than wanted
        found |= dict(zip(wanted, plain, strict=False))
    if turn.policy.budgets:
        found["budget"] = turn.policy.budgets[0].name
    return found


def help_message(policy: Policy, first: str, names: Mapping[str, str] = _NAMES) -> Message:
    """The commands that begin with a word, all for ``""``: what can be used with what it does, then the rest.
    ``names`` are those of the examples."""
    every = registered("command")  # in the order of their names
    these = [c.handler for c in every if c.name == f"{first} help"]  # whoever reads it has found it
    commands = [
        c for c in every if not first or (c.name.split()[0] == first and c.handler not in these)
    ]
    usable = [c for c in commands if is_set_up(policy, c)]
    later = [c for c in commands if c not in usable]
    title = "What you can type"
    lines = tuple(
        text(
            Code(text=f"/{c.name}{' ' + c.usage if c.usage else ''}"),
            f": {c.does}",
            *(
                (" · ", Code(text=c.example.format_map(names)))
                if first and c.usage and c.example
                else ()
            ),
        )
        for c in usable
    )
    blocks: list[Block] = [Items(title=title, items=lines)]
    if first in _NOTES:
        blocks.append(Small(text=text(*_NOTES[first])))
    if later:
        blocks.append(
            Items(
                title="Not set up in this policy",
                items=tuple(text(Code(text=f"/{c.name}")) for c in later),
            )
        )
    return Message(summary=title, blocks=tuple(blocks))


def is_set_up(policy: Policy, found: Registered) -> bool:
    """Whether the policy has the section that a command works with."""
    for beginning, section in _WORKS_WITH.items():
        if f"{found.name} ".startswith(f"{beginning} "):
            field = type(policy).model_fields.get(section)
            return field is not None and getattr(policy, section) != field.get_default()
    return True
