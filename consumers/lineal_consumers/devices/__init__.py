"""The register of devices: what each last said of itself."""

from __future__ import annotations
