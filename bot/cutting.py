"""Cutting words by meaning, so that they fit where a platform has little room."""

import re
from collections.abc import Callable, Iterable

_AMOUNT = re.compile(r"^[-−+(]?[$€£¥]?[\d.,]*[$€£¥%]?$|^[A-Z]{3}$|^[A-Z]{0,3}\$[\d.,]+[KMB]?$")
_OF_AMOUNTS = "0123456789.,$€£¥-"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def clean(words: str) -> str:
    """The words without control characters and lone surrogates, which platforms and JSON refuse."""
    return _CONTROL.sub("", words)


def size(words: str) -> int:
    """How long a platform may take the words to be: UTF-16 units, never fewer than characters."""
    return len(words.encode("utf-16-le", "surrogatepass")) // 2


def fitting(words: str, limit: int, measure: Callable[[str], int] = size) -> int:
    """How many characters of the words ``measure`` to ``limit`` at most.

    No measure finds fewer than there are characters, so what lies behind ``limit`` is never looked at.
    """
    low, high = 0, min(len(words), max(limit, 0))
    while low < high:
        middle = (low + high + 1) // 2
        if measure(words[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def clip(words: str, limit: int, measure: Callable[[str], int] = size) -> str:
    """The words, cut so that ``measure`` of them is at most ``limit``.

    Cut at the end of a word, with an ellipsis, and never inside an amount: ``cost $30,412 a day``
    becomes ``cost …``, not ``cost $30,…`` and not ``cost $30,412 …`` with its unit gone.
    """
    if len(words) <= limit and measure(words) <= limit:
        return words
    if limit < 1:
        return ""
    end = fitting(words, limit, lambda beginning: measure(beginning + "…"))
    kept = words[: _at_a_word(words, end)].rstrip()
    if not kept:  # one long word: nothing better than to cut it, though not inside a number
        return words[:end].rstrip(_OF_AMOUNTS) + "…"
    kept = kept[: _before_an_amount(kept)]
    return f"{kept} …" if kept and measure(f"{kept} …") <= limit else f"{kept}…"


def pieces(lines: Iterable[str], most: int) -> tuple[str, ...]:
    """The lines of a file without control characters, longer ones than ``most`` characters in several."""
    cleaned = (clean(line) for line in lines)
    return tuple(
        line[at : at + most] for line in cleaned for at in range(0, max(len(line), 1), most)
    )


def parted(
    words: str, limit: int, measure: Callable[[str], int] = size, *, whole: bool = False
) -> tuple[str, str]:
    """The words in two, the first of them at most ``limit``; together they are whole.

    Parted between lines or sentences when that leaves more than half, else between words; inside a word only
    when that alone is too long, and inside an amount only when there is nothing else. ``whole``: never inside
    either, for where the words have more room elsewhere; the first part is empty then.
    """
    if len(words) <= limit and measure(words) <= limit:
        return words, ""
    end = fitting(words, limit, measure)
    line = words.rfind("\n", end // 2, end + 1)
    sentence = words.rfind(". ", end // 2, end) + 1
    if line > 0:
        at = line
    elif sentence > 0:
        at = sentence
    else:
        at = _at_a_word(words, end)
        at = _before_an_amount(words[:at].rstrip()) or (0 if whole else at)
    if not words[:at].strip():
        if whole:
            return "", words
        at = len(words[:end].rstrip(_OF_AMOUNTS)) or end
    return words[:at].rstrip(), words[at:].lstrip()


def _at_a_word(words: str, end: int) -> int:
    """The last end of a word up to ``end``; 0 when there is none."""
    if words[end : end + 1].isspace():
        return end
    return max(words.rfind(" ", 0, end), words.rfind("\n", 0, end), 0)


def _before_an_amount(kept: str) -> int:
    """How much is left without the amount at the end, which may be several words: 12 345 678 USD."""
    for _ in range(6):
        before, _, last = kept.rpartition(" ")
        if not _AMOUNT.match(last):
            break
        kept = before.rstrip()
    return len(kept)


def one_line(words: str, limit: int, empty: str = "–") -> str:
    """Words for a label: cleaned, on one line, cut, never empty (platforms refuse empty text)."""
    return clip(" ".join(clean(words).split()), limit) or empty
