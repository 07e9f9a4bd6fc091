"""The state of an update, on the disk before it is acted upon."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lineal_edge.update.disk import Disk
from lineal_schemas.deployments import FINAL_STATES, JobDocument, JobState


class Progress(BaseModel):
    """How far a job has come."""

    model_config = ConfigDict(frozen=True)

    job: JobDocument
    state: JobState = "QUEUED"
    version: int
    """Of the job's state on the server, as far as the reports made so far go."""
    reported: bool = False
    """Whether the outbox has the report of this state."""
    trying: bool = False
    """The model is loaded into the agent as a shadow."""
    activating: bool = False
    """``current`` may point to the new model already."""
    going_back: bool = False
    """``current`` may point to the model before again."""
    before: str | None = None
    """Digest of the model in use before this one."""
    boots: int = 0
    """Starts of the agent since the model was first loaded, or activated, and not confirmed."""
    reason: str | None = None
    text: str | None = None
    disowned: bool = False
    """The server has ended the job; what is active is still soaked."""

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES


class Journal(BaseModel):
    """Everything the updater remembers."""

    model_config = ConfigDict(frozen=True)

    counter: int = 0
    """The highest counter of any package of the epoch that was ever confirmed."""
    signed_us: int = 0
    """The latest time a confirmed package of the epoch was made: it cannot be earlier now."""
    epoch: int = 0
    """Of the last package that was confirmed."""
    progress: Progress | None = None

    def in_epoch(self, epoch: int) -> Journal:
        """As it counts in an epoch: in a later one nothing was confirmed yet."""
        if epoch <= self.epoch:
            return self
        return self.model_copy(update={"counter": 0, "signed_us": 0, "epoch": epoch})


class JournalFile:
    """The journal's file, replaced whole with every change."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._file = folder / "journal.json"
        self._disk = disk

    def read(self) -> Journal:
        """The journal; an empty one if there is none, or it cannot be read."""
        data = self._disk.read(self._file)
        if data is None:
            return Journal()
        try:
            return Journal.model_validate_json(data)
        except ValidationError:
            return Journal()

    def write(self, journal: Journal) -> None:
        self._disk.replace(self._file, journal.model_dump_json().encode())
