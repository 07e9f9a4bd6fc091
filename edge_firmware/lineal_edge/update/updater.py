"""Runs the update machine in a thread and passes it messages."""

from __future__ import annotations

import logging
import os
import signal
import threading

from lineal_edge.interfaces import UpdaterContext
from lineal_edge.update.disk import Disk
from lineal_edge.update.download import http_fetch
from lineal_edge.update.live_scorer import LiveScorer
from lineal_edge.update.machine import UpdateMachine
from lineal_edge.update.trial import try_model
from lineal_schemas.deployments import JobNotice, JobReply

log = logging.getLogger(__name__)

_STOP_SECONDS = 5.0
_AFTER_ERROR_SECONDS = 5.0


class ThreadedUpdater:
    """See :class:`lineal_edge.interfaces.Updater`."""

    def __init__(self, context: UpdaterContext) -> None:
        scorer = context.scorer
        if not isinstance(scorer, LiveScorer):
            raise TypeError(f"a {type(scorer).__name__} cannot be given another model")
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self.machine = UpdateMachine(
            device=context.device,
            folder=context.models,
            disk=Disk(),
            trusted_keys=context.trusted_keys,
            fleet=context.fleet,
            scorer=scorer,
            report=context.report,
            clock=context.clock,
            fetch=http_fetch(context.tls),
            trial=try_model,
            stalled=_ask_for_restart,
            pause=self._wait,
        )
        self._thread = threading.Thread(target=self._run, name="updater", daemon=True)

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


def _ask_for_restart() -> None:
    """End the agent in order; systemd restarts it."""
    log.critical("the model in use hangs and was taken back: the agent has to start anew")
    os.kill(os.getpid(), signal.SIGTERM)


def build_updater(context: UpdaterContext) -> ThreadedUpdater:
    """The updater of an agent.

    Raises:
        TypeError: the scorer is not one whose model can be exchanged.
    """
    return ThreadedUpdater(context)
