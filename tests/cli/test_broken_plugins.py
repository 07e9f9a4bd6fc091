"""Packages that are broken, each in its way: they are named, and all others work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_STAGE = """
from lineal import stage
from lineal_schemas.payload import Payload
class Sent(Payload, type="{name}.sent", version=1):
    parcel: str
@stage("parcels", version="1")
async def parcels(sent: Sent) -> None: ...
"""
_COMMAND = """
from lineal_cli.commands import Command
COMMAND = Command("verify", "wrong_command:verify", "Events", "Say yes.")
def verify() -> None:
    print("all is well")
"""


def _totals(table: str, sql: str) -> str:
    return f"""
from lineal.lineage.projections import Projection
from lineal.store.derived_table import Table
TOTALS = Projection("totals", (Table("{table}", "{sql}"),), print, subjects=("parcel:",))
"""


_BROKEN = {
    "syntax": ("events", "x = (", "", "was never closed"),
    "exits": ("stages", "raise SystemExit(3)", "parcels", "SystemExit: 3"),
    "no_stage": ("stages", "parcels = 5", "parcels", "it is not a @stage"),
    "no_name": ("stages", "", "parcels", "no attribute 'parcels'"),
    "same_name": ("stages", _STAGE.format(name="other"), "parcels", "another stage is named"),
    "wrong_sql": ("projections", _totals("totals", "CREATE TABEL totals"), "TOTALS",
        "tables cannot be made"),
    "taken_table": ("projections", _totals("ledger", "CREATE TABLE ledger (n);"), "TOTALS",
        "table ledger already exists"),
    "other_table": ("projections", _totals("sums", "CREATE TABLE totals (n);"), "TOTALS",
        "make no table sums"),
    "no_projection": ("projections", "TOTALS = 5", "TOTALS", "int is no Projection"),
    "no_command": ("commands", "COMMAND = 7", "COMMAND", "int is no Command"),
    "wrong_command": ("commands", _COMMAND, "COMMAND", "lineal has a command verify already"),
    "no_producer": ("producers", "parcels = 'x'", "parcels", "str is no Producer"),
    "no_settings": ("settings", "Settings = dict", "Settings", "not a pydantic model"),
    "no_library": ("pages", "import no_such_library", "PAGE", "No module named 'no_such_library'"),
    "no_page": ("pages", "PAGE = 'totals'", "PAGE", "str is no Page"),
    "raises": ("effects", "raise KeyError('x')", "", "KeyError: 'x'"),
}  # fmt: skip

_DOCTOR = """
from lineal_cli.checks import plugin_checks
for check in plugin_checks():
    print(check.found)
"""


def _install(site: Path, name: str, group: str, source: str, attribute: str) -> None:
    information = site / f"{name}-1.dist-info"
    information.mkdir(parents=True)
    (site / f"{name}.py").write_text(source)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    target = f"{name}:{attribute}" if attribute else name
    entries = f"[lineal.{group}]\n{name} = {target}\n"
    (information / "entry_points.txt").write_text(entries)


def test_what_is_broken_is_named_and_the_others_work(tmp_path: Path) -> None:
    site = tmp_path / "site"
    _install(site, "parcels", "stages", _STAGE.format(name="parcels"), "parcels")
    for name, (group, source, attribute, _) in _BROKEN.items():
        _install(site, name, group, source, attribute)
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    lineal = Path(sys.executable).with_name("lineal")
    doctor = run(sys.executable, "-c", _DOCTOR)
    found = doctor.stdout.splitlines()
    for name, (group, _, _, reason) in _BROKEN.items():
        (said,) = [line for line in found if line.startswith(f"{name} (lineal.{group}, ")]
        assert reason in said, doctor.stderr
    assert run(lineal, "topics", "create", "parcels.sent").returncode == 0  # makes all tables
    exported = tmp_path / "schemas"
    done = run(lineal, "schema", "export", "--out", exported)
    assert done.returncode == 0, done.stderr
    assert (exported / "parcels.sent.v1.json").exists()
    assert not (exported / "other.sent.v1.json").exists()
    verify = run(lineal, "verify")
    assert "all is well" not in verify.stdout, "a package replaced a command"
