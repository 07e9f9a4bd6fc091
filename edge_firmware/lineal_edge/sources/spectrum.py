"""Features of a block of vibration: its level, its shape, and where its energy is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]


class SpectrumFeatures:
    """Computes the features of blocks that are all of the same length and rate.

    Everything is of the alternating part, without the block's mean. The spectrum is one-sided, of a
    periodic Hann window, scaled so that by Parseval's theorem its lines add up to the mean square
    (Heinzel, Rüdiger and Schilling 2002, "Spectrum and spectral density estimation by the DFT").
    """

    def __init__(
        self, samples: int, rate_hz: float, *, bands: Sequence[tuple[float, float]], peaks: int
    ) -> None:
        """``samples`` in a block; ``bands`` in Hz, the lower bound included, the upper not.

        Raises:
            ValueError: a band reaches beyond half the rate, or is narrower than the block resolves.
        """
        self.names = (
            "rms", "peak", "crest", "kurtosis",
            *(f"band_{low:g}_{high:g}" for low, high in bands),
            *(name for n in range(1, peaks + 1) for name in (f"peak_{n}_hz", f"peak_{n}")),
        )  # fmt: skip
        frequencies = np.fft.rfftfreq(samples, 1 / rate_hz)
        for low, high in bands:
            if high > rate_hz / 2:
                raise ValueError(f"band {low:g} to {high:g} Hz: the rate shows {rate_hz / 2:g} Hz")
            if not np.any((frequencies >= low) & (frequencies < high)):
                raise ValueError(
                    f"band {low:g} to {high:g} Hz: a block shows steps of {rate_hz / samples:g} Hz"
                )
        self._bounds = [tuple(np.searchsorted(frequencies, band)) for band in bands]
        self._resolution = rate_hz / samples
        self._window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)
        self._to_power = 2 / (samples * np.sum(self._window**2))
        self._to_amplitude = 2 / np.sum(self._window)
        self._peaks = peaks

    def of(self, block: Samples) -> tuple[float, ...]:
        """The features of a block, in the order of the names; NaN where a block without any
        vibration, or with a missing sample, has none. Levels are in the sensor's unit:

        - ``rms``, ``peak`` (largest departure from the mean), ``crest`` (their ratio);
        - ``kurtosis``: fourth moment over the square of the second; 3 for noise, more for shocks;
        - ``band_LOW_HIGH``: RMS within the band, the square root of its energy;
        - ``peak_N_hz``, ``peak_N``: frequency (interpolated between lines) and amplitude of the
          N-th largest line; NaN where there are fewer.
        """
        alternating = block - block.mean()
        square = alternating**2
        power = float(square.mean())
        if not np.isfinite(power):
            return (float("nan"),) * len(self.names)
        rms = power**0.5
        peak = float(np.abs(alternating).max())
        fourth = float((square**2).mean())
        values = [
            rms,
            peak,
            peak / rms if rms else float("nan"),
            fourth / power**2 if power**2 else float("nan"),
        ]
        lines = np.abs(np.fft.rfft(alternating * self._window))
        energy = lines**2 * self._to_power
        values += [float(energy[low:high].sum()) ** 0.5 for low, high in self._bounds]
        if self._peaks:
            values += self._largest(lines)
        return tuple(values)

    def _largest(self, lines: Samples) -> list[float]:
        inner = lines[1:-1]
        # what the rounding of a silent block leaves is no line
        floor = 1e-9 * float(lines.max())
        tops = np.flatnonzero((inner > lines[:-2]) & (inner >= lines[2:]) & (inner > floor)) + 1
        tops = tops[np.argsort(-lines[tops], kind="stable")[: self._peaks]]
        found: list[float] = []
        for top in tops:
            # a parabola through the logarithms of three lines (Gasior and Gonzalez 2004)
            before, at, behind = np.log(np.maximum(lines[top - 1 : top + 2], 1e-300))
            bend = before - 2 * at + behind
            shift = 0.5 * (before - behind) / bend if bend else 0.0
            amplitude = np.exp(at - 0.25 * (before - behind) * shift) * self._to_amplitude
            found += [float((top + shift) * self._resolution), float(amplitude)]
        return found + [float("nan")] * (2 * self._peaks - len(found))
