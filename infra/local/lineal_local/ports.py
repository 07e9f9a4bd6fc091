"""Free TCP ports that stay free while a server is down."""

from __future__ import annotations

import random
import socket

# Below the range from which the kernel takes ports for outgoing connections (32768 and up on
# Linux): while a killed broker is down, its own clients' attempts must not land on its port.
_FIRST, _LAST = 15_000, 32_000
_random = random.SystemRandom()
_given: set[int] = set()


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on, and that this process was not given before."""
    for _ in range(500):
        port = _random.randint(_FIRST, _LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError(f"no free TCP port between {_FIRST} and {_LAST}")


def accepts(port: int) -> bool:
    """Whether something on 127.0.0.1 accepts connections to the port."""
    with socket.socket() as client:
        client.settimeout(0.5)
        return client.connect_ex(("127.0.0.1", port)) == 0
