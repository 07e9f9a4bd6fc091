"""``lineal examples run match``: what a doctor's note says of chest pain, and what it denies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun

NOTE = """The patient presents with pain in the chest since yesterday. There is no shortness of
breath. He denies fever and chills. Past medical history of a hip fracture. Mother with diabetes.
We cannot exclude pneumonia. The abdomen is soft.
"""
SENTENCES = (
    "The patient reports chest pain.",
    "Denies chest pain.",
    "No dyspnea or shortness of breath.",
    "Family history of diabetes.",
    "He has pneumonia.",
)


async def show(example: ExampleRun) -> list[str]:
    """Sentences are matched with a note."""
    from lineal_schemas.matching import MatchMade, MatchRequested

    async with example.running(("match",), {}):
        example.report(f"{len(SENTENCES)} sentences are looked for in a note ...")
        (example.folder / "note.txt").write_text(NOTE)
        await example.publish(
            *(
                MatchRequested(request_id=f"example-{number}", sentence=sentence, text=NOTE)
                for number, sentence in enumerate(SENTENCES)
            )
        )
        await example.until(MatchMade, len(SENTENCES))
        made = sorted(await example.events_of(MatchMade), key=lambda event: event.request_id)
    lines = []
    for event in made:
        line = f"{event.sentence} ({' '.join(event.polarity)})"
        best = next((item for item in event.matches if (item.p_text or 0) <= 0.05), None)
        line += f' matches "{best.text}", p={best.p_text:.2g}' if best else " matches nothing"
        if event.contrary:
            other = event.contrary[0]
            line += f'; contrary ({" ".join(other.polarity)}): "{other.text}"'
        lines.append(line)
    null = made[0].null
    return [
        f"by {made[0].engine} {made[0].model_version}; p from {null.pairs} unrelated pairs",
        *lines,
    ]
