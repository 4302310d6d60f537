"""The kernel's promises that hold for every handler there is, and will be."""

from guardrails.policy.people import PERMISSIONS
from handlers import catalog as _catalog  # noqa: F401
from handlers.conversation import REPLY, Done, Message, OpenForm, Refused, said
from handlers.deadlines import _due
from handlers.router import registered
from tests.handlers.alerting import Bot


def test_every_handler_declares_a_permission_that_exists() -> None:
    handlers = registered()
    assert len(handlers) > 10
    assert all(h.permission in PERMISSIONS for h in handlers)


def test_every_form_has_a_submission_of_its_name() -> None:
    """A form whose submission nobody handles would lose what a person typed."""
    presses = {h.name for h in registered("press")}
    forms = registered("submission")  # those of other tests' own handlers may be there too
    submissions = {h.name for h in forms if not h.name.startswith("test.")}
    assert submissions <= presses


def test_every_deadline_that_is_set_has_a_handler() -> None:
    assert set(_due) == {
        "anomaly.snooze-over",
        "anomaly.expected-over",
        "anomaly.escalate",
        "council.close",
        "council.follow-up",
        "overrun.backup",
        "overrun.due",
        "overrun.remind",
        "overrun.review-open",
        "redline.act",
        "redline.remind",
        "sandbox.asked",
        "sandbox.ends",
        "sandbox.outcome",
        "sandbox.remind",
    }


def test_every_command_says_what_it_does() -> None:
    assert all(c.does and not c.does.endswith(".") for c in registered("command"))


def test_every_handler_refuses_someone_without_a_role(bot: Bot) -> None:
    for handler in registered():
        if handler.name.startswith("test."):
            continue
        reply = bot.act(handler.kind, handler.name, "x", who="nobody@example.net", text="")
        assert isinstance(reply, Refused), handler.name
        assert reply.reason == "not-allowed", handler.name


def test_replies_and_messages_go_to_json_and_back() -> None:
    for reply in (Done(note="x"), Refused(reason="a", sentence="b")):
        assert REPLY.validate_python(reply.model_dump(mode="json")) == reply
    message = said("hello")
    assert Message.model_validate(message.model_dump(mode="json")) == message
    assert OpenForm.model_fields.keys() == {"kind", "form"}
