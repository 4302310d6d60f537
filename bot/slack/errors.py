"""Slack's errors as what delivery can act on: later, lost, never, revoked."""

import re
from typing import NoReturn

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.surface import AnswerLost, DeliveryError, Revoked, TryLater, Undeliverable

REVOKED = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
#: The message is gone or may not be changed any more: it is posted anew.
MOVED = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
#: The channel cannot be written to: the message waits.
CLOSED = frozenset(
    {
        "channel_not_found",
        "is_archived",
        "is_inactive",  # chat.update: the channel is frozen, archived or deleted
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
#: Slack could not read or show the blocks.
BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
_LATER = frozenset(
    {
        "message_limit_exceeded",
        "rate_limited",
        "ratelimited",
        "service_unavailable",
        "team_added_to_org",
        "two_factor_setup_required",
        "accesslimited",
    }
)
_CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")
#: Slack says of these that some of it may have been done.
_PERHAPS_DONE = frozenset({"fatal_error", "internal_error", "request_timeout", "update_failed"})


class SlackRefused(Undeliverable):
    """Slack answered with an error that no later try will mend. ``code`` is Slack's own."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.code = code


class SlackRevoked(Revoked):
    """Slack no longer accepts the token. ``code`` is Slack's own."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.code = code


def mended(code: str, channel: str = "the channel", needed: str = "") -> str:
    """One sentence for the operator: what Slack said and how to mend it."""
    match code:
        case "channel_not_found":
            return (
                f"Slack knows no channel {channel}, or the bot cannot see it: "
                "check its name in the policy, and invite the bot if it is private."
            )
        case "is_archived" | "is_inactive":
            return f"The channel {channel} is archived: unarchive it or name another in the policy."
        case "not_in_channel":
            return f"The bot is not in {channel}: write /invite @Sandrail there."
        case "missing_scope":
            return (
                f"The Slack app lacks the scope {needed or '(unknown)'}: "
                "add it under OAuth & Permissions and install the app again."
            )
        case "msg_blocks_too_long" | "msg_too_long":
            return "Slack found the message too long."
        case "invalid_blocks" | "invalid_blocks_format":
            return "Slack could not show the message's blocks."
        case _ if code in REVOKED:
            return (
                f"Slack no longer accepts the bot token ({code}): install the app again and set "
                "SLACK_BOT_TOKEN to its new token."
            )
        case _ if code.startswith("restricted_action"):
            return f"The workspace does not let the bot write in {channel} ({code})."
        case _:
            return f"Slack refused with {code}."


def raise_typed(error: Exception, *, writes: bool, channel: str = "the channel") -> NoReturn:
    """Raises what delivery understands. ``writes``: the call may have changed something."""
    raise typed(error, writes=writes, channel=channel) from error


def typed(error: Exception, *, writes: bool, channel: str) -> DeliveryError:
    """The :class:`DeliveryError` for what the client raised."""
    if isinstance(error, SlackApiError):
        return _answered(error, writes, channel)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return TryLater(f"Slack cannot be reached: {error}")  # nothing was sent
    if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
        if writes:
            return AnswerLost(f"Slack's answer was lost: {error or type(error).__name__}")
        return TryLater(f"Slack did not answer: {error or type(error).__name__}")
    return TryLater(f"Slack could not be asked: {error}")


def _answered(error: SlackApiError, writes: bool, channel: str) -> DeliveryError:
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 200
    data = getattr(response, "data", None)
    said = data if isinstance(data, dict) else {}
    code = str(said.get("error") or "")
    if not _CODE.fullmatch(code):
        code = ""  # a page of some proxy, not Slack's word
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return TryLater("Slack asks us to slow down", after=_retry_after(response.headers))
    if code in REVOKED:
        return SlackRevoked(mended(code), code)
    if code in _LATER:
        return TryLater(f"Slack asks to come back later ({code})", after=30)
    if code in _PERHAPS_DONE or status >= 500 or not code:
        reason = f"Slack failed to answer ({code or status})"
        return AnswerLost(reason) if writes else TryLater(reason)
    return SlackRefused(mended(code, channel, str(said.get("needed") or "")), code)


def _retry_after(headers: object) -> float:
    """Seconds to wait as the platform said; half a minute when it said nothing readable."""
    get = getattr(headers, "get", None)
    value = get("Retry-After") if get else None
    if isinstance(value, list):
        value = value[0] if value else None
    try:
        return max(1.0, float(value)) if value is not None else 30.0
    except ValueError:
        return 30.0
