"""Messages and forms as Block Kit: any words fit, and what people see is what was meant."""

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.cutting import clip, size
from bot.slack import forms, limits
from bot.slack.blocks import Rendered, render, weight
from bot.slack.controls import pressed
from bot.slack.forms import FormTooLongError, Opened
from bot.slack.mrkdwn import web_address
from handlers.conversation import (
    At,
    Band,
    Button,
    Chart,
    ChoiceField,
    Code,
    Controls,
    Fact,
    Facts,
    Form,
    Heading,
    Items,
    Link,
    Listing,
    Mention,
    Message,
    Option,
    Paragraph,
    Plain,
    Small,
    Strong,
    Table,
    Text,
    TextField,
    text,
)
from tests.fakes.block_kit import home_problems, problems, too_long, view_problems
from tests.slack.said import FORMS, MESSAGES, WORDS

PATIENT = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)

LARGE = pytest.mark.filterwarnings("ignore:Generating overly large repr")


def _plain(value: Any) -> Any:
    """slack_sdk's dictionaries hold tuples and objects; this makes JSON of them."""
    return json.loads(json.dumps(value))


@LARGE
@PATIENT
@given(MESSAGES, st.booleans())
def test_any_message_fits_and_survives_slack_sdk(message: Message, pictured: bool) -> None:
    charts = [b for b in message.blocks if isinstance(b, Chart)]
    pictures = dict.fromkeys(charts, "F0123456789") if pictured else {}
    rendered = render(message, {"lead@example.com": "U0LEADER1"}, pictures)
    assert problems(rendered.blocks) == []
    assert not too_long(rendered.blocks)
    assert weight(rendered.blocks) <= limits.MESSAGE
    assert 0 < size(rendered.text) <= limits.TEXT
    json.dumps(rendered.blocks).encode()
    for block in rendered.blocks:
        parsed = Block.parse(block)
        assert parsed is not None
        assert _plain(parsed.to_dict()) == block


@LARGE
@PATIENT
@given(MESSAGES)
def test_any_message_fits_a_home_tab_and_survives_slack_sdk(message: Message) -> None:
    said = render(message, {"lead@example.com": "U0LEADER1"}, blocks=limits.HOME_BLOCKS)
    view = forms.home(said)
    assert home_problems(view) == []
    assert weight(said.blocks) <= limits.MESSAGE
    assert _plain(View(**view).to_dict()) == view


@LARGE
@PATIENT
@given(MESSAGES)
def test_nobodys_words_become_markup(message: Message) -> None:
    rendered = render(message, {"lead@example.com": "U0LEADER1"})
    for said in _mrkdwn(rendered.blocks):
        for found in re.findall(r"<([^>]*)>", said):
            assert found.startswith(("@U0LEADER1", "!date^", "http:", "https:", "mailto:"))
    assert "<" not in rendered.text


@LARGE
@PATIENT
@given(FORMS)
def test_any_form_fits_and_survives_slack_sdk(form: Form) -> None:
    view = forms.view(form, Opened("C0ALERTS1", "1795000000.000100"))
    assert view_problems(view) == []
    assert _plain(View(**view).to_dict()) == view
    back = forms.submitted({**view, "state": {"values": {}}})
    assert (back.action, back.subject, back.version) == (form.action, form.subject, form.version)
    assert back.opened == Opened("C0ALERTS1", "1795000000.000100")


@LARGE
@PATIENT
@given(WORDS, st.integers(0, 400))
def test_clipping_keeps_the_limit_and_the_beginning(words: str, limit: int) -> None:
    cut = clip(words, limit)
    assert size(cut) <= limit
    if cut != words:
        assert cut == "" or cut.endswith("…")
        assert words.startswith(cut.removesuffix("…").rstrip())


@pytest.mark.parametrize(
    ("words", "limit", "cut"),
    [
        ("cost $30,412 a day", 12, "cost …"),
        ("cost $30,412 a day", 14, "cost …"),
        ("spent 30,412 USD yesterday", 18, "spent …"),
        ("spent 12 345 678 USD yesterday", 18, "spent …"),
        ("gpu-1 gpu-2 gpu-3", 11, "gpu-1 …"),
        ("one long-name-that-is-cut", 10, "one …"),
        ("averyverylongname", 8, "averyve…"),
        ("whole", 5, "whole"),
        ("x", 0, ""),
    ],
)
def test_words_are_cut_by_meaning(words: str, limit: int, cut: str) -> None:
    assert clip(words, limit) == cut


def test_a_button_carries_its_handler_its_subject_and_its_version() -> None:
    button = Button(label="Take", action="anomaly.take", subject="a1b2", version=7)
    (element,) = _only(Controls(controls=(button,)))["elements"]
    back = pressed({"action_id": element["action_id"], "value": element["value"]})
    assert (back.action, back.subject, back.version) == ("anomaly.take", "a1b2", 7)
    assert "amount" not in element["value"]


