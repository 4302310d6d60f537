"""The nearest valid word, for error messages."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` is most likely a misspelling of, or None. Case does not count."""
    by_folded = {k.casefold(): k for k in known}
    wanted = word.casefold()
    begins = [k for k in by_folded if len(wanted) >= 3 and k.startswith(wanted)]
    found = begins or difflib.get_close_matches(wanted, by_folded, n=1, cutoff=0.6)
    return by_folded[min(found, key=len)] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean recommendations?`` or nothing."""
    found = nearest(word, known)
    return f"; did you mean {found}?" if found else ""


def misspelt(word: str, known: Iterable[str]) -> str | None:
    """The known word of which ``word`` can hardly be but a misspelling, or None.

    Stricter than :func:`nearest`, for lists that need not be whole: names that differ in their numbers alone
    (``ranker-v1``, ``ranker-v2``) are names of two things.
    """
    names = {k.casefold(): k for k in known}
    if word in names.values():
        return None
    wanted = word.casefold()
    if wanted in names:
        return names[wanted]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.85)
    return next((names[k] for k in near if _letters(k) != _letters(wanted)), None)


def _letters(word: str) -> str:
    return "".join(c for c in word if not c.isdigit())
