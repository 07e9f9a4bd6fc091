"""What a process that parses strangers' bytes may do: compute, read what it needs
(:mod:`lineal.workers.readable`), write a scratch folder.

Set by the process for itself, before it looks at anything, and never taken back: Landlock for
reading, writing and TCP, a seccomp filter for sockets (all but local ones, over which it reaches
nobody) and for what reaches other processes, limits of the kernel. All of it works without
privileges; what a kernel lacks is named, and not in force.

Sources: Linux's Documentation/userspace-api/landlock.rst, seccomp(2), prctl(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import stat
import struct
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from lineal.workers.readable import Readable

_MAX_FILE_BYTES = 4 << 30
_MAX_OPEN_FILES = 1024

_KEPT_VARIABLES = frozenset(
    {
        "PATH", "LANG", "LANGUAGE", "TZ", "TZDIR", "LD_LIBRARY_PATH", "TESSDATA_PREFIX",
        "VIRTUAL_ENV", "OMP_THREAD_LIMIT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    }
)  # fmt: skip
_KEPT_PREFIXES = ("LC_", "PYTHON", "MALLOC_", "COVERAGE_", "COV_CORE_", "FONTCONFIG_")

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_SET_DUMPABLE = 38, 22, 4
_SECCOMP_FILTER = 2
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION, _PATH_BENEATH = 1, 1
_RUN_FILES, _READ_FILES, _LIST_FOLDERS = 1 << 0, 1 << 2, 1 << 3
_WRITING = sum(1 << bit for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_FILE_WRITING = 1 << 1
_OF_FILES = _RUN_FILES | _FILE_WRITING | _READ_FILES | _TRUNCATE
"""What can be allowed of a path that is no folder."""
_TCP = 0b11
_SCOPES = 0b11
"""Abstract Unix sockets, and signals to processes outside."""

_ARCHITECTURES = {
    "x86_64": (0xC000003E, 41, (
        42, 101, 310, 311, 425, 426, 427, 248, 249, 250, 321, 298, 165, 166, 272, 308, 323, 155,
        175, 313, 246, 320,
    )),
    "aarch64": (0xC00000B7, 198, (
        203, 117, 270, 271, 425, 426, 427, 217, 218, 219, 280, 241, 40, 39, 97, 268, 282, 41,
        105, 273, 104, 294,
    )),
}  # fmt: skip
"""Of each machine: its name for the filter (AUDIT_ARCH), its number of socket, and those of
connect, ptrace, process_vm_readv, process_vm_writev, io_uring_setup, io_uring_enter,
io_uring_register, add_key, request_key, keyctl, bpf, perf_event_open, mount, umount2, unshare,
setns, userfaultfd, pivot_root, init_module, finit_module, kexec_load, kexec_file_load."""
_UNIX = 1
"""AF_UNIX: LibreOffice makes one for itself; connecting to any is denied."""
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | 13  # EACCES


class Sandbox:
    """What is in force."""

    def __init__(self) -> None:
        self.in_force: list[str] = []
        self.missing: list[str] = []


def clean_environment(environment: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """An environment without secrets: of the machine's, what libraries need to be found and to
    speak; temporary files go to the scratch folder."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES)
    }
    return kept | home_in(scratch)


def home_in(scratch: Path) -> dict[str, str]:
    """The variables by which programs find a place to write."""
    return {"HOME": str(scratch), "TMPDIR": str(scratch)}


def enter(scratch: Path, allowed: Readable) -> Sandbox:
    """Put this process, and all it starts, into the sandbox. To be called while it has one thread.

    Args:
        scratch: the only folder that it may write in from now on.
        allowed: what it may read besides.
    """
    sandbox = Sandbox()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit(resource.RLIMIT_FSIZE, _MAX_FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    sandbox.in_force.append("limits")
    restrictions: tuple[tuple[str, Callable[[], None]], ...] = (
        (
            "no writing outside of a scratch folder, no reading but of what it works with",
            partial(_landlock, scratch, allowed),
        ),
        ("no network", _seccomp),
    )
    for name, restrict in restrictions:
        try:
            restrict()
        except (OSError, AttributeError, KeyError) as error:
            sandbox.missing.append(f"{name} ({error})")
        else:
            sandbox.in_force.append(name)
    return sandbox


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (limit, limit))


def _libc() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise OSError("only Linux has it")
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _landlock(scratch: Path, allowed: Readable) -> None:
    libc = _libc()
    abi = _checked(libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION))
    writing = _WRITING | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    handled = writing | _RUN_FILES | _READ_FILES | _LIST_FOLDERS
    attributes = struct.pack("<QQQ", handled, _TCP, _SCOPES)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _checked(libc.syscall(_LANDLOCK_CREATE, attributes, size, 0))
    try:
        for path, rights in _rules(scratch, allowed, writing).items():
            _allow(libc, ruleset, path, rights & handled)
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)


def _rules(scratch: Path, allowed: Readable, writing: int) -> dict[str, int]:
    """The rights on each path, and on all below it."""
    found: dict[str, int] = defaultdict(int)
    for paths, rights in (
        (allowed.trees, _RUN_FILES | _READ_FILES | _LIST_FOLDERS),
        (allowed.listed, _LIST_FOLDERS),
        (allowed.named, _READ_FILES),
        # Its own alone: those of other processes name what they were started with.
        (("/proc/self",), _READ_FILES | _LIST_FOLDERS),
        (("/dev/null",), _FILE_WRITING | _TRUNCATE),
        ((str(scratch),), writing | _READ_FILES | _LIST_FOLDERS),
    ):
        for path in paths:
            found[path] |= rights
    return found


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    """Add a rule; what is not there needs none."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _OF_FILES
        if rights:
            rule = struct.pack("<Qi", rights, opened)
            _checked(libc.syscall(_LANDLOCK_ADD, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(opened)


def _seccomp() -> None:
    libc = _libc()
    architecture, socket, denied = _ARCHITECTURES[platform.machine()]
    count = len(denied)
    denials = [_jump(0x15, number, count - at, 0) for at, number in enumerate(denied)]
    program = [
        _load(4),
        _jump(0x15, architecture, 1, 0),
        _return(_DENY),
        _load(0),
        # Numbers from here on are those of the x32 ABI, which would go around the filter.
        _jump(0x35, 0x40000000, count + 2, 0),
        _jump(0x15, socket, count + 2, 0),
        *denials,
        _return(_ALLOW),
        _return(_DENY),
        _load(16),  # the first argument: the family of the socket
        _jump(0x15, _UNIX, 0, 1),
        _return(_ALLOW),
        _return(_DENY),
    ]
    code = b"".join(program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, filter_program, 0, 0))


def _load(offset: int) -> bytes:
    return struct.pack("<HBBI", 0x20, 0, 0, offset)


def _jump(operation: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("<HBBI", operation, if_true, if_false, value)


def _return(value: int) -> bytes:
    return struct.pack("<HBBI", 0x06, 0, 0, value)
