"""ADWIN: drift found reading by reading. Needs the extra ``adwin`` (river)."""

from __future__ import annotations

from collections.abc import Sequence


class AdaptiveWindows:
    """One adaptive window per feature (Bifet and Gavaldà 2007), in memory that grows with the
    logarithm of its length.
    """

    def __init__(self, features: Sequence[str], delta: float = 0.002) -> None:
        """Begin.

        Args:
            features: their names.
            delta: bound on the false-alarm probability of a cut, for all features together.

        Raises:
            ModuleNotFoundError: river is not installed.
        """
        from river.drift import ADWIN

        self._detectors = {name: ADWIN(delta=delta / len(features)) for name in features}

    def update(self, values: Sequence[float]) -> tuple[str, ...]:
        """Take in one reading (finite values) and say which features have just drifted."""
        drifted = []
        for (name, detector), value in zip(self._detectors.items(), values, strict=True):
            detector.update(value)
            if detector.drift_detected:
                drifted.append(name)
        return tuple(drifted)
