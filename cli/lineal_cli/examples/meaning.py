"""``lineal examples run meaning``: a handful of letters, asked in other words than they use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun

LETTERS = {
    "lease.txt": "Lease of the flat\n\nRepairs\n\nThe landlord repairs the roof within ten days "
    "after the tenant has reported a leak. Small repairs are the tenant's.\n\nEnd of the lease"
    "\n\nEither side may terminate the lease with three months' notice.",
    "turbine.txt": "Maintenance of the turbine\n\nBearings are lubricated twice a year. The "
    "operator stops the turbine when vibration exceeds 7 mm/s.\n\nSpare parts are ordered by the "
    "workshop and delivered within a week.",
    "invoice.txt": "Invoice 4711\n\nPlease pay 1,250 EUR by 30 June. Late payments cost two "
    "per cent interest a month.\n\nGoods may be returned within fourteen days of delivery.",
}
QUESTIONS = (
    "Who is responsible for fixing a leaking roof?",
    "How often are bearings lubricated?",
    "What interest do late payments cost?",
    "What is the capital of Australia?",
)
_STAGES = (
    "register", "classify", "ocr.scatter", "ocr", "ocr.gather", "nlp", "index", "embed",
)  # fmt: skip


async def show(example: ExampleRun) -> list[str]:
    """Letters arrive, are read and embedded, and are asked."""
    from functools import partial

    from lineal_catalog.meaning.answers import find_answers
    from lineal_catalog.meaning.search import find_passages
    from lineal_schemas.meaning import DocumentEmbedded

    async with example.running(_STAGES, {}):
        example.report(
            f"{len(LETTERS)} letters arrive, are read, and their paragraphs embedded ..."
        )
        for name, text in LETTERS.items():
            await example.put(name, text.encode())
        await example.until(DocumentEmbedded, len(LETTERS))
        embedded = await example.events_of(DocumentEmbedded)
        store = example.runtime.store
        example.report("and are asked in other words than theirs ...")
        lines = []
        for question in QUESTIONS:
            answers = await store.read(partial(find_answers, question=question, limit=1))
            quoted = [f'"{item.text}" ({item.name}, page {item.page})' for item in answers]
            lines.append(f"{question} {''.join(quoted) or 'nothing found'}")
        like = await store.read(partial(find_passages, question="giving back what was bought"))
    return [
        f"{sum(event.paragraphs for event in embedded)} paragraphs were embedded by "
        f"{embedded[0].engine} {embedded[0].model_version}",
        *lines,
        f'like "giving back what was bought": {like[0].name}, page {like[0].page}',
    ]
