"""Trained models: versions, promotions and provenance."""
