"""What a question is about, as people type it: ``ranker``, ``team search``, ``model p5.48xlarge``, or all."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from guardrails.lists import either
from guardrails.periods import Period, PeriodError
from guardrails.policy.bills import DIMENSIONS, Dimension
from guardrails.policy.budgets import Budget
from guardrails.suggest import did_you_mean, nearest
from guardrails.typed_periods import read_period, read_periods
from handlers.budgets.standing import find_budget
from handlers.conversation import Code, Message, Small, text
from handlers.refusals import NotFound, Unreadable
from handlers.router import beside
from handlers.turn import Turn
from storage import spend
from storage.spend import Key

#: What a name is looked for in when nobody says what it is, in this order.
ASKED: tuple[Dimension, ...] = ("experiment", "feature", "team")
#: What has to be said before the name, beside those.
KEYS: tuple[Key, ...] = (
    *ASKED,
    "segment",
    "workload",
    "stage",
    "owner",
    "service",
    "sku",
    "provider",
    "account",
    "region",
)
#: How people call them.
WORDS: Mapping[str, Key] = {
    **{key: key for key in KEYS},
    **{f"{key}s": key for key in KEYS},
    "model": "sku",
    "models": "sku",
}
_ALL = ("all", "everything", "the company", "company")
_QUOTED = re.compile(r"[\"“”„«»]([^\"“”„«»]+)[\"“”„«»]")


@dataclass(frozen=True)
class Subject:
    """What is asked about: ``parts`` are what its spend has (none: all spend). ``budget``: when it is one."""

    name: str
    parts: Mapping[Key, str] = field(default_factory=dict)
    budget: Budget | None = None

    @property
    def key(self) -> Key | None:
        """The one key that it is of."""
        return next(iter(self.parts)) if len(self.parts) == 1 else None

    @property
    def value(self) -> str:
        """The value of that key."""
        return next(iter(self.parts.values())) if len(self.parts) == 1 else ""

    @property
    def dimensions(self) -> dict[Dimension, str]:
        """Its parts that charges are allocated to."""
        return {d: self.parts[d] for d in DIMENSIONS if d in self.parts}

    @property
    def typed(self) -> str:
        """As it is typed; empty for all spend."""
        if self.budget is not None:
            return self.budget.name
        return f"{called(self.key)} {self.value}" if self.key else ""

    @property
    def title(self) -> str:
        """At the beginning of a sentence."""
        return self.name[0].upper() + self.name[1:]


EVERYTHING = Subject("all spend")


def called(key: Key | str) -> str:
    """``model`` for a SKU, else as it is."""
    return "model" if key == "sku" else key


def one(key: Key, value: str) -> Subject:
    """Of one value of a key."""
    return Subject(f"{called(key)} {value}", {key: value})


def unnamed(key: Key | str) -> str:
    """What has no name in a table of this key: ``no team``, ``no model``."""
    return f"no {called(key)}"


@dataclass(frozen=True)
class Names:
    """What the bill has names for, looked up once for a question."""

    turn: Turn

    @cached_property
    def asked(self) -> dict[Dimension, list[str]]:
        """Experiments, features and teams."""
        return spend.values_of(self.turn.connection, *ASKED)

    @cached_property
    def others(self) -> dict[Key, list[str]]:
        """What has other names, in the order of ``KEYS``."""
        return spend.values_of(self.turn.connection, *(k for k in KEYS if k not in ASKED))

    def of(self, key: Key) -> list[str]:
        """The values of one key."""
        mine = next((d for d in ASKED if d == key), None)
        return self.others[key] if mine is None else self.asked[mine]

    @property
    def usual(self) -> list[str]:
        """All that need not be said what they are."""
        return [value for dimension in ASKED for value in self.asked[dimension]]


def read(names: Names, words: str) -> tuple[Period | None, str]:
    """The period that was typed (None: none was) and what is left, which is a name. Raises Unreadable.

    A name that looks like a period counts as a name when it is all that was typed, after ``experiment`` (or
    ``team``, …), and in quotes.
    """
    words, kept = _kept(names, words)
    today = names.turn.today
    try:
        typed, _ = read_periods(words, today)
        period, rest = read_period(words, today)
    except PeriodError as error:
        raise Unreadable(str(error)) from None
    return (period if typed else None), _restored(rest, kept)


def read_two(names: Names, words: str) -> tuple[list[Period], str]:
    """Up to two periods that were typed, and what is left. Raises Unreadable."""
    words, kept = _kept(names, words)
    try:
        periods, rest = read_periods(words, names.turn.today)
    except PeriodError as error:
        raise Unreadable(str(error)) from None
    if len(periods) > 2:
        raise Unreadable(f"That names {len(periods)} periods; two can be compared.")
    return periods, _restored(rest, kept)


def usual(turn: Turn, period: Period | None) -> Period:
    """The period that was typed, or the usual one: 30 days to yesterday."""
    return period or read_period("", turn.today)[0]


def is_name(names: Names, typed: str) -> bool:
    """Whether a name counts as it is, without its kind before it: it is no command, and no period is in it."""
    if typed.lower() in beside("spend") or _like_a_period(names.turn, typed):
        return False
    try:
        return find(names, typed).key is not None
    except NotFound:
        return False


def find(names: Names, name: str) -> Subject:
    """What a name means, without regard to case; all spend for none. A budget's name counts before that of an
    experiment. Raises NotFound with what is near."""
    name = " ".join(name.split())
    if not name or name.casefold() in _ALL:
        return EVERYTHING
    if (budget := find_budget(names.turn, name.casefold())) is not None:
        parts: dict[Key, str] = {}
        parts.update(budget.scope.parts.items())
        return Subject(f"budget {budget.name}", parts, budget)
    first, _, rest = name.partition(" ")
    asked = WORDS.get(first.lower()) if rest else None
    if asked is not None:
        found = _same(rest, names.of(asked))
        if found is not None:
            return one(asked, found)
        hint = did_you_mean(rest, names.of(asked)) or "; /spend shows the teams."
        raise NotFound(f"No {called(asked)} is called “{rest}”{hint}")
    for dimension in ASKED:
        if (found := _same(name, names.asked[dimension])) is not None:
            return one(dimension, found)
    for key, values in names.others.items():
        if (found := _same(name, values)) is not None:
            return one(key, found)
    raise NotFound(_not_known(names, name))


def namesake(names: Names, word: str) -> Subject | None:
    """What is called like a command; it is reached with its dimension before it."""
    for dimension in ASKED:
        if (found := _same(word, names.asked[dimension])) is not None:
            return one(dimension, found)
    return None


def also(message: Message, other: Subject | None) -> Message:
    """The message with a line that says how what is called like the command is asked for."""
    if other is None:
        return message
    line = text(f"The {other.name} is shown by ", Code(text=f"/spend {other.typed}"), ".")
    return message.model_copy(update={"blocks": (*message.blocks, Small(text=line))})


def _not_known(names: Names, name: str) -> str:
    """A sentence with the command or the name that may have been meant."""
    commands, every = beside("spend"), names.usual
    near = nearest(name.partition(" ")[0], [*commands, *every])
    if near in commands:
        hint = f"; did you mean /spend {near}?"
    else:
        every += [b.name for b in names.turn.policy.budgets]
        hint = did_you_mean(name, every) or "; /spend shows the teams."
    return f"No {either([*ASKED, 'budget'])} is called “{name}”{hint}"


def _same(wanted: str, values: Sequence[str]) -> str | None:
    """The value as it is spelled; the same spelling counts first."""
    if wanted in values:
        return wanted
    return next((v for v in values if v.casefold() == wanted.casefold()), None)


def _kept(names: Names, words: str) -> tuple[str, list[str]]:
    """The words with signs in place of names that no period is to be read from, and these names."""
    kept: list[str] = []

    def sign(name: str) -> str:
        kept.append(name)
        return f"\0{len(kept) - 1}\0"

    words = _QUOTED.sub(lambda m: sign(m[1].strip()), " ".join(words.replace("\0", " ").split()))
    before = "|".join(WORDS)
    for name in names.usual:
        if not _like_a_period(names.turn, name):
            continue
        if words.casefold() == name.casefold():
            return sign(name), kept
        wanted = rf"(?<!\S)((?:{before})\s+)({re.escape(name)})(?!\S)"
        words = re.sub(wanted, lambda m: m[1] + sign(m[2]), words, flags=re.IGNORECASE)
    return words, kept


def _like_a_period(turn: Turn, name: str) -> bool:
    try:
        return bool(read_periods(name, turn.today)[0])
    except PeriodError:
        return True


def _restored(words: str, kept: Sequence[str]) -> str:
    for number, name in enumerate(kept):
        words = words.replace(f"\0{number}\0", name)
    return words
