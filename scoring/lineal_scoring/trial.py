"""Loads and runs a model in a process of its own, which may crash or hang."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from lineal_scoring.model import ModelError
from lineal_scoring.preparation import Array

_REJECTED = 3
_LONGEST_REASON = 500


def try_out(
    data: bytes,
    windows: Array,
    scores: Sequence[float],
    *,
    seconds: float = 30.0,
    tolerance: float = 1e-4,
    megabytes: int = 2048,
) -> None:
    """Load a model, warm it up and compare its scores of golden windows with the trainer's.

    Args:
        data: the model's file.
        windows: golden windows, count × length × channels.
        scores: what the trainer's scored.
        seconds: until it counts as hanging.
        tolerance: see :meth:`~lineal_scoring.model.ScoringModel.verify`.
        megabytes: of address space it may use.

    Raises:
        ModelError: it is no scoring model, scores wrongly, crashes, hangs or wants more memory.
    """
    package = io.BytesIO()
    np.savez(
        package,
        model=np.frombuffer(data, dtype=np.uint8),
        windows=windows,
        scores=np.asarray(scores, dtype=np.float64),
        tolerance=tolerance,
    )
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(megabytes)],
            input=package.getvalue(),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"the model was not tried out within {seconds:g} s") from None
    if done.returncode == _REJECTED:
        raise ModelError(done.stdout.decode(errors="replace")[:_LONGEST_REASON])
    if done.returncode != 0:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ModelError(f"the model ended its process ({how}): {last[:_LONGEST_REASON]}")


def _main(megabytes: int) -> int:
    from lineal_scoring.slot import load_model

    _limit_memory(megabytes)
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as package:
        try:
            model = load_model(package["model"].tobytes())
            model.verify(
                package["windows"], package["scores"].tolist(), float(package["tolerance"])
            )
        except ModelError as error:
            print(error)
            return _REJECTED
    return 0


def _limit_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows, where there is no such limit
        return
    limit = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    raise SystemExit(_main(int(sys.argv[1])))
