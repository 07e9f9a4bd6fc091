"""Vibration at 1 to 20 kHz: blocks of samples become features on the device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from lineal_edge.sources.blocks import BlockReader, load_reader
from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.settings import ChannelSettings, ChannelSource, channels_of
from lineal_edge.sources.source import Sample, SourceCounts
from lineal_edge.sources.spectrum import SpectrumFeatures

Band = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]]


class Feature(ChannelSource):
    """The feature of an axis that a channel is."""

    named_by: ClassVar[str | None] = "feature"

    feature: str | None = None
    """Such as ``x_rms``; none: the channel's name."""


class VibrationSource(ChannelSettings):
    """Blocks of vibration samples, of which features are computed."""

    kind: Literal["vibration"]
    reader: str = "wav"
    """``wav``: files dropped into a folder; ``raw``: samples from a file, pipe or device; others
    can be installed."""
    path: Path
    rate_hz: Annotated[float, Field(gt=0)]
    """Samples a second, of each axis."""
    axes: Annotated[tuple[str, ...], Field(min_length=1)] = ("x",)
    """The names of the sensor's axes, in the order of the samples."""
    scale: Annotated[float, Field(gt=0)] = 1.0
    """What a sample is multiplied by to be in the sensor's unit."""
    block_seconds: Annotated[float, Field(gt=0)] = 1.0
    """A reading is of a block of so long."""
    bands: tuple[Band, ...] = ()
    """In Hz, [low, high]; none: four of equal width up to half the rate."""
    peaks: Annotated[int, Field(ge=0, le=20)] = 3
    """Largest lines of the spectrum."""
    channels: dict[str, Feature] = Field(default_factory=dict)
    """None, and no machine: all features of all axes."""
    sample: str = "int16"
    """Of ``raw``: int16, int24, int32, float32 or float64, with ``be`` where big-endian."""
    pattern: str = "*.wav"
    quiet_seconds: Annotated[float, Field(ge=0)] = 2.0
    """Seconds without a write after which a WAV file is whole."""
    poll: Annotated[float, Field(gt=0)] = 0.2
    """Seconds between looks for more."""
    options: dict[str, Any] = Field(default_factory=dict)
    """For readers of others."""

    @field_validator("sample")
    @classmethod
    def _is_known(cls, value: str) -> str:
        known = ("int16", "int24", "int32", "float32", "float64")
        if value.removesuffix("be") not in known:
            raise ValueError(f"sample is one of {', '.join(known)}, be behind it if big-endian")
        return value

    @model_validator(mode="after")
    def _shows_its_bands(self) -> VibrationSource:
        self.spectrum()
        return self

    @property
    def block_samples(self) -> int:
        """Samples of an axis in a block."""
        return max(8, round(self.rate_hz * self.block_seconds))

    def spectrum(self) -> SpectrumFeatures:
        """What computes an axis's features.

        Raises:
            ValueError: rate and block cannot show a band.
        """
        quarter = self.rate_hz / 8
        equal = tuple((n * quarter, (n + 1) * quarter) for n in range(4))
        return SpectrumFeatures(
            self.block_samples, self.rate_hz, bands=self.bands or equal, peaks=self.peaks
        )


class Vibration:
    """A reading for each block: the features of its axes, or those that are channels."""

    def __init__(self, settings: VibrationSource, reader: BlockReader) -> None:
        """
        Raises:
            BadMachine: the machine file cannot be used.
            ValueError: a channel is a feature that there is not.
        """
        self.counts = SourceCounts()
        self._reader = reader
        self._scale = settings.scale
        self._size = settings.block_samples
        self._spectrum = settings.spectrum()
        there = [f"{axis}_{name}" for axis in settings.axes for name in self._spectrum.names]
        chosen = channels_of(settings, settings.channels, Feature)
        wanted = {name: one.feature or name for name, one in chosen.items()}
        if missing := [feature for feature in wanted.values() if feature not in there]:
            raise ValueError(f"there is no feature {missing[0]!r}; there are: {', '.join(there)}")
        self.features = tuple(wanted or there)
        self._indexes = [there.index(feature) for feature in wanted.values()]

    @property
    def name(self) -> str:
        return self._reader.name

    def samples(self, after: str | None) -> Iterator[Sample]:
        for block in self._reader.blocks(self._size, after):
            scaled = np.asarray(block.samples, np.float64) * self._scale
            values = [value for axis in scaled.T for value in self._spectrum.of(axis)]
            chosen = [values[index] for index in self._indexes] if self._indexes else values
            yield Sample(tuple(chosen), block.wall_us, block.position)

    def committed(self, position: str) -> None:
        self._reader.committed(position)

    def close(self) -> None:
        self._reader.close()


def _open(settings: VibrationSource, _device: str) -> Vibration:
    return Vibration(settings, load_reader(settings.reader)(settings))


KIND = SourceKind(VibrationSource, _open)
