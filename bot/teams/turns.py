"""One activity at a time: what was done, who did it, what the handlers say, and how Teams is answered in time."""

import asyncio
import contextlib
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bot.kernel import Kernel
from bot.teams import answers
from bot.teams.adapter import Reply
from bot.teams.card_controls import Opener, opener_card
from bot.teams.card_forms import form_card
from bot.teams.files import with_file
from bot.teams.heard import (
    COMMAND,
    NAME,
    Heard,
    Unreadable,
    delivery,
    from_card,
    from_dialog,
    from_extension,
    from_message,
    sender,
    where,
)
from bot.teams.private import PRIVATELY, Private, Shown, drawn, shown
from bot.teams.surface import TeamsSurface
from bot.uploads import read_ahead
from guardrails.authority import may
from handlers.conversation import (
    Actor,
    Controls,
    Done,
    FieldErrors,
    Form,
    Message,
    OpenForm,
    Place,
    Refused,
    TextField,
    said,
    spoken,
    text,
)
from handlers.conversation import Private as PrivateReply
from handlers.refusals import NotFound
from handlers.router import AnyReply, find
from handlers.turn import PERSON
from storage.said import content_about, content_at

log = logging.getLogger(__name__)

PATIENCE = {"message": 8.0, "card": 8.0, "dialog": 8.0, "extension": 4.0}  # Teams waits 10, or 5
_SETTLE = 10.0  # seconds that a shutdown waits for answers
_REMEMBERED = 5000
_NOT_OURS = "This is not known here (any more). Nothing was changed."
_SLOW = "This takes a moment; I will write to you in our chat when it is done."
T = TypeVar("T")


