"""What stages make is shown on a page."""

from __future__ import annotations

from lineal.stages.discovery import installed_stages
from lineal_console.page import installed_pages

PAGES = {
    "register": "documents", "classify": "documents", "ocr": "documents", "redact": "documents",
    "split": "documents", "nlp": "documents", "fields": "documents", "deidentify": "documents",
    "index": "search", "embed": "search", "match": "documents", "entities": "graph",
    "packages": "cases", "health": "fleet", "devices": "fleet", "detect": "fleet",
    "drift": "models", "faults": "fleet", "deploy": "fleet", "retrain": "models",
    "review": "review", "conversation": "tickets", "diagrams": "diagrams",
    "photos": "photos", "tables": "predictions", "sweep": "sweeps", "restyle": "restylings",
    "serving": "serving", "articles": "articles", "slides": "slides",
    "transcribe": "transcripts", "clicks": "clicks",
}  # fmt: skip
"""By family, the part of a stage's name before the dot: the path of the page."""


def test_each_family_of_stages_has_a_page() -> None:
    assert {name.partition(".")[0] for name in installed_stages()} == set(PAGES)
    assert set(PAGES.values()) <= {page.path for page in installed_pages()}
