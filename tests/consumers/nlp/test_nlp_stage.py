"""The stage: reads the text object, stores the analysis, says the gist of it in the event."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.nlp.stage import nlp
from lineal_schemas.documents import DocumentTextExtracted
from lineal_schemas.results import Analysis
from tests.consumers.context import MemoryContext, event_of, handled


async def test_the_stage_stores_the_analysis_and_summarises_it(tmp_path: Path) -> None:
    ctx = MemoryContext(tmp_path, NlpConfig())
    text = b"Dear Ms. Roe,\n\nplease write to ann@example.org soon.\n\nSincerely,\nJohn Smith\n"
    document = DocumentTextExtracted(
        document_id="d",
        content=ctx.objects.add(b"%PDF", "application/pdf"),
        kind="pdf",
        pages=1,
        text=ctx.objects.add(text, "text/plain"),
        result=ctx.objects.add(b"", "application/gzip"),
    )
    [made] = await handled(nlp, event_of(document), ctx)
    assert (made.language, made.document_class, made.personal_data) == ("en", "letter", True)
    assert (made.document_id, made.text, made.result) == ("d", document.text, document.result)
    assert made.media_type == "application/pdf"
    assert ctx.attributes == {"language": "en", "document_class": "letter"}
    analysis = Analysis.from_gzip(ctx.objects.stored[made.analysis.sha256])
    assert any(entity.text == "ann@example.org" for entity in analysis.entities)


def test_listing_the_stages_loads_no_engine() -> None:
    heavy = "numpy", "py3langid", "phonenumbers", "usaddress", "probablepeople", "dateparser"
    code = (
        "import sys, lineal_consumers.nlp.stage, lineal_consumers.index.stage;"
        f"sys.exit(any(name in sys.modules for name in {heavy!r}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
