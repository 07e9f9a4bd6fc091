"""``Part``: a payload that is one of the parts of a fan-out group."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lineal_schemas.payload import Payload


class Part(Payload):
    """One of the ``count`` parts of a group. ``whole`` identifies the group: what was split, and by
    which plan and version, so the parts of a replay with a newer stage never mix with those of the
    first run.
    """

    whole: str
    index: Annotated[int, Field(ge=0)]
    count: Annotated[int, Field(ge=1)]
