"""Runs the update machine in a thread and passes it messages."""

from __future__ import annotations

import logging
import os
import signal

from lineal_edge.interfaces import UpdaterContext
from lineal_edge.update.disk import Disk
from lineal_edge.update.download import http_fetch
from lineal_edge.update.job_thread import JobThread
from lineal_edge.update.machine import UpdateMachine
from lineal_edge.update.models_in_use import SwappableScorer
from lineal_edge.update.trial import try_model

log = logging.getLogger(__name__)


class ThreadedUpdater(JobThread[UpdateMachine]):
    """See :class:`lineal_edge.interfaces.Updater`.

    Raises:
        TypeError: the scorer is not one whose model can be exchanged.
    """

    def __init__(self, context: UpdaterContext) -> None:
        scorer = context.scorer
        if not isinstance(scorer, SwappableScorer):
            raise TypeError(f"a {type(scorer).__name__} cannot be given another model")
        super().__init__(
            lambda pause: UpdateMachine(
                device=context.device,
                folder=context.models,
                disk=Disk(),
                trusted_keys=context.trusted_keys,
                root=context.root,
                fleet=context.fleet,
                scorer=scorer,
                report=context.report,
                clock=context.clock,
                fetch=http_fetch(context.tls),
                trial=try_model,
                stalled=_ask_for_restart,
                pause=pause,
            ),
            name="updater",
        )


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
