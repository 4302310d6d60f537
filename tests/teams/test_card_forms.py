"""Forms as cards with inputs: any words fit, what is typed comes back, errors stand at their fields."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.teams import card_limits as limits
from bot.teams.card_controls import opened, pressed
from bot.teams.card_forms import form_card, submitted
from handlers.conversation import ChoiceField, DateField, Form, Option, TextField, text
from tests.slack.said import FORMS, WORDS
from tests.teams import collected
from tests.teams.adaptive_schema import problems

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
CAUSES = (Option(value="1", label="Runaway job"), Option(value="2", label="Price"))
FORM = Form(
    action="anomaly.resolve",
    subject="a1",
    version=3,
    title="Resolve",
    intro=text("What was it?"),
    fields=(
        ChoiceField(name="cause", label="Cause", options=CAUSES, hint="The main one."),
        TextField(name="words", label="In your words", multiline=True, max_length=300),
        DateField(name="until", label="Quiet until", required=False, initial=date(2026, 12, 1)),
    ),
    submit="Resolve",
)


def _fields(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The inputs by their ids."""
    return {e["id"]: e for e in card["body"] if e["type"].startswith("Input.")}


def _data(card: dict[str, Any]) -> dict[str, Any]:
    ((action),) = collected.actions(card["actions"])
    data: dict[str, Any] = action["data"]
    return data


@LARGE
@PATIENT
@given(
    FORMS, st.dictionaries(st.sampled_from(["why", "cause", "until", "x"]), WORDS), st.booleans()
)
def test_any_form_fits_is_valid_and_comes_back(
    form: Form, said: dict[str, str], in_dialog: bool
) -> None:
    card = form_card(form, errors=said, values=said, in_dialog=in_dialog, carried={"c": "19:x"})
    assert limits.weight(card) <= limits.TEXT
    assert problems(card) == []
    names = tuple(field.name for field in form.fields)
    assert tuple(_fields(card)) == names
    typed = {name: f" {name}! " for name in names}
    back = submitted({**_data(card), **typed})
    assert (back.action, back.subject, back.version) == (form.action, form.subject, form.version)
    assert back.inputs == {name: f"{name}!" for name in names}
    assert back.carried == {"c": "19:x"}
    assert back.fields == names
    assert back.form in (form, None)
    with pytest.raises(ValueError):
        pressed(_data(card))
    assert opened(_data(card)) is None


def test_a_dialog_submits_and_a_card_executes() -> None:
    in_dialog, in_chat = (form_card(FORM, in_dialog=d) for d in (True, False))
    assert in_dialog["actions"][0]["type"] == "Action.Submit"
    assert in_chat["actions"][0]["type"] == "Action.Execute"
    assert in_chat["actions"][0]["fallback"]["type"] == "Action.Submit"
    assert in_chat["actions"][0]["fallback"]["data"] == in_chat["actions"][0]["data"]
    assert in_chat["body"][0]["text"] == "Resolve"
    assert "Resolve" not in collected.strings(in_dialog["body"])


def test_the_inputs_are_what_the_fields_say() -> None:
    fields = _fields(form_card(FORM, in_dialog=True))
    assert fields["cause"] == {
        "type": "Input.ChoiceSet",
        "id": "cause",
        "label": "Cause",
        "isRequired": True,
        "errorMessage": "Please choose one.",
        "style": "expanded",
        "choices": [{"title": "Runaway job", "value": "1"}, {"title": "Price", "value": "2"}],
    }
    assert fields["words"]["isMultiline"] is True
    assert fields["words"]["maxLength"] == 300
    assert fields["until"] == {
        "type": "Input.Date",
        "id": "until",
        "label": "Quiet until",
        "value": "2026-12-01",
    }


