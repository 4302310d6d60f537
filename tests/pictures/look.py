"""Block Kit as HTML that resembles Slack: for pictures of what the bot says, from the blocks it sends."""

import base64
import html
import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

STYLE = """
*{box-sizing:border-box}
body{margin:0;padding:14px;background:#fff;color:#1d1c1d;
  font:15px/1.46 Lato,"Helvetica Neue",Arial,sans-serif;width:720px}
.said{display:grid;grid-template-columns:36px 1fr;gap:0 10px;padding:6px 4px}
.face{width:36px;height:36px;border-radius:6px;background:#1f3a5f;color:#fff;font-weight:900;
  display:grid;place-items:center}
.dot{display:inline-block;width:.85em;height:.85em;border-radius:50%;vertical-align:-.05em}
.who b{font-weight:900}
.app{background:#e8e8e8;color:#616061;font-size:10px;font-weight:700;border-radius:2px;
  padding:1px 3px;margin:0 5px}
.time{color:#616061;font-size:12px}
h1{font-size:18px;line-height:1.35;margin:4px 0;font-weight:900}
p{margin:4px 0 8px}
.fields{display:grid;grid-template-columns:1fr 1fr;gap:8px 16px;margin:4px 0 8px}
.small{color:#616061;font-size:13px;margin:4px 0 8px}
hr{border:0;border-top:1px solid #dddddd;margin:12px 0}
img{display:block;max-width:480px;border-radius:8px;border:1px solid #eee;margin:4px 0 8px}
.actions{display:flex;flex-wrap:wrap;gap:8px;margin:6px 0 8px}
.button{border:1px solid #bbb;border-radius:4px;padding:4px 12px;font-weight:700;background:#fff;font-size:14px}
.button.primary{background:#007a5a;border-color:#007a5a;color:#fff}
.button.danger{border-color:#e01e5a;color:#e01e5a}
.menu{font-weight:400}.menu:after{content:" \\25BE";color:#616061}
code,pre{font:12px/1.5 "DejaVu Sans Mono",monospace;border:1px solid #ddd;background:#f8f8f8;border-radius:3px}
code{padding:1px 3px;color:#c01343}pre{padding:8px;margin:4px 0;white-space:pre-wrap}
a,.at{color:#1264a3}.at{background:#e8f5fa;border-radius:3px;padding:0 2px}
.private{background:#f8f8f8;border-radius:8px;padding:4px 8px}
.private:before{content:"Only visible to you";display:block;color:#616061;font-size:12px;margin-left:46px}
.thread{margin-left:46px;border-left:3px solid #eee;padding-left:8px}
.modal{border:1px solid #ccc;border-radius:10px;box-shadow:0 8px 28px #0002;margin:8px auto;width:520px}
.modal header{font-weight:900;font-size:20px;padding:16px 24px;border-bottom:1px solid #eee}
.modal main{padding:10px 24px}.modal footer{padding:12px 24px;text-align:right;border-top:1px solid #eee}
.field{margin:12px 0}.field b{display:block;margin-bottom:4px}
.input{border:1px solid #868686;border-radius:4px;padding:7px 10px;min-height:38px;color:#616061}
.input.tall{min-height:84px}
"""

_MARK = re.compile(
    r"```(.*?)```|`([^`\n]+)`|<([^>|]+)(?:\|([^>]*))?>|\*([^*\n]+)\*|(?<!\w)_([^_\n]+)_(?!\w)", re.S
)

#: The signs that Slack draws itself; a machine without a font for them shows the same.
_DOTS = {"🔴": "#e01e5a", "🟠": "#e8912d", "🟢": "#2bac76"}


