"""The active model and, during a trial, the shadow."""

from __future__ import annotations

import logging
from typing import Any, Protocol, runtime_checkable

from lineal_edge.clock import Clock
from lineal_edge.update.health import Counts, Limits, Tally, check_health
from lineal_edge.update.packages import Packages
from lineal_edge.update.verification import PackageRejected
from lineal_schemas.models import ModelRef
from lineal_scoring.model import ModelError

log = logging.getLogger(__name__)

STALLS = "model_stalls"


@runtime_checkable
class SwappableScorer(Protocol):
    """What an update asks of the scorer; see :class:`lineal_edge.update.live_scorer.LiveScorer` and
    :class:`lineal_edge.update.photo_scorer.PhotoScorer`."""

    @property
    def features(self) -> tuple[str, ...]: ...

    @property
    def active(self) -> Any: ...

    def prepare(self, data: bytes, ref: ModelRef) -> Any: ...

    def set_shadow(self, candidate: Any) -> Tally: ...

    def swap(self, candidate: Any) -> Tally: ...


class ModelsInUse:
    """Puts models of the package folder into the scorer, and watches how they do."""

    def __init__(
        self, scorer: SwappableScorer, packages: Packages, clock: Clock, limits: Limits
    ) -> None:
        self._scorer = scorer
        self._packages = packages
        self._clock = clock
        self._limits = limits
        self._running: Any = None
        self._tally = Tally()
        self._before: Any = None
        """During a soak, the model of before; it scores on as a shadow of the new one."""
        self._before_tally = Tally()
        self._shadow: Any = None
        """During a shadow run, what is tried."""
        self._shadow_tally = Tally()
        self._compared_from: Counts | None = None
        """What the one in use had counted when the shadow run began."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of a reading's values."""
        return self._scorer.features

    @property
    def running(self) -> str | None:
        """Digest of the model in use."""
        return None if self._running is None else str(self._running.ref.sha256)

    @property
    def in_shadow(self) -> bool:
        """Whether a shadow runs."""
        return self._shadow is not None

    def put_in_use(self, sha256: str | None) -> bool:
        """Have a package's model score from the next reading on, or none; whether that worked."""
        if sha256 is None:
            self._running = None
            self._tally = self._scorer.swap(None)
            return True
        candidate = self._scorer.active
        if candidate is None or candidate.ref.sha256 != sha256:
            candidate = self._candidate(sha256)
        if candidate is None:
            return False
        self._tally = self._scorer.swap(candidate)
        self._running = candidate
        return True

    def put_in_shadow(self, sha256: str) -> None:
        """Run a package's model as the shadow.

        Raises:
            PackageRejected: ``corrupt_model``
        """
        candidate = self._candidate(sha256)
        if candidate is None:
            raise PackageRejected("corrupt_model", "it cannot be loaded")
        self._shadow = candidate
        self._shadow_tally = self._scorer.set_shadow(candidate)
        self._compared_from = None if self._running is None else self._tally.read()

    def take_over(self) -> None:
        """The one in the shadow is in use from the next reading on. The one before scores on, so
        that there is something to compare with."""
        if self._shadow is None:
            return
        self._before, self._running, self._shadow = self._running, self._shadow, None
        self._tally = self._scorer.swap(self._running)
        self._before_tally = self._scorer.set_shadow(self._before)

    def roll_back(self, sha256: str | None) -> None:
        """The one before is in use again, or none if it cannot be."""
        self._scorer.set_shadow(None)
        before, self._before, self._shadow = self._before, None, None
        if before is not None:
            self._running = before
            self._tally = self._scorer.swap(before)
        elif not self.put_in_use(sha256):
            self.put_in_use(None)

    def end_trial(self) -> None:
        """Only the one in use is left."""
        self._scorer.set_shadow(None)
        self._before = self._shadow = None

    def check_shadow(self) -> int:
        """How many readings the one in the shadow has scored.

        Raises:
            PackageRejected: see :func:`lineal_edge.update.health.check_health`.
        """
        begin = self._compared_from
        old = None if begin is None else self._tally.read().since(begin)
        return self._check(self._shadow_tally, old)

    def check_soak(self) -> int:
        """The same for the one in use, since it is.

        Raises:
            PackageRejected: as above.
        """
        return self._check(self._tally, None if self._before is None else self._before_tally.read())

    def _check(self, tally: Tally, old: Counts | None) -> int:
        since = tally.busy_since_us
        if since is not None:
            busy = (self._clock.monotonic_us() - since) / 1e6
            if busy > self._limits.stall_seconds:
                raise PackageRejected(
                    STALLS, f"a window has taken {busy:.0f} seconds and is not done"
                )
        counts = tally.read()
        check_health(counts, old, self._limits)
        return counts.readings

    def _candidate(self, sha256: str) -> Any:
        installed = self._packages.read(sha256)
        if installed is None:
            return None
        try:
            return self._scorer.prepare(installed.data, installed.model)
        except (ModelError, ValueError) as error:
            log.error("model %s cannot be loaded: %s", sha256[:12], error)
            return None
