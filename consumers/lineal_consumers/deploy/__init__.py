"""Rollouts of models to devices: signed packages, jobs, rings."""
