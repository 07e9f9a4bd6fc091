"""Gives a machine that does jobs a thread, and passes it messages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from lineal_edge.update.job_machine import JobMachine
from lineal_schemas.deployments import JobNotice, JobReply

log = logging.getLogger(__name__)

_STOP_SECONDS = 5.0
_AFTER_ERROR_SECONDS = 5.0

M = TypeVar("M", bound=JobMachine)


class JobThread(Generic[M]):
    """See :class:`lineal_edge.interfaces.Updater`.

    Args:
        make: makes the machine; it is given what waits so many seconds, or until something comes.
    """

    def __init__(self, make: Callable[[Callable[[float], None]], M], name: str) -> None:
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self.machine = make(self._wait)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def root_version(self) -> int | None:
        return self.machine.root_version

    def start(self) -> None:
        self.machine.recover()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.machine.interrupt()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def on_notice(self, notice: JobNotice) -> None:
        self.machine.on_notice(notice)
        self._awake.set()

    def on_reply(self, reply: JobReply) -> None:
        self.machine.on_reply(reply)
        self._awake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                seconds = self.machine.advance()
            except Exception:
                # A full disk, say: the step is tried again, and its deadline runs.
                log.exception("an update step has failed")
                seconds = _AFTER_ERROR_SECONDS
            if seconds:
                self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        if not self._stopping.is_set():
            self._awake.wait(seconds)
