"""The plan covers every page once, in order, in parts of a sensible size."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.classify.plan import PagePlan, page_ranges

PLANS = [
    PagePlan("ocr"), PagePlan("ocr", "keep"), PagePlan("ocr", "compare"), PagePlan("text-layer"),
]  # fmt: skip


@given(
    plans=st.lists(st.sampled_from(PLANS), min_size=1, max_size=300),
    chunk=st.integers(1, 50),
)
def test_every_page_is_read_once_as_planned(plans, chunk):
    plan = page_ranges(plans, chunk)
    planned = [
        PagePlan(part.method, part.text_layer)
        for part in plan
        for _ in range(part.first, part.last + 1)
    ]
    assert planned == plans
    assert plan[0].first == 1
    assert all(before.last + 1 == after.first for before, after in pairwise(plan))
    for part in plan:
        assert part.last - part.first < (1 if part.method == "ocr" else chunk)


def test_a_long_run_is_cut_evenly():
    plan = page_ranges([PagePlan("text-layer")] * 81, 40)
    assert [part.last - part.first + 1 for part in plan] == [27, 27, 27]
