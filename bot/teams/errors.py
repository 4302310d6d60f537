"""What the connector answers when it does not do what it was asked, as what delivery understands.

Codes: learn.microsoft.com/microsoftteams/platform/bots/build-conversational-capability, "Status codes from bot
conversational APIs".
"""

from bot.surface import Closed, DeliveryError, TryLater, Undeliverable

#: Answers that a later try may not get.
LATER = frozenset({408, 412, 429, 500, 502, 503, 504})
GONE = frozenset({"BotNotInConversationRoster", "ConversationNotFound", "BotDisabledByAdmin"})
#: The message cannot be edited where it stands: post it anew.
MOVED = frozenset({"ActivityNotFoundInConversation", "MessageNotFound"})
#: What an edit of a message that was deleted is answered with, code 403 (BotFramework-Services, issue 269).
DELETED = "ServiceError"
#: A person does not want to hear from the bot.
BLOCKED = frozenset({"MessageWritesBlocked", "ConversationBlockedByUser"})


class TeamsRefused(Undeliverable):
    """The connector refused the call; ``code`` is its error code, ``status`` that of HTTP."""

    def __init__(self, reason: str, code: str, status: int) -> None:
        super().__init__(reason)
        self.code = code
        self.status = status


class TeamsClosed(Closed):
    """The conversation cannot be written to; ``code`` says why."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.code = code


def typed(status: int, code: str, after: float | None, where: str) -> DeliveryError:
    """The error of an answer that is not 2xx; ``where`` names the conversation for the operator."""
    if status in LATER:
        return TryLater(f"Teams answered {status} for {where}", after=after)
    if code in GONE:
        why = "the app was removed there, or has never been added"
        return TeamsClosed(f"The bot cannot write to {where}: {why} ({code}).", code)
    if code in BLOCKED:
        return TeamsRefused(f"{where} has blocked the bot.", code, status)
    if status == 413:
        return TeamsRefused(f"A message for {where} is too large for Teams.", code, status)
    return TeamsRefused(f"Teams refused a message for {where} ({status} {code}).", code, status)
