"""Translates exceptions of the Kafka client into those of the bus contract."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from lineal.errors import BusUnavailable
from lineal.kafka_client.errors import AuthorizationFailed, KafkaUnavailable

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raises BusUnavailable in place of KafkaUnavailable."""
    try:
        yield
    except AuthorizationFailed as error:
        raise BusUnavailable(f"{error}; docs/operating.md lists what to grant") from error
    except KafkaUnavailable as error:
        raise BusUnavailable(str(error)) from error


def raises_bus_errors(
    function: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """:func:`translated_errors` around a method."""

    @functools.wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        with translated_errors():
            return await function(*args, **kwargs)

    return wrapper
