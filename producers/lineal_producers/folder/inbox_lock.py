"""A lock, so that only one process watches an inbox of a data folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from lineal_producers.process_lock import ProcessLock


class InboxLock(ProcessLock):
    """The lock of an inbox.

    The inbox is made if missing: one folder must have one lock, by whatever path it is named.

    Raises:
        OSError: the inbox cannot be made.
    """

    def __init__(self, data: Path, inbox: Path) -> None:
        inbox.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(os.fsencode(inbox.resolve())).hexdigest()[:16]
        super().__init__(data / f"inbox-{name}.lock")
