"""How far a document is, by the stages behind it."""

from __future__ import annotations

from lineal_cli.progress import steps_of
from lineal_consumers.classify.stage import classify
from lineal_consumers.index.stage import index
from lineal_consumers.nlp.stage import nlp
from lineal_consumers.ocr.stage import assemble, recognize, scatter
from lineal_consumers.register.stage import register


def test_steps_follow_the_events_from_stage_to_stage() -> None:
    stages = (index, nlp, assemble, recognize, scatter, classify, register)
    steps = steps_of({stage.name: stage for stage in stages})
    assert sorted(steps, key=lambda name: steps[name]) == [
        "register", "classify", "ocr.scatter", "ocr", "ocr.gather", "nlp", "index",
    ]  # fmt: skip
    assert sorted(steps.values()) == [1, 2, 3, 4, 5, 6, 7]


def test_a_stage_whose_input_nobody_makes_is_the_first() -> None:
    assert steps_of({"index": index}) == {"index": 1}
