"""Voices: what one is, and those that are installed."""

from __future__ import annotations

from typing import Protocol

from lineal.errors import PermanentFailure
from lineal.plugins import plugins

GROUP = "lineal.voices"
SAMPLE_RATE = 22_050


class Voice(Protocol):
    """Speaks; an object under the entry points ``lineal.voices``."""

    def version(self) -> str:
        """Name and version.

        Raises:
            PermanentFailure: it is not installed; says how it is.
        """
        ...

    def speak(self, ssml: str, voice: str, words_per_minute: int) -> bytes:
        """A sentence as 16-bit PCM of one channel, :data:`SAMPLE_RATE` samples a second.

        Args:
            ssml: a whole document, whose root is ``speak``.
            voice: as the engine calls it.

        Raises:
            PermanentFailure: it cannot be spoken.
        """
        ...


def find_voice(name: str) -> Voice:
    """An installed engine.

    Raises:
        PermanentFailure: there is none of this name.
    """
    found = plugins(GROUP).loaded
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise PermanentFailure(f"there is no voice {name!r}; installed: {known}")
    voice: Voice = found[name]
    return voice
