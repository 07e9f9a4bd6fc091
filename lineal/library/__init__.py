"""The bus inside somebody's own program: publish, consume, run stages, ask and be answered."""

from lineal.library.consumer import Consumer, NotAcknowledged, Received
from lineal.library.event_bus import EventBus, open_bus
from lineal.library.replies import NoReply, RequestFailed, RequestSkipped

__all__ = [
    "Consumer",
    "EventBus",
    "NoReply",
    "NotAcknowledged",
    "Received",
    "RequestFailed",
    "RequestSkipped",
    "open_bus",
]
