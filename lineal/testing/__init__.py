"""Tests of stages: the real pipeline on a store in a temporary folder, without a broker::

async with StageHarness(count) as harness:
    [counted] = await harness.send(OrderPlaced(...))
"""

from lineal.testing.clock import Clock
from lineal.testing.harness import StageHarness, StillRetrying

__all__ = ["Clock", "StageHarness", "StillRetrying"]
