"""What the owner of a data folder shows over HTTP."""

from __future__ import annotations

from pathlib import Path

from lineal.access.owner_token import owner_token


def as_owner(data: Path) -> dict[str, str]:
    """The header that lets in whoever can read the data folder."""
    return {"authorization": f"Bearer {owner_token(data)}"}
