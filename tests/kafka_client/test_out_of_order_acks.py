"""What is done beyond a committed offset comes back as it was, or in part, never as more."""

from __future__ import annotations

import base64
import random
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.kafka_client.out_of_order_acks import MAX_BYTES, decode_metadata, encode_metadata
from tests.long import examples

OFFSETS = st.sets(st.integers(0, 2**20), max_size=300)
RUNS = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 3000)), max_size=30)


@given(st.integers(0, 2**62), OFFSETS)
def test_what_fits_comes_back_whole(committed: int, beyond: set[int]) -> None:
    done = {committed + offset for offset in beyond}
    metadata = encode_metadata(committed, done, "run.1f")
    assert len(metadata) <= 4096
    assert decode_metadata(committed, metadata) == (done, "run.1f")


@given(st.integers(0, 2**40), RUNS)
def test_runs_cost_next_to_nothing(committed: int, runs: list[tuple[int, int]]) -> None:
    done: set[int] = set()
    at = committed
    for gap, length in runs:
        done.update(range(at + gap, at + gap + length))
        at += gap + length
    metadata = encode_metadata(committed, done, "t")
    assert len(metadata) < 400
    assert decode_metadata(committed, metadata)[0] == done


@settings(max_examples=examples(10))
@given(st.integers(0, 1000), st.integers(0, 2**32))
def test_what_does_not_fit_is_left_out_from_the_far_end(committed: int, seed: int) -> None:
    done = {committed + n for n in random.Random(seed).sample(range(100_000), 30_000)}
    metadata = encode_metadata(committed, done, "t")
    kept, _ = decode_metadata(committed, metadata)
    assert len(metadata) <= MAX_BYTES
    assert kept and kept < done
    assert max(kept) < min(done - kept)


@given(st.one_of(st.none(), st.text(), st.binary().map(lambda b: b.hex())))
def test_the_metadata_of_others_says_nothing(metadata: str | None) -> None:
    assert decode_metadata(7, metadata)[0] == set()


@given(st.binary(max_size=200))
def test_metadata_that_is_broken_says_nothing_wrong(packed: bytes) -> None:
    metadata = "1 t " + base64.b64encode(zlib.compress(packed)[:-1]).decode()
    assert decode_metadata(7, metadata) == (set(), "t")
