"""Model cards: what there is to know about a model before using it, all of it from the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from lineal.store.connection import Connection
from lineal_catalog.models.promotions import Promotion, promotions_of
from lineal_catalog.models.queries import ModelInfo
from lineal_schemas.models import DatasetItem, DatasetManifest

_PARTS = {
    "train": "learnt from",
    "calibration": "threshold set on",
    "test": "evaluated on",
    "quarantined": "left out",
}


class DataPart(NamedTuple):
    """A part of a dataset in figures."""

    items: int
    rows: int
    groups: int
    """How many groups (patients, documents, parts) the items are of; 0 where they have none."""
    labels: Mapping[str, int]
    reasons: Mapping[str, int]
    """Why items were left out."""
    from_us: int | None
    """Microseconds since the Unix epoch."""
    to_us: int | None


class ModelCard(NamedTuple):
    """A model, what it has learnt from, how it was evaluated, and who put it into use."""

    info: ModelInfo
    settings: Mapping[str, Any]
    """All settings of the training; none of models trained by former versions."""
    split: Mapping[str, Any]
    parts: Mapping[str, DataPart]
    """Empty where the manifest was erased."""
    changes: tuple[Promotion, ...]
    """When it was put into use and gone back to."""


def model_card(
    connection: Connection, info: ModelInfo, manifest: bytes | None, settings: bytes | None
) -> ModelCard:
    """The card of a model.

    Args:
        manifest: of its dataset; None if that was erased.
        settings: JSON of the settings of the training.
    """
    held = None if manifest is None else DatasetManifest.model_validate_json(manifest)
    parts = {} if held is None else {name: _part(getattr(held, name)) for name in _PARTS}
    split = {} if held is None or held.split is None else held.split.model_dump()
    changes = tuple(
        change
        for change in promotions_of(connection, info.known.name)
        if change.sha256 == info.known.sha256
    )
    chosen = {} if settings is None else orjson.loads(settings)
    return ModelCard(info, chosen, split, parts, changes)


def _part(items: Iterable[DatasetItem]) -> DataPart:
    held = list(items)
    times = [item.time_us for item in held]
    return DataPart(
        items=len(held),
        rows=sum(item.rows for item in held),
        groups=len({item.group for item in held if item.group is not None}),
        labels=dict(sorted(Counter(i.label for i in held if i.label is not None).items())),
        reasons=dict(
            sorted(Counter(_reason(getattr(i, "reason", None)) for i in held).items())
            if held and hasattr(held[0], "reason")
            else ()
        ),
        from_us=min(times, default=None),
        to_us=max(times, default=None),
    )


def _reason(reason: str | None) -> str:
    """Without the id of the anomaly it names."""
    words = (reason or "").split()
    return "anomaly" if words and words[0] == "anomaly" else " ".join(words)


def as_json(card: ModelCard) -> dict[str, Any]:
    """The card as JSON values."""
    info = card.info
    return {
        "model": info.known.name,
        "version": info.known.version,
        "sha256": info.known.sha256,
        "status": info.status,
        "purpose": card.settings.get("purpose", ""),
        "settings": dict(card.settings),
        "split": dict(card.split),
        "data": {name: part._asdict() for name, part in card.parts.items()},
        "training": None
        if info.training is None
        else info.training.model_dump(mode="json", exclude={"parameters"})
        | {"parameters": info.training.parameters},
        "evaluation": info.evaluation,
        "changes": [
            {"act": one.act, "actor": one.actor, "since": one.since, "counter": one.counter}
            for one in card.changes
        ],
    }


def as_markdown(card: ModelCard) -> str:
    """The card as a page for people."""
    info = card.info
    name, version = info.known.name, info.known.version
    lines = [f"# {name} {version}", ""]
    if purpose := card.settings.get("purpose"):
        lines += [str(purpose), ""]
    lines += [f"- status: {info.status}", f"- SHA-256: `{info.known.sha256}`"]
    if info.training is None:
        lines += ["", "What is known of its training was erased."]
    else:
        made = info.training
        file = made.artifact
        lines += [
            f"- algorithm: {made.algorithm}, {file.bytes} bytes, {file.media_type}",
            f"- trained: {_time(info.known.trained)}, iteration {made.iteration}",
        ]
        if made.threshold is not None and made.false_alarm_rate is not None:
            lines.append(
                f"- threshold: {made.threshold:.6g}, set for {made.false_alarm_rate:g} false alarms"
            )
    lines += _data_lines(card) + _evaluation_lines(info) + _change_lines(card)
    lines += _training_lines(card)
    lines += [
        "", "## Check it", "",
        f"- `lineal model reproduce {name} {version}` trains it again and compares every byte",
        f"- `lineal lineage model:{name} --format in-toto` attests where it comes from",
        "- `lineal verify` shows that nobody edited what this card is made of",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _data_lines(card: ModelCard) -> list[str]:
    lines = ["", "## Data", ""]
    training = card.info.training
    if training is not None:
        lines += [f"Dataset `{training.dataset}`.", ""]
    if not card.parts:
        return [*lines, "The manifest of the dataset was erased."]
    lines += ["| part | items | rows | groups | labels | from | to |",
              "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, words in _PARTS.items():
        part = card.parts[name]
        labels = ", ".join(f"{label} {count}" for label, count in part.labels.items())
        lines.append(
            f"| {words} | {part.items} | {part.rows} | {part.groups or ''} | {labels} "
            f"| {_time(part.from_us)} | {_time(part.to_us)} |"
        )
    if card.split:
        rule = {"time": "by time, the latest for the test", "group": "by group"}
        lines += ["", f"Split {rule[card.split['by']]}; what was given to the test stays there. "
                  "No two parts share bytes, groups or nearly the same content."]  # fmt: skip
    reasons = card.parts["quarantined"].reasons
    lines += [f"- left out: {reason} ({count})" for reason, count in reasons.items()]
    return lines


def _evaluation_lines(info: ModelInfo) -> list[str]:
    lines = ["", "## Evaluation", ""]
    found = info.evaluation
    if found is None:
        return [*lines, "It was not evaluated."]
    champion = found.get("champion_metrics") or {}
    lines += ["| figure | this model | in use at the time |", "|---|---|---|"]
    lines += [
        f"| {key} | {_figure(value)} | {_figure(champion.get(key))} |"
        for key, value in found["metrics"].items()
    ]
    lines += ["", "| gate | value | rule | limit | outcome |", "|---|---|---|---|---|"]
    lines += [
        f"| {gate['name']} | {_figure(gate['value'])} | {gate['rule'].replace('_', ' ')} "
        f"| {_figure(gate['limit'])} | {'passed' if gate['passed'] else 'failed'} |"
        for gate in found["gates"]
    ]
    return [*lines, "", "These figures hold for data like the test part, and say nothing of other."]


def _change_lines(card: ModelCard) -> list[str]:
    lines = ["", "## In use", ""]
    if not card.changes:
        return [*lines, "It was never in use."]
    return lines + [
        f"- {'promoted' if one.act == 'promote' else 'gone back to'} by {one.actor}, "
        f"{_time(one.since)} (change {one.counter})"
        for one in card.changes
    ]


def _training_lines(card: ModelCard) -> list[str]:
    training = card.info.training
    if training is None:
        return []
    made = training.provenance
    lines = [
        "", "## Training", "",
        f"- code `{made.code_sha256}`",
        f"- locked requirements `{made.lockfile_sha256 or 'none'}`",
        f"- Python {made.python}, {made.platform}, {made.threads} thread(s), "
        + ", ".join(f"{key} {value}" for key, value in made.seeds.items()),
        "- " + ", ".join(f"{key} {value}" for key, value in made.libraries.items()),
    ]  # fmt: skip
    if card.settings:
        lines += ["", "```json", orjson.dumps(card.settings, option=orjson.OPT_INDENT_2).decode(),
                  "```"]  # fmt: skip
    return lines


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _time(us: int | None) -> str:
    if us is None:
        return ""
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="seconds")
