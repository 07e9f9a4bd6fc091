"""What stages make is shown on a page; which families of stages have none is said here."""

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
}  # fmt: skip
"""By family, the part of a stage's name before the dot: the path of the page."""
WITHOUT = {"photos", "tables", "sweep", "restyle", "serving", "articles", "slides", "transcribe",
           "clicks"}  # fmt: skip
"""Shown on Flow and in lineage only, and by commands and over HTTP."""


def test_each_family_of_stages_has_a_page_or_is_known_to_have_none() -> None:
    families = {name.partition(".")[0] for name in installed_stages()}
    assert families == set(PAGES) | WITHOUT
    assert not set(PAGES) & WITHOUT


def test_the_pages_of_families_are_there_and_those_without_have_none() -> None:
    paths = {page.path for page in installed_pages()}
    assert set(PAGES.values()) <= paths
    assert not WITHOUT & paths, "this family has a page now: name it in PAGES"
