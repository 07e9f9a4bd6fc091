"""The stage: reads the text object, stores the analysis, says the gist of it in the event."""

from __future__ import annotations

import subprocess
import sys

from lineal.testing import StageHarness
from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.nlp.stage import nlp
from lineal_schemas.documents import DocumentAnalyzed, DocumentTextExtracted
from lineal_schemas.results import Analysis


async def test_the_stage_stores_the_analysis_and_summarises_it() -> None:
    text = b"Dear Ms. Roe,\n\nplease write to ann@example.org soon.\n\nSincerely,\nJohn Smith\n"
    async with StageHarness(nlp, config=NlpConfig()) as harness:
        document = DocumentTextExtracted(
            document_id="d",
            content=await harness.put(b"%PDF", "application/pdf"),
            kind="pdf",
            pages=1,
            text=await harness.put(text, "text/plain"),
            result=await harness.put(b"", "application/gzip"),
        )
        await harness.send(document)
        [made] = harness.outputs(DocumentAnalyzed)
        analysis = Analysis.from_gzip(await harness.get(made.analysis))
        [record] = harness.records
    assert (made.language, made.document_class, made.personal_data) == ("en", "letter", True)
    assert (made.document_id, made.text, made.result) == ("d", document.text, document.result)
    assert made.media_type == "application/pdf"
    assert record.attributes == {"language": "en", "document_class": "letter"}
    assert any(entity.text == "ann@example.org" for entity in analysis.entities)


def test_listing_the_stages_loads_no_engine() -> None:
    heavy = "numpy", "py3langid", "phonenumbers", "usaddress", "probablepeople", "dateparser"
    code = (
        "import sys, lineal_consumers.nlp.stage, lineal_consumers.index.stage;"
        f"sys.exit(any(name in sys.modules for name in {heavy!r}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
