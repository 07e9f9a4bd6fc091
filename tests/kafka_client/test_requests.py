"""Requests are the bytes that aiokafka's own types make of them, put together with one copy."""

from __future__ import annotations

import struct

from lineal.kafka_client.requests import METADATA, OFFSET_FETCH, PRODUCE
from lineal.kafka_client.wire import Call


def on_the_wire(call: Call) -> bytes:
    """As aiokafka's connection puts a message together."""
    message = call.build_request_header(7, "client").encode() + call.encode()
    return struct.pack(">i", len(message)) + message


def test_a_request_is_what_its_types_encode() -> None:
    topics = [("a", [(0, b"records"), (1, b"")]), ("b", [(2, b"more")])]
    for call, fields in (
        (PRODUCE("id", -1, 1000, topics), ("id", -1, 1000, topics)),
        (PRODUCE(None, -1, 1000, []), (None, -1, 1000, [])),
        (METADATA(None, False), (None, False)),
        (OFFSET_FETCH("g", [("t", [0, 1], {})], True, {}), ("g", [("t", [0, 1], {})], True, {})),
    ):
        body = call._api.request.encode(fields)
        header = call.build_request_header(7, "client").data
        assert on_the_wire(call) == struct.pack(">i", len(header + body)) + header + body
