"""Lineage in the W3C's provenance data model, PROV-DM, as a document in PROV-JSON.

Sources: https://www.w3.org/TR/prov-dm/, https://www.w3.org/TR/prov-constraints/ and
https://www.w3.org/submissions/prov-json/.

Steps are activities; bytes (objects, the data of events, artifacts of builds) and builds are
entities; who acted is an agent. An entity is generated once (PROV-CONSTRAINTS, 39): bytes that a
later step made again are another entity, an alternate of the first, and it is what steps after it
used. No record says when, while it worked, a step used something.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from urllib.parse import quote

from lineal.erasure.erasures import KIND as ERASE
from lineal.lineage.exports.steps import finished, run_ids, time_text
from lineal.lineage.graph import LineageGraph
from lineal.lineage.record import Artifact, Build, RecordedStep, build_prefix

PREFIXES = {
    name: f"urn:lineal:{name}:"
    for name in ("step", "sha256", "actor", "subject", "build", "role", "term")
}
"""Of qualified names; ``prov`` and ``xsd`` are known without."""

Relations = dict[str, dict[str, Any]]
Document = dict[str, Relations]
"""Of PROV-JSON: names to attributes, by the kind of what they name."""

_PERSON = "user:"
_SOFTWARE = ("stage:", "process:")


def prov_document(graph: LineageGraph) -> dict[str, Any]:
    """A graph as a document of PROV-JSON."""
    return {"prefix": PREFIXES, **_Statements(graph).document}


class _Statements:
    """Collects what a document says, step by step in the order of the ledger."""

    def __init__(self, graph: LineageGraph) -> None:
        self.document: Document = {}
        self._current: dict[str, str] = {}
        self._made: dict[str, int] = {}
        self._ids = run_ids(step.record for step in graph.steps)
        for step in graph.steps:
            self._step(step.name, step.record, self._activity(step.number))
            for cause in step.causes:
                self._relate(
                    "wasInformedBy",
                    {
                        "prov:informed": self._activity(step.number),
                        "prov:informant": self._activity(cause),
                    },
                )

    def _activity(self, number: int) -> str:
        return f"step:{self._ids[number]}"

    def _step(self, name: str, record: RecordedStep, activity: str) -> None:
        said = {
            "prov:startTime": time_text(record.started),
            "prov:endTime": time_text(finished(record)),
            "prov:label": name,
            "term:kind": record.kind,
            "term:outcome": record.outcome,
            "term:attempt": record.attempt,
            "term:error": record.error,
            "term:reason": record.reason,
        }
        self._declare("activity", activity, said)
        subject = self._subject(record.subject)
        association = {"prov:activity": activity, "prov:agent": self._agent(record.actor)}
        if record.build is not None:
            association["prov:plan"] = self._build(record.build)
        self._relate("wasAssociatedWith", association)
        for item in record.inputs:
            self._use(activity, self._entity(item, subject), item.role)
        for artifact in record.build.artifacts if record.build else ():
            known = self._bytes(
                artifact.sha256, {"prov:label": f"{artifact.name} {artifact.version}"}, subject
            )
            self._use(activity, known, "model")
        for item in record.outputs:
            self._generate(activity, item, subject, finished(record))
        if record.kind == ERASE:
            self._relate(
                "wasInvalidatedBy",
                {
                    "prov:entity": subject,
                    "prov:activity": activity,
                    "prov:time": time_text(finished(record)),
                },
            )

    def _subject(self, subject: str) -> str:
        return self._declare(
            "entity",
            _name("subject", subject),
            {"prov:type": _qualified("prov:Collection"), "prov:label": subject},
        )

    def _agent(self, actor: str) -> str:
        said: dict[str, Any] = {"prov:label": actor}
        if actor.startswith(_PERSON):
            said["prov:type"] = _qualified("prov:Person")
        elif actor.startswith(_SOFTWARE):
            said["prov:type"] = _qualified("prov:SoftwareAgent")
        return self._declare("agent", _name("actor", actor), said)

    def _build(self, build: Build) -> str:
        said = {
            "prov:type": _qualified("prov:Plan"),
            "prov:label": f"{build.stage} {build.version}",
            "term:code": build.code,
            "term:config": build.config,
        }
        return self._declare("entity", f"build:{sha256(build_prefix(build)).hexdigest()}", said)

    def _entity(self, item: Artifact, subject: str) -> str:
        """The entity that these bytes are by now."""
        said = {"term:mediaType": item.media_type, "term:bytes": item.bytes}
        return self._bytes(item.sha256, said, subject)

    def _bytes(self, digest: str, said: dict[str, Any], subject: str) -> str:
        known = self._current.setdefault(digest, f"sha256:{digest}")
        self._declare("entity", known, said)
        self._relate("hadMember", {"prov:collection": subject, "prov:entity": known})
        return known

    def _use(self, activity: str, entity: str, role: str) -> None:
        self._relate(
            "used",
            {
                "prov:activity": activity,
                "prov:entity": entity,
                "prov:role": _qualified(_name("role", role)),
            },
        )

    def _generate(self, activity: str, item: Artifact, subject: str, at: int) -> None:
        digest = item.sha256
        if before := self._current.get(digest):
            made = self._made[digest] = self._made.get(digest, 0) + 1
            self._current[digest] = again = f"sha256:{digest}.{made}"
            self._relate("alternateOf", {"prov:alternate1": again, "prov:alternate2": before})
        self._relate(
            "wasGeneratedBy",
            {
                "prov:entity": self._entity(item, subject),
                "prov:activity": activity,
                "prov:time": time_text(at),
                "prov:role": _qualified(_name("role", item.role)),
            },
        )

    def _declare(self, kind: str, name: str, said: dict[str, Any]) -> str:
        known = self.document.setdefault(kind, {}).setdefault(name, {})
        known.update({key: value for key, value in said.items() if value is not None})
        return name

    def _relate(self, relation: str, said: dict[str, Any]) -> None:
        known = self.document.setdefault(relation, {})
        parts = "\n".join(
            f"{value['$'] if isinstance(value, dict) else value}" for value in said.values()
        )
        # The same said twice is one statement.
        known[f"_:{relation}{sha256(parts.encode()).hexdigest()[:16]}"] = said


def _name(prefix: str, text: str) -> str:
    return f"{prefix}:{quote(text, safe=':-._~')}"


def _qualified(name: str) -> dict[str, str]:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}
