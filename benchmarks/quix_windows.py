"""Counts in windows with Quix Streams: run with the Python of its own environment, not with ours.

``python quix_windows.py BOOTSTRAP TOPIC OUTPUT COUNT SIZE_MS FOLDER`` prints events a second,
and microseconds of CPU an event.
"""

import logging
import sys
import time

from quixstreams import Application


def main() -> None:
    """Read a topic from its beginning, exactly once, and write closed windows to another."""
    bootstrap, topic, output, count, size_ms, folder = sys.argv[1:]
    app = Application(
        broker_address=bootstrap,
        consumer_group=f"quix-{output}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        # As many events a transaction as ours, at most.
        commit_every=2_000,
        state_dir=folder,
        loglevel=logging.ERROR,
    )
    clicks = app.topic(
        topic,
        value_deserializer="json",
        key_deserializer="str",
        timestamp_extractor=lambda value, headers, timestamp, kind: value["at_us"] // 1000,
    )
    counted = app.topic(output, value_serializer="json", key_serializer="str")
    begun = cpu = 0.0
    done = 0

    def note(value: dict[str, int]) -> None:
        nonlocal begun, cpu, done
        begun = begun or time.perf_counter()
        cpu = cpu or time.process_time()
        done += 1
        if done == int(count):
            app.stop()  # after this one, and after a last commit

    frame = app.dataframe(clicks).update(note)
    frame = frame.tumbling_window(duration_ms=int(size_ms), grace_ms=0).count().final()
    frame.to_topic(counted)
    app.run()
    assert done == int(count), done
    print(done / (time.perf_counter() - begun), (time.process_time() - cpu) / done * 1e6)


main()
