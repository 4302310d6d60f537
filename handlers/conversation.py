"""The neutral vocabulary between handlers and surfaces: messages, forms, interactions, replies.

Handlers say what is meant; a surface decides how it looks and keeps its platform's limits. Everything
here is plain frozen data that goes to JSON and back, because the outbox stores it.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from guardrails.policy.people import Role


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- text -----------------------------------------------------------------------------------------


class Plain(_Said):
    """Words as they are; a surface escapes them, so user text can neither ping nor format."""

    kind: Literal["plain"] = "plain"
    text: str


class Strong(_Said):
    kind: Literal["strong"] = "strong"
    text: str


class Code(_Said):
    kind: Literal["code"] = "code"
    text: str


class Link(_Said):
    kind: Literal["link"] = "link"
    text: str
    url: str


class Mention(_Said):
    """A person by e-mail; pinged where the surface knows the account, else named."""

    kind: Literal["mention"] = "mention"
    person: str
    name: str


class At(_Said):
    """A time, shown in the reader's own zone where the surface can."""

    kind: Literal["at"] = "at"
    time: datetime


Span = Annotated[Plain | Strong | Code | Link | Mention | At, Field(discriminator="kind")]
Text = tuple[Span, ...]


def text(*parts: "str | Plain | Strong | Code | Link | Mention | At") -> Text:
    """Spans from parts; a plain string becomes :class:`Plain`."""
    return tuple(Plain(text=p) if isinstance(p, str) else p for p in parts)


# --- blocks ---------------------------------------------------------------------------------------


class Heading(_Said):
    kind: Literal["heading"] = "heading"
    text: str


class Paragraph(_Said):
    kind: Literal["paragraph"] = "paragraph"
    text: Text


class Small(_Said):
    """Less important words: who decided, when the data is from."""

    kind: Literal["small"] = "small"
    text: Text


class Fact(_Said):
    label: str
    value: Text


class Facts(_Said):
    """Short labelled values, side by side where there is room."""

    kind: Literal["facts"] = "facts"
    facts: tuple[Fact, ...]


class Items(_Said):
    """``first`` is the number of the first item when a numbered list goes on from another message."""

    kind: Literal["items"] = "items"
    items: tuple[Text, ...]
    numbered: bool = False
    first: int = 1
    title: str = ""


class Listing(_Said):
    """Lines of a file as they stand there, all characters of one width: a patch."""

    kind: Literal["listing"] = "listing"
    lines: tuple[str, ...]


class Table(_Said):
    """``align`` has one letter a column: l or r. The first column names the row."""

    kind: Literal["table"] = "table"
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str


class Drawn(_Said):
    """What every chart has: shown as a picture, with ``alt`` as its words, which say the finding."""

    title: str
    alt: str


class Band(Drawn):
    """A series by day against its expected band.

    ``limit`` draws a line that should not be passed. ``ahead``: the band is where a forecast will end, not what
    was usual.
    """

    kind: Literal["band"] = "band"
    unit: str
    days: tuple[date, ...]
    observed: tuple[float | None, ...]
    expected: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    anomalous: tuple[bool, ...]
    incomplete: tuple[bool, ...]
    limit: float | None = None
    ahead: bool = False


class Point(_Said):
    """One thing in a :class:`Scatter`; ``marked`` ones stand out and are named first."""

    name: str
    x: float
    y: float
    marked: bool = False


class Scatter(Drawn):
    """Things by two values, such as cost against quality. ``marks``: what marked points are, for their key."""

    kind: Literal["scatter"] = "scatter"
    x_label: str
    x_unit: str
    y_label: str
    y_unit: str
    points: tuple[Point, ...]
    marks: str = ""


class Step(_Said):
    name: str
    amount: Decimal


class Waterfall(Drawn):
    """From one sum to another by what changed it: ``start`` and all ``steps`` add up to ``end``, exactly."""

    kind: Literal["waterfall"] = "waterfall"
    unit: str
    start: Step
    steps: tuple[Step, ...]
    end: Step

    @model_validator(mode="after")
    def _adds_up(self) -> "Waterfall":
        found = self.start.amount + sum((s.amount for s in self.steps), Decimal(0))
        if found != self.end.amount:
            raise ValueError(f"the steps add up to {found}, not to {self.end.amount}")
        return self


class Panel(_Said):
    """One series of :class:`Multiples`; ``note`` says its newest value."""

    name: str
    note: str
    values: tuple[float | None, ...]
    marked: bool = False


class Multiples(Drawn):
    """Several small charts of the same days and the same scale, to be compared at a glance."""

    kind: Literal["multiples"] = "multiples"
    unit: str
    days: tuple[date, ...]
    panels: tuple[Panel, ...]


Chart = Band | Scatter | Waterfall | Multiples


class Button(_Said):
    """``action`` is the handler's name; ``subject`` an opaque id. Never an amount, never a role."""

    kind: Literal["button"] = "button"
    label: str
    action: str
    subject: str
    version: int = 1
    style: Literal["default", "primary", "danger"] = "default"
    confirm: str | None = None
    opens_form: bool = Field(default=False, description="the handler answers with a form")


class Option(_Said):
    value: str
    label: str


class Menu(_Said):
    """A button with a few answers: choosing one presses ``action`` with input ``choice``."""

    kind: Literal["menu"] = "menu"
    label: str
    action: str
    subject: str
    version: int = 1
    options: tuple[Option, ...]


Control = Annotated[Button | Menu, Field(discriminator="kind")]


class Controls(_Said):
    kind: Literal["controls"] = "controls"
    controls: tuple[Control, ...]


class Divider(_Said):
    kind: Literal["divider"] = "divider"


