"""The frozen sets that quality is measured on."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks" / "data"


def test_no_utterance_is_both_learnt_from_and_tested() -> None:
    frozen = json.loads((FOLDER / "intents.json").read_text())
    learnt, tested = (
        {text.lower().strip("?. ") for texts in frozen[part].values() for text in texts}
        for part in ("learn", "test")
    )
    assert not learnt & (tested | {text.lower().strip("?. ") for text in frozen["unknown"]})


def test_judged_paragraphs_are_of_questions_that_were_frozen() -> None:
    frozen = json.loads((FOLDER / "docs_questions.json").read_text())
    judged = json.loads((FOLDER / "docs_judgements.json").read_text())
    assert set(judged["also"]) <= {item["question"] for item in frozen["questions"]}
