"""What a peer is told of CDNOW's customers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lifetimes")


def test_the_peer_knows_nothing_of_the_weeks_it_predicts(tmp_path: Path) -> None:
    from benchmarks.tables import bg_nbd, orders_file

    file = orders_file(tmp_path)
    assert file is not None
    header, *orders = file.read_text().splitlines()
    before = [order for order in orders if order.split(",")[1] < "19970930"]
    assert len(before) < len(orders)
    cut = tmp_path / "cut.csv"
    cut.write_text("\n".join([header, *before, ""]))
    customers = range(1, 2001)
    with_all, with_those_before = bg_nbd(file, customers), bg_nbd(cut, customers)
    for target, values in with_all.items():
        np.testing.assert_array_equal(values, with_those_before[target])
