"""Replay: handling events again, all of a topic or exactly those a changed stage made stale.

A replay has no group: it reads the topic, runs the stage beside the live workers, and settles
without moving anybody's position, so what is live is undisturbed.
"""

from lineal.replay.plan import ReplayPlan, plan_replay
from lineal.replay.processes import Processes
from lineal.replay.run import run_replay

__all__ = ["Processes", "ReplayPlan", "plan_replay", "run_replay"]
