"""A dashboard as a page: with live numbers whenever it is looked at, a way to another one, and ``Refresh``.

It stands below a person's own page where a surface has a place for pages, else it is a private answer whose
buttons change it in its place.
"""

from handlers.conversation import (
    Actor,
    Block,
    Button,
    Controls,
    Divider,
    Interaction,
    Menu,
    Message,
    Option,
    Private,
)
from handlers.dashboards.showing import DASHBOARDS, default_for, named, show
from handlers.refusals import NotFound
from handlers.router import command, press
from handlers.turn import Turn

SHOW = "dashboard.show"  # another one, or the same again, in its place
OPEN = "dashboard.open"  # as an answer of its own
_LABELS = {
    "engineer": "Engineers",
    "product": "Product owners",
    "finance": "Finance",
    "executive": "Executives",
    "finops": "FinOps",
}


@command(
    "dashboard",
    permission="spend.read",
    does="your role's dashboard with its buttons, or another's",
    usage="[engineer, product, finance, executive or finops]",
    example="/dashboard finance",
    looks=True,
)
def show_typed(turn: Turn, it: Interaction) -> Private:
    """The dashboard that was typed, else that of the roles of now."""
    return page(turn, it.actor, named(it.inputs.get("text", ""), it.actor.roles))


@press(OPEN, permission="spend.read", looks=True)
def open_own(turn: Turn, it: Interaction) -> Private:
    """The dashboard of the roles of now, as an answer of its own."""
    shown = page(turn, it.actor, default_for(it.actor.roles))
    return shown.model_copy(update={"page": ""})


@press(SHOW, permission="spend.read", looks=True)
def show_chosen(turn: Turn, it: Interaction) -> Private:
    """The dashboard that was chosen, else the same with the numbers of now."""
    name = it.inputs.get("choice") or it.subject
    if name not in DASHBOARDS:
        raise NotFound("This dashboard is not known here (any more). Type /dashboard.")
    return page(turn, it.actor, name)


def page(turn: Turn, actor: Actor, name: str) -> Private:
    """One dashboard with its buttons."""
    message = show(turn, actor, name)
    blocks = (*message.blocks, _controls(name))
    return Private(message=Message(summary=message.summary, blocks=blocks), page=name)


def below(turn: Turn, actor: Actor, name: str) -> tuple[str, list[Block]]:
    """The dashboard that stands below a person's own page, and its name: ``name`` when there is such a one, else
    that of the roles of now."""
    name = name if name in DASHBOARDS else default_for(actor.roles)
    return name, [Divider(), _controls(name), *show(turn, actor, name).blocks]


def open_button() -> Button:
    """Opens one's own dashboard."""
    return Button(label="Dashboard", action=OPEN, subject="")


def _controls(name: str) -> Controls:
    others = tuple(Option(value=n, label=_LABELS.get(n, n)) for n in DASHBOARDS if n != name)
    return Controls(
        controls=(
            Button(label="Refresh", action=SHOW, subject=name),
            Menu(label="Another dashboard", action=SHOW, subject=name, options=others),
        )
    )
