"""Scripts of other projects are the published ones, with their licences, and named in NOTICE."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "console" / "lineal_console" / "static" / "vendor"


def test_vendored_files_are_those_whose_hashes_are_listed() -> None:
    lines = (VENDOR / "hashes.txt").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split() for line in lines)}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name not in ("hashes.txt", "README.md")
    }
    assert found == listed


def test_each_script_has_its_licence_and_stands_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for script in VENDOR.glob("*.js"):
        name = script.name.partition(".")[0]
        assert (VENDOR / f"{name}.LICENSE").is_file()
        assert f"{script.name}," in notice
