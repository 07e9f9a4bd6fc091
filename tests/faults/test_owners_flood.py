"""One owner's flood of costly files does not hold up another owner."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.faults.conftest import NewSystem
from tests.faults.system import FINAL, System

FLOOD = 30
FEW = 8
"""Of the flood that may be read before the other owner's file: what is under way, and its share."""


def scan(number: int) -> Image.Image:
    page = Image.new("L", (1000, 700), 255)
    pen = ImageDraw.Draw(page)
    for line in range(8):
        pen.text(
            (60, 60 + 70 * line),
            f"Delivery {number} of line {line} was inspected by the foreman",
            fill=0,
            font=ImageFont.load_default(size=30),
        )
    return page


def finished(system: System, name: str) -> int:
    return sum(item.status in FINAL and item.name.startswith(name) for item in system.documents())


@pytest.mark.long
def test_one_owners_flood_does_not_hold_up_another_owner(new_system: NewSystem) -> None:
    system = new_system(variables={"LINEAL_WORKERS": "1"})
    flood, other = system.folder / "flood", system.folder / "other.png"
    flood.mkdir()
    for number in range(FLOOD):
        scan(number).save(flood / f"flood-{number:02}.png", dpi=(150, 150))
    scan(1000).save(other, dpi=(150, 150))
    system.start()
    assert system.lineal("put", flood, "--owner", "ann", "--json").code == 0
    system.until(lambda: finished(system, "flood") > 0, "the flood is being read")
    before = finished(system, "flood")
    assert system.lineal("put", other, "--owner", "ben", "--json").code == 0
    system.until_final(["other.png"])
    assert finished(system, "flood") - before <= FEW
    assert system.document("other.png").status == "indexed"
