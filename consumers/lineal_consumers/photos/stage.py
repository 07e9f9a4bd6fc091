"""The stages of visual inspection: photos come, are scored, announced, verified and learnt from."""

from __future__ import annotations

from lineal import Context, Reject, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.store.objects import reference
from lineal_catalog.photos.pieces import PhotoPiece
from lineal_consumers.photos.config import (
    PhotosConfig,
    model_for,
    model_names,
    takes_photos_of,
)
from lineal_consumers.photos.trigger import LineState, Outcome, after_confirmation, after_photo
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.models import DatasetItem, ModelExample, ModelRef
from lineal_schemas.payload import Payload
from lineal_schemas.photos import (
    DefectDetected,
    InspectionResumed,
    InspectionSuspended,
    PhotoArrived,
    PhotoCaptured,
    PhotoLabel,
    PhotoScored,
    PhotoVerified,
)

LINE_LABEL, PIECE_LABEL, VERDICT_LABEL = "line", "piece", "verdict"
"""Labels of an arrival that make a photo of it: of which line, which piece, and what is on it."""


# Whether a photo of a device is new depends on what came before: nothing to memoise.
@stage("photos.arrive", version="2", produces=PhotoArrived, section="photos", memo=False)
async def arrive(arrival: DocumentArrived, ctx: Context[PhotosConfig]) -> PhotoArrived | None:
    """Take files that came with a label ``line=NAME`` (by folder, HTTP, mail, a bucket) for photos
    of that line."""
    line = arrival.labels.get(LINE_LABEL)
    content = arrival.content
    if line is None or content is None:
        ctx.skip("not a photo of a line")
        return None
    verdict = arrival.labels.get(VERDICT_LABEL)
    label: PhotoLabel | None = None
    if verdict in ("normal", "defect"):
        label = "normal" if verdict == "normal" else "defect"
    return PhotoArrived(
        photo_id=arrival.document_id,
        line=line,
        content=content,
        captured_us=ctx.event.time,
        group=arrival.labels.get(PIECE_LABEL),
        label=label,
    )


@arrive.on
async def arrive_from_device(
    photo: PhotoCaptured, ctx: Context[PhotosConfig]
) -> PhotoArrived | None:
    """Take photos that devices send; one that comes again after a power cut, once."""
    if not takes_photos_of(ctx.config, photo.line, photo.device):
        raise Reject(
            f"photos of line {photo.line} are not taken from device {photo.device}: see "
            "[stages.photos] devices"
        )
    if not await ctx.claim(photo.photo_id):
        ctx.skip("this photo has come already")
        return None
    content = await ctx.objects.put(photo.image, photo.media_type, role="photo")
    ctx.annotate(line=photo.line, device=photo.device, reduced=int(photo.reduced))
    return PhotoArrived(
        photo_id=photo.photo_id,
        line=photo.line,
        content=content,
        captured_us=photo.captured_us,
        group=photo.group,
    )


@stage(
    "photos.score",
    version="1",
    produces=PhotoScored,
    section="photos",
    in_use=model_names,
    lanes=WORKER_LANES,
    record_kind="inspect",
)
async def score(photo: PhotoArrived, ctx: Context[PhotosConfig]) -> PhotoScored | None:
    """Compare a photo with normal ones. While there is no model, photos are not scored."""
    name = model_for(ctx.config, photo.line)
    in_use = None if name is None else await ctx.artifact(name)
    ctx.annotate(line=photo.line, captured=photo.captured_us, label=photo.label or "")
    if photo.group is not None:
        ctx.add_effect(PhotoPiece(photo.photo_id, photo.group))
    if in_use is None:
        ctx.objects.add_input(photo.content, "photo")
        ctx.skip("no model of this line is in use yet")
        return None
    # The model and onnxruntime are loaded in worker processes.
    from lineal_consumers.photos.model import score_photo

    model = await ctx.objects.path(
        reference(in_use.sha256, in_use.bytes, in_use.media_type), role="model"
    )
    data = await ctx.objects.get(photo.content, role="photo")
    found = await ctx.run(
        score_photo, data, str(model), ctx.config.heat_maps, seconds=ctx.config.seconds
    )
    heat_map = None
    if found.heat_map is not None:
        heat_map = await ctx.objects.put(found.heat_map, "image/jpeg", role="heat_map")
    ctx.annotate(
        score=f"{found.score:.6g}",
        threshold=f"{found.threshold:.6g}",
        above=int(found.score > found.threshold),
    )
    return PhotoScored(
        photo_id=photo.photo_id,
        line=photo.line,
        content=photo.content,
        captured_us=photo.captured_us,
        group=photo.group,
        model=ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256),
        score=round(found.score, 6),
        threshold=found.threshold,
        heat_map=heat_map,
    )


