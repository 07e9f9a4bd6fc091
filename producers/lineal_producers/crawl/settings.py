"""Settings of crawls: ``[[crawl.sites]]``."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lineal.durations import seconds_of
from lineal.errors import LinealError

Positive = Annotated[float, Field(gt=0)]


class WrongSite(LinealError, ValueError):
    """What is to be crawled is no web page; says which and why."""


class SiteSettings(BaseModel):
    """Pages with which a crawl begins, and its limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: Annotated[tuple[str, ...], Field(min_length=1)]
    """It stays on the hosts of these."""
    image_hosts: tuple[str, ...] = ()
    """Further hosts that images may come from."""
    every: Positive = 86_400.0
    """Seconds between two crawls; also as ``12h``."""
    delay: Annotated[float, Field(ge=0)] = 1.0
    """Seconds between two requests to a host; longer where its robots.txt says so."""
    max_depth: Annotated[int, Field(ge=0, le=50)] = 5
    """Links from the first pages; pages of a sitemap are one link away."""
    max_pages: Annotated[int, Field(ge=1, le=100_000)] = 2_000
    max_images: Annotated[int, Field(ge=0, le=100_000)] = 5_000
    max_segments: Annotated[int, Field(ge=1, le=100)] = 10
    """Segments of a path; longer paths are taken for a trap, and so is one that repeats itself."""
    max_queries: Annotated[int, Field(ge=0, le=1_000)] = 10
    """Queries of one path; calendars and filters have any number."""
    max_page_bytes: Annotated[int, Field(ge=1)] = 4_000_000
    max_image_bytes: Annotated[int, Field(ge=1)] = 20_000_000
    page_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Crawls in a row in which a page may fail that was never read. Then it is left out, named, and
    holds up nothing: what no other page shows is gone."""
    request_seconds: Positive = 20.0
    """For a request as a whole."""
    seconds: Positive = 3_600.0
    """For a crawl; the next one goes on where it ended."""
    private_addresses: bool = False
    """Whether hosts of the own network may be asked."""
    agent: Annotated[str, Field(pattern=r"^[\x21-\x7e][\x20-\x7e]{0,199}$")] = "lineal-crawler"
    """What it calls itself, also to robots.txt."""

    @field_validator("urls")
    @classmethod
    def _are_pages(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            try:
                parts = urlsplit(url)
                usable = parts.scheme in ("http", "https") and parts.hostname
                _ = parts.port
            except ValueError:
                usable = False
            if not usable or parts.username is not None:
                raise WrongSite(f"{url!r} is not like https://example.org/page, without a password")
        return urls

    @field_validator("every", "seconds", mode="before")
    @classmethod
    def _read_duration(cls, value: Any) -> Any:
        return seconds_of(value) if isinstance(value, str) else value

    @property
    def name(self) -> str:
        """Identifies the crawl: under it is kept what it has seen."""
        return "\n".join(sorted(self.urls))


class CrawlSettings(BaseModel):
    """All sites that are crawled on a schedule."""

    model_config = ConfigDict(extra="forbid")

    sites: tuple[SiteSettings, ...] = ()
