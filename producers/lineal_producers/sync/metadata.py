"""What stands beside a file about it: ``NAME.metadata.json``."""

from __future__ import annotations

from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

log = structlog.get_logger(__name__)

SUFFIX = ".metadata.json"
MAX_BYTES = 1 << 20


class SourceMetadata(BaseModel):
    """Owner, labels and access list of a file. What else the metadata says is not read."""

    model_config = ConfigDict(frozen=True)

    owner: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    labels: dict[str, str] = {}
    readers: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    """Users who may see the document beside its owners: ``ann``, or as lineage names them,
    ``user:ann``, ``token:scanner``. None: everybody who may read documents."""


NO_METADATA = SourceMetadata()


def read_metadata(data: bytes, source: str) -> SourceMetadata:
    """The metadata of a file; of what cannot be read, an access list that lists nobody: what was
    to be kept from somebody is not shown to everybody."""
    try:
        return SourceMetadata.model_validate_json(data)
    except ValidationError as error:
        log.warning("sync.wrong_metadata", source=source, problems=error.error_count())
        return SourceMetadata(readers=())