def test_errors_stand_under_their_fields_and_what_was_typed_stays() -> None:
    typed = {"cause": "2", "words": "x" * 400, "until": ""}
    wrong = {"words": "Say it *shorter*.", "elsewhere": "And this."}
    card = form_card(FORM, errors=wrong, values=typed, in_dialog=True)
    assert problems(card) == []
    fields = _fields(card)
    assert fields["cause"]["value"] == "2"
    assert fields["words"]["value"] == "x" * 400
    assert "value" not in fields["until"]
    body = card["body"]
    below = body[body.index(fields["words"]) + 1]
    assert below["inlines"] == [
        {"type": "TextRun", "text": "Say it *shorter*.", "color": "Attention"}
    ]
    assert collected.strings(body[1]) == "And this."


def test_a_form_that_was_sent_can_be_shown_again() -> None:
    for in_dialog in (True, False):
        assert submitted(_data(form_card(FORM, in_dialog=in_dialog))).form == FORM


def test_a_form_that_the_client_made_up_is_not_shown_again() -> None:
    data = _data(form_card(FORM, in_dialog=True))
    other = _data(form_card(FORM.model_copy(update={"subject": "b2"}), in_dialog=True))
    for shown in ("", "!", "AAAA", 7, other["sandrail"]["shown"], "A" * 100_000):
        forged = {"sandrail": {**data["sandrail"], "shown": shown}}
        assert submitted(forged).form is None


def test_a_name_that_could_be_ours_comes_back_all_the_same() -> None:
    names = ("sandrail", "msteams", "type", "field:type", "sandrail.choice.0", "why")
    fields = tuple(TextField(name=name, label=name) for name in names)
    card = form_card(FORM.model_copy(update={"fields": fields}), in_dialog=True)
    assert not {"sandrail", "msteams", "type"} & set(_fields(card))
    typed = dict(zip(_fields(card), names, strict=True))
    assert submitted({**typed, **_data(card)}).inputs == {name: name for name in names}


def test_nothing_can_be_chosen_where_it_may() -> None:
    field = ChoiceField(name="cause", label="Cause", options=CAUSES, required=False)
    card = form_card(FORM.model_copy(update={"fields": (field,)}), in_dialog=True)
    assert problems(card) == []
    none = _fields(card)["cause"]["choices"][0]
    assert none["title"] == "–"
    assert submitted({**_data(card), "cause": none["value"]}).inputs == {"cause": ""}


def test_more_choices_than_there_is_room_for_are_counted() -> None:
    options = tuple(Option(value=str(n), label=f"Experiment {n} " + "x" * 80) for n in range(900))
    field = ChoiceField(name="which", label="Which?", options=options)
    card = form_card(FORM.model_copy(update={"fields": (field,)}), in_dialog=True)
    shown = len(_fields(card)["which"]["choices"])
    assert f"{900 - shown} more choices are not shown" in collected.strings(card["body"])
    assert limits.weight(card) <= limits.TEXT


def test_a_form_of_many_long_fields_still_fits() -> None:
    fields = tuple(
        TextField(
            name=f"f{n}", label="実" * 900, hint="験" * 900, initial="😀" * 3000, max_length=4000
        )
        for n in range(9)
    )
    card = form_card(FORM.model_copy(update={"fields": fields}), in_dialog=False)
    assert limits.weight(card) <= limits.TEXT
    assert problems(card) == []


@pytest.mark.parametrize(
    "change",
    [
        {"form": ""},
        {"form": 1},
        {"subject": None},
        {"version": "3"},
        {"fields": "why"},
        {"fields": [1]},
        {"carried": []},
    ],
)
def test_what_is_not_ours_is_no_submission(change: dict[str, Any]) -> None:
    data = _data(form_card(FORM, in_dialog=True))
    with pytest.raises(ValueError):
        submitted({"sandrail": {**data["sandrail"], **change}})


def test_a_press_is_no_submission() -> None:
    for data in ({}, {"sandrail": {"action": "a", "subject": "s", "version": 1}}, {"why": "x"}):
        with pytest.raises(ValueError):
            submitted(data)


def test_the_form_is_json() -> None:
    assert json.loads(json.dumps(form_card(FORM, in_dialog=True)))["version"] == "1.5"
