"""The register of devices."""

from __future__ import annotations
