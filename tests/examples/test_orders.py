"""The shop of examples/orders counts each order once, killed at any moment, and asked again."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from tests.conformance.harness import PATIENCE_SECONDS

EXAMPLE = Path(__file__).parents[2] / "examples" / "orders" / "orders.py"
_SHIPPED = "SELECT id FROM events WHERE type = 'order.shipped'"
ORDERS = [f"x-{number}" for number in range(60)]


def rows(file: Path, sql: str) -> list[tuple[str]]:
    if not file.exists():
        return []
    with contextlib.closing(sqlite3.connect(file, timeout=30)) as connection:
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.OperationalError:  # the table is not there yet
            return []


def wait_until(condition: Callable[[], bool], program: subprocess.Popen[bytes]) -> None:
    until = monotonic() + PATIENCE_SECONDS
    while not condition():
        assert program.poll() is None and monotonic() < until
        sleep(0.01)


def test_each_order_once_whenever_it_is_killed(tmp_path: Path) -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 80
    shop, data = tmp_path / "shop.db", tmp_path / "data"
    settings = {"LINEAL_DATA": str(data), "LINEAL_DURABILITY": "normal", "LINEAL_WORKERS": "1"}
    chance = random.Random(7)

    def parcels() -> int:
        return len(rows(shop, "SELECT name FROM parcels"))

    for last in (False, False, False, True):
        # Under the same ids each time: what was handled by then came long before.
        program = subprocess.Popen(
            [sys.executable, str(EXAMPLE), *ORDERS], cwd=tmp_path, env=os.environ | settings
        )
        try:
            wanted = len(ORDERS) if last else parcels() + chance.randint(1, 12)
            wait_until(lambda wanted=wanted: parcels() >= wanted, program)  # type: ignore[misc]
            if last:
                wait_until(lambda: len(rows(data / "lineal.db", _SHIPPED)) >= len(ORDERS), program)
        finally:
            program.kill()
            program.wait(60)
    assert sorted(rows(shop, "SELECT name FROM parcels")) == sorted((name,) for name in ORDERS)
    sales = rows(data / "lineal.db", "SELECT name FROM sales")
    assert sorted(sales) == sorted((name,) for name in ORDERS)
    for topic in ("payment.taken", "order.shipped"):
        made = rows(data / "lineal.db", f"SELECT subject FROM events WHERE type = '{topic}'")
        assert sorted(made) == sorted((f"order:{name}",) for name in ORDERS), topic
