"""``Part``: a payload that is one of the parts of a fan-out group."""

from __future__ import annotations

import warnings
from typing import Annotated

from pydantic import AliasChoices, Field

from lineal_schemas.payload import Payload


class Part(Payload):
    """One of the ``count`` parts of a group.

    Its JSON has ``whole`` in the place of ``group_id``, as it always had: who reads the events of
    published types relies on it. A new type states ``group_id: str`` itself, and has that name in
    its JSON too.
    """

    group_id: Annotated[
        str, Field(validation_alias=AliasChoices("whole", "group_id"), serialization_alias="whole")
    ]
    """Identifies the group: what was split, and by which plan and version, so that the parts of a
    replay with a newer stage never mix with those of the first run."""
    index: Annotated[int, Field(ge=0)]
    count: Annotated[int, Field(ge=1)]

    @property
    def whole(self) -> str:
        """The former name of ``group_id``."""
        warnings.warn("Part.whole is called group_id now", DeprecationWarning, stacklevel=2)
        return self.group_id
