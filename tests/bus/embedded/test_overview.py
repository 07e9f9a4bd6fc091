"""What there is on the embedded bus is told as of one moment."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from lineal.bus.embedded.overview import topic_infos
from lineal.store.sqlite import connect
from lineal.store.tables import create_tables


def test_what_a_stage_hands_on_meanwhile_lags_on_one_topic_or_the_other(tmp_path: Path) -> None:
    """Whoever waits until nothing lags would else take a pipeline for done that is not."""
    path = tmp_path / "lineal.db"
    with closing(connect(path, "normal")) as writer, closing(connect(path, "normal")) as reader:
        create_tables(writer)
        writer.executescript(
            "INSERT INTO topics (id, name, partitions, created) VALUES (1, 'a', 1, 0), "
            "(2, 'b', 1, 0);"
            "INSERT INTO partitions (id, topic, number, next_offset) VALUES (1, 1, 0, 0), "
            "(2, 2, 0, 1); INSERT INTO groups VALUES (1, 'g');"
            "INSERT INTO group_partitions (group_id, partition_id, position) VALUES (1, 1, 0), "
            "(1, 2, 0)"
        )

        def hand_on(statement: str) -> None:
            if "topic = 2" in statement:  # that of the first topic is told
                reader.set_trace_callback(None)
                writer.executescript(
                    "BEGIN; UPDATE partitions SET next_offset = 1 WHERE id = 1;"
                    "UPDATE group_partitions SET position = 1 WHERE partition_id = 2; COMMIT"
                )

        reader.set_trace_callback(hand_on)
        assert sum(group.lag for info in topic_infos(reader) for group in info.groups) == 1