def test_the_same_action_twice_in_a_row_has_two_ids_and_one_name() -> None:
    buttons = tuple(Button(label=s, action="decide", subject=s) for s in ("a", "b"))
    one, two = _only(Controls(controls=buttons))["elements"]
    assert one["action_id"] != two["action_id"]
    assert pressed(two).action == pressed(one).action == "decide"
    assert pressed(two).subject == "b"


def test_spans_become_mrkdwn() -> None:
    when = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    said = text(
        "a & b ",
        Strong(text="very *strong*"),
        " ",
        Code(text="a`b"),
        " ",
        Link(text="run|book <1>", url="https://example.com/x?a=1&b=<2>|3"),
        " ",
        Mention(person="lead@example.com", name="Lee"),
        " ",
        Mention(person="new@example.com", name="Nia <new>"),
        " ",
        At(time=when),
    )
    assert _said(said) == (
        "a &amp; b *very ∗strong∗* `aˋb` "
        "<https://example.com/x?a=1&amp;b=%3C2%3E%7C3|run¦book &lt;1&gt;> "
        "<@U0LEADER1> Nia &lt;new&gt; "
        f"<!date^{int(when.timestamp())}^{{date_short_pretty}} at {{time}}|23 Nov 2026 09:00 UTC>"
    )


@pytest.mark.parametrize(
    "words", ["*bold*", "an _italic_ word", "~gone~", "`code`", "> quoted", "```pre```"]
)
def test_words_do_not_format(words: str) -> None:
    said = _said(text(Strong(text="Reason"), f" {words}\n{words}"))
    assert not re.search(r"(?<!\w)([*_~`])\S[^*_~`\n]*\1(?!\w)", said.removeprefix("*Reason*"))
    assert not re.search(r"(?m)^&gt;", said)


@pytest.mark.parametrize("words", ["snake_case_name", "2 * 3 * 4", "a > b", "~5 USD"])
def test_words_that_do_not_format_stay_as_they_are(words: str) -> None:
    assert _said(text(Strong(text="R"), " ", words)) == "*R* " + words.replace(">", "&gt;")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x", "http://[", ""])
def test_only_web_addresses_become_links(url: str) -> None:
    assert web_address(url) is None
    assert _said(text(Strong(text="x"), Link(text="here", url=url))) == "*x*here"


def test_facts_stand_side_by_side_ten_a_section() -> None:
    facts = tuple(Fact(label=f"L{n}", value=text(f"{n}")) for n in range(12))
    rendered = render(Message(summary="x", blocks=(Facts(facts=facts),)))
    assert [len(b["fields"]) for b in rendered.blocks] == [10, 2]
    assert rendered.blocks[0]["fields"][3]["text"] == "*L3*\n3"


def test_a_table_is_aligned_and_says_how_many_rows_are_left() -> None:
    rows = tuple((f"実験-{n}", f"${n:,}") for n in range(98, 1300))
    table = Table(header=("experiment", "cost"), rows=rows, align="lr")
    rendered = render(Message(summary="x", blocks=(table,)))
    *parts, last = [b["text"]["text"] for b in rendered.blocks if b["type"] == "section"]
    lines = parts[0].split("\n")
    assert lines[0] == "```experiment    cost"
    assert lines[2] == "実験-98        $98"
    assert lines[4] == "実験-100      $100"
    assert all(part.endswith("```") for part in (*parts, last))
    assert rendered.rest is not None
    (left,) = rendered.rest.blocks
    assert isinstance(left, Table)
    assert left.header == table.header
    assert left.rows == rows[-len(left.rows) :]
    assert _last_line(rendered) == f"{len(left.rows)} more rows in the thread."


def test_lines_of_a_file_keep_their_characters_and_go_on_in_the_thread() -> None:
    lines = ("@@ -1,2 +1,2 @@", "   a: <b>", "+  c: `d` ```e", "")
    (made,) = render(_of(Listing(lines=lines))).blocks
    wanted = "```@@ -1,2 +1,2 @@\n   a: &lt;b&gt;\n+  c: ˋdˋ ˋˋˋe\n```"
    assert made["text"]["text"] == wanted
    many = Listing(lines=tuple(f"+  line {n}: {'x' * 60}" for n in range(900)))
    rendered = render(_of(many))
    assert rendered.rest is not None
    (left,) = rendered.rest.blocks
    assert isinstance(left, Listing)
    assert left.lines == many.lines[-len(left.lines) :]
    assert _last_line(rendered) == f"{len(left.lines)} more lines in the thread."


def test_a_wide_table_goes_on_in_another_with_its_first_column() -> None:
    header = ("experiment", *(f"week {n}" for n in range(20)))
    rows = tuple((f"e{r}", *(f"${r}{n:02},123,456" for n in range(20))) for r in range(3))
    said = "\n".join(
        b["text"]["text"] for b in render(_of(Table(header=header, rows=rows, align="l"))).blocks
    )
    for cell in (*header[1:], *(c for row in rows for c in row[1:])):
        assert len(re.findall(rf"(?<![\d$]){re.escape(cell)}(?!\d)", said)) == 1, cell
    assert said.count("experiment") == said.count("```") / 2 == 4


