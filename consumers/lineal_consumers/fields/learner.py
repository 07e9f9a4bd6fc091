"""Learns where fields stand from documents that people have corrected."""

from __future__ import annotations

from lineal import Reject
from lineal_consumers.fields.config import FieldsModel
from lineal_learning.gates import GateRule, Gates
from lineal_learning.learner import Fitted, Learner, LearningData
from lineal_schemas.models import DatasetItem, Metrics, SplitRule


class FieldsLearner(Learner[FieldsModel]):
    """Remembers corrected documents: ``kind = "fields"``.

    One example teaches already, so none is set apart: each is evaluated with a memory of all the
    others (leave-one-out).
    """

    kind = "fields"
    settings = FieldsModel
    media_type = "application/json"
    code = ("lineal_consumers.fields", "lineal_learning")
    leaves_one_out = True

    def split(self, settings: FieldsModel) -> SplitRule:
        return SplitRule(by="group", test_share=0.0, seed=settings.seed)

    def min_new_rows(self, settings: FieldsModel) -> int:
        return 1

    def features(self, settings: FieldsModel) -> None:
        return None

    def fit(self, data: LearningData, settings: FieldsModel, algorithm: str) -> Fitted:
        from lineal_consumers.fields.memory import Memory
        from lineal_consumers.fields.teaching import ExampleFile

        newest = _newest(data)[-settings.max_examples :]
        examples = tuple(
            ExampleFile.from_gzip(data.file_of(item).read_bytes()).example for item in newest
        )
        if not examples:
            raise Reject("nobody has corrected a field yet: `lineal field correct` does")
        values = sum(len(example.fields) for example in examples)
        return Fitted(
            model=Memory(examples=examples),
            algorithm="examples",
            metrics={"examples": float(len(examples)), "values": float(values)},
        )

    def export(self, fitted: Fitted) -> bytes:
        data: str = fitted.model.model_dump_json()
        return data.encode()

    def evaluate(self, model: bytes, data: LearningData, settings: FieldsModel) -> Metrics:
        """``accuracy``: of the values that people said, the share found with the other examples."""
        from lineal_consumers.fields.memory import Memory
        from lineal_consumers.fields.teaching import left_out_accuracy

        items = _newest(data)[-settings.max_examples :]
        found = left_out_accuracy(
            Memory.model_validate_json(model), [data.file_of(item) for item in items]
        )
        if not found.of:
            raise Reject("there are no corrected fields to evaluate on")
        return {"accuracy": found.right / found.of, "values": float(found.of)}

    def gates(self, settings: FieldsModel) -> Gates:
        return Gates(
            rules=(
                GateRule(metric="accuracy", limit=settings.min_accuracy),
                GateRule(metric="accuracy", tolerance=settings.tolerance),
            ),
            score={"accuracy": 1.0},
        )


def _newest(data: LearningData) -> list[DatasetItem]:
    """The examples that are still there, the oldest first; a document that was corrected again
    counts once."""
    last: dict[str, DatasetItem] = {}
    for item in sorted(data.manifest.train, key=lambda one: (one.time_us, one.source)):
        if item.ref is not None and item.ref.sha256 in data.files:
            last.pop(item.source, None)
            last[item.source] = item
    return list(last.values())


FIELDS = FieldsLearner()
