"""The payload of outputs that a newer build of a stage no longer makes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from lineal_schemas.payload import Payload


class WithdrawnOutput(BaseModel):
    """An event that holds no longer."""

    model_config = ConfigDict(frozen=True)

    id: str
    type: str


class OutputsWithdrawn(Payload, type="lineal.outputs_withdrawn", version=1):
    """Events that a stage had made of an input, and that a replay with a newer build of it neither
    made again nor replaced; or that a stage had made of such events. Undo what was counted of
    each."""

    stage: str
    stage_version: str
    """Of the build that does not make them, or that passes on what a stage before withdrew."""
    outputs: tuple[WithdrawnOutput, ...]
    key: str
    """The partition key of the input event; passed on, the withdrawal before has the same."""
    correlation_id: str
    """The correlation id of the input event."""

    def partition_key(self) -> str:
        return self.key

    def correlation_key(self) -> str:
        return self.correlation_id
