"""Nothing is learnt from what is evaluated on, however datasets grow."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from lineal_learning.leaks import check_leaks, leaks_of
from lineal_learning.splits import PARTS, Candidate, dataset_of, item_key
from lineal_schemas.models import DatasetItem, DatasetManifest, SplitRule


def item(
    source: str,
    *,
    content: str | None = None,
    group: str | None = None,
    near: str | None = None,
    label: str | None = None,
    time: int = 0,
) -> DatasetItem:
    digest = sha256((content or source).encode()).hexdigest()
    return DatasetItem(
        digest=digest, source=source, time_us=time, group=group, fingerprint=near, label=label
    )


def parts(manifest: DatasetManifest) -> dict[str, str]:
    return {one.source: part for part in PARTS for one in getattr(manifest, part)}


def made(
    items: list[DatasetItem], rule: SplitRule, previous: DatasetManifest | None = None
) -> DatasetManifest:
    return dataset_of("m", "things", map(Candidate, items), rule, previous).manifest


BY_GROUP = SplitRule(by="group", test_share=0.25)
BY_TIME = SplitRule(by="time", test_share=0.25)

small = st.integers(0, 5).map(str)
things = st.lists(
    st.builds(
        item,
        st.integers(0, 40).map(lambda number: f"s{number}"),
        content=st.none() | small,
        group=st.none() | small,
        near=st.none() | small,
        label=st.sampled_from([None, "a", "b"]),
        time=st.integers(0, 9),
    ),
    max_size=30,
    unique_by=lambda one: one.source,
)


@given(st.lists(things, min_size=1, max_size=4), st.sampled_from([BY_GROUP, BY_TIME]))
def test_whatever_comes_no_part_shares_anything_with_another(
    rounds: list[list[DatasetItem]], rule: SplitRule
) -> None:
    previous: DatasetManifest | None = None
    known: dict[str, DatasetItem] = {}
    for new in rounds:
        known |= {one.source: one for one in new}
        manifest = made(list(known.values()), rule, previous)
        check_leaks(manifest, previous)
        used = [one for part in (*PARTS, "quarantined") for one in getattr(manifest, part)]
        assert sorted(map(item_key, used)) == sorted(map(item_key, known.values()))
        previous = manifest


def test_what_belongs_together_is_in_one_part() -> None:
    patients = [item(f"visit{n}", group=f"patient{n % 8}", time=n) for n in range(80)]
    split = parts(made(patients, BY_GROUP))
    by_patient = {f"patient{p}": {split[f"visit{n}"] for n in range(p, 80, 8)} for p in range(8)}
    assert all(len(found) == 1 for found in by_patient.values())
    assert sum(found == {"test"} for found in by_patient.values()) == 2


def test_each_label_has_its_share_of_the_test() -> None:
    photos = [item(f"p{n}", label="defect" if n % 10 == 0 else "normal") for n in range(100)]
    test = [one.label for one in made(photos, BY_GROUP).test]
    assert (test.count("normal"), test.count("defect")) == (22, 2)


def test_the_test_part_grows_by_new_groups_only() -> None:
    first = made([item(f"a{n}", group=f"g{n}") for n in range(20)], BY_GROUP)
    later = [item(f"b{n}", group=f"g{n}") for n in range(20)]
    both = made([*first.train, *first.test, *later], BY_GROUP, first)
    split = parts(both)
    assert {split[f"a{n}"] == split[f"b{n}"] for n in range(20)} == {True}
    assert {one.source for one in first.test} <= {one.source for one in both.test}


def test_what_joins_both_parts_is_taken_out_of_the_training() -> None:
    first = made([item(f"a{n}", group=f"g{n}") for n in range(20)], BY_GROUP)
    tested, learnt = first.test[0], first.train[0]
    # A later photo shows that both are of the same thing.
    bridge = item("bridge", group=tested.group, content=learnt.source)
    again = made([*first.train, *first.test, bridge], BY_GROUP, first)
    assert [(one.source, one.reason) for one in again.quarantined] == [
        (learnt.source, "the test part has it too")
    ]
    assert leaks_of(again) == []


def test_a_planted_leak_is_found_and_named() -> None:
    clean = made([item(f"a{n}", group=f"g{n}") for n in range(20)], BY_GROUP)
    tested = clean.test[0]
    for planted, what in [
        (item("copy", content=tested.source), "the same bytes"),
        (item("sibling", group=tested.group), "the same group"),
    ]:
        leaking = clean.model_copy(update={"train": (*clean.train, planted)})
        (leak,) = leaks_of(leaking)
        assert str(leak) == f"{tested.source} and {planted.source} have {what}"


def test_a_test_item_that_is_learnt_from_later_is_found_and_named() -> None:
    before = made([item(f"a{n}") for n in range(20)], BY_GROUP)
    moved = before.test[0]
    now = before.model_copy(update={"test": before.test[1:], "train": (*before.train, moved)})
    try:
        check_leaks(now, before)
    except Exception as error:
        assert moved.source in str(error)
    else:
        raise AssertionError("the moved_from_test item was not noticed")
