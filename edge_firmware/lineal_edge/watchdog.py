"""Notifies systemd's watchdog (the sd_notify protocol, over its socket)."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class Watchdog:
    """Speaks to the service manager where there is one; does nothing elsewhere."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        address = environment.get("NOTIFY_SOCKET", "")
        # a leading @ stands for the zero byte of Linux's abstract sockets
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._supervised = "LINEAL_EDGE_RELEASE" in environment
        period = environment.get("WATCHDOG_USEC", "")
        self.seconds: float | None = int(period) / 2e6 if period.isdecimal() else None
        """How often to say that all is well: half the time after which systemd restarts us."""

    def ready(self) -> None:
        self._notify("READY=1")

    def alive(self) -> None:
        self._notify("WATCHDOG=1")

    def stopping(self) -> None:
        # an agent that makes room for another release is not the end of the service
        if not self._supervised:
            self._notify("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._notify(f"STATUS={text}")

    def _notify(self, text: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            # it restarts itself, or does not listen: nothing here waits for it, and the next word
            # reaches it
            with contextlib.suppress(OSError):
                channel.connect(self._address)
                channel.send(text.encode())
