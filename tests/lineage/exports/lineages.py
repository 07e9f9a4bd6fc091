"""Lineages to export."""

from __future__ import annotations

from hypothesis import strategies as st

from lineal.lineage.record import Artifact, Build, RecordedStep, UsedArtifact, digest
from tests.lineage.records import one_step

NOON = 1_764_417_600_000_000
"""Microseconds since the Unix epoch."""


def artifact(name: str, role: str = "event", media_type: str = "application/json") -> Artifact:
    return Artifact(digest(name.encode()), media_type, len(name), role)


def build(stage: str, *models: UsedArtifact) -> Build:
    return Build(stage, "1", "c" * 64, "f" * 64, models)


LETTERS = UsedArtifact("letters", "3", digest(b"a model"))

LETTER: list[RecordedStep] = [
    *one_step(
        "document:letter", build("register"), actor="stage:register", started=NOON, worked=1500,
        events_in=["arrived"], events_out=["registered"],
        inputs=[artifact("arrival"), artifact("bytes", "content", "text/plain")],
        outputs=[artifact("registration")],
    ).recorded(),
    *one_step(
        "document:letter", build("read", LETTERS), actor="stage:read", started=NOON + 2_000_000,
        events_in=["registered"], outcome="failed", error="Unreadable", reason="no text",
        inputs=[artifact("registration"), artifact("bytes", "content", "text/plain")],
    ).recorded(),
    *one_step(
        "document:letter", actor="user:ann", started=NOON + 9_000_000, kind="erase",
        reason="asked for",
    ).recorded(),
]  # fmt: skip
"""A letter that was registered, could not be read, and was erased by Ann."""

_NAMES = st.sampled_from(["a", "b", "c", "d"])
_WORDS = st.text(max_size=8).map(lambda text: text.encode(errors="replace").decode())


@st.composite
def lineages(draw: st.DrawFn) -> list[RecordedStep]:
    """Steps one after the other that read and make some of the same bytes, of odd names."""
    steps: list[RecordedStep] = []
    for number in range(draw(st.integers(0, 6))):
        by_stage = draw(st.booleans())
        record = one_step(
            draw(st.sampled_from(["document:x", 'order:"<é 7>\n', "model:m"])),
            build("read", *draw(st.sampled_from([(), (LETTERS,)]))) if by_stage else None,
            actor="stage:read" if by_stage else draw(st.sampled_from(["user:ann", "token:ci 1"])),
            started=NOON + number * 1_000_000,
            worked=draw(st.integers(0, 1000)),
            kind="step" if by_stage else draw(st.sampled_from(["erase", "promote"])),
            outcome=draw(st.sampled_from(["done", "memoised", "skipped", "rejected", "failed"])),
            reason=draw(st.none() | _WORDS),
            events_in=draw(st.lists(_NAMES, max_size=2)),
            events_out=draw(st.lists(_NAMES, max_size=2)),
            inputs=[artifact(name, "content", draw(_WORDS)) for name in draw(st.lists(_NAMES))],
            outputs=[artifact(name) for name in draw(st.lists(_NAMES, max_size=3))],
        )
        steps += record.recorded()
    return steps
