"""``lineal-edge sources``, ``check`` and ``read``: try a source before the agent uses it."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib.util import find_spec

from lineal_edge.parts import make_source
from lineal_edge.provisioning import certificate_expiry, certificate_problems
from lineal_edge.settings import Settings, read_settings
from lineal_edge.sources.kinds import installed_kinds, kind_of
from lineal_edge.sources.source import PositionedSource, Source
from lineal_scoring.machine import read_machine


def list_kinds(_chosen: argparse.Namespace) -> int:
    """Print the kinds of sources that are installed, and what some still need."""
    for name in installed_kinds():
        kind = kind_of(name)
        about = (kind.settings.__doc__ or "").partition("\n")[0]
        if any(find_spec(library) is None for library in kind.libraries):
            about += f" Needs: pip install 'lineal-edge[{kind.extra}]'"
        print(f"{name:12}{about}")
    return 0


def check(chosen: argparse.Namespace) -> int:
    """Check the settings, the machine file and the certificates they name, and print the channels;
    1 if a certificate is missing or no good."""
    settings = read_settings(chosen.settings)
    source = make_source(settings)
    source.close()
    file = getattr(settings.source, "machine", None)
    machine = None if file is None else read_machine(file)
    units = {name: "" if machine is None else machine.unit_of(name) for name in source.features}
    channels = ", ".join(f"{name} [{unit}]" if unit else name for name, unit in units.items())
    print(f"{settings.device}: {settings.source.kind}, {channels}")
    return _check_certificates(settings)


def _check_certificates(settings: Settings) -> int:
    tls = settings.broker.tls
    if tls is None:
        return 0
    problems = certificate_problems(settings.device, tls)
    for problem in problems:
        print(f"lineal-edge: {problem}", file=sys.stderr)
    expires = certificate_expiry(tls)
    if problems or expires is None:
        return 1
    print(f"certificate until {_iso(expires)[:10]}")
    return 0


def read(chosen: argparse.Namespace) -> int:
    """Print what the source gives, from its beginning, a line of JSON for each reading. Nothing is
    kept, and the agent starts where it would have."""
    source = make_source(read_settings(chosen.settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: source.close())
    count = 0
    try:
        for wall_us, values in _readings(source):
            named = zip(source.features, values, strict=True)
            numbers = {name: value if math.isfinite(value) else None for name, value in named}
            print(json.dumps({"time": _iso(wall_us), **numbers}, ensure_ascii=False), flush=True)
            count += 1
            if count == chosen.readings:
                break
    except BrokenPipeError:
        pass
    finally:
        source.close()
    if source.counts.bad_lines:
        print(f"{source.counts.bad_lines} lines or messages were no readings")
    return 0 if count else 1


def _readings(source: Source | PositionedSource) -> Iterator[tuple[int | None, tuple[float, ...]]]:
    if isinstance(source, PositionedSource):
        for sample in source.samples(None):
            yield sample.wall_us, sample.values
    else:
        for values in source.readings():
            yield None, values


def _iso(wall_us: int | None) -> str:
    now = datetime.now(timezone.utc)
    moment = now if wall_us is None else datetime.fromtimestamp(wall_us / 1e6, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
