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
LIVING: tuple[State, ...] = ("allocated", "active", "throttled", "halted")
#: What was given room and no longer has it; their outcome is asked for.
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
        "graduate": "graduated",
    },
    "halted": {"resume": "active", "expire": "expired", "close": "closed"},
}


def after(state: str, event: Event, *, was_active: bool = True) -> State | None:
    """The state that an event leads to; None when it means nothing in this one.

    What was halted before its resources were there goes back to being allocated.
    """
    found = {str(s): moves for s, moves in MOVES.items()}.get(state, {}).get(event)
    if event == "resume" and found is not None and not was_active:
        return "allocated"
    return found
