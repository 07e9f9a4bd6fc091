"""What worker processes are asked to do in tests."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any


def double(number: int) -> int:
    return 2 * number


def process_id() -> int:
    return os.getpid()


def end_by_signal() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_by_exit(code: int) -> None:
    os._exit(code)


def leave(code: int) -> None:
    sys.exit(code)


def stop_iterating() -> None:
    raise StopIteration


def hang(started: str = "") -> None:
    if started:
        Path(started).write_text(str(os.getpid()))
    while True:
        time.sleep(60)


def take_memory(size: int) -> int:
    return len(bytearray(size))


def fail(text: str) -> None:
    raise LookupError(text)


class TwoArguments(Exception):
    """Cannot be made again from its message alone, as pickle tries to."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")


def fail_oddly() -> None:
    raise TwoArguments("page 3", "no ink")


def unpicklable() -> Any:
    return lambda: None


def sometimes_die(number: int, chance: float) -> int:
    if random.random() < chance:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def warm_up() -> None:
    """What a stage names to have called in every worker before its first task."""
    global _warm
    _warm = True


def is_warm() -> bool:
    return _warm


_warm = False
