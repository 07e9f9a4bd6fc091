"""Which schema registry is used: ``[registry]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class RegistrySettings(BaseModel):
    """A Confluent-compatible schema registry (``lineal[registry]``)."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = None
    """Base URL of its REST API, as ``http://localhost:8081``."""
    username: str | None = None
    password: SecretStr | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Of a request; a registry that does not answer counts as away."""
    register_schemas: bool = True
    """Whether schemas that payload types bring are registered; off: they must be there."""
