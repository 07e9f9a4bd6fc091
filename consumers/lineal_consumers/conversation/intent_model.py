"""Tells the intent of an utterance: by a model that was learnt, or by a dialogue's examples alone.

A model is a NumPy archive without pickled objects: the buckets that occur, their inverse document
frequencies, the weights of a logistic regression, and the examples, sparse; of one that goes by
meaning too, the vectors of the examples, and which engine makes them. An utterance is
unknown when it is less like every example than the threshold, whatever the regression says: its
probabilities sum to one also over nonsense.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lineal import Reject
from lineal_consumers.conversation.intent_features import features
from lineal_consumers.conversation.intent_meaning import WEIGHT, joined, likeness, meanings

Floats = npt.NDArray[np.float32]
FORMAT = "lineal-intents-2"
FORMER_FORMAT = "lineal-intents-1"
"""Of words alone."""
EXAMPLES_THRESHOLD = 0.3
"""Least cosine to an example, where nothing was learnt."""


class Classification(NamedTuple):
    """What an utterance was taken for."""

    intent: str
    confidence: float
    """Of a model the probability, of examples the similarity; 0 where it is like no example."""
    similarity: float
    """The cosine to the most similar example; by meaning, to the three most similar of an intent,
    on average."""


class Meaning(NamedTuple):
    """The examples by their meaning."""

    engine: str
    """Which model makes the vectors (:func:`lineal_catalog.meaning.engine.model_id`)."""
    vectors: Floats
    """Of each example."""


class IntentModel:
    """A loaded model."""

    def __init__(
        self,
        intents: Sequence[str],
        buckets: npt.NDArray[np.int64],
        idf: Floats,
        rows: npt.NDArray[np.int64],
        columns: npt.NDArray[np.int64],
        values: Floats,
        of: npt.NDArray[np.int64],
        threshold: float,
        weights: Floats | None = None,
        bias: Floats | None = None,
        meaning: Meaning | None = None,
    ) -> None:
        self.intents = tuple(intents)
        self.threshold = threshold
        self._places = {int(bucket): place for place, bucket in enumerate(buckets)}
        self._buckets, self._idf = buckets, idf
        self._rows, self._columns, self._values, self._of = rows, columns, values, of
        self._weights, self._bias = weights, bias
        self._meaning = meaning
        self._joined = None if meaning is None else joined(self.example_rows(), meaning.vectors)

    def with_regression(
        self, weights: npt.NDArray[Any], bias: npt.NDArray[Any], threshold: float | None = None
    ) -> IntentModel:
        """The same with a regression: buckets (and, by meaning, dimensions) × intents, and
        intents."""
        return IntentModel(
            self.intents, self._buckets, self._idf, self._rows, self._columns, self._values,
            self._of, self.threshold if threshold is None else threshold,
            weights.astype(np.float32), bias.astype(np.float32), self._meaning,
        )  # fmt: skip

    def with_meaning(self, meaning: Meaning) -> IntentModel:
        """The same that goes by meaning, too; without a regression."""
        return IntentModel(
            self.intents, self._buckets, self._idf, self._rows, self._columns, self._values,
            self._of, self.threshold, meaning=meaning,
        )  # fmt: skip

    def example_rows(self) -> Floats:
        """The words of the examples: examples × buckets."""
        rows = np.zeros((len(self._of), len(self._buckets)), np.float32)
        rows[self._rows, self._columns] = self._values
        return rows

    @property
    def engine(self) -> str | None:
        """Which model's vectors it goes by; None: by words alone."""
        return None if self._meaning is None else self._meaning.engine

    def classify(self, text: str) -> Classification:
        """The intent that an utterance has most likely.

        Raises:
            Reject: the vectors by which it goes cannot be made here.
        """
        vector = self.vector(text)
        if self._meaning is None or self._joined is None:
            weighed = self._values * vector[self._columns]
            similar = np.bincount(self._rows, weights=weighed, minlength=len(self._of))
            nearest = int(similar.argmax())
            intent, similarity = int(self._of[nearest]), float(min(1.0, similar[nearest]))
        else:
            meant = meanings([text], self._meaning.engine)[0]
            near = self._joined @ joined(vector, meant)
            intent, similarity = likeness(near, self._of, len(self.intents))
            vector = np.concatenate([vector, WEIGHT * meant])
        if similarity < self.threshold:
            return Classification(self.intents[intent], 0.0, similarity)
        if self._weights is None or self._bias is None:
            return Classification(self.intents[intent], similarity, similarity)
        logits = vector @ self._weights + self._bias
        likely = np.exp(logits - logits.max())
        likely /= likely.sum()
        best = int(likely.argmax())
        return Classification(self.intents[best], float(likely[best]), similarity)

    def vector(self, text: str) -> Floats:
        """Of length one; all zeros for a text without anything known."""
        found = np.zeros(len(self._buckets), dtype=np.float32)
        # What never occurred makes a text less like everything that did.
        unseen = 0.0
        top = float(self._idf.max()) if len(self._idf) else 1.0
        for bucket, weight in features(text).items():
            place = self._places.get(bucket)
            if place is None:
                unseen += (weight * top) ** 2
            else:
                found[place] = weight * self._idf[place]
        length = float(np.sqrt(float((found * found).sum()) + unseen))
        return found / length if length else found

    def to_bytes(self) -> bytes:
        """The archive; its bytes depend on the content alone."""
        header = {"format": FORMER_FORMAT, "intents": self.intents, "threshold": self.threshold}
        meaning: dict[str, npt.NDArray[Any]] = {}
        if self._meaning is not None:
            header |= {"format": FORMAT, "engine": self._meaning.engine}
            meaning["meaning"] = self._meaning.vectors
        assert self._weights is not None and self._bias is not None
        return _archive(
            {
                "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
                "buckets": self._buckets, "idf": self._idf, "rows": self._rows,
                "columns": self._columns, "values": self._values, "of": self._of,
                "weights": self._weights, "bias": self._bias, **meaning,
            }
        )  # fmt: skip


