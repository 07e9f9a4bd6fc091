"""Checks whether a process has a file open for writing."""

from __future__ import annotations

import errno
import fcntl
import signal
import sys
from typing import Literal

Writers = Literal["some", "none", "unknown"]


def writers_of(descriptor: int) -> Writers:
    """Whether any process has a file, opened here for reading, open for writing.

    On Linux the kernel is asked: a read lease (fcntl(2), F_SETLEASE) is refused while there is a
    writer. ``unknown`` elsewhere, on file systems without leases (network shares), and for files
    of other users.
    """
    if sys.platform != "linux":
        return "unknown"
    try:
        # A writer that comes while the lease is held has us signalled, by default with one that
        # ends the process. SIGURG is ignored unless asked for.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return "some" if error.errno == errno.EAGAIN else "unknown"
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return "none"
