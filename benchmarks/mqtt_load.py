"""Publishes prepared messages as fast as a broker takes them, at next to no cost of its own.

A library would take as much of the two cores as what is measured. ``python -m benchmarks.mqtt_load
PORT FILE`` sends the packets in a file, which :func:`packet` made, over one MQTT 3.1.1 connection,
and ends when all are acknowledged.
"""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

_CONNECT = bytes.fromhex("100f00044d515454040200000003") + b"gen"
_CONNACK_BYTES, _PUBACK_BYTES = 4, 4


def packet(topic: str, payload: bytes, number: int) -> bytes:
    """A PUBLISH of QoS 1 (MQTT 3.1.1, section 3.3)."""
    name = topic.encode()
    identifier = number % 65_535 + 1
    body = len(name).to_bytes(2, "big") + name + identifier.to_bytes(2, "big") + payload
    length, left = b"", len(body)
    while True:
        left, digit = divmod(left, 128)
        length += bytes([digit | 128 if left else digit])
        if not left:
            return b"\x32" + length + body


def send(port: int, packets: bytes, count: int) -> None:
    """Send ``count`` packets and wait for as many acknowledgements.

    Raises:
        ConnectionError: the broker has ended the connection.
    """
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(_CONNECT)
        left = _CONNACK_BYTES + _PUBACK_BYTES * count
        sender = threading.Thread(target=connection.sendall, args=(packets,), daemon=True)
        sender.start()
        while left:
            got = len(connection.recv(min(left, 65_536)))
            if not got:
                raise ConnectionError("the broker has ended the connection")
            left -= got
        sender.join()


if __name__ == "__main__":
    send(int(sys.argv[1]), Path(sys.argv[2]).read_bytes(), int(sys.argv[3]))
