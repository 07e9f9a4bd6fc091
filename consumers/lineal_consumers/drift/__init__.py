"""Drift detection: do readings still have the distribution of the training data?"""
