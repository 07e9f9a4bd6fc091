"""Settings of everything that arrives as a file, by whatever way."""

from __future__ import annotations

from lineal.settings_sections import TopLevelSettings


class ArrivalSettings(TopLevelSettings):
    """What every arriving document gets."""

    tenant: str = "default"
    """The same bytes are the same document within a tenant."""
