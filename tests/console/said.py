"""Realistic messages, as the alert handlers write them."""

from datetime import UTC, date, datetime, timedelta

from handlers.conversation import (
    At,
    Band,
    Button,
    Code,
    Control,
    Controls,
    Divider,
    Fact,
    Facts,
    Heading,
    Items,
    Link,
    Mention,
    Menu,
    Message,
    Option,
    Paragraph,
    Small,
    Strong,
    Table,
    text,
)

SINCE = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)
OWNER = Mention(person="engineer@example.com", name="ML engineer")


def band() -> Band:
    """Forty days of a series that leaves its band at the end."""
    first = date(2026, 9, 28)
    days = tuple(first + timedelta(days=i) for i in range(40))
    expected = tuple(2100.0 + 12 * i - (600 if d.weekday() > 4 else 0) for i, d in enumerate(days))
    observed = [e + 130 * ((i * 7) % 5 - 2) for i, e in enumerate(expected)]
    observed[-4:] = [5200.0, 7400.0, 8100.0, 3900.0]
    return Band(
        title="Daily spend of recommendations-v2",
        alt="Daily spend of recommendations-v2: about $2,500 a day until November 2, then $8,100.",
        unit="USD",
        days=days,
        observed=tuple(observed),
        expected=expected,
        lower=tuple(e - 450 for e in expected),
        upper=tuple(e + 450 for e in expected),
        anomalous=tuple(i >= 36 for i in range(40)),
        incomplete=tuple(i == 39 for i in range(40)),
    )


def controls(subject: str, taken: bool = False) -> Controls:
    """The buttons of an alert; one fewer when somebody is on it."""
    days = tuple(Option(value=str(d), label=f"{d} day{'s' if d > 1 else ''}") for d in (1, 3, 7))
    buttons: tuple[Control, ...] = (
        Button(
            label="Investigating",
            action="test.console.investigate",
            subject=subject,
            style="primary",
        ),
        Button(label="Expected…", action="test.console.expected", subject=subject, opens_form=True),
        Menu(label="Snooze", action="test.console.snooze", subject=subject, options=days),
        Button(
            label="False alarm",
            action="test.console.false-alarm",
            subject=subject,
            confirm="The same pattern will have to be larger to raise an alert. Go on?",
        ),
        Button(
            label="Resolve…",
            action="test.console.resolve",
            subject=subject,
            style="danger",
            opens_form=True,
        ),
    )
    return Controls(controls=buttons[1:] if taken else buttons)


def alert(subject: str = "a1", state: str = "", taken: bool = False) -> Message:
    """One anomaly; ``state`` is a line about who is on it."""
    return Message(
        summary="Spend of recommendations-v2 is $5,600 a day above what was expected",
        tone="critical",
        blocks=(
            Heading(text="recommendations-v2 spends $5,600 a day more than expected"),
            Paragraph(
                text=text(
                    "Spend on ",
                    Code(text="recs-v2-retrain"),
                    " left its band on ",
                    At(time=SINCE),
                    ". The owner is ",
                    OWNER,
                    ".",
                )
            ),
            Facts(
                facts=(
                    Fact(label="Yesterday", value=text("$8,100")),
                    Fact(label="Expected", value=text("$2,500 (2,050 to 2,950)")),
                    Fact(label="Impact so far", value=text(Strong(text="$14,820"))),
                    Fact(label="By month end", value=text("$151,000")),
                    Fact(label="Severity", value=text("critical")),
                    Fact(label="Since", value=text("3 days")),
                )
            ),
            Items(
                title="What drives it",
                numbered=True,
                items=(
                    text(
                        Strong(text="62 %"),
                        " Amazon SageMaker · p5.48xlarge in us-east-1: more hours",
                    ),
                    text(Strong(text="21 %"), " Amazon EC2 · data transfer between regions: new"),
                    text(Strong(text="9 %"), " Amazon S3 · requests: price unchanged, volume × 4"),
                ),
            ),
            band(),
            *((Paragraph(text=text(state)),) if state else ()),
            Divider(),
            controls(subject, taken),
            Small(
                text=text(
                    "Runbook: ",
                    Link(text="GPU spend spike", url="https://runbooks.example.com/gpu-spend"),
                    " · data of ",
                    At(time=SINCE + timedelta(days=3, hours=5)),
                )
            ),
        ),
    )


def flood() -> Message:
    """Many anomalies as one message with the worst of them."""
    names = ("search-rerank", "support-summaries", "fraud-graph", "vision-labels", "ads-bidding")
    return Message(
        summary="23 new anomalies since this morning, $41,200 a day together",
        tone="warning",
        blocks=(
            Heading(text="23 new anomalies since this morning, $41,200 a day together"),
            Table(
                header=("Experiment", "Team", "Over expected", "Since"),
                align="llrr",
                rows=tuple(
                    (name, team, f"${amount:,}", "Nov 4")
                    for name, team, amount in zip(
                        names,
                        ("search", "support", "risk", "vision", "ads"),
                        (12400, 9100, 6800, 4300, 2200),
                        strict=True,
                    )
                ),
            ),
            Small(
                text=text(
                    "and 18 more; ask ", Code(text="/test report search"), " for a team's own."
                )
            ),
        ),
    )


def news(sentence: str = "Fourth day outside the band: $7,900 against $2,500 expected.") -> Message:
    """A line in a thread."""
    return Message(summary=sentence, blocks=(Paragraph(text=text(sentence)),))


def resolved(subject: str = "a0") -> Message:
    """An alert that is over."""
    return Message(
        summary="support-summaries is back inside its band",
        tone="good",
        blocks=(
            Heading(text="support-summaries is back inside its band"),
            Paragraph(
                text=text(
                    "Resolved by ",
                    Mention(person="lead@example.com", name="ML lead"),
                    ": ",
                    Strong(text="runaway job or loop"),
                    ". A retry loop called the model for each of 40,000 tickets twice.",
                )
            ),
            Facts(
                facts=(
                    Fact(label="Impact", value=text("$3,270")),
                    Fact(label="Lasted", value=text("2 days")),
                )
            ),
        ),
    )
