"""What the console says, in the languages it knows. English is in the sources; the others are in
``locale/LANGUAGE.po`` of each package with pages."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from babel import Locale, negotiate_locale
from babel.messages.pofile import read_po

SOURCE_LANGUAGE = "en"
LANGUAGES = {"en": "English", "de": "Deutsch"}
_MAX_HEADER = 500


class Messages:
    """The messages of one language, of all packages.

    Args:
        packages: whose catalogues; of a message in two, the first package's holds.
    """

    def __init__(self, language: str, packages: tuple[str, ...]) -> None:
        self.language = language
        self.locale = Locale.parse(language)
        self._found: dict[str, str] = {}
        self._plurals: dict[str, tuple[str, ...]] = {}
        for package in packages if language != SOURCE_LANGUAGE else ():
            self._add(package)

    def gettext(self, message: str) -> str:
        """The message; itself where no catalogue has it."""
        return self._found.get(message, message)

    def ngettext(self, one: str, several: str, number: int) -> str:
        """The form of a message for a number."""
        forms = self._plurals.get(one)
        if forms is None:
            return one if number == 1 else several
        return forms[0 if number == 1 else -1]

    def _add(self, package: str) -> None:
        catalogue = files(package) / "locale" / f"{self.language}.po"
        if not catalogue.is_file():
            return
        with catalogue.open("rb") as file:
            for message in read_po(file, locale=self.language):
                if not message.id or not message.string or message.fuzzy:
                    continue
                if message.pluralizable:
                    self._plurals.setdefault(message.id[0], tuple(message.string))
                else:
                    self._found.setdefault(str(message.id), str(message.string))


@cache
def load_messages(language: str, packages: tuple[str, ...]) -> Messages:
    """The messages of a language, read once in a process."""
    return Messages(language, packages)


def negotiate(accepted: str) -> str:
    """The best language for an ``Accept-Language`` header, as RFC 9110 weighs them."""
    weighed = []
    for place, part in enumerate(accepted[:_MAX_HEADER].split(",")):
        name, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        weighed.append((-quality, place, name.strip().replace("-", "_")))
    preferred = [name for quality, _, name in sorted(weighed) if quality < 0]
    return negotiate_locale(preferred, list(LANGUAGES)) or SOURCE_LANGUAGE


def N_(message: str) -> str:
    """Mark a message that is translated where it is shown."""
    return message


STATUSES = (
    N_("open"), N_("taken"), N_("disputed"), N_("superseded"), N_("completed"), N_("waiting"),
    N_("all"), N_("closed"), N_("confirmed"), N_("corrected"),
    N_("doubt"), N_("confidence"), N_("audit"), N_("conflict"), N_("asked"), N_("anomaly"),
    N_("lasting"),
    N_("unknown"), N_("boundary"), N_("rule"), N_("risk"), N_("package"), N_("split"),
    N_("not_understood"),
    N_("affirmed"), N_("negated"), N_("historical"), N_("family"), N_("uncertain"),
    N_("text"), N_("class"), N_("fields"), N_("tables"), N_("redaction"),
    N_("label"), N_("verify"), N_("adjust"),
    N_("finished"), N_("pruned"), N_("stopping"), N_("shadow"), N_("canary"),
    N_("positive"), N_("negative"), N_("defect"),
    N_("registered"), N_("processing"), N_("indexed"), N_("rejected"), N_("failed"), N_("erased"),
)  # fmt: skip
"""Of documents, shown by a macro."""

OUTCOMES = (
    N_("done"), N_("memoised"), N_("skipped"), N_("duplicate"), N_("delayed"),
)  # fmt: skip
"""Of steps, beside those that documents have too."""

ROLES = (
    N_("reader"), N_("uploader"), N_("reviewer"), N_("operator"), N_("owner"),
)  # fmt: skip

PROOF_STATES = {
    "witnessed": N_("witnessed"), "signed": N_("signed"), "logged": N_("logged"),
    "waiting": N_("not yet logged"),
}  # fmt: skip
"""How far a record is proven."""

STEP_KINDS = {
    "emit": N_("published"), "act": N_("decided or asked for"), "timer": N_("timer"),
    "redrive": N_("redriven"), "drop": N_("dropped"), "retry": N_("retried"),
    "abandon": N_("given up"), "replay": N_("replayed"), "refuse": N_("refused"),
    "erase": N_("erased"), "access": N_("access changed"), "cover": N_("records of before signed"),
    "rotate": N_("key changed"), "lost": N_("key lost"), "label": N_("labelled"),
    "review": N_("reviewed"), "link": N_("mirrored"), "notify": N_("notified"),
    "package": N_("packaged"), "split": N_("split"), "step": N_("step"), "join": N_("joined"),
}  # fmt: skip
"""What was done, by the kind that records name."""

TOKEN_STATES = (N_("valid"), N_("expired"), N_("revoked"))

JOB_STATES = (
    N_("waiting"), N_("counting"), N_("running"), N_("done"), N_("cancelled"), N_("failed"),
)  # fmt: skip

MODEL_STATUSES = (
    N_("in use"), N_("previous"), N_("retired"), N_("passed"), N_("failed"), N_("trained"),
)  # fmt: skip

DEVICE_STATES = (N_("online"), N_("stopped"), N_("lost"), N_("unknown"), N_("cloned"))
ROLLOUT_STATES = (N_("unsigned"), N_("running"), N_("paused"), N_("aborted"), N_("completed"))

DEVICE_JOB_STATES = {
    "QUEUED": N_("waits"), "IN_PROGRESS": N_("begun"), "DOWNLOADED": N_("downloaded"),
    "VERIFIED": N_("verified"), "SHADOW": N_("runs beside the old one"),
    "ACTIVE_UNCONFIRMED": N_("on trial"), "SUCCEEDED": N_("succeeded"), "FAILED": N_("failed"),
    "ROLLED_BACK": N_("rolled back"), "TIMED_OUT": N_("timed out"), "CANCELLED": N_("cancelled"),
}  # fmt: skip
"""How far a device is with a rollout, by the state that events name."""
