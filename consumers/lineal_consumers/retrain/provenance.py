"""What has to be equal for a training to give the same weights: code, libraries, seeds."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from lineal_consumers.retrain.config import DocumentsModel, ReadingsModel
from lineal_consumers.retrain.jobs import Trained
from lineal_schemas.models import Provenance

_LOCK = ("requirements", "runtime.txt")


def provenance(trained: Trained, settings: ReadingsModel | DocumentsModel) -> Provenance:
    """What a challenger was made with."""
    return Provenance(
        seeds={"seed": settings.seed},
        threads=settings.threads,
        lockfile_sha256=_lockfile(),
        code_sha256=_code(),
        python=trained.python,
        platform=trained.platform,
        libraries=trained.libraries,
    )


@cache
def _lockfile() -> str | None:
    """Digest of the locked requirements; None outside a checkout."""
    file = Path(__file__).parents[3].joinpath(*_LOCK)
    return sha256(file.read_bytes()).hexdigest() if file.is_file() else None


@cache
def _code() -> str:
    """Digest of the sources that train, and of those that cut windows for them."""
    digest = sha256()
    for folder in (Path(__file__).parent, _scoring()):
        for file in sorted(folder.glob("*.py")) if folder is not None else ():
            digest.update(f"{folder.name}/{file.name}\n".encode())  # type: ignore[union-attr]
            digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _scoring() -> Path | None:
    try:
        spec = find_spec("lineal_scoring")
    except ModuleNotFoundError:
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