@stage(
    "photos",
    version="1",
    produces=(DefectDetected, InspectionSuspended, InspectionResumed),
    memo=False,
)
async def photos(photo: PhotoScored, ctx: Context[PhotosConfig]) -> list[Payload]:
    """Announce defects: once for each thing, and not while everything on a line is one."""
    key = f"line/{photo.line}"
    state = await ctx.state.get(key, LineState) or LineState()
    outcome = after_photo(state, photo.group, photo.captured_us, photo.is_defect, ctx.config)
    await ctx.state.put(key, outcome.state)
    events = _breaker_events(photo.line, outcome, state, "normal", photo.captured_us)
    if outcome.announce:
        fields = photo.model_dump(exclude={"type", "version"})
        events.append(DefectDetected(**fields, photos=outcome.state.in_row))
    return events


@photos.on
async def confirmed(verified: PhotoVerified, ctx: Context[PhotosConfig]) -> list[Payload]:
    """A person's word that a photo shows a defect overrules the circuit breaker."""
    await ctx.require("review")
    ctx.record_kind = "verify"
    ctx.annotate(label=verified.label)
    if verified.label != "defect":
        return []
    key = f"line/{verified.line}"
    state = await ctx.state.get(key, LineState) or LineState()
    outcome = after_confirmation(state)
    await ctx.state.put(key, outcome.state)
    return _breaker_events(verified.line, outcome, state, "verified", verified.verified_us)


def _breaker_events(
    line: str, outcome: Outcome, before: LineState, reason: str, now_us: int
) -> list[Payload]:
    if outcome.breaker == "suspended":
        count = len(outcome.state.latest)
        return [InspectionSuspended(line=line, share=outcome.share, photos=count, since_us=now_us)]
    if outcome.breaker == "resumed":
        return [
            InspectionResumed(
                line=line,
                reason="normal" if reason == "normal" else "verified",
                photos=before.withheld,
                resumed_us=now_us,
            )
        ]
    return []


@stage("photos.learn", version="1", produces=ModelExample, section="photos", memo=False)
async def learn(photo: PhotoVerified, ctx: Context[PhotosConfig]) -> ModelExample | None:
    """What a person says of a photo is something to learn from."""
    await ctx.require("review")
    return _example(photo, photo.label, ctx)


@learn.on
async def learn_labelled(photo: PhotoArrived, ctx: Context[PhotosConfig]) -> ModelExample | None:
    """So is a photo that came with its label."""
    return None if photo.label is None else _example(photo, photo.label, ctx)


def _example(
    photo: PhotoArrived | PhotoVerified, label: PhotoLabel, ctx: Context[PhotosConfig]
) -> ModelExample | None:
    name = model_for(ctx.config, photo.line)
    if name is None:
        ctx.skip("no model is set for this line")
        return None
    return ModelExample(
        name=name,
        item=DatasetItem(
            digest=photo.content.sha256,
            source=photo.photo_id,
            time_us=photo.captured_us,
            group=photo.group or photo.photo_id,
            label=label,
            ref=photo.content,
        ),
    )
