"""The colours of both themes: what is read on what has enough contrast (WCAG 2.2, AA)."""

import re
from pathlib import Path

import pytest

import bot.console

_CSS = (Path(bot.console.__file__).parent / "static" / "theme.css").read_text(encoding="utf-8")
_TEXT = 4.5
_SHAPES = 3.0

READ_ON = [
    *(
        (ink, ground)
        for ink in ("ink", "ink-soft")
        for ground in ("ground", "raised", "sunken", "hover")
    ),
    *(("ink-faint", ground) for ground in ("ground", "raised", "hover")),
    *(("link", ground) for ground in ("ground", "raised", "hover")),
    ("ink-soft", "private-ground"),
    ("ink", "private-ground"),
    ("on-accent", "accent"),
    ("danger", "raised"),
    ("danger", "danger-ground"),
    ("warning", "warning-ground"),
    ("ink", "danger-ground"),
    ("ink", "flash"),
    ("ink", "accent-ground"),
    ("ink-soft", "accent-ground"),
    ("you-ink", "you-ground"),
    ("mention-ink", "mention-ground"),
    ("side-ink", "side"),
    ("side-ink", "side-hover"),
    ("side-ink-strong", "side"),
    ("side-active-ink", "side-active"),
    ("badge-ink", "badge"),
]
SEEN_ON = [("focus", "ground"), ("focus", "raised"), ("badge", "side"), ("good", "raised")]


def _tokens(selector: str) -> dict[str, str]:
    block = _CSS[_CSS.index(selector) :]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block[: block.index("}")]))


LIGHT = _tokens(":root {")
DARK = {**LIGHT, **_tokens(':root[data-theme="dark"] {')}


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_everything_can_be_read(theme: dict[str, str]) -> None:
    weak = [
        f"{ink} on {ground}: {contrast(theme[ink], theme[ground]):.2f}"
        for pairs, least in ((READ_ON, _TEXT), (SEEN_ON, _SHAPES))
        for ink, ground in pairs
        if contrast(theme[ink], theme[ground]) < least
    ]
    assert weak == []


def test_dark_by_system_is_the_same_as_dark_by_choice() -> None:
    assert _tokens(':root[data-theme="auto"] {') == _tokens(':root[data-theme="dark"] {')
