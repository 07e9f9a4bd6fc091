"""``lineal-edge``: run the agent, give a device its identity, simulate, look at the outbox."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lineal_edge import __version__
from lineal_edge.settings import DEFAULT_FILE, BadSettings, Settings, read_settings
from lineal_edge.source_commands import check as check_source
from lineal_edge.source_commands import list_kinds
from lineal_edge.source_commands import read as read_source
from lineal_edge.sources.kinds import MissingLibrary

FAILED = 1
WRONG_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 for what failed, 2 for wrong usage."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if chosen.verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    command: Callable[[argparse.Namespace], int] = chosen.command
    try:
        return command(chosen)
    except BadSettings as error:
        print(error, file=sys.stderr)
        return WRONG_USAGE
    except (OSError, ValueError, MissingLibrary) as error:
        print(f"lineal-edge: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lineal-edge", description="The device agent of lineal.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--verbose", action="store_true", help="also log every bad line")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="take readings and bring them to the bus")
    _add_settings(run)
    run.add_argument("--seconds", type=float, help="stop after this long")
    run.set_defaults(command=_run)

    supervise = commands.add_parser(
        "supervise", help="run the agent, and new releases of it that a rollout brings"
    )
    _add_settings(supervise)
    supervise.set_defaults(command=_supervise)

    provision = commands.add_parser(
        "provision", help="make the device's key and certificate request, or take its certificate"
    )
    provision.add_argument("device", help="the device's id")
    provision.add_argument("--data", type=Path, default=Path("/var/lib/lineal-edge"))
    provision.add_argument("--settings", type=Path, help="write a settings file here")
    provision.add_argument("--broker", default="localhost", help="host of the MQTT broker")
    provision.add_argument("--port", type=int, default=8883)
    provision.add_argument("--source", default="/dev/ttyUSB0", help="serial port, or simulator")
    provision.add_argument("--certificate", type=Path, help="the signed certificate (PEM)")
    provision.add_argument("--ca", type=Path, help="the authority's certificate (PEM)")
    provision.add_argument("--new-key", action="store_true", help="replace a key that is there")
    provision.set_defaults(command=_provision)

    simulate = commands.add_parser("simulate", help="print what a simulated turbine sends")
    simulate.add_argument("--rate", type=float, default=20.0, help="readings a second")
    simulate.add_argument("--seed", type=int, default=0)
    simulate.add_argument("--readings", type=int, help="stop after so many")
    simulate.add_argument("--hurry", action="store_true", help="as fast as it goes")
    simulate.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[:start=S,seconds=S,severity=X]",
        help="blade_imbalance, generator, stuck_sensor, wind_sensor, drift",
    )
    simulate.add_argument("--port", type=Path, help="write to this serial port or file")
    simulate.set_defaults(command=_simulate)

    sources = commands.add_parser("sources", help="list the kinds of sources that are installed")
    sources.set_defaults(command=list_kinds)

    check = commands.add_parser("check", help="check the settings and the machine file they name")
    _add_settings(check)
    check.set_defaults(command=check_source)

    read = commands.add_parser("read", help="print what the source gives, keeping nothing")
    _add_settings(read)
    read.add_argument("--readings", type=int, help="stop after so many")
    read.set_defaults(command=read_source)

    status = commands.add_parser("status", help="what is in the outbox")
    _add_settings(status)
    status.add_argument("--json", action="store_true")
    status.set_defaults(command=_status)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, default=DEFAULT_FILE, help="TOML file")


def _run(chosen: argparse.Namespace) -> int:
    from lineal_edge.agent import Agent

    agent = Agent(read_settings(chosen.settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.request_stop())
    return agent.run(chosen.seconds)


def _supervise(chosen: argparse.Namespace) -> int:
    from lineal_edge.releases.slots import Slots
    from lineal_edge.releases.supervisor import Supervisor

    file: Path = chosen.settings.resolve()
    supervisor = Supervisor(
        Slots(read_settings(file).agent), ["run", "--settings", str(file)], file, __version__
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.request_stop())
    return supervisor.run()


def _provision(chosen: argparse.Namespace) -> int:
    from lineal_edge.provisioning import install_certificate, make_identity, settings_text

    folder = chosen.data / "identity"
    if (chosen.certificate is None) != (chosen.ca is None):
        raise BadSettings("--certificate and --ca go together")
    if chosen.certificate is not None:
        files = install_certificate(
            folder, chosen.device, chosen.certificate.read_bytes(), chosen.ca.read_bytes()
        )
        print(f"took {files.certificate} and {files.ca}")
    else:
        files = make_identity(folder, chosen.device, replace=chosen.new_key)
        print(f"the device's key: {files.key} (it never leaves the device)")
        print(f"have this signed: {files.request}, where the certificate authority is, by")
        print(f"  lineal device provision {chosen.device} --request device.csr")
    if chosen.settings is not None:
        text = settings_text(chosen.device, chosen.data, chosen.broker, chosen.port, chosen.source)
        try:
            with chosen.settings.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise ValueError(f"{chosen.settings} is there already: it is left alone") from error
        print(f"wrote {chosen.settings}")
    return 0


def _simulate(chosen: argparse.Namespace) -> int:
    import threading

    from lineal_edge.sources.pace import Pace
    from lineal_scoring.turbine.simulation import Turbine, parse_fault

    turbine = Turbine(chosen.seed, rate=chosen.rate, faults=list(map(parse_fault, chosen.fault)))
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    pace = Pace(None if chosen.hurry else chosen.rate, stopped)
    out = sys.stdout.buffer if chosen.port is None else chosen.port.open("wb", buffering=0)
    count = 0
    try:
        while count != chosen.readings and pace.wait():
            out.write(turbine.line())
            out.flush()
            count += 1
    except BrokenPipeError:
        pass
    finally:
        if chosen.port is not None:
            out.close()
    return 0


def _status(chosen: argparse.Namespace) -> int:
    from lineal_edge.outbox_stats import OutboxStats, read_outbox_stats

    settings: Settings = read_settings(chosen.settings)
    stats: OutboxStats = read_outbox_stats(settings.outbox_file)
    if chosen.json:
        print(json.dumps({"device": settings.device, **stats._asdict()}))
        return 0
    print(f"device    {settings.device}")
    print(f"boot      {stats.boot_id or 'never started'}")
    print(f"readings  {stats.readings} since the start, {stats.waiting} waiting")
    print(f"gaps      {stats.gaps} waiting, of {stats.lost} readings")
    print(f"events    {stats.events} waiting")
    print(f"disk      {stats.bytes} of {settings.outbox.cap_bytes} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
