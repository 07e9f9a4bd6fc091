"""Loads the language models before worker processes are forked."""

from __future__ import annotations

_TEXT = "Invoice of Mary Smith, 12 Main Street, Springfield, IL 62701. Due on 3 May 2026: $12.50."


def load() -> None:
    """Load the models of all engines, by analysing a made-up text."""
    from lineal_consumers.nlp.analysis import analyze_text
    from lineal_consumers.nlp.config import NlpConfig

    analyze_text(_TEXT, NlpConfig())