def test_a_list_says_how_many_are_left_and_goes_on_counting() -> None:
    items = tuple(text(f"experiment-{n} " * 40) for n in range(100))
    rendered = render(_of(Items(items=items, numbered=True, title="Worst")))
    said = "\n".join(b["text"]["text"] for b in rendered.blocks if b["type"] == "section")
    assert said.startswith("*Worst*\n1. experiment-0")
    assert rendered.rest is not None
    (left,) = rendered.rest.blocks
    assert isinstance(left, Items)
    assert _last_line(rendered) == f"{len(left.items)} more lines in the thread."
    again = render(rendered.rest).blocks[0]["text"]["text"]
    first = 100 - len(left.items)
    assert again.startswith(f"*Worst (continued)*\n{first + 1}. experiment-{first} ")


def test_the_tone_stands_before_the_first_heading_only() -> None:
    blocks = (Heading(text="Spike"), Heading(text="Drivers"))
    rendered = render(Message(summary="x", blocks=blocks, tone="critical"))
    assert [b["text"]["text"] for b in rendered.blocks] == ["🔴 Spike", "Drivers"]


def test_a_chart_without_a_picture_is_its_words() -> None:
    band = Band(
        title="Spend",
        alt="Spend tripled on 20 November",
        unit="USD",
        days=(date(2026, 11, 20),),
        observed=(3.0,),
        expected=(1.0,),
        lower=(0.5,),
        upper=(1.5,),
        anomalous=(True,),
        incomplete=(False,),
    )
    message = Message(summary="x", blocks=(band,))
    assert render(message).blocks[0]["elements"][0]["text"] == band.alt
    image = render(message, None, {band: "F0123456789"}).blocks[0]
    assert image == {
        "type": "image",
        "slack_file": {"id": "F0123456789"},
        "alt_text": "Spend tripled on 20 November",
    }


def test_when_room_is_short_the_buttons_stay() -> None:
    blocks = (
        *(Paragraph(text=text("word " * 560)) for _ in range(30)),
        Small(text=text("decided by nobody")),
        Controls(controls=(Button(label="Decide", action="decide", subject="s"),)),
    )
    rendered = render(Message(summary="x", blocks=blocks))
    assert rendered.blocks[-2]["type"] == "actions"
    assert _last_line(rendered) == "More of this text and 26 more parts in the thread."
    home = render(Message(summary="x", blocks=blocks), blocks=limits.HOME_BLOCKS, goes="nowhere")
    assert _last_line(home).endswith(" did not fit.")
    assert problems(rendered.blocks) == []


def test_a_form_that_carries_too_much_is_refused() -> None:
    with pytest.raises(FormTooLongError):
        forms.view(Form(action="a", subject="s" * 3000, title="t", fields=()), Opened())


def test_a_choice_of_more_than_a_hundred_is_grouped() -> None:
    options = tuple(Option(value=str(n), label=f"Experiment {n}") for n in range(250))
    field = ChoiceField(name="which", label="Which?", options=options, initial="249")
    view = forms.view(Form(action="a", subject="s", title="t", fields=(field,)), Opened())
    element = view["blocks"][0]["element"]
    assert [len(g["options"]) for g in element["option_groups"]] == [100, 100, 50]
    assert element["initial_option"]["value"] == "249"


def test_errors_of_unknown_fields_stand_at_the_first() -> None:
    assert forms.errors({"why": "No.", "other": "Nor this."}, ("why", "until")) == {
        "why": "No. Nor this."
    }


def test_a_notice_has_no_buttons() -> None:
    blocks = (
        Paragraph(text=text("Done")),
        Controls(controls=(Button(label="x", action="a", subject="s"),)),
    )
    view = forms.notice(
        "A long title that does not fit here", render(Message(summary="x", blocks=blocks))
    )
    assert view_problems(view) == []
    assert [b["type"] for b in view["blocks"]] == ["section"]
    assert view_problems(forms.notice("x", Rendered("words", []))) == []


def test_a_field_keeps_what_was_typed_before() -> None:
    field = TextField(name="why", label="Why?", initial="word " * 300, max_length=100)
    view = forms.view(Form(action="a", subject="s", title="t", fields=(field,)), Opened())
    assert size(view["blocks"][0]["element"]["initial_value"]) <= 100


def _of(*blocks: Any) -> Message:
    return Message(summary="x", blocks=blocks)


def _last_line(rendered: Rendered) -> str:
    return str(rendered.blocks[-1]["elements"][0]["text"])


def _only(block: Any) -> dict[str, Any]:
    (made,) = render(Message(summary="x", blocks=(block,))).blocks
    return made


def _said(said: Text) -> str:
    spans = said if any(not isinstance(s, Plain) for s in said) else (*said, Strong(text=""))
    message = Message(summary="x", blocks=(Paragraph(text=spans),))
    (block,) = render(message, {"lead@example.com": "U0LEADER1"}).blocks
    return str(block["text"]["text"])


def _mrkdwn(value: Any) -> list[str]:
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            return [value["text"]]
        return [s for v in value.values() for s in _mrkdwn(v)]
    return [s for v in value for s in _mrkdwn(v)] if isinstance(value, list) else []
