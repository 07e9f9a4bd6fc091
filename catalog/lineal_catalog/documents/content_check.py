"""Whether the bytes of every registered document are there."""

from __future__ import annotations

from collections.abc import Iterator

from lineal.proof.verification import Finding, Progress, VerificationContext

NAME = "documents"


class ContentCheck:
    """See :class:`lineal.proof.verification.Check`.

    Records name them only once a stage has read them; the registry does from the beginning on. That
    it is what the ledger says, and that objects have their digests, others check.
    """

    name = NAME

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        if context.large is None or context.since is not None:
            return
        missing: dict[str, str] = dict(
            context.connection.execute(
                "SELECT sha256, document_id FROM registry WHERE sha256 IS NOT NULL"
            ).fetchall()
        )
        progress(0, len(missing))
        for (name,) in context.connection.stream("SELECT sha256 FROM objects"):
            if isinstance(name, bytes):
                missing.pop(name.hex(), None)
        for digest in context.large.stored():
            missing.pop(digest, None)
        for digest, document in missing.items():
            yield Finding(NAME, f"the bytes {digest} of document {document} are missing")


CONTENT_CHECK = ContentCheck()
