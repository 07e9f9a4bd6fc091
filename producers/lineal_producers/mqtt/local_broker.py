"""A local broker, for trying things out and for simulated devices.

mosquitto where it is installed, else amqtt (MIT, pure Python, MQTT 3.1.1), as a child process that
ends with this one however that ends. It listens on loopback only, without passwords: for devices of
flesh and blood see ``lineal device broker``.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from lineal.errors import LinealError
from lineal_producers.mqtt.settings import MqttSettings

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0

# Reads its standard input, which the kernel closes when we end: then mosquitto ends as well.
_SHELL = """
exec 3<&0
"$0" -c "$1" 3<&- &
broker=$!
(read -r _ <&3; kill $broker) &
wait $broker
status=$?
kill $! 2>/dev/null
exit $status
"""

_CONFIGURATION = """\
user {user}
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_queued_bytes 268435456
max_inflight_messages 0
max_packet_size 8389632
log_dest stderr
"""


class NoBroker(LinealError):
    """There is neither mosquitto nor amqtt on this machine, or it does not start."""


class LocalBroker:
    """A context manager: started on entering, ended on leaving.

    Args:
        folder: for its settings and its log.
        kind: which one; None takes mosquitto if it is there.

    Raises:
        NoBroker: see there; raised on entering.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kind: Literal["mosquitto", "amqtt"] | None = None,
    ) -> None:
        self._folder = folder
        self._mosquitto = None if kind == "amqtt" else _find_mosquitto()
        self._wanted = kind
        self.port = _free_port()
        self._process: Process | None = None

    @property
    def kind(self) -> Literal["mosquitto", "amqtt"]:
        return "amqtt" if self._mosquitto is None else "mosquitto"

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def protocol(self) -> Literal[4, 5]:
        """The newest version of MQTT that it supports, as clients number them: 4 is 3.1.1."""
        return 4 if self._mosquitto is None else 5

    def settings(self, others: MqttSettings) -> MqttSettings:
        """The bridge's settings with this broker in place of another."""
        return others.model_copy(update={"url": self.url, "protocol": self.protocol})

    @property
    def problem(self) -> str | None:
        """Why it does not work; None when all is well."""
        if self._process is None or self._process.returncode is None:
            return None
        return f"{self.kind} has ended: see {self._log}"

    async def __aenter__(self) -> LocalBroker:
        command = self._command()
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            # a session of its own: Ctrl-C is for us, and the broker is to be there while we drain
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=DEVNULL, stderr=log, start_new_session=True
            )
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await _accepts(self.port):
                    if self.problem is not None:
                        raise NoBroker(self.problem)
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            await self._end()
            raise NoBroker(f"{self.kind} does not start: see {self._log}") from error
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    @property
    def _log(self) -> Path:
        return self._folder / "broker.log"

    def _command(self) -> list[str]:
        if self._mosquitto is not None:
            configuration = self._folder / "mosquitto.conf"
            self._folder.mkdir(parents=True, exist_ok=True)
            text = _CONFIGURATION.format(user=getpass.getuser(), port=self.port)
            configuration.write_text(text, encoding="utf-8")
            return ["/bin/sh", "-c", _SHELL, self._mosquitto, str(configuration)]
        if self._wanted == "mosquitto" or find_spec("amqtt") is None:
            raise NoBroker(
                "there is no MQTT broker here: install mosquitto (apt install mosquitto), or "
                "`pip install 'lineal[mqtt]'`"
            )
        return [sys.executable, "-m", "lineal_producers.mqtt.amqtt_process", str(self.port)]

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()


def _find_mosquitto() -> str | None:
    # Debian puts it where users do not look
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
