"""Whether a request is Slack's: over the raw bytes, before anything reads them.

HMAC-SHA256 of ``v0:timestamp:body`` with the signing secret, at most five minutes old
(docs.slack.dev/authentication/verifying-requests-from-slack). Bolt's own check is not used: it answers 500 to a
timestamp that is no number and to a signature that is not ASCII, reads the body before it checks, and logs
bodies and signatures that it refuses.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

OLDEST = 300  # seconds
_TIMESTAMP = re.compile(r"\d{1,12}", re.ASCII)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What Slack sends as X-Slack-Signature."""
    said = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()


def refused(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    """Why a request is not let in, in words for the log; None when Slack signed it just now.

    ``headers`` are looked up without case; ``now`` is Unix time. Nothing of the body or the signature is said.
    """
    timestamp = headers.get("X-Slack-Request-Timestamp", "")
    given = headers.get("X-Slack-Signature", "")
    if not _TIMESTAMP.fullmatch(timestamp):
        return "its timestamp is missing or not a number"
    if abs(now - int(timestamp)) > OLDEST:
        return "its timestamp is more than five minutes off"
    expected = signature(secret, timestamp, body).encode()
    if not hmac.compare_digest(expected, given.encode("utf-8", "surrogateescape")):
        return "its signature is missing or wrong"
    return None
