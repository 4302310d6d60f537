"""Why something that was asked for is not done. Surfaces show the sentence privately."""


class Refusal(Exception):
    """``sentence``: what happened, who decided it, what to do next. The transaction is rolled back."""

    reason = "refused"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotAllowed(Refusal):
    reason = "not-allowed"


class NotChecked(Refusal):
    """Who it is could not be told just now."""

    reason = "not-checked"


class AlreadyDecided(Refusal):
    reason = "already-decided"


class Expired(Refusal):
    reason = "expired"


class Stale(Refusal):
    """It is no longer what the person saw."""

    reason = "stale"


class NotFound(Refusal):
    reason = "not-found"


class Unreadable(Refusal):
    """What was typed cannot be understood."""

    reason = "unreadable"


class FieldsRefused(Refusal):
    """Inputs of a form that cannot be used: field → sentence."""

    reason = "fields"

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors
