"""``lineal model export``: writes a model's file for programs that are not ours."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    from lineal_schemas.models import ModelTrained

_AS_IT_IS = "`--format file` writes it as it is"

OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Write it there.")
]
FormatOption = Annotated[
    Literal["onnx", "file"],
    typer.Option("--format", help="onnx: as an ONNX graph; file: the very bytes that are in use."),
]


def export(
    name: ModelArgument,
    output: OutputOption,
    version: ModelVersionArgument = None,
    format: FormatOption = "onnx",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model to a file, as ONNX or as it is kept."""
    found = asyncio.run(_export(existing_data(data), name, version, output, format))
    if as_json:
        print_json(found)
        return
    typer.echo(f"wrote {found['model']} {found['version']} to {output}: {found['bytes']} bytes, "
               f"{found['sha256'][:12]}")  # fmt: skip


async def _export(
    folder: Path, name: str, version: int | None, output: Path, form: str
) -> dict[str, Any]:
    from lineal.lineage.record import digest
    from lineal.runtime import open_runtime
    from lineal_catalog.models.queries import find_model

    async with open_runtime(load_settings(folder)) as runtime:
        info = await runtime.store.read(lambda c: find_model(c, name, version))
        training = info.training
        if training is None:
            raise CommandFailed(f"what is known of the training of {name} was erased")
        content = await _content(runtime, training)
        if form == "onnx":
            content = await _as_onnx(runtime, training, content)
    await asyncio.to_thread(output.write_bytes, content)
    return {
        "model": info.known.name,
        "version": info.known.version,
        "model_sha256": info.known.sha256,
        "format": form,
        "file": str(output),
        "bytes": len(content),
        "sha256": digest(content),
    }


async def _content(runtime: Runtime, training: ModelTrained) -> bytes:
    from lineal.errors import ObjectMissing

    try:
        return await runtime.objects.get(training.artifact)
    except ObjectMissing as error:
        raise CommandFailed(f"the file of the model is gone: {error}") from error


async def _as_onnx(runtime: Runtime, training: ModelTrained, content: bytes) -> bytes:
    """The learner of its kind writes it."""
    import orjson

    from lineal import Reject
    from lineal_learning.learner import Learner
    from lineal_learning.registry import learner_of, settings_of_kind

    if training.artifact.media_type == Learner.media_type:
        return content
    if training.settings is None:
        raise CommandFailed(f"of which kind the model is was not kept; {_AS_IT_IS}")
    kept = orjson.loads(await runtime.objects.get(training.settings))
    learner = learner_of(settings_of_kind(kept).kind)
    try:
        return await asyncio.to_thread(learner.onnx, content)
    except Reject as error:
        raise CommandFailed(f"{error}; {_AS_IT_IS}") from error
    except ModuleNotFoundError as error:
        raise CommandFailed(f"ONNX needs `pip install 'lineal[models]'` ({error})") from error
