"""The key that signs packages: its owner's alone, and of no use to who copies the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal_consumers.deploy.keys import UnusableKey, make_key, public_key, read_key


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery\n")
    file.chmod(0o600)
    return file


def test_an_encrypted_key_is_read_with_its_passphrase_only(
    tmp_path: Path, passphrase: Path
) -> None:
    file = tmp_path / "deploy.pem"
    made = make_key(file, passphrase)
    assert b"ENCRYPTED" in file.read_bytes()
    assert public_key(read_key(file, passphrase)) == made
    with pytest.raises(UnusableKey, match="passphrase_file"):
        read_key(file)
    passphrase.write_text("incorrect horse")
    with pytest.raises(UnusableKey, match="passphrase is another"):
        read_key(file, passphrase)


def test_a_key_without_a_passphrase_is_read_also_where_one_is_set(
    tmp_path: Path, passphrase: Path
) -> None:
    made = make_key(tmp_path / "deploy.pem")
    assert public_key(read_key(tmp_path / "deploy.pem", passphrase)) == made


@pytest.mark.parametrize("wrong", ["missing", "empty", "open"])
def test_a_passphrase_that_cannot_be_used_is_said(
    tmp_path: Path, passphrase: Path, wrong: str
) -> None:
    if wrong == "missing":
        passphrase.unlink()
    elif wrong == "empty":
        passphrase.write_text("\n")
    else:
        passphrase.chmod(0o644)
    with pytest.raises(UnusableKey, match="passphrase"):
        make_key(tmp_path / "deploy.pem", passphrase)
    assert not (tmp_path / "deploy.pem").exists()
