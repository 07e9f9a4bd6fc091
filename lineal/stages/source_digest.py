"""The digest of a stage's code, part of its build."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def source_digest(*functions: Callable[..., Any]) -> str:
    """SHA-256 (hex) over the sources of several functions."""
    digests = dict.fromkeys(_digest_of(function) for function in functions)
    if len(digests) == 1:
        return next(iter(digests))
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _digest_of(function: Callable[..., Any]) -> str:
    """SHA-256 (hex) over the sources of a function's package.

    A stage that is a folder is digested with all ``.py`` files of the folder; one that is a single
    module next to others, by that module alone. File names relative to the folder are part of
    the digest, absolute paths are not.
    """
    module = sys.modules[function.__module__]
    if module.__file__ is None:
        return hashlib.sha256(function.__code__.co_code).hexdigest()
    source = Path(module.__file__)
    digest = hashlib.sha256()
    files = sorted(source.parent.rglob("*.py")) if source.name == "stage.py" else [source]
    for file in files:
        digest.update(f"{file.relative_to(source.parent).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
