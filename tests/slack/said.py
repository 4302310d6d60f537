"""Any message and any form that a handler could say, with any words: for the properties."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import strategies as st

from handlers.conversation import (
    At,
    Band,
    Button,
    ChoiceField,
    Code,
    Controls,
    DateField,
    Divider,
    Fact,
    Facts,
    Form,
    Heading,
    Items,
    Link,
    Listing,
    Mention,
    Menu,
    Message,
    Multiples,
    Option,
    Panel,
    Paragraph,
    Plain,
    Point,
    Scatter,
    Small,
    Step,
    Strong,
    Table,
    TextField,
    Waterfall,
)

NASTY = st.sampled_from(
    [
        "",
        " ",
        "\n\n",
        "\x00\x07",
        "<!channel> & <@U0LEADER1>",
        "*bold* _it_ ~no~ `code` ```pre```",
        "> quote\n> again",
        "&amp;lt;",
        "$30,412 " * 40,
        "x" * 200,
        "😀" * 100,
        "実験の費用が予想を超えました " * 30,
        "مرحبا بالعالم " * 60,
        "word " * 900,
        "<" * 1500,
        "&" * 3500,
        "recommendations-v2-ranking-large-" * 30,
    ]
)
WORDS = st.one_of(st.text(max_size=60), NASTY)
IDS = st.one_of(
    st.from_regex(r"[a-z0-9]{1,32}", fullmatch=True), st.sampled_from(["s" * 160, "s" * 2500])
)
TIMES = st.integers(1_600_000_000, 2_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
DAYS = st.dates(date(2020, 1, 1), date(2035, 1, 1))

SPANS = st.lists(
    st.one_of(
        st.builds(Plain, text=WORDS),
        st.builds(Strong, text=WORDS),
        st.builds(Code, text=WORDS),
        st.builds(
            Link, text=WORDS, url=st.one_of(WORDS, st.just("https://example.com/?a=1&b=<2>"))
        ),
        st.builds(Mention, person=st.just("lead@example.com"), name=WORDS),
        st.builds(At, time=TIMES),
    ),
    max_size=5,
).map(tuple)

OPTIONS = st.lists(st.builds(Option, value=IDS, label=WORDS), max_size=5).map(tuple)
MANY_OPTIONS = st.integers(95, 260).map(
    lambda n: tuple(Option(value=str(i), label=f"Option {i}") for i in range(n))
)
BUTTONS = st.builds(
    Button,
    label=WORDS,
    action=st.sampled_from(["anomaly.investigate", "anomaly.expect", "a" * 300]),
    subject=IDS,
    style=st.sampled_from(["default", "primary", "danger"]),
    confirm=st.one_of(st.none(), WORDS),
)
MENUS = st.builds(
    Menu, label=WORDS, action=st.just("anomaly.snooze"), subject=IDS, options=OPTIONS | MANY_OPTIONS
)


def _table(cells: list[list[str]], align: str) -> Table:
    header, *rows = cells or [[]]
    return Table(header=tuple(header), rows=tuple(tuple(r) for r in rows), align=align)


TABLES = st.builds(
    _table,
    st.lists(st.lists(WORDS, max_size=16), max_size=12)
    | st.integers(2, 200).map(
        lambda n: [["experiment", "cost"]] + [[f"e{i}", "$1,234"] for i in range(n)]
    ),
    st.text("lr", max_size=6),
)


def _band(title: str, alt: str, days: int) -> Band:
    some: tuple[float | None, ...] = tuple(float(n) for n in range(days))
    return Band(
        title=title,
        alt=alt,
        unit="USD",
        days=tuple(date.fromordinal(738000 + n) for n in range(days)),
        observed=some,
        expected=some,
        lower=some,
        upper=some,
        anomalous=(False,) * days,
        incomplete=(False,) * days,
    )


def _waterfall(title: str, alt: str, start: Step, steps: list[Step], name: str) -> Waterfall:
    end = start.amount + sum((s.amount for s in steps), Decimal(0))
    return Waterfall(
        title=title,
        alt=alt,
        unit="USD",
        start=start,
        steps=tuple(steps),
        end=Step(name=name, amount=end),
    )


def _multiples(title: str, alt: str, days: int, panels: list[tuple[str, str, bool]]) -> Multiples:
    values: tuple[float | None, ...] = tuple(None if n % 3 == 1 else float(n) for n in range(days))
    return Multiples(
        title=title,
        alt=alt,
        unit="USD",
        days=tuple(date.fromordinal(738000 + n) for n in range(days)),
        panels=tuple(Panel(name=n, note=t, values=values, marked=m) for n, t, m in panels),
    )


_FLOATS = st.floats(-1e9, 1e9)
_STEPS = st.builds(Step, name=WORDS, amount=st.decimals(-(10**9), 10**9, places=2, allow_nan=False))
CHARTS = st.one_of(
    st.builds(_band, WORDS, WORDS, st.integers(0, 5)),
    st.builds(
        Scatter,
        title=WORDS,
        alt=WORDS,
        x_label=WORDS,
        x_unit=WORDS,
        y_label=WORDS,
        y_unit=WORDS,
        points=st.lists(
            st.builds(Point, name=WORDS, x=_FLOATS, y=_FLOATS, marked=st.booleans()), max_size=6
        ).map(tuple),
    ),
    st.builds(_waterfall, WORDS, WORDS, _STEPS, st.lists(_STEPS, max_size=9), WORDS),
    st.builds(
        _multiples,
        WORDS,
        WORDS,
        st.integers(0, 5),
        st.lists(st.tuples(WORDS, WORDS, st.booleans()), max_size=4),
    ),
)
BLOCKS = st.one_of(
    st.builds(Heading, text=WORDS),
    st.builds(Paragraph, text=SPANS),
    st.builds(Small, text=SPANS),
    st.builds(
        Facts, facts=st.lists(st.builds(Fact, label=WORDS, value=SPANS), max_size=14).map(tuple)
    ),
    st.builds(
        Items,
        items=st.lists(SPANS, max_size=30).map(tuple),
        numbered=st.booleans(),
        title=WORDS,
    ),
    st.builds(Listing, lines=st.lists(WORDS, max_size=30).map(tuple)),
    TABLES,
    CHARTS,
    st.builds(Controls, controls=st.lists(st.one_of(BUTTONS, MENUS), max_size=30).map(tuple)),
    st.just(Divider()),
)
_MANY = st.lists(
    st.builds(Paragraph, text=SPANS) | BUTTONS.map(lambda b: Controls(controls=(b,))),
    min_size=45,
    max_size=70,
)
MESSAGES = st.builds(
    Message,
    summary=WORDS,
    blocks=(st.lists(BLOCKS, max_size=12) | _MANY).map(tuple),
    tone=st.sampled_from(["neutral", "good", "warning", "critical"]),
)
FIELDS = st.one_of(
    st.builds(
        TextField,
        name=st.just("why"),
        label=WORDS,
        hint=WORDS,
        initial=WORDS,
        multiline=st.booleans(),
        max_length=st.integers(-5, 9000),
    ),
    st.builds(
        ChoiceField,
        name=st.just("cause"),
        label=WORDS,
        options=OPTIONS | MANY_OPTIONS,
        hint=WORDS,
        initial=st.one_of(st.none(), IDS),
    ),
    st.builds(DateField, name=st.just("until"), label=WORDS, hint=WORDS, initial=DAYS | st.none()),
)
FORMS = st.builds(
    Form,
    action=st.just("anomaly.expect"),
    subject=st.from_regex(r"[a-z0-9]{1,32}", fullmatch=True),
    title=WORDS,
    intro=SPANS,
    fields=st.lists(FIELDS, max_size=3, unique_by=lambda f: f.name).map(tuple),
    submit=WORDS,
)
