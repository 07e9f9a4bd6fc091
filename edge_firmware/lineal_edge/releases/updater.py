"""Gives the jobs of the agent's releases a thread, and tells apart whose a message is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from lineal_edge.clock import Clock
from lineal_edge.interfaces import EventSink, Updater
from lineal_edge.releases.machine import AgentMachine, Vitals
from lineal_edge.releases.slots import Slots
from lineal_edge.releases.supervisor import supervised
from lineal_edge.settings import Settings
from lineal_edge.update.disk import Disk
from lineal_edge.update.download import http_fetch
from lineal_edge.update.job_thread import JobThread
from lineal_edge.update.trust import make_trust
from lineal_schemas.deployments import JobNotice, JobReply, RolloutKind

log = logging.getLogger(__name__)


def build_agent_updater(
    settings: Settings,
    folder: Path,
    report: EventSink,
    clock: Clock,
    vitals: Callable[[], Vitals],
    restart: Callable[[], None],
) -> JobThread[AgentMachine]:
    """The part of the agent that takes its own new releases.

    Raises:
        RootRejected: what the settings name is no root.
        OSError: it cannot be read.
    """
    disk, fetch = Disk(), http_fetch(settings.broker.tls)
    root = settings.update.root
    data = None if root is None else root.read_bytes()
    return JobThread(
        lambda pause: AgentMachine(
            device=settings.device,
            slots=Slots(folder, disk),
            disk=disk,
            trust=make_trust(settings.update.raw_keys(), data, folder, disk, fetch),
            supervised=supervised(),
            report=report,
            clock=clock,
            fetch=fetch,
            vitals=vitals,
            restart=restart,
            pause=pause,
            fleet=settings.update.fleet,
        ),
        name="agent-updater",
    )


class JobRouter:
    """Hands notices and replies to the updater whose they are. One that says that there is no job
    any more is of the kind that was noticed last."""

    def __init__(self, model: Updater | None, agent: Updater | None) -> None:
        self._updaters: dict[RolloutKind, Updater | None] = {"model": model, "agent": agent}
        self._noticed: RolloutKind = "model"

    def on_notice(self, notice: JobNotice) -> None:
        if notice.job is not None:
            self._noticed = notice.job.kind
            for kind, other in self._updaters.items():
                # jobs are given out one at a time: with another's turn, one's own is over
                if kind != self._noticed and other is not None and notice.waiting is not None:
                    other.on_notice(JobNotice(waiting=0))
        updater = self._updaters[self._noticed]
        if updater is not None:
            updater.on_notice(notice)

    def on_reply(self, reply: JobReply) -> None:
        for updater in self._updaters.values():
            if updater is not None:
                updater.on_reply(reply)
