"""Sources as the settings or a command name them, opened and synchronised."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal.settings import Settings
from lineal_producers.sync.comparison import Deleted, SyncResult, synchronise
from lineal_producers.sync.patterns import Patterns

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


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


def seconds_of(text: str) -> float:
    """A duration like ``30s``, ``15m``, ``2h`` or ``1d``, in seconds.

    Raises:
        WrongSource: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None or not float(found[1]):
        raise WrongSource(f"{text!r} is no duration like 30s, 15m, 2h or 1d")
    return float(found[1]) * _UNITS[found[2]]


def sync_settings(settings: Settings) -> SyncSettings:
    """The sources that the settings name.

    Raises:
        WrongSource: one of them does not fit.
    """
    try:
        return SyncSettings.model_validate(settings.producers.get("sync", {}))
    except ValidationError as error:
        problems = "; ".join(
            f"producers.sync.{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise WrongSource(f"wrong setting: {problems}. Correct lineal.toml.") from error


async def synchronise_source(
    runtime: Runtime, source: SourceSettings, *, full: bool = False
) -> SyncResult:
    """Compare a source once with what was ingested of it.

    Raises:
        As :func:`lineal_producers.sync.comparison.synchronise`.
        WrongSource: the libraries for buckets are not installed.
    """
    options: dict[str, Any] = {
        "full": full, "deleted": source.deleted, "allow_empty": source.allow_empty,
    }  # fmt: skip
    where = source.bucket_prefix()
    if where is None:
        from lineal_producers.sync.tree import FolderTree

        tree = FolderTree(runtime, Path(source.url))
        return await synchronise(tree, runtime, source.patterns, **options)
    try:
        from lineal.store.s3 import s3_client
        from lineal_producers.s3.sync import Bucket
    except ImportError as error:
        raise WrongSource(f"buckets need `pip install 'lineal[aws]'` ({error})") from error
    async with s3_client(source.region, source.endpoint) as client:
        return await synchronise(
            Bucket(client, runtime, *where), runtime, source.patterns, **options
        )
