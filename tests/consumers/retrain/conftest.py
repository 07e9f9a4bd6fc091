"""A flywheel that turns."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.consumers.retrain.flywheel import (
    Flywheel,
    turning,
)


@pytest.fixture
async def flywheel() -> AsyncIterator[Flywheel]:
    async with turning() as opened:
        yield opened
