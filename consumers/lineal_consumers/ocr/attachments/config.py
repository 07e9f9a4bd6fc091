"""The settings of attachments: how many, how large and how deep they may be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveFloat, PositiveInt


class AttachmentsConfig(BaseModel):
    """Settings of ``ocr.attachments``. What is beyond a limit is a rejected document with the
    limit as its reason, so that nothing is left out in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: PositiveFloat = 60.0
    """How long looking for the attachments of one document may take."""
    files: PositiveInt = 500
    """Attachments of one document."""
    file_bytes: PositiveInt = 100 * 1024 * 1024
    """One attachment, unpacked."""
    depth: NonNegativeInt = 5
    """How many documents may lie around an attachment."""
