"""Every write is whole or not at all, alone or beside others: whatever the store is."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from lineal.errors import StoreClosed
from lineal.store.connection import Connection, Store


def keep(step: str, connection: Connection) -> str:
    connection.execute("INSERT INTO memo (step, outputs) VALUES (?, ?)", (step.encode(), b""))
    return step


async def kept(store: Store) -> set[str]:
    rows = await store.read(lambda c: c.execute("SELECT step FROM memo").fetchall())
    return {step.decode() for (step,) in rows}


async def test_what_fails_is_undone_alone(store: Store) -> None:
    def spoiled(step: str, connection: Connection) -> None:
        keep(step, connection)
        raise ArithmeticError(step)

    results = await asyncio.gather(
        *(store.write(partial(keep if n % 3 else spoiled, f"{n}")) for n in range(60)),
        return_exceptions=True,
    )
    assert await kept(store) == {f"{n}" for n in range(60) if n % 3}
    assert [isinstance(r, ArithmeticError) for r in results] == [n % 3 == 0 for n in range(60)]


@pytest.mark.parametrize("beside", [0, 2], ids=["alone", "beside others"])
@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (asyncio.CancelledError, asyncio.CancelledError),
        (GeneratorExit, GeneratorExit),
        (StopIteration, RuntimeError),
    ],
)
async def test_whatever_is_raised_reaches_its_caller_and_nobody_waits_for_ever(
    store: Store, raised: type[BaseException], seen: type[BaseException], beside: int
) -> None:
    def spoiled(connection: Connection) -> None:
        keep("spoiled", connection)
        raise raised

    async with asyncio.timeout(60):
        first, *others = await asyncio.gather(
            store.write(spoiled),
            *(store.write(partial(keep, f"{n}")) for n in range(beside)),
            return_exceptions=True,
        )
        assert isinstance(first, seen)
        assert others == [f"{n}" for n in range(beside)]
        assert await store.write(partial(keep, "later")) == "later", "it goes on writing"
    assert await kept(store) == {"later", *(f"{n}" for n in range(beside))}


async def test_a_mistake_in_a_statement_is_undone_alone(store: Store) -> None:
    def mistaken(connection: Connection) -> None:
        keep("half", connection)
        connection.execute("INSERT INTO nowhere VALUES (1)")

    good, bad, more = await asyncio.gather(
        store.write(partial(keep, "good")),
        store.write(mistaken),
        store.write(partial(keep, "more")),
        return_exceptions=True,
    )
    assert (good, more) == ("good", "more")
    assert "nowhere" in str(bad)
    with pytest.raises(Exception, match="nowhere"):  # and where there is nobody beside it
        await store.write(mistaken)
    assert await kept(store) == {"good", "more"}


async def test_an_error_that_is_passed_over_undoes_no_more_than_its_own_work(store: Store) -> None:
    def careless(connection: Connection) -> None:
        keep("careless", connection)
        try:
            connection.execute("INSERT INTO nowhere VALUES (1)")
        except Exception:
            return

    await asyncio.gather(
        store.write(careless), store.write(partial(keep, "other")), return_exceptions=True
    )
    assert "other" in await kept(store)


async def test_results_come_back_and_readers_see_what_is_written(store: Store) -> None:
    def count(connection: Connection) -> int:
        keep("a", connection)
        (found,) = connection.execute("SELECT count(*) FROM memo").fetchone()
        return int(found)

    assert await store.write(count) == 1
    assert await kept(store) == {"a"}


async def test_what_is_handed_in_before_closing_is_written_and_nothing_after(store: Store) -> None:
    writing = [asyncio.create_task(store.write(partial(keep, f"{n}"))) for n in range(300)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreClosed):
        await store.write(partial(keep, "late"))
    await closing
    assert await asyncio.gather(*writing) == [f"{n}" for n in range(300)]


async def test_a_caller_that_gives_up_waiting_harms_nobody(store: Store) -> None:
    task = asyncio.create_task(store.write(partial(keep, "a")))
    await asyncio.sleep(0)
    task.cancel()
    await store.write(partial(keep, "b"))
    assert "b" in await kept(store)


async def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match=r"read-?only"):
        await store.read(lambda connection: connection.execute("DELETE FROM memo"))


async def test_many_readers_at_once(store: Store) -> None:
    await store.write(partial(keep, "a"))
    assert await asyncio.gather(*(kept(store) for _ in range(50))) == [{"a"}] * 50


async def test_rows_are_streamed_in_order_and_a_stream_may_be_left(store: Store) -> None:
    def write(connection: Connection) -> None:
        for number in range(1_200):
            keep(f"{number:04}", connection)

    def read(connection: Connection) -> tuple[list[bytes], bytes]:
        query = "SELECT step FROM memo WHERE step >= ? ORDER BY step"
        steps = [step for (step,) in connection.stream(query, (b"0100",))]
        (first,) = next(iter(connection.stream(query, (b"0007",))))
        return steps, first

    await store.write(write)
    assert await store.read(read) == ([f"{n:04}".encode() for n in range(100, 1_200)], b"0007")
    assert len(await kept(store)) == 1_200


async def test_text_of_any_kind_is_kept_and_found_again(store: Store) -> None:
    """Postgres has no NUL in a text; what is asked for is changed as what was kept."""
    names = ["", "a'b", 'a"b', "a\\b", "a?b", "a%sb", "ä\u0308", "\U0001f600", "a\x00b", "$1"]

    def write(connection: Connection) -> None:
        connection.executemany(
            "INSERT INTO claims (stage, name, event_id) VALUES (?, ?, ?)",
            [("stage", name, f"{number}") for number, name in enumerate(names)],
        )

    def holder(name: str, connection: Connection) -> str:
        row = connection.execute("SELECT event_id FROM claims WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    await store.write(write)
    found = [await store.read(partial(holder, name)) for name in names]
    assert found == [f"{number}" for number in range(len(names))]
