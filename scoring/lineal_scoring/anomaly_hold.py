"""Which levels of a device an open anomaly holds, and until when."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lineal_scoring.encoded_array import decode_array, encode_array
from lineal_scoring.preparation import Array, Hold


class AnomalyHold:
    """What :class:`~lineal_scoring.preparation.Hold` says of one device's anomaly."""

    def __init__(self, rules: Hold, channels: int) -> None:
        self.rules = rules
        self._departed = np.zeros(channels, dtype=bool)
        self._readings = 0
        """Since it was opened."""
        self._is_fault = False
        """Whether a person has called it a fault: it is held while it lasts."""

    @property
    def is_new(self) -> bool:
        """Whether channels can still join those that are held."""
        return self._readings < self.rules.onset

    @property
    def is_accepted(self) -> bool:
        """Whether it has lasted long enough to be the new normal, and nobody calls it a fault."""
        return self._readings > self.rules.accept_after and not self._is_fault

    def note(self, departures: Array, usual: Array | None) -> None:
        """Hold what has departed from its level.

        Args:
            departures: the newest, per channel.
            usual: how far they are where nothing is wrong; None: as the rules say.
        """
        if self._readings == 0:
            self._departed[:] = False
        limits = self.rules.above * np.array(self.rules.departure if usual is None else usual)
        self._departed |= np.abs(departures) > limits

    def shares(
        self, readings: int, follow: Array, switching: npt.NDArray[np.bool_] | None
    ) -> Array:
        """Per channel, how much of the weight of the next readings stays.

        Args:
            follow: the share of those that are held.
            switching: channels whose levels depend on where the device is; None: there are none.
        """
        self._readings += readings
        if self.is_accepted:
            return np.ones_like(follow)
        if self._readings < self.rules.onset:
            return follow
        held = self._departed
        if switching is not None:
            # what opened it may go to another point meanwhile, and depart from that
            held = held | switching
        return np.where(held, follow, 1.0)

    def call_fault(self) -> None:
        """A state that lasts is no normal one."""
        self._is_fault = True

    def end(self) -> None:
        """No anomaly is open."""
        self._readings, self._is_fault = 0, False

    def snapshot(self) -> dict[str, Any]:
        """Plain values from which :meth:`restore` goes on."""
        return {
            "departed": encode_array(self._departed),
            "held_readings": self._readings,
            "is_fault": self._is_fault,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: it is damaged.
            KeyError: something is missing in it.
        """
        self._departed = decode_array(state["departed"], np.bool_, self._departed.shape)
        self._readings = int(state["held_readings"])
        self._is_fault = bool(state.get("is_fault"))  # former versions had none