class Turns:
    """Handles activities that the door has let in."""

    def __init__(self, surface: TeamsSurface, kernel: Kernel) -> None:
        self._surface = surface
        self._kernel = kernel
        self._private = Private(surface, kernel)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._said: OrderedDict[str, None] = OrderedDict()  # what a redelivery must not say again

    async def settle(self) -> None:
        """Waits for what is still being answered."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE):
                while self._tasks:
                    await asyncio.wait(list(self._tasks))
                await self._surface.people.settle()

    async def close(self) -> None:
        """Ends what is still being answered."""
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def take(self, body: dict[str, Any]) -> Reply | None:
        """Has an activity handled; the answer to an invoke, None for anything else."""
        match body.get("type"):
            case "message":
                await self._surface.conversations.seen(body)
                heard = from_message(body)
                if heard is not None:
                    await self._spoken(heard)
            case "invoke":
                return await self._invoke(body)
            case "conversationUpdate" | "installationUpdate":
                if await self._surface.conversations.changed(body):
                    self._kernel.delivery.wake()
                    await self._greet(body)
        return None

    async def _invoke(self, body: dict[str, Any]) -> Reply | None:
        name = body.get("name")
        try:
            match name:
                case "adaptiveCard/action":
                    await self._surface.conversations.seen(body)
                    heard = from_card(body)
                    if heard is None:
                        return await self._refresh(body)
                case "task/fetch" | "task/submit":
                    await self._surface.conversations.seen(body)
                    heard = from_dialog(body)
                case "composeExtension/fetchTask" | "composeExtension/submitAction":
                    # It may come from a chat that the bot is not in, so the chat is not remembered.
                    heard = from_extension(body)
                case _:
                    return None
        except Unreadable as error:
            log.warning("an invoke cannot be read: %s", error)
            return (
                answers.failed(400, _NOT_OURS)
                if name == "adaptiveCard/action"
                else answers.closed(_NOT_OURS)
            )
        if heard.way == "extension" and heard.name == "ask" and heard.form is None:
            return answers.dialog("Ask Sandrail", _form(_ASK, in_dialog=True))
        return await self._in_time(heard)

    async def _spoken(self, heard: Heard) -> None:
        """Answers what was typed; what takes long goes on when Teams has been told that it arrived."""

        async def work() -> None:
            _, reply = await self._reply(heard)
            if self._first(heard):
                await self._in_chat(heard, reply)

        await asyncio.wait({self._keep(work())}, timeout=PATIENCE[heard.way])

    async def _in_time(self, heard: Heard) -> Reply | None:
        """Answers in the time that the platform gives; what takes longer is told in the personal chat."""
        work = self._keep(self._reply(heard))
        await asyncio.wait({work}, timeout=PATIENCE[heard.way])
        if work.done():
            return await self._answer(heard, *work.result())
        log.warning("%s %s takes long; Teams is answered before it is done", heard.kind, heard.name)
        self._keep(self._late(heard, work))
        return answers.told(_SLOW) if heard.way == "card" else answers.closed(_SLOW)

    async def _late(self, heard: Heard, work: "asyncio.Task[tuple[Actor, AnyReply]]") -> None:
        _, reply = await work
        if not self._first(heard):
            return
        match reply:
            case OpenForm(form=form):
                cards = [Shown(_form(form, in_dialog=False), form.title)]
            case FieldErrors() if heard.form is not None and heard.form.form is not None:
                cards = [Shown(_again(heard, reply, in_dialog=False), heard.form.form.title)]
            case _:
                cards = shown(spoken(reply) or said("Done."))
        await self._private.say(heard, cards)

    async def _reply(self, heard: Heard) -> tuple[Actor, AnyReply]:
        actor = await self._surface.people.actor(heard.sender, heard.where)
        try:
            if self._kernel.takes_files(heard.interaction(actor)):
                heard = await with_file(self._surface, heard)
                for text in heard.files.values():
                    await read_ahead(text)
            return actor, await self._kernel.answer(heard.interaction(actor))
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("%s %s failed, reference %s", heard.kind, heard.name, reference)
            sentence = (
                "Something went wrong here. Try again; if it happens again, "
                f"tell the operator the reference {reference}."
            )
            return actor, Refused(reason="failed", sentence=sentence)

    async def _refresh(self, body: dict[str, Any]) -> Reply:
        """A card that looks for its news by itself: the view of the one who looks. Never a click."""
        there = where(body)
        actor = await self._surface.people.actor(sender(body), there)
        view = await self._view(actor, there.conversation, str(body.get("replyToId") or ""))
        return view or answers.failed(400, "This message is no longer known here.")

    async def _view(self, actor: Actor, conversation: str, message_id: str) -> Reply | None:
        """What a message says now, with the controls that the actor may use; None when it is not ours."""
        content = await self._kernel.database.in_read(
            lambda c: content_at(c, NAME, conversation, message_id)
        )
        return None if content is None else await self._viewed(actor, content)

    async def _viewed(self, actor: Actor, content: dict[str, Any]) -> Reply:
        message = Message.model_validate(content)
        rendered = await self._surface.render(message, may=self._allowed(actor))
        return answers.shown(rendered.card)

    async def _news(self, heard: Heard, actor: Actor) -> Reply | None:
        """What the message whose card was used says now.

        It may be a copy, when the answer to a posting was lost and it was posted again: then it gets the news
        here, for everyone, because nobody else knows where it stands.
        """
        there, message_id = heard.where, heard.message_id
        view = await self._view(actor, there.conversation, message_id)
        if view is not None or not message_id:
            return view
        channel = f"{PERSON}{actor.person}" if there.personal else there.conversation
        lane = Place(surface=NAME, tenant=self._surface.tenant, channel=channel).lane
        found = await self._kernel.database.in_read(
            lambda c: content_about(c, lane, heard.name, heard.subject)
        )
        if found is None:
            return None
        rendered = await self._surface.render(Message.model_validate(found[1]))
        self._keep(self._private.replace(heard, Shown(rendered.card, rendered.summary)))
        return await self._viewed(actor, found[1])

    def _allowed(self, actor: Actor) -> Callable[[str], bool]:
        policy = self._kernel.loaded.policy

        def allowed(action: str) -> bool:
            try:
                permission = find("press", action).permission
            except NotFound:
                return False
            return actor.standing == "member" and may(policy, permission, actor.roles)

        return allowed

    # --- answering --------------------------------------------------------------------------------

    async def _answer(self, heard: Heard, actor: Actor, reply: AnyReply) -> Reply:
        if heard.way == "card":
            return await self._on_card(heard, actor, reply)
        return self._in_dialog(heard, reply)

    async def _on_card(self, heard: Heard, actor: Actor, reply: AnyReply) -> Reply:
        told = spoken(reply)
        match reply:
            case OpenForm(form=form):
                # A card cannot open a dialog: the form takes its place for the asker.
                return answers.shown(_form(form, in_dialog=False))
            case FieldErrors() if heard.form is not None and heard.form.form is not None:
                return answers.shown(_again(heard, reply, in_dialog=False))
            case Done() | PrivateReply() if heard.form is not None:
                return await self._after_form(heard, actor, told)
            case PrivateReply(message=message, page=page) if page and heard.where.personal:
                return await self._in_its_place(heard, message)
            case PrivateReply(message=message) if len(message.blocks) > 1:
                self._privately(heard, await drawn(message))
                return answers.told(PRIVATELY)
            case Done() if told is None:
                return await self._news(heard, actor) or answers.told("Done.")
        return answers.told(told.summary if told else "Done.")

    async def _after_form(self, heard: Heard, actor: Actor, told: Message | None) -> Reply:
        """A form that was shown in the place of a card goes away: the card's message is back, or what is said."""
        view = await self._news(heard, actor)
        if view is not None:
            if told is not None:
                self._privately(heard, shown(told))
            return view
        last, *rest = shown(told or said("Done."))
        if heard.where.personal and heard.message_id:
            self._keep(self._private.replace(heard, last))
        self._privately(heard, rest)
        return answers.shown(last.card)

    async def _in_its_place(self, heard: Heard, message: Message) -> Reply:
        """A page stands where its button was pressed; one that needs several cards is said anew below."""
        first, *rest = await drawn(message)
        if rest:
            self._privately(heard, [first, *rest])
            return answers.told(PRIVATELY)
        if heard.message_id:
            self._keep(self._private.replace(heard, first))
        return answers.shown(first.card)

    def _in_dialog(self, heard: Heard, reply: AnyReply) -> Reply:
        match reply:
            case OpenForm(form=form):
                return answers.dialog(form.title, _form(form, in_dialog=True))
            case FieldErrors() if heard.form is not None and heard.form.form is not None:
                title = heard.form.form.title
                return answers.dialog(title, _again(heard, reply, in_dialog=True))
            case PrivateReply(message=message) if len(message.blocks) > 1:
                cards = shown(message)
                if any(isinstance(block, Controls) for block in message.blocks):
                    self._privately(heard, cards)  # its buttons would do nothing in a dialog
                    return answers.closed(PRIVATELY)
                self._privately(heard, cards[1:])
                return answers.dialog("Sandrail", cards[0].card)
        told = spoken(reply)
        return answers.closed(told.summary if told else "")

    async def _in_chat(self, heard: Heard, reply: AnyReply) -> None:
        """An answer to what was typed: only the asker sees it."""
        if isinstance(reply, OpenForm):
            title = reply.form.title
            if heard.where.personal:
                form = Shown(_form(reply.form, in_dialog=False), title)
                await self._private.send(heard, [form])
                return
            opener = Opener(heard.name, heard.inputs.get("text", ""))
            made = opener_card(title, reply.form.intro, opener)
            await self._private.send(heard, [Shown(made, title)])
            return
        message = spoken(reply)
        if message is None:
            message = said("Done.") if heard.kind == "command" else None
        if message is not None:
            await self._private.say(heard, await drawn(message))

    async def _greet(self, body: dict[str, Any]) -> None:
        """The first word in a personal chat: what the bot is for and what can be typed."""
        there = where(body)
        new = body.get("type") == "installationUpdate" and body.get("action") == "add"
        if there.personal and new:
            key = f"greet-{delivery(body)}"
            await self._spoken(Heard("command", "help", key, sender(body), there, "message"))

    def _first(self, heard: Heard) -> bool:
        """Whether this was not said before: Teams delivers again what it believes lost."""
        if heard.delivery_id in self._said:
            return False
        self._said[heard.delivery_id] = None
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)
        return True

    def _privately(self, heard: Heard, cards: list[Shown]) -> None:
        if cards and self._first(heard):
            self._keep(self._private.say(heard, cards))

    def _keep(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._kept)
        return task

    def _kept(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an answer failed", exc_info=error)


_ASK = Form(
    action=COMMAND,
    subject="",
    title="Ask Sandrail",
    intro=text("Type a command as you would in a chat, such as spend last 30d, or help."),
    fields=(TextField(name="typed", label="Command", max_length=500),),
    submit="Ask",
)


def _form(form: Form, *, in_dialog: bool) -> dict[str, Any]:
    """The form with a name of its own, by which a submission that comes twice is known."""
    return form_card(form, in_dialog=in_dialog, carried={"form": secrets.token_hex(16)})


def _again(heard: Heard, reply: FieldErrors, *, in_dialog: bool) -> dict[str, Any]:
    """The form as it was sent in, with each sentence at its field."""
    sent = heard.form
    assert sent is not None
    assert sent.form is not None
    return form_card(
        sent.form,
        errors=reply.errors,
        values=sent.inputs,
        in_dialog=in_dialog,
        carried=sent.carried,
    )
