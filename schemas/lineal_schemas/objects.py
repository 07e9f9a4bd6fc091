"""``ObjectRef``: a reference to bytes in the object store, carried in their place."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ObjectRef(BaseModel):
    """Where some bytes are and how to know that they are the right ones."""

    model_config = ConfigDict(frozen=True)

    uri: str
    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]
    media_type: str
