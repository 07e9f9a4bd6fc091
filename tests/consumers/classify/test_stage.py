"""The classify stage: a registered document goes in, a plan comes out, nothing heavy is loaded."""

from __future__ import annotations

import subprocess
import sys

from lineal.testing import StageHarness
from lineal.testing.substitutes import InProcessWorkers
from lineal.workers.errors import WorkerTimeout
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.stage import classify
from lineal_schemas.documents import DocumentClassified, DocumentRegistered
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import payload_bytes


async def send(harness: StageHarness, data: bytes, name: str) -> ObjectRef:
    content = await harness.put(data)
    await harness.send(DocumentRegistered(document_id="d1", name=name, content=content))
    return content


async def test_the_event_names_kind_pages_and_detected_type(pdf_of_pages, show_text):
    async with StageHarness(classify) as harness:
        content = await send(harness, pdf_of_pages([show_text()]), "letter.txt")
        [made] = harness.outputs(DocumentClassified)
        [record] = harness.records
    assert (made.document_id, made.name, made.kind, made.pages) == ("d1", "letter.txt", "pdf", 1)
    assert made.content == content.model_copy(update={"media_type": "application/pdf"})
    assert record.attributes == {"kind": "pdf", "media_type": "application/pdf", "pages": 1}


async def test_the_same_document_is_classified_the_same(pdf_of_pages, show_text, scan):
    data = pdf_of_pages([show_text(), scan, b""])
    made = []
    for _ in range(2):  # each with nothing remembered
        async with StageHarness(classify) as harness:
            await send(harness, data, "a.pdf")
            made += harness.outputs(DocumentClassified)
    first, second = made
    assert payload_bytes(first) == payload_bytes(second)


async def test_what_cannot_be_read_is_rejected_and_not_retried():
    async with StageHarness(classify) as harness:
        await send(harness, b"", "letter.pdf")
        [letter] = harness.dead_letters
    assert (letter.error_class, letter.attempts) == ("Reject", 1)
    assert "empty" in letter.message


class _Workers(InProcessWorkers):
    """Their first task runs into a limit."""

    errors: list[WorkerTimeout]

    async def run(self, function, *arguments, **options):
        if self.errors:
            raise self.errors.pop()
        return await super().run(function, *arguments, **options)


async def test_a_file_that_waited_for_a_processor_is_looked_at_again(monkeypatch):
    _Workers.errors = [WorkerTimeout("took longer", spent="9 s", starved=True)]
    monkeypatch.setattr("lineal.testing.harness.InProcessWorkers", _Workers)
    async with StageHarness(classify) as harness:
        await send(harness, b"A letter.", "letter.txt")
        [made] = harness.outputs(DocumentClassified)
        assert not harness.dead_letters
    assert made.kind == "text"


async def test_a_file_that_costs_too_much_is_rejected_with_the_limit_it_ran_into(monkeypatch):
    spent = "3.1 s of processor time, of 3 s that it may"
    _Workers.errors = [WorkerTimeout("took more", spent=spent)]
    monkeypatch.setattr("lineal.testing.harness.InProcessWorkers", _Workers)
    async with StageHarness(classify) as harness:
        await send(harness, b"A letter.", "letter.txt")
        [letter] = harness.dead_letters
    assert (letter.error_class, letter.attempts) == ("Reject", 1)
    assert letter.message.endswith(f"too long: {spent}")


async def test_the_limits_can_be_set():
    async with StageHarness(classify, config=ClassifyConfig(text_bytes=10)) as harness:
        await send(harness, b"more than ten bytes", "letter.txt")
        [letter] = harness.dead_letters
    assert letter.error_class == "Reject"
    assert "too large" in letter.message


def test_importing_the_stage_loads_no_engine():
    heavy = "numpy PIL pypdfium2 pikepdf magic lxml docx openpyxl"
    code = (
        "import sys, lineal_consumers.classify.stage\n"
        f"loaded = [name for name in '{heavy}'.split() if name in sys.modules]\n"
        "sys.exit(', '.join(loaded) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
