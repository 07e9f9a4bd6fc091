"""``lineal model card`` and ``lineal model reproduce``: what a model is, and that it can be made
again."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import (
    CommandFailed,
    DataOption,
    JsonOption,
    ModelArgument,
    ModelVersionArgument,
    load_settings,
)
from lineal_cli.printing import print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_catalog.models.queries import ModelInfo
    from lineal_schemas.objects import ObjectRef

OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write it there, as Markdown.")
]


def card(
    name: ModelArgument,
    version: ModelVersionArgument = None,
    out: OutOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model's card: its data, evaluation, gates and changes, all from the ledger."""
    from lineal_catalog.models import card as cards

    made = asyncio.run(_card(existing_data(data), name, version))
    if as_json:
        print_json(cards.as_json(made))
        return
    text = cards.as_markdown(made)
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text)
    typer.echo(f"wrote {out}")


async def _card(folder: Path, name: str, version: int | None) -> Any:
    from lineal.runtime import open_runtime
    from lineal_catalog.models.card import model_card
    from lineal_catalog.models.queries import find_model

    async with open_runtime(load_settings(folder)) as runtime:
        info = await runtime.store.read(lambda c: find_model(c, name, version))
        training = info.training
        manifest = None if training is None else await _object(runtime, training.manifest)
        settings = None if training is None else await _object(runtime, training.settings)
        return await runtime.store.read(lambda c: model_card(c, info, manifest, settings))


async def _object(runtime: Runtime, ref: ObjectRef | None) -> bytes | None:
    from lineal.errors import ObjectMissing

    if ref is None:
        return None
    with contextlib.suppress(ObjectMissing):
        return await runtime.objects.get(ref)
    return None


def reproduce(
    name: ModelArgument,
    version: ModelVersionArgument = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model again from what the ledger says, and compare every byte."""
    found = asyncio.run(_reproduce(existing_data(data), name, version))
    if as_json:
        print_json(found)
    elif found["same"]:
        typer.echo(f"{name} {found['version']}: the same {found['bytes']} bytes again, "
                   f"{found['sha256'][:12]}")  # fmt: skip
    else:
        typer.echo(f"{name} {found['version']}: other bytes, {found['made'][:12]} and not "
                   f"{found['sha256'][:12]}")  # fmt: skip
        for change in found["changed"]:
            typer.echo(f"  {change}")
    if not found["same"]:
        raise typer.Exit(1)


async def _reproduce(folder: Path, name: str, version: int | None) -> dict[str, Any]:
    from lineal.runtime import open_runtime
    from lineal_catalog.models.queries import find_model

    async with open_runtime(load_settings(folder)) as runtime:
        info = await runtime.store.read(lambda c: find_model(c, name, version))
        return await _trained_again(runtime, info)


async def _trained_again(runtime: Runtime, info: ModelInfo) -> dict[str, Any]:
    import orjson

    from lineal.lineage.record import digest
    from lineal_learning.provenance import provenance
    from lineal_learning.registry import learner_of, settings_of_kind
    from lineal_learning.running import train
    from lineal_schemas.models import DatasetManifest

    known, training = info.known, info.training
    if training is None:
        raise CommandFailed(f"what is known of the training of {known.name} was erased")
    manifest = await _object(runtime, training.manifest)
    kept = await _object(runtime, training.settings)
    if manifest is None or kept is None:
        raise CommandFailed(
            f"{known.name} {known.version} cannot be trained again: its "
            f"{'manifest was erased' if manifest is None else 'settings were not kept'}"
        )
    settings = settings_of_kind(orjson.loads(kept))
    dataset = DatasetManifest.model_validate_json(manifest)
    files = {}
    for item in (*dataset.train, *dataset.calibration):
        if item.ref is not None and item.ref.sha256 not in files:
            files[item.ref.sha256] = await runtime.objects.path(item.ref)
    possible = learner_of(settings.kind).algorithms(settings)
    # A learner of one algorithm may say more of it afterwards: which variant it chose.
    algorithm = training.algorithm if training.algorithm in possible else possible[0]
    again = await asyncio.to_thread(train, manifest, files, settings, algorithm)
    made = provenance(again, settings)
    before = training.provenance
    changed = [
        f"{field}: {getattr(before, field)} then, {getattr(made, field)} now"
        for field in type(made).model_fields
        if getattr(made, field) != getattr(before, field)
    ]
    sha256 = digest(again.data)
    return {
        "model": known.name,
        "version": known.version,
        "sha256": known.sha256,
        "made": sha256,
        "bytes": len(again.data),
        "same": sha256 == known.sha256,
        "changed": changed,
    }
