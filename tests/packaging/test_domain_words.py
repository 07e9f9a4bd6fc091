"""The runtime knows no document, device or model by name: what it does, it does for any events."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import lineal

RUNTIME = Path(lineal.__file__).parent
DOMAIN = frozenset((
    "anomaly", "anomalies", "champion", "challenger", "deploy", "deployment", "device", "document",
    "drift", "firmware", "fleet", "image", "invoice", "model", "mqtt", "ocr", "pdf", "promote",
    "promotion", "rollout", "sensor", "telemetry", "train", "trained", "training",
))  # fmt: skip

_PYDANTIC = re.compile(
    r"model_(?:config|construct|copy|dump|fields|validate|json_schema)\w*|\bBaseModel\b"
    r"|\b\w+_model\(|\bmodels?\.model_"
)
"""What pydantic calls its own."""
_OPENTELEMETRY = re.compile("opentelemetry", re.IGNORECASE)
"""A project for traces and metrics."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

ALLOWED: dict[str, str] = {
    "__init__.py": "document sensor",
    # Of pydantic.
    "settings.py": "model",
    "settings_sections.py": "model",
    "setting_names.py": "model",
    "former_settings.py": "model",
    # Who may do what: the acts are one published list, of which a role has some.
    "access/acts.py": "document rollout promote deploy",
    "stages/context.py": "model",
    "stages/handlers.py": "model",
    # Names that stages and packages were written with before.
    "former_names.py": "model trained",
    # Records, and the table of builds, call the artifacts of a build models: what is recorded is
    # not rewritten.
    "lineage/builds.py": "model",
    "lineage/canonical.py": "model",
    "lineage/ledger.py": "model",
    "lineage/record.py": "model",
    "lineage/record_v1.py": "model",
    "store/declared_tables.py": "model",
    # OpenLineage knows datasets of the type MODEL, and what PROV writes is called a document.
    "lineage/exports/openlineage.py": "model",
    "lineage/exports/prov.py": "document model",
    "lineage/exports/turtle.py": "document",
    "lineage/exports/prov_ontology.py": "document",
    "lineage/exports/jsonld.py": "document",
    # Event types are pydantic models.
    "events.py": "model",
    "workers/answers.py": "model",
    # Of a folder of Linux.
    "workers/readable.py": "device",
    # Tables that stood in the runtime once.
    "store/migrations/to_12.py": "document",
    "store/migrations/to_21.py": "document",
    # Of a database file, and of an HTTP answer.
    "proof/subject_check.py": "document",
}
"""By file, the words that it needs."""


def words_of(text: str) -> set[str]:
    """Domain words in a module, in the singular."""
    found = {
        word.lower() for word in _WORD.findall(_OPENTELEMETRY.sub("", _PYDANTIC.sub("", text)))
    }
    singular = {word.removesuffix("s") if word not in DOMAIN else word for word in found}
    return singular & DOMAIN


def test_the_runtime_is_free_of_domain_words() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(RUNTIME.rglob("*.py")):
        name = path.relative_to(RUNTIME).as_posix()
        if more := words_of(path.read_text()) - set(ALLOWED.get(name, "").split()):
            found[name] = more
    assert dict(found) == {}, "say it without, or list it with its reason"


def test_no_word_is_listed_without_need() -> None:
    for name, words in ALLOWED.items():
        path = RUNTIME / name
        unused = set(words.split()) - (words_of(path.read_text()) if path.exists() else set())
        assert not unused, f"{name}: {unused}"


def test_a_word_is_found_in_names_of_every_kind() -> None:
    assert words_of("class MqttSettings: ...") == {"mqtt"}
    assert words_of("trained_models = DOCUMENTS") == {"trained", "model", "document"}
    assert words_of("BaseModel.model_validate(x)") == set()
