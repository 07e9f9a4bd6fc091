"""What has to be equal for a training to give the same weights: code, libraries, seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from lineal_learning.registry import learner_of
from lineal_learning.running import Trained
from lineal_learning.settings import LearnerSettings
from lineal_schemas.models import Provenance

_LOCK = ("requirements", "runtime.txt")


def provenance(trained: Trained, settings: LearnerSettings) -> Provenance:
    """What a challenger was made with."""
    return Provenance(
        seeds={"seed": settings.seed},
        threads=settings.threads,
        lockfile_sha256=_lockfile(),
        code_sha256=_code(learner_of(settings.kind).code),
        python=trained.python,
        platform=trained.platform,
        libraries=trained.libraries,
    )


@cache
def _lockfile() -> str | None:
    """Digest of the locked requirements; None outside a checkout."""
    file = Path(__file__).parents[2].joinpath(*_LOCK)
    return sha256(file.read_bytes()).hexdigest() if file.is_file() else None


@cache
def _code(packages: Sequence[str]) -> str:
    """Digest of the sources that train."""
    digest = sha256()
    for package in packages:
        folder = _folder(package)
        for file in sorted(folder.glob("*.py")) if folder is not None else ():
            digest.update(f"{package}/{file.name}\n".encode())
            digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _folder(package: str) -> Path | None:
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
