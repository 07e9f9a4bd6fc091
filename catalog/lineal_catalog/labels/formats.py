"""Labels in the formats of others: CSV, Label Studio's JSON, COCO.

Label Studio: https://labelstud.io/guide/export#Raw-JSON-format-of-completed-tasks; COCO:
https://cocodataset.org/#format-data (object detection).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import orjson
from pydantic import ValidationError

from lineal_catalog.documents.csv_guard import guard_csv
from lineal_catalog.labels.acts import WrongLabel
from lineal_schemas.labels import LabelBox, LabelItem, LabelValue
from lineal_schemas.results import Box

Format = Literal["csv", "label-studio", "coco"]
FORMATS: tuple[Format, ...] = ("csv", "label-studio", "coco")
_COLUMNS = ("item", "label", "by", "left", "top", "width", "height", "text", "seconds",
            "confidence")  # fmt: skip


class ExportedLabel(NamedTuple):
    """A label as it goes out."""

    item: LabelItem
    value: LabelValue
    worker: str | None = None
    """None: what holds when the job is closed."""
    seconds: float | None = None
    confidence: float | None = None


class ImportedLabel(NamedTuple):
    """A label as it comes in; its item is called as in the file."""

    name: str
    value: LabelValue
    worker: str | None = None
    seconds: float = 0.0
    width: float = 0
    height: float = 0


def export_labels(labels: Iterable[ExportedLabel], format: Format) -> bytes:
    """Labels as a file.

    Raises:
        WrongLabel: COCO needs the sizes of pictures with boxes, and one is not known.
    """
    if format == "csv":
        return _to_csv(labels)
    if format == "label-studio":
        return orjson.dumps(_to_label_studio(labels), option=orjson.OPT_INDENT_2)
    return orjson.dumps(_to_coco(labels), option=orjson.OPT_INDENT_2)


def import_labels(data: bytes, format: Format) -> list[ImportedLabel]:
    """The labels of a file.

    Raises:
        WrongLabel: it is not of this format; says where.
    """
    try:
        if format == "csv":
            return _from_csv(data)
        parsed = orjson.loads(data)
        return _from_label_studio(parsed) if format == "label-studio" else _from_coco(parsed)
    except (ValidationError, KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        if isinstance(error, WrongLabel):
            raise
        raise WrongLabel(f"the file is no {format} that can be read: {error!r}"[:300]) from error


def _to_csv(labels: Iterable[ExportedLabel]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for each in labels:
        rest = (
            each.value.text or "",
            "" if each.seconds is None else f"{each.seconds:.3f}",
            "" if each.confidence is None else f"{each.confidence:.3f}",
        )
        label = each.value.label or ""
        if each.value.correct is not None:
            label = each.value.key
        head = (each.item.item, label, each.worker or "")
        if label or not each.value.boxes:
            writer.writerow((*head, "", "", "", "", *rest))
        for box in each.value.boxes:
            sides = tuple(f"{side:.6f}" for side in box.box)
            writer.writerow((each.item.item, box.label, each.worker or "", *sides, *rest))
    return guard_csv(out.getvalue().encode())


def _from_csv(data: bytes) -> list[ImportedLabel]:
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    missing = {"item", "label"} - set(reader.fieldnames or ())
    if missing:
        raise WrongLabel(f"the CSV has no column {sorted(missing)[0]!r}")
    merged: dict[tuple[str, str], ImportedLabel] = {}
    for row in reader:
        key = row["item"], row.get("by") or ""
        known = merged.get(key) or ImportedLabel(
            row["item"], LabelValue(), key[1] or None, float(row.get("seconds") or 0)
        )
        if row.get("left"):
            sides = Box(*(float(row[side]) for side in ("left", "top", "width", "height")))
            box = LabelBox(label=row["label"], box=sides)
            value = known.value.model_copy(update={"boxes": (*known.value.boxes, box)})
        elif row["label"] in ("correct", "wrong"):
            value = known.value.model_copy(update={"correct": row["label"] == "correct"})
        else:
            value = known.value.model_copy(update={"label": row["label"] or None})
        if row.get("text"):
            value = value.model_copy(update={"text": row["text"]})
        merged[key] = known._replace(value=LabelValue.model_validate(value.model_dump()))
    return list(merged.values())


def _to_label_studio(labels: Iterable[ExportedLabel]) -> list[dict[str, Any]]:
    tasks: dict[str, dict[str, Any]] = {}
    for number, each in enumerate(labels, 1):
        task = tasks.setdefault(
            each.item.item,
            {
                "id": len(tasks) + 1,
                "data": {"item": each.item.item},
                "annotations": [],
            },
        )
        annotation: dict[str, Any] = {"id": number, "result": _results(each)}
        if each.worker is not None:
            annotation["completed_by"] = {"email": each.worker}
        else:
            annotation["ground_truth"] = True
        if each.seconds is not None:
            annotation["lead_time"] = each.seconds
        task["annotations"].append(annotation)
    return list(tasks.values())


def _results(each: ExportedLabel) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    label = each.value.key if each.value.correct is not None else each.value.label
    if label is not None:
        found.append(
            {"type": "choices", "from_name": "label", "to_name": "item",
             "value": {"choices": [label]}}
        )  # fmt: skip
    for box in each.value.boxes:
        left, top, width, height = (100 * side for side in box.box)
        found.append(
            {
                "type": "rectanglelabels", "from_name": "boxes", "to_name": "item",
                "original_width": each.item.width, "original_height": each.item.height,
                "image_rotation": 0,
                "value": {"x": left, "y": top, "width": width, "height": height, "rotation": 0,
                          "rectanglelabels": [box.label]},
            }
        )  # fmt: skip
    if each.value.text is not None:
        found.append(
            {"type": "textarea", "from_name": "text", "to_name": "item",
             "value": {"text": [each.value.text]}}
        )  # fmt: skip
    return found


def _from_label_studio(tasks: list[dict[str, Any]]) -> list[ImportedLabel]:
    if not isinstance(tasks, list):
        raise WrongLabel("the file is no list of tasks, as Label Studio exports it")
    found = []
    for task in tasks:
        data = task["data"]
        name = next(
            (str(data[key]) for key in ("item", "document", "image", "name") if key in data),
            None,
        )
        if name is None:
            raise WrongLabel(f"task {task.get('id')} does not say what it is about (data.item)")
        for annotation in task.get("annotations", ()):
            if annotation.get("was_cancelled"):
                continue
            found.append(_annotation(name, annotation))
    return found


def _annotation(name: str, annotation: dict[str, Any]) -> ImportedLabel:
    label = text = correct = None
    boxes = []
    width = height = 0.0
    for result in annotation["result"]:
        value = result["value"]
        if result["type"] == "choices":
            label = value["choices"][0]
        elif result["type"] == "rectanglelabels":
            sides = Box(*(value[side] / 100 for side in ("x", "y", "width", "height")))
            boxes.append(LabelBox(label=value["rectanglelabels"][0], box=sides))
            width, height = result.get("original_width", 0), result.get("original_height", 0)
        elif result["type"] == "textarea":
            given = value["text"]
            text = given if isinstance(given, str) else "\n".join(given)
    if label in ("correct", "wrong"):
        label, correct = None, label == "correct"
    by = annotation.get("completed_by")
    worker = by.get("email") or str(by.get("id")) if isinstance(by, dict) else by
    return ImportedLabel(
        name, LabelValue(label=label, boxes=tuple(boxes), text=text, correct=correct),
        None if worker is None else str(worker), float(annotation.get("lead_time") or 0),
        width, height,
    )  # fmt: skip


def _to_coco(labels: Iterable[ExportedLabel]) -> dict[str, Any]:
    categories: dict[str, int] = {}
    images: dict[str, dict[str, Any]] = {}
    annotations: list[dict[str, Any]] = []
    for each in labels:
        item = each.item
        if not item.width or not item.height:
            raise WrongLabel(f"the size of {item.item} is not known, which COCO needs: take csv")
        image = images.setdefault(
            item.item,
            {"id": len(images) + 1, "file_name": item.item, "width": item.width,
             "height": item.height},
        )  # fmt: skip
        boxes: Sequence[LabelBox] = each.value.boxes
        if each.value.label is not None and not boxes:
            boxes = (LabelBox(label=each.value.label, box=Box(0, 0, 1, 1)),)
        for box in boxes:
            left, top, width, height = box.box
            sides = [left * item.width, top * item.height, width * item.width,
                     height * item.height]  # fmt: skip
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": image["id"],
                    "category_id": categories.setdefault(box.label, len(categories) + 1),
                    "bbox": sides, "area": sides[2] * sides[3], "iscrowd": 0,
                }
            )  # fmt: skip
    return {
        "images": list(images.values()),
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }


def _from_coco(coco: dict[str, Any]) -> list[ImportedLabel]:
    names = {category["id"]: category["name"] for category in coco["categories"]}
    boxes: dict[int, list[LabelBox]] = {}
    images = {image["id"]: image for image in coco["images"]}
    for annotation in coco["annotations"]:
        image = images[annotation["image_id"]]
        left, top, width, height = annotation["bbox"]
        sides = Box(left / image["width"], top / image["height"], width / image["width"],
                    height / image["height"])  # fmt: skip
        boxes.setdefault(image["id"], []).append(
            LabelBox(label=names[annotation["category_id"]], box=sides)
        )
    found = []
    for number, image in images.items():
        drawn = tuple(boxes.get(number, ()))
        value = LabelValue(boxes=drawn)
        if len(drawn) == 1 and drawn[0].box == Box(0, 0, 1, 1):
            value = LabelValue(label=drawn[0].label)  # how a label of a whole picture is written
        if drawn:
            found.append(
                ImportedLabel(
                    image["file_name"], value, width=image["width"], height=image["height"]
                )
            )
    return found
