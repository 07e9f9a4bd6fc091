"""Reads blocks from WAV files that are dropped into a folder."""

from __future__ import annotations

import json
import logging
import struct
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal_edge.sources.blocks import Block, bytes_of, from_bytes
from lineal_edge.sources.drop_folder import DONE, FAILED, DropFolder, DroppedFile
from lineal_schemas.errors import LinealError

if TYPE_CHECKING:
    from lineal_edge.sources.vibration import VibrationSource

log = logging.getLogger(__name__)

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


class BadWav(LinealError, ValueError):
    """A file is no WAV file that can be read, and why."""


class WavLayout(NamedTuple):
    """Where in a WAV file which samples are."""

    rate_hz: int
    axes: int
    sample: str
    """As :func:`lineal_edge.sources.blocks.from_bytes` takes it."""
    begin: int
    """First byte of the samples."""
    frames: int
    """Moments with a sample of each axis."""


def wav_layout(file: Path) -> WavLayout:
    """Read the header of a RIFF WAVE file of linear PCM (16, 24, 32 bits) or floats (32, 64).

    Raises:
        OSError: it cannot be read.
        BadWav: it is another kind of file, or another encoding.
    """
    size = file.stat().st_size
    with file.open("rb") as data:
        if (start := data.read(12))[:4] != b"RIFF" or start[8:] != b"WAVE":
            raise BadWav("it is no WAV file")
        form: tuple[int, ...] = ()
        while len(head := data.read(8)) == 8:
            name, length = struct.unpack("<4sI", head)
            begin = data.tell()
            if name == b"fmt ":
                form = struct.unpack("<HHIIHH", data.read(16))
                if form[0] == _EXTENSIBLE and length >= 26:
                    data.seek(begin + 24)
                    form = (*struct.unpack("<H", data.read(2)), *form[1:])
            elif name == b"data":
                if not form:
                    raise BadWav("its samples come before their format")
                code, axes, rate, _, _, bits = form
                sample = {_PCM: f"int{bits}", _FLOAT: f"float{bits}"}.get(code, "")
                if sample not in ("int16", "int24", "int32", "float32", "float64") or not axes:
                    raise BadWav(f"its samples are of a kind that is not read ({code}, {bits} bit)")
                # recorders that were stopped hard have written no length, or too large a one
                length = min(length or size, size - begin)
                return WavLayout(rate, axes, sample, begin, length // (bytes_of(sample) * axes))
            data.seek(begin + length + length % 2)
    raise BadWav("it has no samples")


class WavFolder:
    """WAV files, the oldest first. A rest shorter than a block is left out."""

    def __init__(self, settings: VibrationSource) -> None:
        """
        Raises:
            NotADirectoryError: there is no such folder.
        """
        if not settings.path.is_dir():
            raise NotADirectoryError(f"{settings.path} is no folder: make it")
        self._settings = settings
        self._folder = DropFolder(
            settings.path,
            settings.pattern,
            quiet_seconds=settings.quiet_seconds,
            poll=settings.poll,
        )
        self._closed = threading.Event()
        self._reading: deque[DroppedFile] = deque()
        """Files of which there are blocks that are not committed yet, the oldest first."""

    @property
    def name(self) -> str:
        return f"wav:{self._settings.path.absolute()}"

    def close(self) -> None:
        self._closed.set()

    def blocks(self, size: int, after: str | None) -> Iterator[Block]:
        begun, frame, last = json.loads(after) if after else (None, 0, False)
        for file in self._folder.files(self._closed):
            if file.identity == begun and last:
                self._folder.archive(file, DONE)  # killed between the commit and this
                continue
            try:
                layout = self._checked(file)
            except (BadWav, OSError) as error:
                log.error("%s: %s", file.path, error)
                self._folder.archive(file, FAILED)
                continue
            first = frame if file.identity == begun else 0
            if layout.frames - first < size:
                log.error("%s: it is shorter than a block", file.path)
                self._folder.archive(file, FAILED)
                continue
            self._reading.append(file)
            yield from self._of(file, layout, size, first)

    def committed(self, position: str) -> None:
        identity, _, last = json.loads(position)
        while self._reading and (self._reading[0].identity != identity or last):
            file = self._reading.popleft()
            self._folder.archive(file, DONE)
            if file.identity == identity:
                return

    def _checked(self, file: DroppedFile) -> WavLayout:
        layout = wav_layout(file.path)
        settings = self._settings
        if layout.rate_hz != settings.rate_hz:
            raise BadWav(f"it has {layout.rate_hz} samples a second, not {settings.rate_hz:g}")
        if layout.axes != len(settings.axes):
            raise BadWav(f"it has {layout.axes} axes, not {len(settings.axes)}")
        return layout

    def _of(self, file: DroppedFile, layout: WavLayout, size: int, first: int) -> Iterator[Block]:
        width = bytes_of(layout.sample) * layout.axes
        with file.path.open("rb") as data:
            for begin in range(first, layout.frames - size + 1, size):
                if self._closed.is_set():
                    return
                data.seek(layout.begin + begin * width)
                samples = from_bytes(data.read(size * width), layout.sample, layout.axes)
                end = begin + size
                # the file was written last when its last sample was measured
                behind = round((layout.frames - end) / layout.rate_hz * 1e6)
                position = json.dumps([file.identity, end, layout.frames - end < size])
                yield Block(samples, file.mtime_ns // 1000 - behind, position)
        rest = (layout.frames - first) % size
        if rest:
            log.info("%s: %d samples behind the last block are left out", file.path.name, rest)


def open_reader(settings: VibrationSource) -> WavFolder:
    """The reader that ``reader = "wav"`` names."""
    return WavFolder(settings)
