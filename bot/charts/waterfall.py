"""From one sum to another, a bar for each thing that changed it, in rows so that names can be read."""

from collections.abc import Sequence

from bot.charts.look import MARGIN, TEXT, WIDTH, Sheet, fit, head_height, width_of
from bot.charts.numbers import currency_of, on_bars
from handlers.conversation import Waterfall

_ROW, _BAR = 48, 30
_BELOW = 22
_NAMES = 310  # pixels at most for the names at the left
_GAP = 10
_CUT = 26  # pixels from the beginning of a bar to where it is torn
Span = tuple[float, float]


def height(fall: Waterfall) -> int:
    """The picture's height in pixels."""
    return head_height(fall.title) + _ROW * (len(fall.steps) + 2) + _BELOW


def paint(sheet: Sheet, fall: Waterfall) -> None:
    """The start, each step from where the one before ended (to the right and orange: more; to the left and blue:
    less), and the end. Amounts stand beside the bars, with their signs.

    Where the sums are large beside what changed, the scale does not begin at zero: the bars of the sums are torn.
    """
    colours = sheet.colours
    every = (fall.start, *fall.steps, fall.end)
    spans = _spans(fall)
    base = base_of(spans)
    top = sheet.head(fall.title, _legend(fall, torn=base != 0))
    said = on_bars([fall.start.amount, *(s.amount for s in fall.steps)], fall.unit)
    names = [fit(step.name, _NAMES, TEXT) for step in every]
    left = MARGIN + max(width_of(n, TEXT, bold=True) for n in names) + _GAP
    room = max(width_of(words, TEXT, bold=True) for words in said) + 2 * _GAP
    whole = (0, len(spans) - 1)
    spans = [(base, end) if n in whole else (begin, end) for n, (begin, end) in enumerate(spans)]
    place = _Places(spans, left, WIDTH - MARGIN, room)
    for n, ((begin, end), name, words) in enumerate(zip(spans, names, said, strict=True)):
        y = top + _ROW * n + _ROW / 2
        colour = colours.strong if n in whole else colours.more if end >= begin else colours.less
        sheet.write(MARGIN, y, name, bold=n in whole)
        low, high = sorted((place.of(begin), place.of(end)))
        _bar(sheet, low, max(high, low + 2), y, colour)
        if base and n in whole:
            _tear(sheet, low + _CUT, y)
        if n + 1 < len(spans):  # the next bar begins where this one ends
            at = place.of(end)
            _bar(sheet, at - 0.8, at + 0.8, y + _ROW / 2, colours.faint, _ROW - _BAR)
        if end < begin:
            sheet.write(low - _GAP, y, words, colour=colour, bold=True, side="right")
        else:
            sheet.write(high + _GAP, y, words, colour=colour, bold=True)


def _spans(fall: Waterfall) -> list[Span]:
    spans, reached = [(0.0, float(fall.start.amount))], fall.start.amount
    for step in fall.steps:
        spans.append((float(reached), float(reached + step.amount)))
        reached += step.amount
    return [*spans, (0.0, float(fall.end.amount))]


def base_of(spans: Sequence[Span]) -> float:
    """Where the scale begins: zero, but less is seen of the sums where they would hide what changed."""
    reached = [end for _, end in spans]
    low, high = min(reached), max(reached)
    return low - 0.6 * (high - low) if 0 < high - low < 0.4 * low else 0.0


class _Places:
    """Where amounts stand between two edges, with room for words at both ends of the bars that need it."""

    def __init__(self, spans: Sequence[Span], left: float, right: float, room: float) -> None:
        low = min(min(span) for span in spans)
        high = max(max(span) for span in spans)
        self.low, self.wide = low, (high - low) or 1.0
        # Words of a loss stand at its left end: room is needed there only when it reaches far enough.
        self.left, self.right = left, right - room
        for _ in range(8):
            needed = max(
                (room - (self.of(end) - left) for begin, end in spans if end < begin), default=0.0
            )
            if needed <= 0.5:
                return
            self.left += needed

    def of(self, value: float) -> float:
        """The pixel of an amount."""
        return self.left + (value - self.low) / self.wide * (self.right - self.left)


def _bar(
    sheet: Sheet, left: float, right: float, middle: float, colour: str, tall: float = _BAR
) -> None:
    above, below = middle - tall / 2, middle + tall / 2
    sheet.shape([(left, above), (right, above), (right, below), (left, below)], colour)


def _tear(sheet: Sheet, x: float, middle: float) -> None:
    """A slanting gap: the bar is longer than it is drawn."""
    above, below = middle - _BAR / 2 - 1, middle + _BAR / 2 + 1
    corners = [(x + 6, above), (x + 14, above), (x + 2, below), (x - 6, below)]
    sheet.shape(corners, sheet.colours.paper)


def _legend(fall: Waterfall, *, torn: bool) -> str:
    unit = fall.unit.strip()
    more = "→ more" if all(s.amount >= 0 for s in fall.steps) else "→ more, ← less"
    cut = ", the bars of the sums are cut" if torn else ""
    comma = "," if unit and unit == currency_of(unit) else ""
    return f"{unit}{comma} {more}{cut}".strip()
