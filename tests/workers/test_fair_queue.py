"""Nobody waits for all of somebody else's work."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineal.workers.fair_queue import Caller, FairQueue

callers = st.builds(Caller, st.sampled_from(["ocr", "nlp"]), st.sampled_from(["a", "b", "c"]))


@given(st.lists(callers))
def test_everything_is_taken_once_and_each_callers_items_in_order(added: list[Caller]) -> None:
    turns: FairQueue[tuple[Caller, int]] = FairQueue()
    for number, caller in enumerate(added):
        turns.add(caller, (caller, number))
    taken = list(turns.take_all())
    assert sorted(taken) == sorted((caller, number) for number, caller in enumerate(added))
    for caller in set(added):
        assert [n for c, n in taken if c == caller] == [
            n for n, c in enumerate(added) if c == caller
        ]


def test_a_short_document_waits_for_one_part_of_a_long_one() -> None:
    turns: FairQueue[str] = FairQueue()
    for page in range(1000):
        turns.add(Caller("ocr", "long"), f"long {page}")
    turns.add(Caller("ocr", "short"), "short")
    turns.add(Caller("classify", "new"), "new")
    assert [turns.take() for _ in range(5)] == ["long 0", "new", "short", "long 1", "long 2"]
