"""Settings of the folder watch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal.settings_sections import TopLevelSettings


class WatchedFolder(BaseModel):
    """A folder to watch, and whose the files are that are dropped there."""

    model_config = ConfigDict(extra="forbid")

    path: Path
    owner: Annotated[str, Field(min_length=1)] | None = None
    labels: dict[str, str] = {}


class FolderSettings(TopLevelSettings):
    """The folder that is watched, and when a file in it is taken."""

    inbox: Path = Path("inbox")
    """Folder that ``lineal up`` watches."""
    inboxes: tuple[WatchedFolder, ...] = ()
    """Folders that it watches, each with its owner and labels: in place of the default ``inbox``,
    and beside one that is set."""
    inbox_file_mb: Annotated[int, Field(ge=1)] = 1024
    """Largest file that is taken from it."""
    inbox_stable_seconds: Annotated[float, Field(ge=0.05)] = 0.5
    """How long a file there must have been unchanged before it is taken."""
    inbox_unfinished_seconds: Annotated[float, Field(ge=0)] = 10.0
    """The same for a file that is empty, or has not the end that files of its kind have: a scanner
    may close and reopen it between two pages."""

    @property
    def watched_folders(self) -> tuple[WatchedFolder, ...]:
        """All folders to watch; at least one."""
        if self.inboxes and "inbox" not in self.model_fields_set:
            return self.inboxes
        return (WatchedFolder(path=self.inbox), *self.inboxes)
