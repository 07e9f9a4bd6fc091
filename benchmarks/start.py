from __future__ import annotations

from benchmarks.measurement import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = ()
