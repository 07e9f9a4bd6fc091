"""What pages show of states, as events name them, is translated too."""

from __future__ import annotations

from typing import get_args

from lineal_catalog.documents.projection import Status
from lineal_console.messages import DEVICE_JOB_STATES, STEP_KINDS, load_messages
from lineal_consumers.deploy.rollout import RolloutRecord
from lineal_schemas.deployments import JobState

REVIEWED = ("text", "class", "fields", "tables", "redaction", "anomaly", "package", "split")
REASONS = ("doubt", "confidence", "unknown", "boundary", "audit", "conflict", "anomaly", "risk",
           "asked", "rule")  # fmt: skip


def test_states_of_documents_rollouts_and_reviews_are_said_in_german() -> None:
    german = load_messages("de", ("lineal_console",))
    rollouts = get_args(RolloutRecord.model_fields["status"].annotation)
    same = {"text"}
    words = {*get_args(Status), *rollouts, *REVIEWED, *REASONS}
    words |= {*DEVICE_JOB_STATES.values(), *STEP_KINDS.values()}
    assert [word for word in sorted(words - same) if german.gettext(word) == word] == []


def test_every_state_of_a_devices_job_has_words() -> None:
    assert set(DEVICE_JOB_STATES) == set(get_args(JobState))