class Look:
    """Draws blocks; knows people by their accounts and pictures by their files."""

    def __init__(self, names: Mapping[str, str], files: Mapping[str, bytes], zone: tzinfo) -> None:
        self._names = names
        self._files = files
        self._zone = zone  # the reader's

    def message(self, blocks: list[dict[str, Any]], kind: str = "") -> str:
        """One message with its sender; ``kind``: thread or private."""
        head = '<div class="who"><b>Sandrail</b><span class="app">APP</span><span class="time">9:00</span></div>'
        return (
            f'<div class="{kind}"><div class="said"><div class="face">S</div>'
            f"<div>{head}{self.blocks(blocks)}</div></div></div>"
        )

    def modal(self, view: dict[str, Any]) -> str:
        """A form."""
        submit = html.escape(view.get("submit", {}).get("text", ""))
        close = html.escape(view["close"]["text"])
        return (
            f'<div class="modal"><header>{html.escape(view["title"]["text"])}</header>'
            f"<main>{self.blocks(view['blocks'])}</main><footer>"
            f'<span class="button">{close}</span> <span class="button primary">{submit}</span>'
            "</footer></div>"
        )

    def blocks(self, blocks: list[dict[str, Any]]) -> str:
        """The blocks, one under the other."""
        return "".join(self._block(block) for block in blocks)

    def _block(self, block: dict[str, Any]) -> str:
        match block["type"]:
            case "header":
                return f"<h1>{self._text(block['text'])}</h1>"
            case "section" if "fields" in block:
                cells = "".join(f"<div>{self._text(f)}</div>" for f in block["fields"])
                return f'<div class="fields">{cells}</div>'
            case "section":
                return f"<p>{self._text(block['text'])}</p>"
            case "context":
                said = " ".join(self._text(e) for e in block["elements"])
                return f'<div class="small">{said}</div>'
            case "divider":
                return "<hr>"
            case "image":
                data = base64.b64encode(self._files[block["slack_file"]["id"]]).decode()
                return f'<img src="data:image/png;base64,{data}">'
            case "actions":
                return (
                    f'<div class="actions">{"".join(map(self._control, block["elements"]))}</div>'
                )
            case "input":
                return self._input(block)
        raise ValueError(f"no look for the block {block['type']}")

    def _control(self, element: dict[str, Any]) -> str:
        menu = element["type"] == "static_select"
        label = element["placeholder" if menu else "text"]["text"]
        kind = "menu" if menu else element.get("style", "")
        return f'<span class="button {kind}">{html.escape(label)}</span>'

    def _input(self, block: dict[str, Any]) -> str:
        element = block["element"]
        initial = element.get("initial_value") or element.get("initial_date") or ""
        if "initial_option" in element:
            initial = element["initial_option"]["text"]["text"]
        tall = "tall" if element.get("multiline") else ""
        hint = html.escape(block.get("hint", {}).get("text", ""))
        label = html.escape(block["label"]["text"]) + (" (optional)" if block["optional"] else "")
        return (
            f'<div class="field"><b>{label}</b><div class="input {tall}">{html.escape(initial)}</div>'
            f'<div class="small">{hint}</div></div>'
        )

    def _text(self, said: dict[str, Any]) -> str:
        if said["type"] == "plain_text":
            return _dotted(html.escape(said["text"])).replace("\n", "<br>")
        return self._mrkdwn(said["text"])

    def _mrkdwn(self, words: str) -> str:
        out, end = [], 0
        for found in _MARK.finditer(words):
            out += [_plain(words[end : found.start()]), self._marked(found)]
            end = found.end()
        return "".join([*out, _plain(words[end:])])

    def _marked(self, found: re.Match[str]) -> str:
        block, code, target, label, strong, slanted = found.groups()
        if block is not None:
            return f"<pre>{_escaped(block)}</pre>"
        if code is not None:
            return f"<code>{_escaped(code)}</code>"
        if strong is not None:
            return f"<b>{self._mrkdwn(strong)}</b>"
        if slanted is not None:
            return f"<i>{self._mrkdwn(slanted)}</i>"
        if target.startswith("@"):
            name = self._names.get(target[1:], target[1:])
            return f'<span class="at">@{html.escape(name)}</span>'
        if target.startswith("!date^"):
            at = datetime.fromtimestamp(int(target.split("^")[1]), self._zone)
            return f"{at:%-d %b} at {at:%H:%M}"
        return f"<a>{_escaped(label or target)}</a>"


def _escaped(words: str) -> str:
    """Slack's own escapes are those of HTML; nothing else in the words is one."""
    return html.escape(html.unescape(words))


def _plain(words: str) -> str:
    return _dotted(_escaped(words)).replace("\n", "<br>")


def _dotted(words: str) -> str:
    for sign, colour in _DOTS.items():
        words = words.replace(sign, f'<i class="dot" style="background:{colour}"></i>')
    return words
