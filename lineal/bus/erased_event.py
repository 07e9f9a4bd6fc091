"""What takes the place of an event whose data was erased, so that offsets stay as they were."""

from __future__ import annotations

ERASED = "lineal.erased"
"""Type of such an event. No stage takes it; it is skipped, live and in a replay."""
ERASED_SOURCE = "lineal:erased"
"""Its source: that of the event could be the name of a file."""
ERASED_REASON = "the event was erased"
