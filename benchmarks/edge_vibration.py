"""One device: vibration at 20 kHz through the whole agent, a second a block."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import Popen

import numpy as np

from benchmarks.measurement import Benchmark, Result

_HERTZ, _WARM_UP, _SECONDS = 20_000, 3, 20
_SETTINGS = """
device = "pump-1"
data = "{folder}/data"
broker = {{ host = "127.0.0.1", port = 9 }}

[source]
kind = "vibration"
reader = "raw"
path = "{folder}/samples"
rate_hz = {hertz}
"""


def cpu_seconds(process: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _measure() -> Sequence[Result]:
    """A pipe is written as a converter delivers; the agent keeps the features of each second."""
    random = np.random.default_rng(0)
    block = (random.standard_normal(_HERTZ // 20) * 1000).astype("<i2").tobytes()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "agent.toml"
        settings.write_text(_SETTINGS.format(folder=folder, hertz=_HERTZ))
        pipe = Path(folder) / "samples"
        os.mkfifo(pipe)
        agent = Popen([sys.executable, "-m", "lineal_edge", "run", "--settings", str(settings)])
        try:
            used = 0.0
            with pipe.open("wb", buffering=0) as samples:
                begun = time.perf_counter()
                for part in range(20 * (_WARM_UP + _SECONDS)):
                    samples.write(block)
                    time.sleep(max(0.0, begun + (part + 1) / 20 - time.perf_counter()))
                    if part == 20 * _WARM_UP:
                        used = cpu_seconds(agent.pid)
                share = (cpu_seconds(agent.pid) - used) / _SECONDS
        finally:
            agent.terminate()
            agent.wait()
    return [Result("edge.vibration", 100 * share, "% of a core", "under 5")]


BENCHMARKS = (Benchmark(("edge.vibration",), _measure),)
