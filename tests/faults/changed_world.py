"""Becomes the ``sitecustomize`` of processes for which something has changed.

``OTHER_VERSIONS={"nlp": "2"}``: stages have other versions, as if somebody had raised them.
``CLOCK_BACK=3600``: the clock was set back by so many seconds.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import time

_back = int(os.environ.get("CLOCK_BACK", "0"))
_time, _time_ns = time.time, time.time_ns
if _back:
    time.time = lambda: _time() - _back
    time.time_ns = lambda: _time_ns() - _back * 1_000_000_000

for _name, _version in json.loads(os.environ.get("OTHER_VERSIONS", "{}")).items():
    _module = importlib.import_module(f"lineal_consumers.{_name}.stage")
    setattr(_module, _name, dataclasses.replace(getattr(_module, _name), version=_version))