Block = Annotated[
    Heading
    | Paragraph
    | Small
    | Facts
    | Items
    | Listing
    | Table
    | Band
    | Scatter
    | Waterfall
    | Multiples
    | Controls
    | Divider,
    Field(discriminator="kind"),
]

Tone = Literal["neutral", "good", "warning", "critical"]


class Message(_Said):
    """``summary`` says the whole message in a line: for notifications and screen readers."""

    summary: str
    blocks: tuple[Block, ...]
    tone: Tone = "neutral"


# --- forms ----------------------------------------------------------------------------------------


class TextField(_Said):
    kind: Literal["text"] = "text"
    name: str
    label: str
    hint: str = ""
    initial: str = ""
    required: bool = True
    multiline: bool = False
    max_length: int = 500


class ChoiceField(_Said):
    kind: Literal["choice"] = "choice"
    name: str
    label: str
    options: tuple[Option, ...]
    hint: str = ""
    initial: str | None = None
    required: bool = True


class DateField(_Said):
    """Comes back as ISO ``2026-11-30``."""

    kind: Literal["date"] = "date"
    name: str
    label: str
    hint: str = ""
    initial: date | None = None
    required: bool = True


LARGEST_FILE = 512 * 1024  # bytes of a file in a form


class FileField(_Said):
    """A text file of UTF-8. It comes back as its text among the ``files``, not the ``inputs``; where a surface's
    forms take no files, its text is pasted. ``endings`` are without the dot."""

    kind: Literal["file"] = "file"
    name: str
    label: str
    endings: tuple[str, ...]
    hint: str = ""
    required: bool = True


FormField = Annotated[TextField | ChoiceField | DateField | FileField, Field(discriminator="kind")]


class Form(_Said):
    """``action`` is the submission's handler; ``subject`` and ``version`` come back with it."""

    action: str
    subject: str
    version: int = 1
    title: str
    intro: Text = ()
    fields: tuple[FormField, ...]
    submit: str = "Save"


# --- what comes in --------------------------------------------------------------------------------


class Place(_Said):
    """A channel of a tenant on a surface, and the thread when it is in one."""

    surface: str
    tenant: str
    channel: str
    thread: str | None = None

    @property
    def lane(self) -> str:
        """What is sent to one lane is sent in order, one at a time."""
        return f"{self.surface}:{self.tenant}:{self.channel}"


Standing = Literal["member", "guest", "stranger", "deactivated", "unknown"]


class Actor(_Said):
    """Who acts, with the roles of now. ``person`` is the same on every surface (the e-mail)."""

    person: str
    name: str
    surface: str
    tenant: str
    user_id: str
    roles: frozenset[Role] = frozenset()
    standing: Standing = "member"

    def mention(self) -> Mention:
        return Mention(person=self.person, name=self.name)


Kind = Literal["press", "submission", "command", "home"]


class Interaction(_Said):
    """One thing that someone did; ``home`` is looking at one's own page.

    ``delivery_id`` is the same when the platform sends it again. ``files`` are the texts of a form's files by
    field, ``faults`` a sentence for each that could not be read.
    """

    delivery_id: str
    kind: Kind
    name: str
    subject: str = ""
    version: int = 1
    inputs: dict[str, str] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    faults: dict[str, str] = Field(default_factory=dict)
    actor: Actor
    place: Place


# --- what goes back -------------------------------------------------------------------------------


class Done(_Said):
    """Committed, and what changed is shown by the messages themselves. ``note`` is private."""

    kind: Literal["done"] = "done"
    note: str = ""


class Secret(_Said):
    """Something that is shown and never stored: the top floor looks it up as it shows the answer.

    ``holders`` are the actuators that may have it.
    """

    of: Literal["key"]
    subject: str
    holders: tuple[str, ...]


class Private(_Said):
    """An answer that only the one who asked sees.

    ``page`` names what is shown when it is a page: to a press on it the answer stands in its place.
    """

    kind: Literal["private"] = "private"
    message: Message
    secret: Secret | None = None
    page: str = ""


class OpenForm(_Said):
    kind: Literal["form"] = "form"
    form: Form


class FieldErrors(_Said):
    """The form stays open; each sentence stands at its field. Nothing was changed."""

    kind: Literal["errors"] = "errors"
    errors: dict[str, str]


class Refused(_Said):
    """Nothing was changed; ``sentence`` says why and what to do next, privately."""

    kind: Literal["refused"] = "refused"
    reason: str
    sentence: str


Reply = Annotated[Done | Private | OpenForm | FieldErrors | Refused, Field(discriminator="kind")]
REPLY: TypeAdapter[Done | Private | OpenForm | FieldErrors | Refused] = TypeAdapter(Reply)


def said(sentence: str) -> Message:
    """A message that is one sentence."""
    return Message(summary=sentence, blocks=(Paragraph(text=text(sentence)),))


def mentioned(message: Message) -> set[str]:
    """The people whom a message mentions."""
    texts: list[Text] = []
    for block in message.blocks:
        if isinstance(block, Paragraph | Small):
            texts.append(block.text)
        elif isinstance(block, Facts):
            texts += [fact.value for fact in block.facts]
        elif isinstance(block, Items):
            texts += list(block.items)
    return {s.person for words in texts for s in words if isinstance(s, Mention)}


def spoken(reply: Done | Private | OpenForm | FieldErrors | Refused) -> Message | None:
    """What a reply says privately; None when it says nothing."""
    match reply:
        case Done(note=note):
            return said(note) if note.strip() else None
        case Private(message=message):
            return message
        case Refused(sentence=sentence):
            return said(sentence)
        case FieldErrors(errors=errors):
            return said(" ".join(errors.values()))
        case OpenForm():
            return None
