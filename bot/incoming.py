"""What every platform's door does with a request before it knows who it is from."""

from typing import Any

from aiohttp import web

LARGEST = 1024 * 1024  # bytes of a body; no platform sends more


async def whole_body(request: web.Request) -> bytes | None:
    """The raw body, None when it is larger than any of a platform's."""
    if (request.content_length or 0) > LARGEST:
        return None
    raw = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        raw += chunk
        if len(raw) > LARGEST:
            return None
    return bytes(raw)


def part(body: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under a key of a payload; an empty one when there is none."""
    value = body.get(key)
    return value if isinstance(value, dict) else {}
