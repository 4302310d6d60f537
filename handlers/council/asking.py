"""What somebody is asked before they say scale, kill, defer or object, and what follows when they do."""

from guardrails.council import Said
from guardrails.policy.council import Council

_QUESTIONS: dict[Said, str] = {
    "scale": "Give {0} more room?",
    "kill": "Stop {0} for good?",
    "defer": "Leave {0} to the next council?",
    "object": "Object to what stands of {0}?",
}
_FOLLOWS: dict[tuple[str, Said], str] = {
    (
        "sandbox",
        "scale",
    ): "Its cap stays as it is; its owner is asked to ask for the room that it needs.",
    ("budget", "scale"): "Its limit stays as it is; its owner is asked to ask for more.",
    ("topic", "scale"): "Its owner is asked to carry it out, and to ask for what it needs.",
    (
        "budget",
        "kill",
    ): "Nothing is switched off by this; its owner is asked to stop what spends of it.",
    ("topic", "kill"): "Its owner is asked to end it.",
    ("topic", "defer"): "It is asked again then.",
}
_HALTED = "Once that stands it is halted, if you may halt it; its data stays. Its owner is asked to close it."
_COUNTED = "Nothing is halted before the votes are counted. Then its owner is asked to close it."


def asked(rules: Council, kind: str, title: str, said: Said) -> tuple[str, str]:
    """(The question, what follows) for a thing of the agenda, by how the council decides."""
    if (kind, said) == ("sandbox", "kill"):
        follows = _COUNTED if rules.decide_by == "votes" else _HALTED
    elif said == "object":
        follows = "Then the votes decide at the closing."
    else:
        follows = _FOLLOWS.get((kind, said), "It is asked again then, while there is a reason.")
    named = f"“{title}”" if kind == "topic" else title
    return _QUESTIONS[said].format(named), follows
