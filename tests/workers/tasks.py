"""What worker processes are asked to do in tests."""

from __future__ import annotations

import os
import queue
import random
import signal
import sys
import threading
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


def wait_for(file: str) -> None:
    while not Path(file).exists():
        time.sleep(0.01)


def wait_once_started(started: str, file: str) -> None:
    """Says which process waits."""
    Path(f"{started}.new").write_text(str(os.getpid()))
    Path(f"{started}.new").rename(started)
    wait_for(file)


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


def fail_validation() -> None:
    from pydantic import TypeAdapter

    TypeAdapter(int).validate_python("page 3")


def unpicklable() -> Any:
    return lambda: None


def sometimes_die(number: int, chance: float) -> int:
    if random.random() < chance:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def warm_up() -> None:
    """What a stage names to have called before the first task."""
    global _warm_up_process
    _warm_up_process = os.getpid()


def is_warm() -> bool:
    return _warm_up_process != 0


def warm_up_process() -> int:
    return _warm_up_process


_warm_up_process = 0


def start_thread() -> None:
    """A library's thread, which does its work."""
    threading.Thread(target=_double_what_comes, daemon=True).start()


def _double_what_comes() -> None:
    while True:
        _doubled.put(2 * _asked.get())


def ask_thread(number: int) -> int:
    _asked.put(number)
    return _doubled.get(timeout=60)


_asked: queue.Queue[int] = queue.Queue()
_doubled: queue.Queue[int] = queue.Queue()


def load_forever() -> None:
    while True:
        time.sleep(60)


def random_number() -> float:
    return random.random()


def environment() -> dict[str, str]:
    return dict(os.environ)


def open_socket(family: int) -> str:
    import socket

    try:
        with socket.socket(family) as opened:
            opened.connect(("127.0.0.1", 9) if family == socket.AF_INET else "/run/any")
    except PermissionError:
        return "denied"
    except OSError as error:
        return str(error)
    return "connected"


def write_file(path: str) -> str:
    try:
        Path(path).write_bytes(b"x")
    except OSError as error:
        return type(error).__name__
    return "written"


def read_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        return type(error).__name__
    return "read"


def list_folder(path: str) -> str:
    try:
        os.listdir(path)  # noqa: PTH208 - as hostile code would
    except OSError as error:
        return type(error).__name__
    return "listed"


def read_by_program(path: str) -> int:
    import subprocess

    return subprocess.run(["cat", path], check=False, capture_output=True).returncode


def write_scratch() -> str:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
        return file.name


def write_by_program(path: str) -> int:
    import subprocess

    return subprocess.run(
        ["/bin/sh", "-c", f"echo x > {path}"], check=False, capture_output=True
    ).returncode


def kill_process(process: int) -> str:
    try:
        os.kill(process, signal.SIGTERM)
    except OSError as error:
        return type(error).__name__
    return "sent"


def same(value: Any) -> Any:
    return value


class Hostile:
    """What a worker that was taken over might answer with: a call, as pickle would make it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("taken over",))


def hostile() -> Hostile:
    return Hostile()


def compute_forever() -> None:
    while True:
        pass


def compute(seconds: float) -> float:
    """Take so much processor time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
    return seconds


def compute_noted(started: str) -> None:
    Path(started).write_text(str(os.getpid()))
    compute_forever()


def appear_busy(enough: float, most: float) -> float:
    """Run for the moments at which the kernel looks who runs, so that by its ticks this process has
    had ``enough`` seconds more than it took; at most for ``most`` seconds. Ends just before a whole
    second of its processor time."""
    signal.setitimer(signal.ITIMER_PROF, 1e6)
    counted, used = signal.getitimer(signal.ITIMER_PROF)[0], time.process_time()
    until = time.monotonic() + most
    extra = 0.0
    while time.monotonic() < until and extra < enough:
        for _ in range(50):
            tick = _next_tick()
            time.sleep(max(0.0, tick + 0.00385 - time.monotonic()))
        extra = counted - signal.getitimer(signal.ITIMER_PROF)[0] - (time.process_time() - used)
    signal.setitimer(signal.ITIMER_PROF, 0)
    compute((0.85 - time.process_time()) % 1)
    return extra


def _next_tick() -> float:
    before = time.clock_gettime(_COARSE)
    while (now := time.clock_gettime(_COARSE)) == before:
        pass
    return now


_COARSE = 6
"""CLOCK_MONOTONIC_COARSE: moves with the ticks."""
