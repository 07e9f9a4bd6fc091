"""Puts the model that was confirmed last into the scorer of an agent that starts."""

from __future__ import annotations

import logging
from pathlib import Path

from lineal_edge.update.disk import Disk
from lineal_edge.update.journal import JournalFile
from lineal_edge.update.models_in_use import SwappableScorer
from lineal_edge.update.packages import Installed, Packages
from lineal_scoring.model import ModelError

log = logging.getLogger(__name__)


def use_confirmed_model(scorer: SwappableScorer, models: Path) -> None:
    """Have the model of a folder of packages score, if there is one that can be loaded."""
    installed = _confirmed(models)
    if installed is None:
        return
    try:
        scorer.swap(scorer.prepare(installed.data, installed.model))
    except (ModelError, ValueError) as error:
        log.error("the model in use cannot be loaded: %s", error)


def _confirmed(models: Path) -> Installed | None:
    """One that is still on trial is none: the updater loads it, once it has noted the start."""
    disk = Disk()
    packages = Packages(models, disk)
    progress = JournalFile(models, disk).read().progress
    if progress is not None and progress.activating and not progress.final:
        return None
    return None if packages.current is None else packages.read(packages.current)
