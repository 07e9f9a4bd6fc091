"""The bridge between the devices' MQTT broker and the bus."""

from __future__ import annotations
