"""Replay: handling events again, all of a topic or exactly those a changed stage made stale.

A replay has no group: it reads the topic, runs the stage next to the live workers, and commits
without moving any group's position.
"""

from lineal.replay.plan import ReplayPlan, plan_replay
from lineal.replay.preview import ReplayPreview, preview_replay
from lineal.replay.processes import Processes
from lineal.replay.run import run_replay

__all__ = [
    "Processes",
    "ReplayPlan",
    "ReplayPreview",
    "plan_replay",
    "preview_replay",
    "run_replay",
]
