"""``lineal examples run notes``: a FHIR export of notes becomes a graph, and is asked."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from lineal_catalog.graph.query import QueryResult
    from lineal_cli.examples.example_run import ExampleRun

NOTES = {
    "ann": "The patient reports chest pain and shortness of breath since Tuesday. No fever.\n\n"
    "Past medical history:\nHypertension, type 2 diabetes.\n\nFamily history: myocardial "
    "infarction in her father. We cannot exclude pulmonary embolism.",
    "ben": "Mr Ben was seen for chest pain. He has asthma. Denies dyspnea.\n\n"
    "Medication: aspirin and metformin. MS was discussed.",
    "cem": "Denies chest pain. Cough and fever for three days; pneumonia was ruled out.",
}
_STAGES = (
    "register", "classify", "ocr.attachments", "ocr.scatter", "ocr", "ocr.gather", "nlp", "index",
    "entities",
)  # fmt: skip


def export() -> bytes:
    """The notes as a FHIR bulk export."""
    return b"\n".join(
        orjson.dumps(
            {
                "resourceType": "DocumentReference",
                "id": f"note-{patient}",
                "status": "current",
                "subject": {"reference": f"Patient/{patient}"},
                "content": [
                    {
                        "attachment": {
                            "contentType": "text/plain",
                            "title": f"{patient}.txt",
                            "data": base64.b64encode(note.encode()).decode(),
                        }
                    }
                ],
            }
        )
        for patient, note in NOTES.items()
    )


async def show(example: ExampleRun) -> list[str]:
    """An export arrives; its notes are read, and the graph of what they mention is asked."""
    import asyncio

    from lineal_catalog.graph.mentioned import list_concepts, mentions_of
    from lineal_catalog.graph.query import prepare
    from lineal_schemas.entities import EntitiesFound

    folder = example.folder / "graph"
    async with example.running(_STAGES, {}):
        (example.folder / "patients.rq").write_text(_QUERY)
        example.report(f"a FHIR export of {len(NOTES)} notes arrives and is read ...")
        await example.put("notes.ndjson", export())
        await example.until(EntitiesFound, len(NOTES) + 1)
        store = example.runtime.store
        concepts = await store.read(list_concepts)
        graphs = await store.read(lambda c: prepare(c, folder, None))
        example.report("and the graph of what they mention is asked ...")
        pain = await asyncio.to_thread(mentions_of, folder, graphs, "chest-pain")
        only = await asyncio.to_thread(
            mentions_of, folder, graphs, "chest-pain", ["shortness-of-breath"]
        )
        denied = await asyncio.to_thread(
            mentions_of, folder, graphs, "chest-pain", polarity=["negated"]
        )

    return [
        f"{len(concepts)} concepts are mentioned",
        f"chest pain: {_names(pain)}",
        f"chest pain and no shortness of breath: {_names(only)}",
        f"chest pain, denied: {_names(denied)}",
    ]


def _names(found: QueryResult) -> str:
    return ", ".join(dict.fromkeys(row["name"] for row in found.values()))


_QUERY = """# Who takes a medication and mentions a condition, in any way?
SELECT ?name ?condition ?polarity WHERE {
  ?taken lineal:foundIn ?note ; lineal:concept [ skos:notation $medication ] .
  ?mention lineal:foundIn ?note ; lineal:polarity ?polarity ;
    lineal:concept [ lineal:kind "condition" ; skos:prefLabel ?condition ] .
  ?note lineal:about [ lineal:name ?name ] .
}
ORDER BY ?name ?condition
"""
