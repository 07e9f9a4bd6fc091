"""python -m lineal_local kafka|postgres|aws|moto|mosquitto   (or make kafka, make postgres ...)

Runs one server on its well-known ports until Ctrl-C, then deletes its data.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from lineal_local.availability import Unavailable
from lineal_local.aws import Ministack, Moto
from lineal_local.kafka import Kafka
from lineal_local.kafka_settings import BrokerPorts
from lineal_local.mosquitto import Mosquitto
from lineal_local.ports import accepts
from lineal_local.postgres import Postgres
from lineal_local.prepare import prepare
from lineal_local.process import StartFailed, tail
from lineal_local.server import LocalServer

Describe = Callable[[], list[str]]

_WELL_KNOWN = {
    "kafka": [9092, 9093, 9094],
    "postgres": [5432],
    "mosquitto": [1883, 8883],
    "aws": [4566],
    "moto": [5000],
}


def main(words: list[str] | None = None) -> int:
    """The exit code: 1 when the server could not be had, did not start or ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m lineal_local", description=__doc__)
    parser.add_argument(
        "server", choices=["kafka", "postgres", "aws", "moto", "mosquitto", "prepare"]
    )
    parser.add_argument(
        "--brokers", type=int, choices=[1, 3], default=1, help="of Kafka; three take free ports"
    )
    parser.add_argument("--free-ports", action="store_true", help="instead of the well-known ones")
    given = parser.parse_args(words)
    if given.server == "prepare":
        for missing in prepare():
            _say(f"Tests will be skipped: {missing}")
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    known = not given.free_ports and given.brokers == 1
    taken = [port for port in _WELL_KNOWN[given.server] if known and accepts(port)]
    if taken:
        _say(f"Something listens on port {taken[0]} already: stop it, or say --free-ports")
        return 1
    ports = _WELL_KNOWN[given.server] if known else [None, None, None]
    server, describe = _server(given.server, given.brokers, ports)
    try:
        _say(f"Starting {server.name}")
        with server:
            _serve(server, describe)
        return 0
    except KeyboardInterrupt:
        _say(f"{server.name} is stopped, its data deleted.")
        return 0
    except (Unavailable, StartFailed) as error:
        _say(str(error))
        return 1


def _serve(server: LocalServer, describe: Describe) -> None:
    for line in describe():
        print(line, flush=True)
    _say("Logs: " + " ".join(str(log) for log in server.logs))
    _say("Ctrl-C stops it and deletes its data.")
    while all(server.running):
        time.sleep(0.3)
    raise StartFailed(
        f"{server.name} ended by itself\n" + "\n".join(tail(log) for log in server.logs)
    )


def _server(name: str, brokers: int, ports: Sequence[int | None]) -> tuple[LocalServer, Describe]:
    if name == "kafka":
        kafka = Kafka(brokers, ports=_broker_ports(ports))
        return kafka, lambda: [
            f"kafka://{kafka.bootstrap}",
            f"SASL_SSL {kafka.secure.bootstrap} (SCRAM-SHA-512 {kafka.secure.username} / "
            f"{kafka.secure.password}, CA {kafka.secure.ca_file})",
        ]
    if name == "postgres":
        postgres = Postgres(port=ports[0])
        return postgres, lambda: [postgres.url]
    if name == "mosquitto":
        broker = Mosquitto(port=ports[0], tls_port=ports[1])
        return broker, lambda: _mosquitto_lines(broker)
    emulator = Ministack(port=ports[0]) if name == "aws" else Moto(port=ports[0])
    return emulator, lambda: [
        f"export {key}={value}" for key, value in emulator.environment.items()
    ]


def _broker_ports(ports: Sequence[int | None]) -> BrokerPorts | None:
    plain, sasl, controller = ports
    if plain is None or sasl is None or controller is None:
        return None
    return BrokerPorts(plain, sasl, controller)


def _mosquitto_lines(broker: Mosquitto) -> list[str]:
    device = broker.client("device-1")
    return [
        f"mqtt://127.0.0.1:{broker.port}",
        f"mqtts://localhost:{broker.tls_port} (CA {broker.ca_file}, certificate "
        f"{device.certificate}, key {device.key})",
    ]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
