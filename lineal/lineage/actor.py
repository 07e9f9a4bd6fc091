"""The actor names in lineage records: of people, stages and processes."""

from __future__ import annotations

import getpass
import os
import socket


def acting_user() -> str:
    """The person at the command line, by the name of the account; its number where it has none (a
    container run under any user id)."""
    try:
        return f"user:{getpass.getuser()}"
    except (KeyError, OSError):  # by Python's version
        return f"user:{os.getuid()}"


def this_worker() -> str:
    """Host and process."""
    return f"{socket.gethostname()}/{os.getpid()}"
