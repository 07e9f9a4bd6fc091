"""The table of open circuits: what other processes see of them."""

from __future__ import annotations

from typing import NamedTuple

from lineal.store.connection import Connection

_SHOWN_US = 10 * 60 * 1_000_000
"""What nobody has tried to call for so long after it could be, nobody waits for; or its worker was
killed."""


class OpenCircuit(NamedTuple):
    """A dependency that does not answer, as a worker found it."""

    dependency: str
    worker: str
    stages: tuple[str, ...]
    """Those of the worker that call it."""
    opened: int
    """Microseconds since the Unix epoch."""
    next_call: int
    """When one call is tried, microseconds since the Unix epoch."""
    error: str
    """The class of the last error."""


def open_circuits(connection: Connection, now: int) -> list[OpenCircuit]:
    """All open circuits, by their dependency and worker.

    Args:
        now: microseconds since the Unix epoch.
    """
    rows = connection.execute(
        "SELECT dependency, worker, stages, opened, next_call, error FROM open_circuits "
        "WHERE next_call > ? ORDER BY dependency, worker",
        (now - _SHOWN_US,),
    ).fetchall()
    return [
        OpenCircuit(dependency, worker, tuple(stages.split(",")), *rest)
        for dependency, worker, stages, *rest in rows
    ]


def put_open_circuit(connection: Connection, circuit: OpenCircuit) -> None:
    """A circuit has opened, or a call that was tried has failed; older ones are forgotten that
    nobody looks at any more."""
    connection.execute(
        "DELETE FROM open_circuits WHERE next_call < ?", (circuit.next_call - 144 * _SHOWN_US,)
    )
    connection.execute(
        "INSERT INTO open_circuits (dependency, worker, stages, opened, next_call, error) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (dependency, worker) DO UPDATE SET "
        "stages = excluded.stages, opened = excluded.opened, next_call = excluded.next_call, "
        "error = excluded.error",
        circuit._replace(stages=",".join(circuit.stages)),  # type: ignore[arg-type]
    )


def remove_open_circuit(connection: Connection, dependency: str, worker: str) -> None:
    """A circuit has closed."""
    connection.execute(
        "DELETE FROM open_circuits WHERE dependency = ? AND worker = ?", (dependency, worker)
    )