def model_of_examples(
    examples: Sequence[tuple[str, str]], threshold: float = EXAMPLES_THRESHOLD
) -> IntentModel:
    """What tells intents by the most similar example.

    Args:
        examples: text and intent.
    """
    intents = sorted({intent for _, intent in examples})
    found = [features(text) for text, _ in examples]
    buckets = np.array(sorted({bucket for row in found for bucket in row}), dtype=np.int64)
    places = {int(bucket): place for place, bucket in enumerate(buckets)}
    count = np.zeros(len(buckets))
    for row in found:
        count[[places[bucket] for bucket in row]] += 1
    idf = (np.log((1 + len(found)) / (1 + count)) + 1).astype(np.float32)
    rows, columns, values = [], [], []
    for number, row in enumerate(found):
        at = [places[bucket] for bucket in row]
        weights = np.array(list(row.values()), dtype=np.float32) * idf[at]
        length = float(np.sqrt((weights * weights).sum())) or 1.0
        rows += [number] * len(at)
        columns += at
        values += (weights / length).tolist()
    return IntentModel(
        intents,
        buckets,
        idf,
        np.array(rows, dtype=np.int64),
        np.array(columns, dtype=np.int64),
        np.array(values, dtype=np.float32),
        np.array([intents.index(intent) for _, intent in examples], dtype=np.int64),
        threshold,
    )


def load_model(data: bytes) -> IntentModel:
    """Read a model's file.

    Raises:
        Reject: it is none.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            if header["format"] not in (FORMAT, FORMER_FORMAT):
                raise ValueError(header["format"])
            named: dict[str, Any] = {
                name: arrays[name]
                for name in (
                    "buckets", "idf", "rows", "columns", "values", "of", "weights", "bias"
                )
            }  # fmt: skip
            meaning = Meaning(header["engine"], arrays["meaning"]) if "engine" in header else None
    except Exception as error:  # zip, NumPy, JSON and missing names all fail their own way
        raise Reject("the file is no model of intents") from error
    return IntentModel(header["intents"], threshold=header["threshold"], meaning=meaning, **named)


def _archive(arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """An ``.npz`` without the time, which ``numpy.savez`` writes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
    return buffer.getvalue()
