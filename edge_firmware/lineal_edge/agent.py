"""The agent: starts its threads, watches over them and stops them in order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from lineal_edge import __version__
from lineal_edge.bounded_queue import BoundedQueue
from lineal_edge.clock import Clock, SystemClock
from lineal_edge.interfaces import Scorer, ScorerContext, Updater, UpdaterContext
from lineal_edge.outbox import Outbox
from lineal_edge.parts import agent_digest, device_attributes, make_source
from lineal_edge.provisioning import certificate_expiry
from lineal_edge.publisher import Publisher
from lineal_edge.recorder import Recorder
from lineal_edge.releases.machine import Vitals
from lineal_edge.releases.updater import JobRouter, build_agent_updater
from lineal_edge.sampler import Sampler
from lineal_edge.scoring_loop import ScoringLoop
from lineal_edge.settings import Settings
from lineal_edge.sources.kinds import kind_of
from lineal_edge.sources.source import PositionedSource, Source
from lineal_edge.watchdog import Watchdog
from lineal_schemas.anomalies import AnomalyAnswered
from lineal_schemas.models import ModelRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import DeviceBirth, DeviceHealth

log = logging.getLogger(__name__)

MakeScorer = Callable[[ScorerContext], Scorer | None]
MakeUpdater = Callable[[UpdaterContext], Updater]

_STOP_SECONDS = 5.0


class Agent:
    """One device. Made, started, watched by :meth:`run`, stopped."""

    def __init__(
        self,
        settings: Settings,
        *,
        source: Source | PositionedSource | None = None,
        clock: Clock | None = None,
        make_scorer: MakeScorer | None = None,
        make_updater: MakeUpdater | None = None,
        watchdog: Watchdog | None = None,
    ) -> None:
        """``source``, ``clock``, ``make_scorer`` and ``make_updater`` None are what the settings
        say.

        Raises:
            OSError, ValueError, sqlite3.Error: the source or the outbox cannot be opened.
        """
        self.settings = settings
        self._clock = clock or SystemClock()
        self._watchdog = watchdog or Watchdog()
        self._stopped = threading.Event()
        self._source = source or make_source(settings)
        positioned = self._source if isinstance(self._source, PositionedSource) else None
        self.outbox = Outbox(
            settings.outbox_file,
            device=settings.device,
            features=self._source.features,
            cap_bytes=settings.outbox.cap_bytes,
            clock=self._clock,
            source="" if positioned is None else positioned.name,
        )
        self._queue = BoundedQueue(settings.outbox.queue)
        self._scorer = self._make_scorer(make_scorer)
        self._updater = self._make_updater(make_updater)
        self._releases = self._make_release_updater()
        self._jobs = JobRouter(self._updater, self._releases)
        self._models: tuple[ModelRef, ...] = ()
        self.publisher = Publisher(
            self.outbox,
            settings.broker,
            settings.publishing,
            clock=self._clock,
            birth=self._birth,
            notified=self._jobs.on_notice,
            replied=self._jobs.on_reply,
            answered=self._on_answer,
        )
        self.recorder = Recorder(
            self._queue,
            self.outbox,
            rows=settings.outbox.commit_rows,
            seconds=settings.outbox.commit_seconds,
            recorded=self.publisher.wake,
            committed=None if positioned is None else positioned.committed,
        )
        queues = [self._queue]
        self._scoring: ScoringLoop | None = None
        if self._scorer is not None:
            scoring_queue = BoundedQueue(settings.scoring.queue)
            self._scoring = ScoringLoop(scoring_queue, self._scorer, self._keep_event)
            queues.append(scoring_queue)
        self.sampler = Sampler(
            self._source,
            queues,
            self._clock,
            after=None if positioned is None else self.outbox.position(),
        )

    def run(self, seconds: float | None = None) -> int:
        """Until :meth:`request_stop`, the source's end, or ``seconds`` have passed; the exit code:
        1 if the source failed or a part died."""
        self.start()
        try:
            return self._watch(seconds)
        finally:
            self.stop()

    def start(self) -> None:
        """Everything that runs, in the order in which it is needed."""
        if self._updater is not None:
            self._updater.start()
        if self._releases is not None:
            self._releases.start()
        self.recorder.start()
        if self._scoring is not None:
            self._scoring.start()
        self.publisher.start()
        self.sampler.start()
        self._watchdog.ready()
        log.info("%s has started, boot %s", self.settings.device, self.outbox.boot_id)

    def request_stop(self) -> None:
        """From any thread or signal handler."""
        self._stopped.set()

    def stop(self) -> None:
        """From the source on: what was sampled is on the disk before the outbox is closed."""
        self._watchdog.stopping()
        self.sampler.stop(_STOP_SECONDS)
        if self._scoring is not None:
            self._scoring.stop(_STOP_SECONDS)
        self.recorder.stop(_STOP_SECONDS)
        for updater in (self._updater, self._releases):
            if updater is not None:
                updater.stop()
        self.publisher.stop(_STOP_SECONDS)
        if self.publisher.alive or self.recorder.alive:
            log.error("a part does not end; the outbox is left open")
            return
        self.outbox.close()

    def health(self) -> DeviceHealth:
        """The counters as they are now."""
        counts = self._source.counts
        return DeviceHealth(
            device=self.settings.device,
            boot_id=self.outbox.boot_id,
            monotonic_us=self._clock.monotonic_us(),
            wall_us=max(0, self._clock.wall_us()),
            sampled=self.sampler.sampled,
            bad_lines=counts.bad_lines,
            reconnects=counts.reconnects,
            dropped=self._queue.lost + self.outbox.dropped,
            waiting_rows=self.outbox.waiting_rows,
            outbox_bytes=self.outbox.bytes,
            scored_windows=self._scorer.scored_windows if self._scorer else 0,
            scoring_skipped=self._scoring.skipped if self._scoring else 0,
            models=self._scorer.models() if self._scorer else (),
        )

    def _watch(self, seconds: float | None) -> int:
        end = None if seconds is None else time.monotonic() + seconds
        next_health = time.monotonic() + self.settings.health_seconds
        pause = min(1.0, self._watchdog.seconds or 1.0)
        while not self._stopped.wait(pause):
            now = time.monotonic()
            if end is not None and now >= end:
                return 0
            dead = [
                name
                for name, part in (
                    ("recorder", self.recorder),
                    ("publisher", self.publisher),
                    ("scorer", self._scoring),
                )
                if part is not None and not part.alive
            ]
            if dead:
                log.critical("dead: %s", ", ".join(dead))
                return 1
            if not self.sampler.alive:
                return 0 if self.sampler.failure is None else 1
            self._watchdog.alive()
            self._report_models()
            if now >= next_health:
                next_health = now + self.settings.health_seconds
                self._report_health()
        return 0

    def _report_health(self) -> None:
        health = self.health()
        self._watchdog.status(
            f"{health.sampled} readings, {health.waiting_rows} waiting, "
            f"{'connected' if self.publisher.connected else 'offline'}"
        )
        self.publisher.report_health(health)

    def _report_models(self) -> None:
        models = self._scorer.models() if self._scorer else ()
        if models != self._models:
            self._models = models
            self.publisher.announce()

    def _birth(self, session: int) -> DeviceBirth:
        return DeviceBirth(
            device=self.settings.device,
            boot_id=self.outbox.boot_id,
            session=session,
            monotonic_us=self._clock.monotonic_us(),
            wall_us=max(0, self._clock.wall_us()),
            agent_version=__version__,
            agent_digest=agent_digest(),
            config_digest=self.settings.digest(),
            models=self._scorer.models() if self._scorer else (),
            features=self._source.features,
            previous=self.outbox.previous,
            certificate_expires_us=certificate_expiry(self.settings.broker.tls),
            root_version=self._root_version(),
            attributes=device_attributes(self.settings),
        )

    def _root_version(self) -> int | None:
        """The newest root of trust that is known here; None without one."""
        updaters = [each for each in (self._updater, self._releases) if each is not None]
        versions = [each.root_version for each in updaters if each.root_version is not None]
        return max(versions, default=None)

    def _keep_event(self, payload: Payload) -> None:
        self._queue.flush()  # the readings it was found in are kept at once as well
        self.outbox.put_event(payload)
        self.publisher.wake()

    def _on_answer(self, answer: AnomalyAnswered) -> None:
        if self._scorer is not None:
            self._scorer.answered(answer)

    def _make_scorer(self, make: MakeScorer | None) -> Scorer | None:
        if not self.settings.scoring.enabled:
            return None
        if make is None:
            make = kind_of(self.settings.source.kind).make_scorer
        if make is None:
            # onnxruntime takes its time to load, and a device without scoring need not
            from lineal_edge.update.live_scorer import build_scorer

            make = build_scorer
        return make(
            ScorerContext(
                device=self.settings.device,
                boot_id=self.outbox.boot_id,
                features=self._source.features,
                models=self.settings.models,
                clock=self._clock,
                source=self._source,
            )
        )

    def _make_updater(self, make: MakeUpdater | None) -> Updater | None:
        if not self.settings.update.enabled or self._scorer is None:
            return None
        if make is None:
            from lineal_edge.update.updater import build_updater

            make = build_updater
        root = self.settings.update.root
        return make(
            UpdaterContext(
                device=self.settings.device,
                models=self.settings.models,
                trusted_keys=self.settings.update.raw_keys(),
                fleet=self.settings.update.fleet,
                report=self._keep_event,
                scorer=self._scorer,
                clock=self._clock,
                tls=self.settings.broker.tls,
                root=None if root is None else root.read_bytes(),
            )
        )

    def _make_release_updater(self) -> Updater | None:
        if not self.settings.update.enabled:
            return None
        return build_agent_updater(
            self.settings,
            self.settings.agent,
            self._keep_event,
            self._clock,
            lambda: Vitals(self.sampler.sampled, self.publisher.connected),
            self.request_stop,
        )
