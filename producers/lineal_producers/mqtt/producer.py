"""The MQTT bridge as a producer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal.producers import Producer

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_producers.mqtt.bridge import Bridge


def _bridge(runtime: Runtime) -> Bridge:
    """The bridge to the broker of the settings.

    Raises:
        WrongAddress: they name none.
    """
    from lineal_producers.mqtt.bridge import Bridge

    return Bridge(runtime)


MQTT = Producer("mqtt", "the MQTT bridge", _bridge, lambda settings: settings.mqtt.url is not None)
