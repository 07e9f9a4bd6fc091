"""The scorer of a device with a camera: what a model says of each photo goes to the bus with it.

Models are swapped as those of readings are (:mod:`lineal_edge.update.live_scorer`): the scorer's
thread reads each reference once per photo.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from lineal_edge.clock import Clock
from lineal_edge.interfaces import ScoredPayload, ScorerContext
from lineal_edge.reading import Reading
from lineal_edge.sources.camera import Camera, CapturedPhoto
from lineal_edge.sources.photo_spool import spooled
from lineal_edge.update.confirmed_model import use_confirmed_model
from lineal_edge.update.health import Tally
from lineal_schemas.anomalies import AnomalyAnswered
from lineal_schemas.models import ModelRef
from lineal_schemas.photos import PhotoCaptured, photo_id_of
from lineal_scoring.model import ModelError
from lineal_scoring.photo_model import INPUT, PhotoModel, Pixels, to_model_size

log = logging.getLogger(__name__)


class PhotoCandidate(NamedTuple):
    """A model that is loaded and warm."""

    ref: ModelRef
    model: PhotoModel


class _AtWork(NamedTuple):
    candidate: PhotoCandidate
    tally: Tally


class PhotoScorer:
    """See :class:`lineal_edge.interfaces.Scorer`."""

    features = INPUT.features

    def __init__(self, device: str, camera: Camera, clock: Clock) -> None:
        self.scored_windows = 0
        """Photos scored since the start."""
        self._device = device
        self._camera = camera
        self._clock = clock
        self._active: _AtWork | None = None
        self._shadow: _AtWork | None = None

    # The updater's side.

    def prepare(self, data: bytes, ref: ModelRef) -> PhotoCandidate:
        """Load a model and warm it up on its golden photos.

        Raises:
            ModelError: it is no model of photos, or cannot score.
        """
        model = PhotoModel(data)
        model.golden()
        return PhotoCandidate(ref, model)

    def set_shadow(self, candidate: PhotoCandidate | None) -> Tally:
        """Have a model score the photos from the next one on, to no effect but its tally's."""
        tally = Tally()
        self._shadow = None if candidate is None else _AtWork(candidate, tally)
        return tally

    def swap(self, candidate: PhotoCandidate | None) -> Tally:
        """Make a model the active one from the next photo on; None: no model scores."""
        tally = Tally()
        self._active = None if candidate is None else _AtWork(candidate, tally)
        return tally

    @property
    def active(self) -> PhotoCandidate | None:
        active = self._active
        return None if active is None else active.candidate

    # The agent's side.

    def observe(self, reading: Reading) -> Sequence[ScoredPayload]:
        name = reading.position or ""
        taken = self._camera.photo(name)
        if taken is None:
            return ()
        active, shadow = self._active, self._shadow
        sized = to_model_size(taken.pixels)
        score = None if active is None else self._score(active, sized)
        if shadow is not None:
            self._score(shadow, sized)
        if active is None or score is None:
            return (self._event(taken),)
        self.scored_windows += 1
        if score > active.candidate.model.threshold:
            self._act_on_defect()
        elif self._camera.settings.send == "defects":
            return ()
        return (self._event(taken, active.candidate, score),)

    def kept(self, reading: Reading) -> None:
        self._camera.done_with(reading.position or "")

    def answered(self, answer: AnomalyAnswered) -> None:
        """A photo is no anomaly: nothing is to be done."""

    def skipped(self, first_seq: int, last_seq: int) -> Sequence[ScoredPayload]:
        return ()

    def models(self) -> tuple[ModelRef, ...]:
        active = self._active
        return () if active is None else (active.candidate.ref,)

    def _score(self, by: _AtWork, pixels: Pixels) -> float | None:
        by.tally.busy_since_us = self._clock.monotonic_us()
        try:
            score = by.candidate.model.score(pixels).value
        except ModelError as error:
            # the photo goes to the bus without a score, and is scored there
            by.tally.failed()
            log.error("a photo could not be scored: %s", error)
            return None
        finally:
            by.tally.busy_since_us = None
        by.tally.scored([score], by.candidate.model.threshold)
        return score

    def _event(
        self, taken: CapturedPhoto, by: PhotoCandidate | None = None, score: float | None = None
    ) -> PhotoCaptured:
        photo = spooled(taken.name)
        return PhotoCaptured(
            photo_id=photo_id_of(self._device, photo.captured_us),
            line=self._camera.settings.line,
            device=self._device,
            captured_us=photo.captured_us,
            group=photo.piece,
            image=taken.data,
            media_type="image/png" if taken.data.startswith(b"\x89PNG") else "image/jpeg",
            reduced=taken.reduced,
            model=None if by is None else by.ref,
            score=None if score is None else round(score, 6),
            threshold=None if by is None else by.model.threshold,
        )

    def _act_on_defect(self) -> None:
        command = self._camera.settings.on_defect
        if command is None:
            return
        try:
            subprocess.Popen(command, stdin=subprocess.DEVNULL)
        except OSError as error:
            log.error("what is to be done about a defect cannot be started: %s", error)


def build_photo_scorer(context: ScorerContext) -> PhotoScorer:
    """The scorer of an agent with a camera, with the model in use.

    Raises:
        TypeError: readings come from something else.
    """
    if not isinstance(context.source, Camera):
        raise TypeError("photos are scored where a camera takes them")
    scorer = PhotoScorer(context.device, context.source, context.clock)
    use_confirmed_model(scorer, context.models)
    return scorer
