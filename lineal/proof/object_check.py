"""Whether every object has the digest that it is named by, and every object that a record names is
there."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from lineal.erasure.erasures import erased_at
from lineal.lineage.graph import EVENT_ROLES
from lineal.lineage.ledger import steps_of_artifact
from lineal.lineage.projections import installed_projections
from lineal.lineage.record import Record, RecordedStep
from lineal.proof.verification import Finding, LargeObjects, Progress, VerificationContext
from lineal.store.blobs import BlobMissing
from lineal.store.connection import Connection

NAME = "objects"


class ObjectCheck:
    """The digests of what is stored. See :class:`lineal.proof.verification.Check`."""

    name = NAME

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        (small,) = context.connection.execute("SELECT count(*) FROM objects").fetchone()
        large = [] if context.large is None else sorted(context.large.stored())
        total = small + len(large)
        checked = 0
        rows = context.connection.stream("SELECT sha256, data FROM objects")
        wrong = []
        for checked, (named, data) in enumerate(rows, 1):
            if not isinstance(named, bytes) or not isinstance(data, bytes):
                wrong.append(str(named))
            elif sha256(data).digest() != named:
                wrong.append(named.hex())
            progress(checked, total)
        for name in wrong:
            yield _changed(name)
        for done, name in enumerate(large, checked + 1):
            if context.large is not None and _digest(context.large, name) != name:
                yield _changed(name)
            progress(done, total)
        context.results["objects"] = total


def _digest(large: LargeObjects, name: str) -> str:
    found = sha256()
    try:
        for piece in large.chunks(name):
            found.update(piece)
    except BlobMissing:
        return name  # removed since it was listed: whether it is missed the records say
    return found.hexdigest()


def _changed(name: str) -> Finding:
    return Finding(NAME, f"the object {name} is not what its digest says")


class NamedObjectReader:
    """Checks that the objects that records name are there.

    See :class:`lineal.proof.record_pass.RecordReader`.

    What belongs to an erased subject is not missed.
    """

    reads_records = NAME

    def __init__(self) -> None:
        self._context: VerificationContext
        self._named: dict[bytes, int] = {}

    def begin(self, context: VerificationContext) -> None:
        self._context = context
        self._named = {}

    def add(self, seq: int, build: int | None, record: Record) -> None:
        for entry in record.steps:
            for item in (*entry.outputs, *entry.inputs):
                if item.role not in EVENT_ROLES:
                    self._named.setdefault(bytes.fromhex(item.sha256), seq)

    def findings(self) -> Iterator[tuple[str, int]]:
        large = self._context.large
        if large is None:
            return
        missing = self._named
        for name in _small(self._context.connection):
            missing.pop(name, None)
        if missing:
            for digest in large.stored():
                missing.pop(bytes.fromhex(digest), None)
        erased = _Erased(self._context.connection)
        for name, seq in sorted(missing.items(), key=lambda item: item[1]):
            if erased.has(name.hex()):
                continue
            yield f"the object {name.hex()}, which record {seq} names, is missing", seq


class _Erased:
    """Which objects were erased, by the records about what they belonged to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._subjects: dict[str, bool] = {}

    def has(self, sha256_hex: str) -> bool:
        connection = self._connection
        steps = [
            *steps_of_artifact(connection, sha256_hex, made=True),
            *steps_of_artifact(connection, sha256_hex, made=False),
        ]
        return any(map(self._is_erased, {step.subject for step in steps})) or any(
            self._is_copy(step, sha256_hex) for step in steps
        )

    def _is_copy(self, step: RecordedStep, sha256_hex: str) -> bool:
        """Whether a step made it of what belonged to another subject, which was erased."""
        copied = {role for projection in installed_projections() for role in projection.copies}
        if not any(item.sha256 == sha256_hex and item.role in copied for item in step.outputs):
            return False
        return any(
            self._is_erased(other.subject)
            for item in step.inputs
            for made in (True, False)
            for other in steps_of_artifact(self._connection, item.sha256, made=made)
        )

    def _is_erased(self, subject: str) -> bool:
        if subject not in self._subjects:
            self._subjects[subject] = erased_at(self._connection, subject) is not None
        return self._subjects[subject]


def _small(connection: Connection) -> Iterator[bytes]:
    rows = connection.stream("SELECT sha256 FROM objects")
    return (name for (name,) in rows if isinstance(name, bytes))
