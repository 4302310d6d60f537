"""The states of a sandbox and what leads from one to the next. Every state that is not an end has a way out."""

from typing import Literal, get_args

State = Literal[
    "requested",
    "allocated",
    "active",
    "throttled",
    "halted",
    "expired",
    "closed",
    "graduated",
    "declined",
    "withdrawn",
]
Event = Literal[
    "approve",
    "decline",
    "withdraw",
    "activate",
    "throttle",
    "halt",
    "resume",
    "expire",
    "close",
    "graduate",
]
STATES: tuple[State, ...] = get_args(State)
EVENTS: tuple[Event, ...] = get_args(Event)

#: What may spend: the money is set aside, and resources are there or on their way.
LIVING: tuple[State, ...] = ("allocated", "active", "throttled", "halted", "graduated")
#: Whose outcome is asked for. What graduated is no sandbox any more and goes on.
ENDED: tuple[State, ...] = ("expired", "closed", "graduated")

MOVES: dict[State, dict[Event, State]] = {
    "requested": {"approve": "allocated", "decline": "declined", "withdraw": "withdrawn"},
    "allocated": {
        "activate": "active",
        "halt": "halted",
        "expire": "expired",
        "close": "closed",
    },
    "active": {
        "throttle": "throttled",
        "halt": "halted",
        "expire": "expired",
        "close": "closed",
        "graduate": "graduated",
    },
    "throttled": {
        "halt": "halted",
        "resume": "active",
        "expire": "expired",
        "close": "closed",
    },
    "halted": {"resume": "active", "expire": "expired", "close": "closed"},
    "graduated": {"halt": "halted", "close": "closed"},
}


def after(
    state: str, event: Event, *, was_active: bool = True, graduated: bool = False
) -> State | None:
    """The state that an event leads to; None when it means nothing in this one.

    What was halted before its resources were there goes back to being allocated, what had graduated to that; and
    what has graduated does not end by the calendar.
    """
    found = {str(s): moves for s, moves in MOVES.items()}.get(state, {}).get(event)
    if event == "expire" and graduated:
        return None
    if event == "resume" and found is not None and graduated:
        return "graduated"
    if event == "resume" and found is not None and not was_active:
        return "allocated"
    return found
