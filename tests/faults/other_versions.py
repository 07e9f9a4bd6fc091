"""Becomes the ``sitecustomize`` of processes whose stages have other versions, as if somebody had
raised them: ``OTHER_VERSIONS={"nlp": "2"}``."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os

for _name, _version in json.loads(os.environ.get("OTHER_VERSIONS", "{}")).items():
    _module = importlib.import_module(f"lineal_consumers.{_name}.stage")
    setattr(_module, _name, dataclasses.replace(getattr(_module, _name), version=_version))
