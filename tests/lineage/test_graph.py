"""The story of a document: which step followed from which."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from lineal.lineage.graph import LineageGraph, lineage_graph, mermaid
from lineal.lineage.record import Artifact, Build, Kind, RecordedStep
from tests.lineage.records import one_step


def data(name: str, role: str = "event") -> Artifact:
    return Artifact(name.encode().hex().rjust(64, "0"), "application/json", 1, role)


def record(
    stage: str,
    takes: list[str],
    makes: list[str],
    *,
    read: tuple[Artifact, ...] = (),
    made: tuple[Artifact, ...] = (),
    kind: Kind = "step",
) -> RecordedStep:
    recorded = one_step(
        "document:d",
        Build(stage, "1", "c" * 64, "f" * 64) if kind in ("step", "join") else None,
        kind=kind,
        inputs=[*(data(name) for name in takes), *read],
        outputs=[*(data(name) for name in makes), *made],
        events_in=takes,
        events_out=makes,
    )
    return next(recorded.recorded())


def followers(graph: LineageGraph) -> dict[str, list[str]]:
    return {step.name: [following.name for following in step.follows] for step in graph.steps}


def test_a_chain_is_told_from_the_arrival_on() -> None:
    graph = lineage_graph(
        [
            record("register", ["arrived"], ["registered"]),
            record("classify", ["registered"], ["classified"]),
            record("ocr", ["classified"], []),
        ]
    )
    assert [step.name for step in graph.roots] == ["register"]
    assert followers(graph) == {"register": ["classify"], "classify": ["ocr"], "ocr": []}


def test_every_arrival_is_a_beginning() -> None:
    graph = lineage_graph([record("register", ["one"], ["r"]), record("register", ["two"], [])])
    assert len(graph.roots) == 2


def test_a_join_has_all_its_parts_as_causes_and_stands_once_in_the_tree() -> None:
    graph = lineage_graph(
        [
            record("scatter", ["in"], ["p1", "p2"]),
            record("read", ["p1"], ["t1"]),
            record("read", ["p2"], ["t2"]),
            record("gather", ["t1", "t2"], ["whole"], kind="join"),
        ]
    )
    gather = graph.steps[3]
    assert gather.causes == (1, 2)
    assert [len(step.follows) for step in graph.steps] == [2, 0, 1, 0]


def test_what_a_replay_made_follows_from_the_replay() -> None:
    graph = lineage_graph(
        [
            record("read", ["in"], ["out"]),
            record("index", ["out"], []),
            record("read", ["in"], ["out"]),
            record("index", ["out"], []),
        ]
    )
    assert [[f.number for f in step.follows] for step in graph.steps] == [[1], [], [3], []]


def test_a_redriven_event_follows_from_the_decision_to_redrive_it() -> None:
    graph = lineage_graph(
        [
            record("register", ["arrived"], ["event"]),
            record("read", ["event"], ["letter"]),
            record("", ["letter"], ["event"], kind="redrive"),
            record("read", ["event"], ["out"]),
        ]
    )
    assert [step.causes for step in graph.steps] == [(), (0,), (1,), (2,)]
    assert graph.steps[2].name == "redrive"


def test_an_event_published_again_under_another_id_is_known_by_its_bytes() -> None:
    again = record("index", ["other id"], [])
    again = again._replace(entry=again.entry._replace(inputs=(data("text"),)))
    graph = lineage_graph([record("read", ["in"], ["text"]), again])
    assert graph.steps[1].causes == (0,)


def test_the_drawing_joins_steps_by_the_objects_they_share() -> None:
    shared, made = data("shared", "content"), data("made", "text")
    drawing = mermaid(
        lineage_graph(
            [
                record("read", ["in"], ["out"], read=(shared,), made=(made,)),
                record("index", ["out"], [], read=(shared, made)),
            ]
        )
    )
    assert drawing.count("content<br/>") == drawing.count("text<br/>") == 1
    edges = {line.strip() for line in drawing.splitlines() if re.search(r" (-->|==>|-\.->) ", line)}
    assert edges == {
        "arrival0 --> s0", "s0 --> s1", "o0 -.-> s0", "s0 ==> o1", "o0 -.-> s1", "o1 -.-> s1",
    }  # fmt: skip


@given(st.text(max_size=20))
def test_no_media_type_can_break_the_drawing(media_type: str) -> None:
    item = Artifact("0" * 64, media_type.encode(errors="replace").decode(), 1, "content")
    drawing = mermaid(lineage_graph([record("read", ["in"], [], read=(item,))]))
    for line in drawing.splitlines()[1:]:
        assert line.count('"') in (0, 2)
        assert len(line.split("\n")) == 1


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdef"))),
        max_size=8,
    )
)
def test_every_step_stands_exactly_once_in_the_tree(
    acts: list[tuple[list[str], list[str]]],
) -> None:
    graph = lineage_graph([record("s", takes, makes) for takes, makes in acts])
    told: list[int] = []
    waiting = list(graph.roots)
    while waiting:
        step = waiting.pop()
        told.append(step.number)
        waiting.extend(step.follows)
    assert sorted(told) == list(range(len(acts)))
