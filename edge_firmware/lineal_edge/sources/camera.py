"""A camera: photos that a command takes, or that another program drops into a folder.

A reading is of a photo: the means of its red, green and blue (0 to 255), so that a lamp that dims
is a drift like others. The photo itself waits in a folder until it is scored and kept for the bus:
one that is there when the agent starts is taken up again.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from lineal_edge.sources.drop_folder import DropFolder
from lineal_edge.sources.photo_size import fitting
from lineal_edge.sources.photo_spool import PhotoSpool
from lineal_edge.sources.settings import SourceSettings
from lineal_edge.sources.source import Sample, SourceCounts
from lineal_schemas.photos import LineName

if TYPE_CHECKING:
    from lineal_scoring.photo_model import Pixels

log = logging.getLogger(__name__)

Command = Annotated[tuple[str, ...], Field(min_length=1)]
_LOOK_SECONDS = 0.5


class CameraSource(SourceSettings):
    """Of one camera, which looks at one line."""

    kind: Literal["camera"]
    line: LineName
    """The camera's place; ``[stages.photos] models`` says which model a line has."""
    command: Command | None = None
    """Takes one photo and writes the file, JPEG or PNG, to its standard output."""
    folder: Path | None = None
    """Instead: where another program drops photos. They are taken away from there."""
    pattern: str = "*.jpg"
    """Of the names of dropped photos."""
    quiet_seconds: Annotated[float, Field(ge=0)] = 0.5
    """Seconds without a write after which a dropped photo is whole."""
    every: Annotated[float, Field(gt=0)] = 1.0
    """Seconds between photos, where nothing triggers them."""
    trigger: Command | None = None
    """Runs all the time, and writes a line for each photo that is to be taken, such as ``gpiomon``
    for a light barrier."""
    trigger_names_piece: bool = False
    """Whether lines of the trigger say the number of the piece."""
    debounce: Annotated[float, Field(ge=0)] = 0.2
    """Seconds after a trigger in which others are the same one."""
    timeout: Annotated[float, Field(gt=0)] = 10.0
    """Seconds that the command may take."""
    spool: Path = Path("/var/lib/lineal-edge/photos")
    """Folder of photos that wait."""
    spool_photos: Annotated[int, Field(ge=1)] = 1000
    """At most; while there are so many no further ones are taken, which is logged and counted."""
    send: Literal["all", "defects"] = "all"
    """Which photos go to the bus. While no model is in use all do: something has to be learnt
    from."""
    message_bytes: Annotated[int, Field(ge=10_000)] = 90_000
    """Of a photo at most: larger ones are made smaller, then scored and sent. Brokers in the cloud
    take messages of 128 KiB, and base64 adds a third."""
    on_defect: Command | None = None
    """Started for each photo above the threshold, such as what ejects the piece."""

    @model_validator(mode="after")
    def _one_of_both(self) -> CameraSource:
        if (self.command is None) == (self.folder is None):
            raise ValueError("command and folder: name one of the two")
        if self.folder is not None and self.trigger is not None:
            raise ValueError("trigger: dropped photos have been triggered already")
        return self


class CapturedPhoto(NamedTuple):
    """A photo that waits."""

    name: str
    data: bytes
    """The file, small enough for a message."""
    pixels: Pixels
    """Of this file: what is scored here is what is scored, and learnt from, centrally."""
    reduced: bool
    """Whether the photo that was taken was larger."""


