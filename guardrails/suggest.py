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
