"""Takes down what a person says is on a photo."""

from __future__ import annotations

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_catalog.photos.projection import PhotoInfo
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.photos import PhotoLabel, PhotoVerified


async def verify_photo(
    runtime: Runtime, photo: PhotoInfo, label: PhotoLabel, by: Credential, source: str
) -> PhotoVerified:
    """Say what a photo shows: it is learnt from, and who said so is recorded.

    Args:
        source: the ingress: ``lineal:cli/photo``, ``lineal:console/photos``.

    Raises:
        NotPermitted: they may not.
    """
    by.require("review")
    payload = verification_of(photo, label, by.actor)
    identifier = arrival_id(source, photo.sha256, f"{label}\n{payload.verified_us}")
    await publish_act(runtime, payload, id=identifier, source=source, actor=by.actor)
    return payload


def verification_of(photo: PhotoInfo, label: PhotoLabel, actor: str) -> PhotoVerified:
    """That somebody says at present what a photo shows."""
    return PhotoVerified(
        photo_id=photo.photo_id,
        line=photo.line,
        content=reference(photo.sha256, photo.bytes, photo.media_type),
        captured_us=photo.captured,
        group=photo.piece or None,
        label=label,
        by=actor,
        verified_us=now_us(),
    )