class Camera:
    """Takes photos into the spool, and yields a reading for each that is there."""

    features = ("red", "green", "blue")

    def __init__(self, settings: CameraSource) -> None:
        """
        Raises:
            OSError: the spool cannot be used, or there is no such folder.
        """
        import cv2  # noqa: F401  # so that its absence is noticed before the first photo

        if settings.folder is not None and not settings.folder.is_dir():
            raise FileNotFoundError(f"{settings.folder}: there is no such folder")
        self.settings = settings
        self.counts = SourceCounts()
        self.spool = PhotoSpool(settings.spool, settings.spool_photos)
        self._stopped = threading.Event()
        self._trigger: subprocess.Popen[str] | None = None
        self._full = False
        self._latest: CapturedPhoto | None = None
        self._failure: OSError | None = None

    @property
    def name(self) -> str:
        return f"camera:{self.settings.line}"

    def samples(self, after: str | None) -> Iterator[Sample]:
        """A reading of each photo. What is in the spool has not been done with, whatever the
        position: it comes again after a kill."""
        taking = threading.Thread(target=self._take_all, name="camera", daemon=True)
        taking.start()
        last = ""
        while not self._stopped.is_set():
            photo = self.spool.next_after(last, _LOOK_SECONDS)
            if photo is None:
                if not taking.is_alive():
                    break
                continue
            last = photo.name
            means = self._means(photo.name)
            if means is not None:
                yield Sample(means, photo.captured_us, photo.name)
        taking.join(self.settings.timeout)
        if self._failure is not None:
            raise self._failure

    def photo(self, name: str) -> CapturedPhoto | None:
        """A photo that waits, with its pixels; None if it is gone.

        Raises:
            BadPhoto: it is no picture.
        """
        from lineal_scoring.photo_model import decode_photo

        latest = self._latest
        if latest is not None and latest.name == name:
            return latest
        data = self.spool.read(name)
        if data is None:
            return None
        pixels = decode_photo(data)
        sent = fitting(data, pixels, self.settings.message_bytes)
        if reduced := sent is not data:
            pixels = decode_photo(sent)
        # Its means are asked for, and then its score: it is decoded once while no others wait.
        self._latest = CapturedPhoto(name, sent, pixels, reduced)
        return self._latest

    def done_with(self, name: str) -> None:
        """A photo is scored, and kept for the bus where it goes there."""
        self.spool.remove(name)
        latest = self._latest
        if latest is not None and latest.name == name:
            self._latest = None

    def committed(self, position: str) -> None:
        """A photo stays until it is scored and kept."""

    def close(self) -> None:
        self._stopped.set()
        trigger = self._trigger
        if trigger is not None:
            trigger.terminate()

    def _means(self, name: str) -> tuple[float, ...] | None:
        from lineal_scoring.photo_model import BadPhoto

        try:
            taken = self.photo(name)
        except BadPhoto as error:
            self.counts.bad_lines += 1
            log.error("a photo is not used: %s", error)
            self.spool.remove(name)
            return None
        if taken is None:
            return None
        return tuple(float(mean) for mean in taken.pixels.mean(axis=(0, 1)))

    def _take_all(self) -> None:
        try:
            self._take()
        except OSError as error:
            self._failure = error

    def _take(self) -> None:
        if self.settings.folder is not None:
            self._take_dropped(self.settings.folder)
            return
        for piece in self._triggers():
            if self._stopped.is_set():
                return
            data = self._photo()
            if data is not None:
                self._keep(data, piece)

    def _take_dropped(self, folder: Path) -> None:
        dropped = DropFolder(
            folder, self.settings.pattern, quiet_seconds=self.settings.quiet_seconds, poll=0.1
        )
        for file in dropped.files(self._stopped):
            while not self.spool.move_in(file.path, time.time_ns() // 1000):
                if self._stopped.wait(_LOOK_SECONDS):
                    return

    def _triggers(self) -> Iterator[str | None]:
        """Yields the piece of each photo that is to be taken, None where nobody says which."""
        if self.settings.trigger is None:
            due = time.monotonic()
            while not self._stopped.wait(max(0.0, due - time.monotonic())):
                yield None
                due = max(due + self.settings.every, time.monotonic())
            return
        self._trigger = subprocess.Popen(
            self.settings.trigger, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        assert self._trigger.stdout is not None
        until = float("-inf")
        with self._trigger.stdout as lines:
            for line in lines:
                now = time.monotonic()
                if now < until:
                    self.counts.duplicates += 1
                    continue
                until = now + self.settings.debounce
                yield (line.strip() or None) if self.settings.trigger_names_piece else None
        code = self._trigger.wait()
        if not self._stopped.is_set():
            # systemd starts the agent anew, and the trigger with it
            raise OSError(f"the trigger {self.settings.trigger[0]} has ended with {code}")

    def _photo(self) -> bytes | None:
        command = self.settings.command
        assert command is not None
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                timeout=self.settings.timeout,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            self.counts.bad_lines += 1
            log.error("no photo was taken: %s", error)
            return None
        if done.returncode != 0 or not done.stdout:
            self.counts.bad_lines += 1
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            log.error("no photo was taken: %s ended with %d: %s", command[0], done.returncode, said)
            return None
        return done.stdout

    def _keep(self, data: bytes, piece: str | None) -> bool:
        kept = self.spool.add(data, time.time_ns() // 1000, piece)
        if not kept:
            self.counts.bad_lines += 1
            if not self._full:
                log.error("%d photos wait: no further one is kept", self.settings.spool_photos)
        self._full = not kept
        return kept
