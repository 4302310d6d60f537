"""Signatures of what is sent, in the manner of Standard Webhooks (https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"
#: Standard Webhooks asks for 24 to 64 bytes.
SHORTEST = 24


def signing_keys(secrets: str) -> tuple[bytes, ...]:
    """The keys in an environment variable: secrets separated by spaces, more than one while a secret is exchanged.

    ``whsec_`` and base64 is the form of Standard Webhooks; any other text is its own key. Raises ValueError, whose
    text has none of the secret in it.
    """
    keys = tuple(_key(secret) for secret in secrets.split())
    if not keys:
        raise ValueError("is empty")
    return keys


def signature(keys: tuple[bytes, ...], message: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature``: one ``v1,…`` for each key, separated by spaces.

    ``v1`` is base64(HMAC-SHA256(key, id.timestamp.body)), ``timestamp`` in whole seconds since 1970.
    """
    signed = f"{message}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys
    )


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    coded = secret.removeprefix(_PREFIX)
    try:
        # the padding is often left out
        key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except binascii.Error:
        raise ValueError("has a secret that begins with whsec_ and is not base64") from None
    if not key:
        raise ValueError("has a secret of whsec_ and nothing else")
    return key
