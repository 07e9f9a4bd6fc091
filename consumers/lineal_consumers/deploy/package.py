"""Makes the manifest of a model's package, in a worker process, and signs manifests."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal.errors import LinealError
from lineal_consumers.deploy.keys import UnusableKey, public_key, read_key
from lineal_schemas.deployments import (
    SIGNING_PREFIX,
    GoldenWindow,
    PackageManifest,
    PackageSignature,
)
from lineal_schemas.models import InputSchema, ModelRef

if TYPE_CHECKING:
    import numpy as np
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lineal_scoring.model import ScoringModel

GOLDEN = "lineal.golden"
"""Metadata of a model file: ``{"windows": [...], "scores": [...]}``, prepared windows of its
trainer's choice."""

_DIGITS = 6
_PHOTO_TOLERANCE = 1e-3
"""Sums over many pixels differ more between processors than those over a window."""


class PackageSpec(NamedTuple):
    """What a package is made from, besides the model's file."""

    model: ModelRef
    counter: int
    created_us: int
    expires_us: int
    tolerance: float
    golden_windows: int
    fleet: str | None = None
    epoch: int = 0


class NoPackage(LinealError):
    """No package can be made, and why."""


def build_package(file: Path, order: PackageSpec) -> str:
    """The manifest of a package, as text to be signed.

    Raises:
        NoPackage: the file is not a scoring model.
    """
    try:
        from lineal_scoring.model import ModelError
    except ImportError as error:
        raise NoPackage(f"packages are made with `lineal[models]` installed: {error}") from error
    try:
        data = file.read_bytes()
        described = _described(data, order.golden_windows)
    except (ModelError, ValueError) as error:
        raise NoPackage(str(error)) from error
    if sha256(data).hexdigest() != order.model.sha256:
        raise NoPackage("the artifact is not the model that is to be rolled out")
    return PackageManifest(
        model=order.model,
        bytes=len(data),
        input_schema=described.input_schema,
        threshold=described.threshold,
        golden=described.golden,
        tolerance=max(order.tolerance, described.tolerance),
        counter=order.counter,
        created_us=order.created_us,
        expires_us=order.expires_us,
        fleet=order.fleet,
        epoch=order.epoch,
    ).model_dump_json()


class _Described(NamedTuple):
    input_schema: InputSchema
    threshold: float
    golden: tuple[GoldenWindow, ...] = ()
    tolerance: float = 0.0
    """What processors differ by."""


def _described(data: bytes, golden: int) -> _Described:
    """What a device has to know of a model of readings, or of photos.

    Args:
        golden: windows to be scored before it is used; photos are in the file. 0: none are scored.

    Raises:
        ModelError: it is neither, or cannot score its golden photos.
        ValueError: the golden windows in the file do not fit it.
    """
    from lineal_scoring.model import ScoringModel, takes_photos

    if takes_photos(data):
        from lineal_scoring.photo_model import INPUT, PhotoModel

        photos = PhotoModel(data)
        if golden:
            photos.golden()
        return _Described(INPUT, photos.threshold, tolerance=_PHOTO_TOLERANCE)
    model = ScoringModel(data)
    preparation = model.preparation
    schema = InputSchema(
        features=preparation.features, length=preparation.length, step=preparation.step
    )
    return _Described(schema, model.threshold, golden_windows(model, data, golden))


def signing_key(file: Path | None, passphrase_file: Path | None) -> Ed25519PrivateKey:
    """The key that signs packages.

    Raises:
        NoPackage: there is none, or it cannot be used.
    """
    if file is None:
        raise NoPackage("no key is configured: `lineal deploy key` makes one")
    try:
        return read_key(file, passphrase_file)
    except (UnusableKey, ValueError) as error:
        raise NoPackage(str(error)) from error


def features_of(file: Path) -> list[str]:
    """What a model's file scores.

    Raises:
        NoPackage: it is no scoring model, or ``lineal[models]`` is not installed.
    """
    try:
        from lineal_scoring.model import ModelError
    except ImportError as error:
        raise NoPackage(f"models are read with `lineal[models]` installed: {error}") from error
    try:
        return list(_described(file.read_bytes(), 0).input_schema.features)
    except (ModelError, ValueError) as error:
        raise NoPackage(str(error)) from error


def sign_text(manifest: str, key: Ed25519PrivateKey) -> PackageSignature:
    """One key's signature of a manifest's text."""
    signature = key.sign(SIGNING_PREFIX + manifest.encode())
    return PackageSignature(
        key_id=public_key(key).key_id, signature=base64.b64encode(signature).decode()
    )


def golden_windows(model: ScoringModel, data: bytes, count: int) -> tuple[GoldenWindow, ...]:
    """Windows with the scores the model gives them here.

    Its trainer's if the file carries some, else drawn about the level it takes for normal, near it
    and far from it: what is checked on the device is that the same numbers come out.

    Raises:
        ModelError: it cannot score them.
        ValueError: the windows in the file do not fit it.
    """
    import numpy as np

    golden = []
    for window in _windows(model, data, count):
        values = np.round(window, _DIGITS)
        score = model.score(np.ascontiguousarray(values[np.newaxis]))
        rows = tuple(tuple(row) for row in values.tolist())
        golden.append(GoldenWindow(values=rows, score=score.value))
    return tuple(golden)


def _windows(model: ScoringModel, data: bytes, count: int) -> list[np.ndarray]:
    import numpy as np
    import onnxruntime

    preparation = model.preparation
    shape = (preparation.length, len(preparation.channels))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    kept = session.get_modelmeta().custom_metadata_map.get(GOLDEN)
    if kept is not None:
        windows = [np.asarray(window, dtype=float) for window in json.loads(kept)["windows"]]
        if any(window.shape != shape or not np.isfinite(window).all() for window in windows):
            raise ValueError("the golden windows in the model's file do not fit it")
        return windows[:count]
    level = np.array(preparation.neutral or (0.0,) * shape[1])
    if preparation.baseline is not None:
        level = np.zeros(shape[1])
    draw = np.random.default_rng(int(model.sha256[:8], 16))
    return [level + draw.normal(size=shape) * 0.1 * 10**number for number in range(count)]
