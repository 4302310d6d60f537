"""The page and its files, read once: HTML from a template, CSS, modules and pictures as they are."""

import hashlib
import html
from pathlib import Path
from string import Template

from aiohttp import web

from bot.console.gate import refuse

_FOLDER = Path(__file__).parent
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


class Assets:
    """What the browser loads. ``version`` changes with any file, so that an old page can be told."""

    def __init__(self) -> None:
        self._files = {
            path.name: path.read_bytes()
            for path in sorted((_FOLDER / "static").iterdir())
            if path.suffix in _TYPES
        }
        self._page = Template((_FOLDER / "templates" / "page.html").read_text(encoding="utf-8"))
        everything = hashlib.sha256(self._page.template.encode())
        for content in self._files.values():
            everything.update(content)
        self.version = everything.hexdigest()[:12]

    def page(self, *, workspace: str, token: str) -> web.Response:
        """The page, with the token that its requests bring back."""
        preloads = "\n    ".join(
            f'<link rel="modulepreload" href="/console/static/{name}">'
            for name in self._files
            if name.endswith(".js")
        )
        words = self._page.substitute(
            workspace=html.escape(workspace),
            token=html.escape(token),
            version=self.version,
            preloads=preloads,
        )
        return web.Response(
            text=words, content_type="text/html", headers={"Cache-Control": "no-store"}
        )

    async def static(self, request: web.Request) -> web.Response:
        """GET /console/static/{name}: a file of ours, or 304 when the browser has it."""
        name = request.match_info["name"]
        content = self._files.get(name)
        if content is None:
            return refuse(404, "not-found", "There is no such file.")
        return cached(request, content, _TYPES[Path(name).suffix], "no-cache")


def cached(request: web.Request, content: bytes, kind: str, control: str) -> web.Response:
    """The content with its ETag, or 304 when the browser has this very content."""
    tag = hashlib.sha256(content).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "Cache-Control": control}
    known = request.if_none_match or ()
    if any(t.value in (tag, "*") for t in known):
        return web.Response(status=304, headers=headers)
    charset = "utf-8" if kind.startswith("text/") else None
    return web.Response(body=content, content_type=kind, charset=charset, headers=headers)
