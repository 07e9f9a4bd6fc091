"""Writes the frozen notes of ``quality.graph``: ``python -m benchmarks.note_mentions FILE``.

The rules. A note has six sentences, each with one or two findings of the vocabulary, by a name or a
synonym of three letters and more that is drawn; no finding occurs twice in a note. A frame says how
they are meant: affirmed, negated, historical, of the family, uncertain. Among the frames are lists,
words that end what a negation reaches, negations that deny no finding (``no increase in``), and
headings. The frames and the order are drawn from a seed; they were written before the first
measurement, and neither they nor the rules of polarity were changed after it.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path
from typing import Any

FRAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    # a text with places for findings, and how each of them is meant
    ("The patient presented with {0} and {1}.", ("affirmed", "affirmed")),
    ("Since Monday she has noticed {0}.", ("affirmed",)),
    ("Examination today confirms {0}.", ("affirmed",)),
    ("Admitted because of worsening {0}.", ("affirmed",)),
    ("He has {0}, but no {1}.", ("affirmed", "negated")),
    ("There was no {0}, however {1} is present.", ("negated", "affirmed")),
    ("There is no increase in {0}.", ("affirmed",)),
    ("{0} persists despite treatment.", ("affirmed",)),
    ("She denies {0} or {1}.", ("negated", "negated")),
    ("No signs of {0}.", ("negated",)),
    ("{0} was ruled out.", ("negated",)),
    ("The scan was negative for {0} and {1}.", ("negated", "negated")),
    ("He never complained of {0}.", ("negated",)),
    ("She is free of {0}.", ("negated",)),
    ("The tests show no evidence of {0}.", ("negated",)),
    ("History of {0}.", ("historical",)),
    ("He had {0} in 2011.", ("historical",)),
    ("Past medical history: {0} and {1}.", ("historical", "historical")),
    ("Previously treated for {0}.", ("historical",)),
    ("Family history: {0}, {1}.", ("family", "family")),
    ("Her mother had {0}.", ("family",)),
    ("A brother suffers from {0}.", ("family",)),
    ("Family history of {0}.", ("family",)),
    ("Possible {0}.", ("uncertain",)),
    ("We cannot exclude {0}.", ("uncertain",)),
    ("The picture is suspicious for {0}.", ("uncertain",)),
    ("{0} is suspected.", ("uncertain",)),
    ("This may represent {0} or {1}.", ("uncertain", "uncertain")),
)
NOTES, SENTENCES = 100, 6
_VOCABULARY = (
    Path(__file__).parents[1] / "consumers" / "lineal_consumers" / "entities" / "vocabulary.csv"
)


def make_notes(seed: int = 2026) -> list[dict[str, Any]]:
    """The notes: ``text``, and ``mentions`` as pairs of a concept's id and how it is meant."""
    chosen = random.Random(seed)
    findings = _findings()
    notes = []
    for _ in range(NOTES):
        frames = chosen.sample(FRAMES, SENTENCES)
        drawn = iter(chosen.sample(sorted(findings), 2 * SENTENCES))
        sentences, mentions = [], []
        for text, meant in frames:
            names = []
            for how in meant:
                concept = next(drawn)
                names.append(chosen.choice(findings[concept]))
                mentions.append([concept, how])
            said = text.format(*names)
            sentences.append(said[0].upper() + said[1:])
        notes.append({"text": "\n\n".join(sentences), "mentions": sorted(mentions)})
    return notes


def _findings() -> dict[str, list[str]]:
    """Findings and conditions with their names; none that lies within another's name."""
    with _VOCABULARY.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] in ("finding", "condition")]
    named = {
        row["id"]: [
            name for name in (row["name"], *row["synonyms"].split("|"))
            if len(name) > 3 or (name and not name.isupper())
        ]
        for row in rows
    }  # fmt: skip
    owners: dict[str, set[str]] = {}
    for concept, names in named.items():
        for name in names:
            owners.setdefault(name.lower(), set()).add(concept)
    return {
        concept: kept
        for concept, names in named.items()
        if (kept := [name for name in names if len(owners[name.lower()]) == 1])
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(make_notes(), indent=1) + "\n")
