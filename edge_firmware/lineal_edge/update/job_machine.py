"""What machines that do jobs have in common: the server's word, and going on after trouble."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque

from lineal_edge.update.current import NotCurrentYet
from lineal_edge.update.download import Interrupted
from lineal_edge.update.journal import Progress
from lineal_edge.update.logbook import Logbook
from lineal_edge.update.trust import Trust
from lineal_edge.update.verification import PackageRejected
from lineal_schemas.deployments import FINAL_STATES, JobDocument, JobNotice, JobReply

log = logging.getLogger(__name__)

IDLE_SECONDS = 30.0
RETRY_SECONDS = 5.0


class JobMachine(ABC):
    """One device's jobs of one kind. All methods but ``on_notice``, ``on_reply`` and ``interrupt``
    are called by one thread."""

    def __init__(self, book: Logbook, trust: Trust) -> None:
        self._book = book
        self._trust = trust
        self._next: JobDocument | None = None
        self._mail: deque[JobNotice | JobReply] = deque()
        self._stopping = False
        self._recovered = False

    @property
    def progress(self) -> Progress | None:
        """The current job, or the last one."""
        return self._book.progress

    @property
    def counter(self) -> int:
        """The highest that was confirmed."""
        return self._book.journal.counter

    @property
    def root_version(self) -> int | None:
        """Of the root of trust; None without one."""
        return self._trust.root_version

    # Other threads.

    def on_notice(self, notice: JobNotice) -> None:
        self._mail.append(notice)

    def on_reply(self, reply: JobReply) -> None:
        self._mail.append(reply)

    def interrupt(self) -> None:
        """Let go of what takes long: the agent stops."""
        self._stopping = True

    # What a kind of job is.

    @abstractmethod
    def recover(self) -> None:
        """Come back from whatever the last run was interrupted in; sets ``_recovered``."""

    @abstractmethod
    def _step(self, progress: Progress) -> float:
        """Do the next step of a job; how many seconds there is nothing to do then."""

    @abstractmethod
    def _end_badly(self, reason: str, text: str) -> None:
        """A step cannot be done."""

    @abstractmethod
    def _disown(self, progress: Progress) -> None:
        """The server is done with the job."""

    # The steps.

    def advance(self) -> float:
        """Do what is next; how many seconds there is nothing to do then, unless something comes."""
        if not self._recovered:
            self.recover()
            if not self._recovered:
                return RETRY_SECONDS
        try:
            return self._advance()
        except OSError as error:
            log.warning("update: %s", error)
            return RETRY_SECONDS

    def _advance(self) -> float:
        self._read_mail()
        self._book.report()
        progress = self.progress
        if progress is None or progress.final:
            return self._begin_next()
        try:
            return self._step(progress)
        except Interrupted:
            return 0.0
        except PackageRejected as rejected:
            self._end_badly(rejected.reason, str(rejected))
        except Exception as error:
            # A full disk, say. The step is tried again until its time is up.
            log.warning("update: %r", error)
            if not self._book.overdue():
                return RETRY_SECONDS
            if isinstance(error, NotCurrentYet):
                self._end_badly(error.reason, str(error))
            else:
                self._end_badly("internal_error", repr(error))
        return 0.0

    def _begin_next(self) -> float:
        job = self._next
        if job is None:
            unsaid = self.progress is not None and not self.progress.reported
            return RETRY_SECONDS if unsaid else IDLE_SECONDS
        log.info("job %s: %s", job.job_id, job.url)
        self._book.enter(Progress(job=job, version=job.version), "QUEUED")
        self._next = None
        return 0.0

    def _going_on(self) -> bool:
        """Whether to go on with a download; the server may have ended the job meanwhile."""
        self._read_mail()
        if self._stopping or self._book.current.final:
            return False
        if self._book.overdue():
            raise PackageRejected("download_timeout", "the download takes too long")
        return True

    # The server's word.

    def _read_mail(self) -> None:
        while self._mail:
            message = self._mail[0]
            if isinstance(message, JobReply):
                self._take_reply(message)
            else:
                self._take_notice(message.job)
            self._mail.popleft()  # acted upon, as far as the disk allowed

    def _take_notice(self, job: JobDocument | None) -> None:
        progress = self.progress
        known = progress is not None and job is not None and job.job_id == progress.job.job_id
        over = job is None or job.state in FINAL_STATES
        if known and not over:
            return
        if not known:
            self._next = None if over else job
        if progress is None or progress.final:
            return
        # The server is done with the job at hand: it was cancelled, timed out, or another came.
        self._disown(progress)

    def _take_reply(self, reply: JobReply) -> None:
        progress = self.progress
        if progress is None or reply.job_id != progress.job.job_id or reply.accepted:
            return
        if reply.state in FINAL_STATES or reply.reason == "unknown_job":
            if not progress.final:
                self._disown(progress)
            return
        if reply.version > progress.version:
            # Reports were counted otherwise there: say again how things stand.
            self._book.change(
                progress.model_copy(update={"version": reply.version, "reported": False})
            )
