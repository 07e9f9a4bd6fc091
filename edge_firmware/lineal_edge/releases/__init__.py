"""Releases of the agent itself: two slots beside what is installed, and who chooses among them.

``slots`` keeps which release is confirmed, on trial, or rejected; ``supervisor`` runs one of them
and goes back from one that does not come up; ``wheels`` fills a slot; ``machine`` does the jobs of
a rollout, as ``lineal_edge.update`` does those of models. ``slots`` and ``supervisor`` need the
standard library alone, so that a release that breaks a library is still gone back from.
"""
