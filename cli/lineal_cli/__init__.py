"""The command line: the only part of lineal that knows stages and producers by name."""

from __future__ import annotations
