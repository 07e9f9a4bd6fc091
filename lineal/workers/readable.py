"""What a sandboxed process may read: what it runs with, and what its tasks are about.

Python and its packages, the machine's libraries, fonts, time zones and language data; of a data
folder nothing but the objects, and of these only what a task names: they are known by their
digests, and their folder cannot be listed. What else the daemon's user may read (home folders,
keys, the database, ``/etc/shadow``) is not among it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

_SYSTEM = (
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/nix/store",
    "/var/cache/fontconfig",
)
_CONFIGURATION = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "alternatives", "fonts", "group",
    "java", "libreoffice", "localtime", "locale.alias", "magic", "magic.mime", "mime.types",
    "nsswitch.conf", "openjdk", "os-release", "papersize", "passwd", "ssl/openssl.cnf", "timezone",
)  # fmt: skip
"""Below /etc: what every user may read, and libraries do."""
_MACHINE = (
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/proc/cpuinfo",
    "/proc/filesystems", "/proc/meminfo", "/proc/stat", "/proc/sys", "/proc/version",
    "/sys/bus/pci", "/sys/devices", "/sys/fs/cgroup",
)  # fmt: skip
_FOLDER_VARIABLES = (
    "PATH", "LD_LIBRARY_PATH", "TESSDATA_PREFIX", "TZDIR", "FONTCONFIG_PATH", "FONTCONFIG_FILE",
)  # fmt: skip
_MODULES = frozenset({".py", ".pyc", ".so", ".pyd"})
_METADATA = frozenset({".dist-info", ".egg-info"})


class Readable(NamedTuple):
    """Paths, each with all that is below it."""

    trees: tuple[str, ...] = ()
    """Files are read and run, folders are listed."""
    listed: tuple[str, ...] = ()
    """Folders are listed, files are not read."""
    named: tuple[str, ...] = ()
    """Files are read by who knows their names; folders are not listed."""


def readable() -> Readable:
    """What this Python runs with."""
    installed = tuple(dict.fromkeys(map(os.path.realpath, _installed())))
    found = [_importable(entry) for entry in _import_folders() if not _is_below(entry, installed)]
    return Readable(
        trees=(*installed, *dict.fromkeys(path for trees, _ in found for path in trees)),
        listed=tuple(dict.fromkeys(path for _, listed in found for path in listed)),
    )


def _installed() -> Iterator[str]:
    yield from _SYSTEM
    yield from (f"/etc/{name}" for name in _CONFIGURATION)
    yield from _MACHINE
    yield from (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    for name in _FOLDER_VARIABLES:
        for path in os.environ.get(name, "").split(os.pathsep):
            if path.startswith("/") and not _holds_more(os.path.realpath(path)):
                yield path


def _holds_more(path: str) -> bool:
    """Whether it is the home folder or one above it, which a search path may name by mistake."""
    return _is_below(os.path.realpath(Path("~").expanduser()), (path,))


def _import_folders() -> Iterator[str]:
    """Where modules are found: ``sys.path``, and what import hooks of editable packages know."""
    yield from (os.path.realpath(entry or os.curdir) for entry in sys.path)
    for name, module in tuple(sys.modules.items()):
        if "." not in name:
            for path in getattr(module, "__path__", None) or ():
                yield os.path.dirname(os.path.realpath(path))  # noqa: PTH120 - a plain string


@cache
def _importable(folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The modules in a folder that may hold other things too (a checkout, or where somebody
    stands), and the folder to find them in."""
    if not Path(folder).is_dir():
        return (folder,), ()  # a zip file, or nothing
    try:
        trees = tuple(entry.path for entry in os.scandir(folder) if _is_module(entry))
    except OSError:
        return (), ()
    return trees, (folder,)


def _is_module(entry: os.DirEntry[str]) -> bool:
    path = Path(entry.path)
    if not entry.is_dir():
        return path.suffix in _MODULES
    if path.suffix in _METADATA or (path / "__init__.py").is_file():
        return True
    loaded = getattr(sys.modules.get(entry.name), "__path__", ())  # may have no __init__.py
    return os.path.realpath(path) in map(os.path.realpath, loaded)


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)
