"""The digests of the trained models that a configuration uses."""

from __future__ import annotations

from hashlib import file_digest
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from lineal.lineage.record import UsedArtifact
from lineal_consumers.nlp.config import NlpConfig

_LANGUAGE = (("py3langid", "data/model.npz.xz"),)
_PEOPLE = (("probablepeople", "generic_learned_settings.crfsuite"),)
_ADDRESSES = (("usaddress", "usaddr.crfsuite"),)


def language_models(config: NlpConfig) -> list[UsedArtifact]:
    """The model files inside the installed packages; found and read, not loaded."""
    wanted = [
        *(_LANGUAGE if config.language == "py3langid" else ()),
        *(_PEOPLE if "people" in config.personal_data else ()),
        *(_ADDRESSES if "addresses" in config.personal_data else ()),
    ]
    return [model for package, name in wanted if (model := _model(package, name)) is not None]


def trained_models(config: NlpConfig) -> list[str]:
    """Names of the trained models that the stage uses, each in the version in use."""
    return [] if config.class_model is None else [config.class_model]


def _model(package: str, name: str) -> UsedArtifact | None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / name
    if not file.is_file():
        return None
    with file.open("rb") as data:
        digest = file_digest(data, "sha256").hexdigest()
    return UsedArtifact(f"{package}/{file.name.partition('.')[0]}", version(package), digest)
