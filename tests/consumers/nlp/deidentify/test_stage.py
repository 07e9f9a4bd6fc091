"""The stage answers every request, and does nothing for who may not ask."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lineal.testing import StageHarness
from lineal_consumers.nlp.deidentify.secret import UnusableSecret, read_secret
from lineal_consumers.nlp.deidentify.stage import deidentify
from lineal_schemas.records import RecordDeidentificationRequested, RecordDeidentified
from tests.lineal_process import run_lineal

REQUEST = RecordDeidentificationRequested(document_id="d1", by="user:owner", requested_us=1)
NOTE = "Mr. Abel Tremont (MRN 771204) was seen on 3/14/2021 for Parkinson disease.\n"


async def test_who_may_not_is_refused_whatever_the_event_says_of_them() -> None:
    async with StageHarness(deidentify) as harness:
        assert await harness.send(REQUEST, actor=None) == []
        [letter] = harness.dead_letters
        assert "SenderNotPermitted" in str(letter)


async def test_a_document_that_nobody_knows_and_a_missing_key_are_answered() -> None:
    async with StageHarness(deidentify) as harness:
        [answer] = await harness.send(REQUEST, actor="user:root")
        assert isinstance(answer, RecordDeidentified)
        assert answer.content is None
        assert answer.problem
        assert not harness.dead_letters


def test_the_key_is_made_once_and_others_may_not_read_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "key"
    assert read_secret(file) == read_secret(file)
    assert file.stat().st_mode & 0o077 == 0
    file.chmod(0o644)
    with pytest.raises(UnusableSecret, match="chmod 600"):
        read_secret(file)


def lineal(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_lineal(
        list(arguments),
        cwd=folder,
        text=True,
        timeout=120,
    )


def test_one_command_in_an_empty_folder_makes_a_copy_and_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text(NOTE)
    done = lineal(tmp_path, "deidentify", "note.txt", "-o", "clean.txt")
    assert done.returncode == 0, done.stderr
    clean = (tmp_path / "clean.txt").read_text()
    assert "Parkinson disease" in clean
    for word in ("Tremont", "771204", "3/14"):
        assert word not in clean
    topic = lineal(
        tmp_path, "tail", "record.deidentified", "--from", "beginning", "--no-follow", "--json"
    ).stdout
    assert '"MRN"' in topic
    assert "Tremont" not in topic
    shown = lineal(tmp_path, "show", "note.txt", "--as", "deidentified").stdout
    assert shown == clean
    kept = lineal(tmp_path, "erase", "note.txt", "--reason", "a test", "--yes")
    assert kept.returncode == 0, kept.stderr
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or b"Parkinson disease" not in file.read_bytes()


def test_what_is_neither_file_nor_document_is_said(tmp_path: Path) -> None:
    done = lineal(tmp_path, "deidentify", "nothing.txt")
    assert done.returncode == 1
    assert "nothing.txt" in done.stderr
