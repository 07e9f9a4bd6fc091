"""What makes an attempt fail, told from its being cancelled."""

from __future__ import annotations

import asyncio

from lineal.errors import LinealError


class HandlerCancelled(LinealError):
    """A function was ended by a ``CancelledError`` of its own making."""


def as_failure(error: BaseException) -> Exception:
    """What made an attempt fail.

    Raises:
        BaseException: the error itself: the attempt did not fail, its task was cancelled.
    """
    if isinstance(error, Exception):
        return error
    task = asyncio.current_task()
    if not isinstance(error, asyncio.CancelledError) or task is None or task.cancelling():
        raise error
    # Nobody cancelled this: something the function waited for was. An error like others; taken for
    # a shutdown it would leave the event, and its lane, waiting for ever.
    failure = HandlerCancelled("cancelled from within the stage's function")
    failure.__cause__ = error
    return failure
