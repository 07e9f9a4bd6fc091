"""What a stage raises to say how an event is to be treated."""

from __future__ import annotations

from lineal.errors import LinealError


class Reject(LinealError):
    """Raised by a stage for an event that can never succeed: it is not retried.

    The text is shown to people and kept in the ledger: say what is wrong with the input in words
    that hold no personal data (no file names, no contents).
    """


class Retry(LinealError):
    """Raised by a stage that cannot handle an event yet: it is tried again, however often.

    Nothing is wrong with the event or the code (something outside asks for patience), so the
    attempt counts as none. Later events of the same key wait.

    Args:
        reason: for the log, in words that hold no personal data.
        seconds: how long to wait; None takes the pauses of the retry policy.
    """

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds
