"""Settings of sources that are synchronised: ``[[sync.sources]]``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lineal.durations import seconds_of
from lineal.errors import LinealError
from lineal_producers.sync.patterns import Patterns

Deleted = Literal["mark", "hide", "ignore"]
"""What becomes of a document whose source was deleted: an event says so; it is also no longer found
by searching; nothing."""


class WrongSource(LinealError, ValueError):
    """A source is none that can be synchronised; says which and why."""


class SourceSettings(BaseModel):
    """A source: a bucket or a folder tree."""

    model_config = ConfigDict(extra="forbid")

    url: str
    """``s3://BUCKET[/PREFIX]``, or the path of a folder."""
    every: Annotated[float, Field(gt=0)] = 900.0
    """Seconds between two comparisons; also as ``15m``."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    deleted: Deleted = "mark"
    allow_empty: bool = False
    region: str | None = None
    endpoint: str | None = None
    access_lists: bool = False
    """Whether S3's own access lists say who may see a document: one request more an object."""
    users: dict[str, str] = {}
    """Our users by the ids that S3 knows them by (canonical users)."""

    @field_validator("every", mode="before")
    @classmethod
    def _read_duration(cls, value: Any) -> Any:
        return seconds_of(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        self.bucket_prefix()
        self.patterns.take("")
        return self

    @property
    def patterns(self) -> Patterns:
        return Patterns(self.include, self.exclude)

    def bucket_prefix(self) -> tuple[str, str] | None:
        """Of a bucket; None for a folder.

        Raises:
            WrongSource: it is neither.
        """
        parts = urlsplit(self.url)
        if "://" not in self.url:
            return None
        if parts.scheme != "s3" or not parts.netloc or parts.query:
            raise WrongSource(f"{self.url!r} is not like s3://bucket/prefix, nor a folder")
        return parts.netloc, parts.path.lstrip("/")


class SyncSettings(BaseModel):
    """All sources that are synchronised on a schedule."""

    model_config = ConfigDict(extra="forbid")

    sources: tuple[SourceSettings, ...] = ()
