"""The MQTT bridge as a producer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal.producers import Producer
from lineal_producers.mqtt.settings import MqttSettings

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal.settings import Settings
    from lineal_producers.mqtt.bridge import Bridge


def _bridge(runtime: Runtime) -> Bridge:
    """The bridge to the broker of the settings.

    Raises:
        WrongAddress: they name none.
    """
    from lineal_producers.mqtt.bridge import Bridge

    return Bridge(runtime)


def _is_wanted(settings: Settings) -> bool:
    return settings.section(MqttSettings).url is not None


MQTT = Producer("mqtt", "the MQTT bridge", _bridge, _is_wanted)
