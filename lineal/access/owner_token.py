"""The owner's token of a data folder, in a file that nobody else can read."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from lineal.access.secret import MIN_CHARACTERS, new_secret
from lineal.access.tokens import PREFIX
from lineal.errors import WrongConfiguration

FILE = "api-token"


def owner_token(data: Path) -> str:
    """The token of a data folder, made if it has none. To make another, remove the file and start
    the service again.

    Raises:
        WrongConfiguration: others can read the file, or it holds no token.
        OSError: it cannot be read or written.
    """
    file = data / FILE
    with contextlib.suppress(FileExistsError):
        # Written whole under another name first: two services may start at the same moment.
        made = data / f"{FILE}.{os.getpid()}"
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "w") as opened:
                opened.write(f"{new_secret(PREFIX)}\n")
            os.link(made, file)
        finally:
            made.unlink()
    return read_owner_token(data)


def read_owner_token(data: Path) -> str:
    """The token of a data folder.

    Raises:
        WrongConfiguration: others can read the file, or it holds no token.
        OSError: there is none yet, or it cannot be read.
    """
    file = data / FILE
    if file.stat().st_mode & 0o077:
        raise WrongConfiguration(
            f"others can read {file}: remove it, and start the service again for a new one"
        )
    token = file.read_text().strip()
    if len(token) < MIN_CHARACTERS:
        raise WrongConfiguration(f"{file} holds no token: remove it, and start the service again")
    return token
