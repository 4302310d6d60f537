"""``/spend dashboard``: the dashboard of a role, by default of one's own."""

from collections.abc import Callable, Collection

from guardrails.policy.people import Role
from guardrails.suggest import did_you_mean
from handlers.conversation import (
    Actor,
    Code,
    Interaction,
    Message,
    Private,
    Small,
    Span,
    text,
)
from handlers.dashboards.engineers import engineers
from handlers.dashboards.executives import executives
from handlers.dashboards.finance import finance
from handlers.dashboards.finops import finops
from handlers.dashboards.product import product
from handlers.refusals import Unreadable
from handlers.router import command
from handlers.turn import Turn
from storage import spend

Dashboard = Callable[[Turn, Actor], Message]

#: By the word that asks for it.
DASHBOARDS: dict[str, Dashboard] = {
    "engineer": engineers,
    "product": product,
    "finance": finance,
    "executive": executives,
    "finops": finops,
}
#: Which dashboard a role has; whoever has several roles gets the first of these.
_OF_ROLE: tuple[tuple[Role, str], ...] = (
    ("finops", "finops"),
    ("finance", "finance"),
    ("executive", "executive"),
    ("product", "product"),
    ("compliance", "finops"),
    ("lead", "engineer"),
    ("engineer", "engineer"),
    ("operator", "engineer"),
)
_ALSO = {"engineers": "engineer", "executives": "executive", "lead": "engineer"}


def default_for(roles: Collection[Role]) -> str:
    """The name of the dashboard that the roles of now have."""
    return next((name for role, name in _OF_ROLE if role in roles), "engineer")


def named(typed: str, roles: Collection[Role]) -> str:
    """The name of the dashboard that was typed, else of the one that the roles have. Raises Unreadable."""
    words = " ".join(typed.split())
    name = _ALSO.get(words.casefold(), words.casefold()) or default_for(roles)
    if name not in DASHBOARDS:
        hint = did_you_mean(name, list(DASHBOARDS)) or f"; there are {', '.join(DASHBOARDS)}."
        raise Unreadable(f"No dashboard is called “{words}”{hint}")
    return name


def show(turn: Turn, actor: Actor, name: str) -> Message:
    """One dashboard, and how the others are asked for."""
    if spend.covered(turn.connection) is None:
        sentence = "No bill has been read yet. The operator starts it with: sandrail ingest"
        return Message(summary=sentence, blocks=(Small(text=text(sentence)),))
    found = DASHBOARDS[name](turn, actor)
    others: list[str | Span] = ["Other dashboards: "]
    for i, other in enumerate(n for n in DASHBOARDS if n != name):
        others += [*([" · "] if i else []), Code(text=f"/spend dashboard {other}")]
    return found.model_copy(update={"blocks": (*found.blocks, Small(text=text(*others)))})


@command(
    "spend dashboard",
    permission="spend.read",
    does="your role's dashboard, or another's",
    usage="[engineer, product, finance, executive or finops]",
    example="/spend dashboard finance",
    looks=True,
)
def show_dashboard(turn: Turn, it: Interaction) -> Private:
    """The dashboard of the role that was typed, else of the roles of now."""
    return Private(message=show(turn, it.actor, named(it.inputs.get("text", ""), it.actor.roles)))
