"""The topics that the group of a stage reads."""

from __future__ import annotations

from lineal.bus.topic_names import redrive_topic
from lineal.stages.declaration import Stage
from lineal_schemas.withdrawals import OutputsWithdrawn


def stage_topics(stage: Stage) -> list[str]:
    """Its inputs; what is redriven to it; and, where it makes events or keeps parts, which of its
    inputs are withdrawn."""
    topics = [payload.type for payload in stage.inputs]
    if (stage.produces or stage.fan_in) and OutputsWithdrawn.type not in topics:
        topics.append(OutputsWithdrawn.type)
    return [*topics, redrive_topic(stage.name)]
