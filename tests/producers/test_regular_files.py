"""Only regular files inside the folder are opened; the rest is refused in words."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from lineal_producers.regular_files import FileDeleted, Unreadable, open_regular


def refusal(path: Path, within: Path | None = None) -> str:
    with pytest.raises(Unreadable) as refused:
        open_regular(path, within=within).close()
    assert str(path) not in str(refused.value)
    return str(refused.value)


def test_a_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    with open_regular(path, within=tmp_path.resolve()) as file:
        assert file.read() == b"abc"


def test_what_is_no_regular_file_is_not_touched(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
        assert "regular" in refusal(tmp_path / "fifo")
        assert "regular" in refusal(tmp_path / "socket")
    assert "regular" in refusal(Path("/dev/null"))


def test_links_lead_only_within_the_folder(tmp_path: Path) -> None:
    root = (tmp_path / "in").resolve()
    root.mkdir()
    (tmp_path / "outside.txt").write_text("secret")
    (root / "inside.txt").write_text("fine")
    (root / "out").symlink_to(tmp_path / "outside.txt")
    (root / "in").symlink_to(root / "inside.txt")
    (root / "nowhere").symlink_to(root / "missing")
    (root / "circle").symlink_to(root / "circle")
    (root / "folder").symlink_to(tmp_path)
    assert "leads out" in refusal(root / "out", root)
    assert "nowhere" in refusal(root / "nowhere", root)
    assert "circles" in refusal(root / "circle", root)
    assert "folder" in refusal(root / "folder", root)
    with open_regular(root / "in", within=root) as file:
        assert file.read() == b"fine"
    with open_regular(root / "out") as file:
        assert file.read() == b"secret"


def test_a_file_below_a_linked_folder_lies_outside(tmp_path: Path) -> None:
    root = (tmp_path / "in").resolve()
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("secret")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    assert "leads out" in refusal(root / "linked" / "a.txt", root)


def test_a_missing_file_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileDeleted):
        open_regular(tmp_path / "missing")


def test_missing_rights_are_told_and_machine_errors_are_not_the_files_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")

    def failing(number: int) -> None:
        def fail(*_: object) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "open", fail)

    failing(errno.EACCES)
    assert "permission" in refusal(path)
    failing(errno.EMFILE)
    with pytest.raises(OSError, match="Too many"):
        open_regular(path)
