"""The page on classes is run as it stands: from an empty folder to classes that are right, and to
the documents of a stack."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from tests.cli.processes import lineal, running

PAGE = (Path(__file__).parents[2] / "docs" / "classes.md").read_text()
PAYSLIP = ["Payslip", "Employee: {n}", "Gross pay 3,{n}00.00", "Net pay and income tax", "Hours"]
LEASE = ["Lease agreement", "Tenant: {n}", "The monthly rent of 9{n}.00 is due", "Landlord", "Term"]
LOG = ["Harbour log", "Wind {n} knots, tide rising", "Anchor and sails are stowed", "Crew of {n}"]


def pdf(*pages: list[str]) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    for lines in pages:
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(72, 780, lines[0])
        canvas.setFont("Helvetica", 11)
        for number, line in enumerate(lines[1:]):
            canvas.drawString(72, 740 - 20 * number, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def filled(lines: list[str], number: int) -> list[str]:
    return [line.format(n=10 + number) for line in lines]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, lines in (("payslip", PAYSLIP), ("lease", LEASE)):
        (tmp_path / f"{name}s").mkdir()
        for number in range(5):
            file = tmp_path / f"{name}s" / f"{name}-{number}.pdf"
            file.write_bytes(pdf(filled(lines, number)))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "lease-6.pdf").write_bytes(pdf(filled(LEASE, 6)))
    (tmp_path / "asked").mkdir()
    for name, lines in (("slip", PAYSLIP), ("rent", LEASE), ("log", LOG)):
        (tmp_path / "asked" / f"{name}.pdf").write_bytes(pdf(filled(lines, 20)))
    letter = ["Alder Bank", "Dear Ann, page 1 of 2", "your loan is approved"]
    rest = ["Continued", "page 2 of 2, as promised", "Yours sincerely, B. Carter"]
    (tmp_path / "stack.pdf").write_bytes(pdf(letter, rest, filled(LEASE, 7), filled(LOG, 8)))
    with running(tmp_path, "up", "--port", "0") as daemon:
        daemon.line(lambda line: True)
        yield tmp_path


@pytest.mark.long  # its commands are read in test_commands.py, and tried one by one elsewhere
def test_the_page_works_as_it_stands(folder: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in "".join(blocks).splitlines():
        done = lineal(folder, *shlex.split(line, comments=True)[1:])
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if line == "lineal class list":
            listed = done.stdout
        if line.startswith("lineal search"):
            assert "rent.pdf" in done.stdout
            assert "slip.pdf" not in done.stdout
    assert "version 1" in listed
    asked = json.loads(lineal(folder, "review", "list", "--target", "class", "--json").stdout)
    reasons = {item["name"]: item["reason"] for item in asked}
    assert reasons["log.pdf"] == "unknown"
    assert reasons["rent.pdf"] == "confidence"  # of eleven examples no rate of 2 % can be shown
    shown = json.loads(lineal(folder, "show", "stack.pdf", "--json").stdout)
    parts = {each["name"] for each in shown["attachments"]}
    assert {"stack pages 1-2.pdf", "stack page 3.pdf", "stack page 4.pdf"} <= parts
    back = json.loads(lineal(folder, "show", "stack page 3.pdf", "--json").stdout)
    assert [each["name"] for each in back["parents"]] == ["stack.pdf"]
