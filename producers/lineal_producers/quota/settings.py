"""Settings of quotas: ``[quotas]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Owner = Annotated[str, Field(min_length=1, max_length=2048)]


class Quota(BaseModel):
    """What there may be; None: as much as there is room for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    documents: Annotated[int, Field(ge=0)] | None = None
    mb: Annotated[int, Field(ge=0)] | None = None

    @property
    def limits(self) -> bool:
        """Whether it says anything."""
        return self.documents is not None or self.mb is not None


class QuotaSettings(Quota):
    """What each owner may have; what is refused says so."""

    owners: dict[Owner, Quota] = {}
    """Of single owners, in place of that."""
    without_owner: Quota = Quota()
    """Of all documents without an owner, together."""

    def of(self, owner: str | None) -> Quota:
        """The quota of an owner, or of what has none."""
        return self.without_owner if owner is None else self.owners.get(owner, self)
