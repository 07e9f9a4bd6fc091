"""A file system in memory whose power can be cut between any two changes, with what that loses.

As on a journaling file system: changes of names reach the disk in order, some prefix of those since
the last synced folder; bytes that were not synced are there, or missing, or there in part, whatever
became of the names.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lineal_edge.update.disk import Disk


class PowerCut(BaseException):
    """Nothing after this is done; no handler of the agent's gets to run."""


@dataclass
class _File:
    data: bytes = b""
    durable: bytes = b""


@dataclass(frozen=True)
class _Link:
    target: str


@dataclass(frozen=True)
class _Folder:
    pass


_Node = _File | _Link | _Folder
_Change = Callable[[dict[str, _Node]], object]


class SimulatedDisk(Disk):
    """Paths are any; all folders above a path exist."""

    def __init__(self) -> None:
        self.fuse: int | None = None
        """Changes until the power is cut."""
        self.changes = 0
        self.full = False
        self._now: dict[str, _Node] = {}
        self._durable: dict[str, _Node] = {}
        self._log: list[_Change] = []

    def tick(self) -> None:
        """One change is about to be made."""
        self.changes += 1
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse <= 0:
                raise PowerCut

    def cut(self, kept_names: float, kept_bytes: float) -> None:
        """What is on the disk when the power is back.

        Args:
            kept_names: share of the unsynced changes of names that made it.
            kept_bytes: share of a file's unsynced bytes that did.
        """
        for change in self._log[: round(len(self._log) * kept_names)]:
            change(self._durable)
        self._log.clear()
        for node in self._durable.values():
            if isinstance(node, _File) and node.data != node.durable:
                if kept_bytes > 0:
                    node.durable = node.data[: round(len(node.data) * kept_bytes)]
                node.data = node.durable
        self._now = dict(self._durable)
        self.fuse = None

    def _do(self, change: _Change) -> None:
        self.tick()
        change(self._now)
        self._log.append(change)

    def read(self, path: Path) -> bytes | None:
        node = self._now.get(self._followed(path))
        return node.data if isinstance(node, _File) else None

    def size(self, path: Path) -> int:
        return len(self.read(path) or b"")

    def _followed(self, path: Path) -> str:
        for parent in path.parents:
            node = self._now.get(str(parent))
            if isinstance(node, _Link):
                return str(parent.parent / node.target / path.relative_to(parent))
        return str(path)

    def exists(self, path: Path) -> bool:
        return str(path) in self._now

    def is_folder(self, path: Path) -> bool:
        return isinstance(self._now.get(str(path)), _Folder)

    def names(self, folder: Path) -> list[str]:
        return sorted(Path(path).name for path in self._now if Path(path).parent == folder)

    def target(self, link: Path) -> str | None:
        node = self._now.get(str(link))
        return node.target if isinstance(node, _Link) else None

    def free_bytes(self, folder: Path) -> int:
        return 0 if self.full else 1 << 40

    def make_folder(self, path: Path) -> None:
        if not self.is_folder(path):
            self._do(lambda names: names.__setitem__(str(path), _Folder()))

    def write(self, path: Path, data: bytes, offset: int | None = None) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "no space left")
        node = self._now.get(str(path))
        if not isinstance(node, _File) or offset is None:
            # A file written anew is a new file: the old bytes were truncated.
            made = _File()
            self._do(lambda names: names.__setitem__(str(path), made))
            node = made
        self.tick()
        begin = offset or 0
        node.data = node.data[:begin].ljust(begin, b"\0") + data + node.data[begin + len(data) :]

    def sync(self, path: Path) -> None:
        self.tick()
        node = self._now[str(path)]
        assert isinstance(node, _File)
        node.durable = node.data

    def sync_folder(self, path: Path) -> None:
        self.tick()
        for change in self._log:
            change(self._durable)
        self._log.clear()

    def rename(self, old: Path, new: Path) -> None:
        def move(names: dict[str, _Node]) -> None:
            for path in [name for name in names if _within(name, old)]:
                names[str(new / Path(path).relative_to(old))] = names.pop(path)

        assert not any(_within(name, new) and name != str(new) for name in self._now)
        self._do(move)

    def symlink(self, target: str, link: Path) -> None:
        assert str(link) not in self._now
        self._do(lambda names: names.__setitem__(str(link), _Link(target)))

    def unlink(self, path: Path) -> None:
        self._do(lambda names: names.pop(str(path), None))

    def remove_folder(self, path: Path) -> None:
        assert not self.names(path)
        self._do(lambda names: names.pop(str(path), None))


def _within(name: str, folder: Path) -> bool:
    return name == str(folder) or name.startswith(f"{folder}/")
