"""Vocabularies: concepts with stable ids and the words that name them.

A file is CSV with a first line ``id,name,kind,synonyms`` (synonyms separated by ``|``), or TOML:

```toml
[concepts.wheelchair]
name = "wheelchair"
kind = "device"
synonyms = ["wheel chair"]
```
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from lineal.errors import LinealError

_ID = re.compile(r"[A-Za-z0-9][\w.:/-]{0,99}")
_COLUMNS = ("id", "name", "kind", "synonyms")


class BadVocabulary(LinealError, ValueError):
    """A file of a vocabulary that cannot be used."""


class Concept(NamedTuple):
    """A concept of a vocabulary."""

    id: str
    """Stable: what the graph, events and queries know it by."""
    name: str
    kind: str
    synonyms: tuple[str, ...]


class Vocabulary(NamedTuple):
    """Concepts, and the digest of the files that they come from."""

    concepts: tuple[Concept, ...]
    sha256: str


@lru_cache(maxsize=8)
def load_vocabulary(file: Path | None, builtin: bool) -> Vocabulary:
    """The concepts of a file, and those that come along. One of the file replaces one of the same
    id. Read once in a process: another file takes a restart, like other settings.

    Raises:
        BadVocabulary
    """
    found: dict[str, Concept] = {}
    digest = sha256()
    if builtin:
        data = files(__package__).joinpath("vocabulary.csv").read_bytes()
        digest.update(data)
        found = _from_csv(data.decode(), "the vocabulary that comes along")
    if file is not None:
        try:
            data = file.read_bytes()
            text = data.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BadVocabulary(f"the vocabulary {file} cannot be read: {error}") from error
        digest.update(b"\x00" + data)
        toml = file.suffix.lower() == ".toml"
        found |= _from_toml(text, str(file)) if toml else _from_csv(text, str(file))
    if not found:
        raise BadVocabulary("the vocabulary is empty: name a file, or leave `builtin` on")
    return Vocabulary(tuple(found.values()), digest.hexdigest())


def _from_csv(text: str, where: str) -> dict[str, Concept]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if not {"id", "name"} <= set(reader.fieldnames or ()):
        raise BadVocabulary(f"{where} has no first line `{','.join(_COLUMNS)}`")
    return _concepts(
        (
            (row["id"] or "", row | {"synonyms": (row.get("synonyms") or "").split("|")}, number)
            for number, row in enumerate(reader, 2)
        ),
        where,
    )


def _from_toml(text: str, where: str) -> dict[str, Concept]:
    try:
        concepts = tomllib.loads(text).get("concepts", {})
    except tomllib.TOMLDecodeError as error:
        raise BadVocabulary(f"{where} is no TOML: {error}") from error
    if not isinstance(concepts, dict) or not all(
        isinstance(one, dict) for one in concepts.values()
    ):
        raise BadVocabulary(f"{where} has no [concepts.ID]")
    return _concepts(((id, one, id) for id, one in concepts.items()), where)


def _concepts(
    given: Iterable[tuple[str, Mapping[str, Any], int | str]], where: str
) -> dict[str, Concept]:
    found: dict[str, Concept] = {}
    for id, fields, place in given:
        name = str(fields.get("name") or "").strip()
        if not _ID.fullmatch(id) or not name:
            raise BadVocabulary(
                f"{where}, {place}: a concept has an id (letters, digits, . : / _ -) and a name"
            )
        if id in found:
            raise BadVocabulary(f"{where}, {place}: {id} is there twice")
        synonyms = fields.get("synonyms") or ()
        if isinstance(synonyms, str) or not all(isinstance(item, str) for item in synonyms):
            raise BadVocabulary(f"{where}, {place}: synonyms are a list of texts")
        kind = str(fields.get("kind") or "concept").strip()
        words = tuple(word.strip() for word in synonyms if word.strip())
        found[id] = Concept(id, name, kind, words)
    return found
