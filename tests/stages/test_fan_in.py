"""What a fan-in stage leaves behind for a part, and for a group."""

from __future__ import annotations

from pathlib import Path

from lineal.bus.protocol import Delivery, Position
from lineal.effects.memo import MemoEntry
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_schemas.envelope import first_event
from tests.conformance.workload import Piece, join
from tests.stages.attempting import attempt, keep


def part(index: int) -> Delivery:
    piece = Piece(group_id="a", index=index, count=2, key="a")
    event = first_event(piece, id=f"part-{index}", source="test:x")
    return Delivery(Position(Piece.type, 0, index), event)


async def test_work_is_remembered_of_groups_and_not_of_parts(tmp_path: Path) -> None:
    """Of a part that waits for others nothing was made."""
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        executor = runtime.bind(join)
        results = []
        for index in range(2):
            results.append(await attempt(executor, part(index)))
            await keep(runtime, results[-1])
    remembered = [[e for e in r.effects if isinstance(e, MemoEntry)] for r in results]
    assert [len(entries) for entries in remembered] == [0, 1]
