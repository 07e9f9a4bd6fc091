"""All kinds of bad input at once in the inbox of one ``lineal up``, among good files: each has its
recorded outcome, and nothing else suffers."""

from __future__ import annotations

import json
import os
import socket
import stat
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from lineal_schemas.ids import document_id
from tests.faults import files
from tests.faults.conftest import NewSystem, install_stage
from tests.faults.system import System

pytestmark = pytest.mark.timeout(900)
"""What all tests share takes minutes on a busy machine, and the first of them waits for it."""

FRAIL = {
    "crashes.txt": ("crash", "WorkerCrashed", "killed by SIGSEGV"),
    "hangs.txt": ("hang", "WorkerTimeout", "took longer than 1 seconds"),
    "eats.txt": ("memory", "WorkerOutOfMemory", "more than the memory limit"),
}
"""Name, what the engine does with it, class and words of the error."""
LONG_NAME = "n" * 251 + ".txt"
DELETED = "deleted.txt"
COPIES = 100
LONG_PAGES = 800


class Case(NamedTuple):
    """A document by the name it arrived under, and what has to become of it."""

    name: str
    status: str
    reason: str | None = None
    """Words of the reason."""


REFUSED = [
    Case("empty.txt", "rejected", "the file is empty"),
    Case("truncated.pdf", "rejected", "cut off"),
    Case("encrypted.pdf", "rejected", "encrypted"),
    Case("no pages.pdf", "rejected", "no pages"),
    Case("cyclic.pdf", "rejected", "contains itself"),
    Case("huge.png", "rejected", "too large: 30000 x 30000 pixels"),
    Case("bomb.docx", "rejected", "too large"),
    Case("binary.bin", "rejected", "not"),
    Case("link out.txt", "rejected", "a link that leads out of the folder"),
    Case("link loop.txt", "rejected", "a link that leads in circles"),
    Case("link nowhere.txt", "rejected", "a link that leads nowhere"),
    Case("link to folder", "rejected", "a link to a folder"),
    Case("unreadable.txt", "rejected", "permission denied"),
    Case("fifo", "rejected", "not a regular file"),
    Case("socket", "rejected", "not a regular file"),
    Case("device", "rejected", "not a regular file"),
    Case(DELETED, "rejected", "gone before it could be read"),
    Case("erased.txt", "failed", "is not in the store"),
    *(Case(name, "failed", words) for name, (_, _, words) in FRAIL.items()),
]
ACCEPTED = [
    Case("a PNG.pdf", "indexed"),
    Case("a PDF.txt", "indexed"),
    Case("long.pdf", "indexed"),
    Case("with spaces  .txt", "indexed"),
    Case("new\nline.txt", "indexed"),
    Case("up..down..txt", "indexed"),
    Case("-rf --no-preserve-root.txt", "indexed"),
    Case("caf\\xe9.txt", "indexed"),
    Case(LONG_NAME, "indexed"),
    Case("../../../escape.txt", "indexed"),
    *(Case(f"good {number}.txt", "indexed") for number in range(5)),
    Case("good.pdf", "indexed"),
    Case("one page.txt", "indexed"),
]
MALFORMED = {
    "no JSON": ("document.arrived", b"\xff\xfe not JSON {", "not application/json"),
    "wrong schema": ("document.arrived", b'{"name": 7}', "does not fit document.arrived"),
    "no data": ("document.registered", b"{}", "document_id: Field required"),
    "unknown version": (
        "document.arrived",
        json.dumps(
            {
                "specversion": "1.0", "id": "v99", "source": "test", "type": "document.arrived",
                "dataschema": "urn:lineal:schema:document.arrived:99",
                "data": {"name": "x", "source": "test"},
            }
        ).encode(),
        "99",
    ),
    "missing attributes": (
        "document.arrived",
        b'{"specversion": "1.0", "type": "document.arrived", "data": {}}',
        "does not fit document.arrived",
    ),
    "wrong type": (
        "document.classified",
        json.dumps(
            {
                "specversion": "1.0", "id": "t1", "source": "test", "type": "document.arrived",
                "data": {"name": "stray.txt", "source": "test", "problem": "none"},
            }
        ).encode(),
        "takes document.classified, not document.arrived",
    ),
    "unknown type": (
        "document.analyzed",
        b'{"specversion": "1.0", "id": "u1", "source": "test", "type": "what.ever", "data": {}}',
        "what.ever",
    ),
    "huge": (
        "document.arrived",
        b'{"name": "' + b"x" * (4 << 20) + b'", "labels": 7}',
        "does not fit document.arrived",
    ),
    "deep": ("document.arrived", b"[" * 100_000 + b"]" * 100_000, ""),
}  # fmt: skip
"""Topic, what is emitted to it, words of the dead letter."""


def prose(topic: str) -> bytes:
    return f"About {topic}.\n{files.PROSE}".encode()


def write(inbox: Path, name: str | bytes, content: bytes) -> None:
    (inbox / os.fsdecode(name)).write_bytes(content)


@pytest.fixture(scope="module")
def system(new_system: NewSystem, tmp_path_factory: pytest.TempPathFactory) -> System:
    """The system after everything has had its outcome; it still runs."""
    site = tmp_path_factory.mktemp("site")
    install_stage(site, Path(__file__).with_name("frail_stage.py"))
    faults = {
        document_id("default", sha256(prose(name)).hexdigest()): fault
        for name, (fault, _, _) in FRAIL.items()
    }
    system = new_system(
        privileged=False,
        variables={
            "PYTHONPATH": str(site),
            "LINEAL_STAGES": json.dumps({"frail": {"faults": faults}}),
            "LINEAL_WORKER_MEMORY_MB": "2048",
        },
    )
    erase_after_arrival(system)
    system.start()
    drop_bad_and_good(system)
    system.until_final([case.name for case in (*REFUSED, *ACCEPTED) if case.name != DELETED])
    # By itself: of a file that vanishes while others come nobody can say that it was not renamed.
    write(system.inbox, DELETED, prose("deletion"))
    (system.inbox / DELETED).unlink()
    for topic, content, _ in MALFORMED.values():
        emitted = system.lineal("emit", topic, "--as-operator", stdin=content)
        assert emitted.code == 0, emitted.err
    system.until_final([DELETED])
    system.until_settled()
    return system


def erase_after_arrival(system: System) -> None:
    """A file arrives, and somebody erases its bytes before a stage has looked at them."""
    file = system.folder / "erased.txt"
    file.write_bytes(prose("erasure"))
    assert system.lineal("put", file).code == 0
    digest = sha256(prose("erasure")).hexdigest()
    (system.data / "objects" / digest[:2] / digest[2:]).unlink()


def drop_bad_and_good(system: System) -> None:
    inbox = system.inbox
    for number in range(3):
        write(inbox, f"good {number}.txt", prose(f"good things {number}"))
    pages = [f"Page {number} about pineapples. {files.PROSE}" for number in range(LONG_PAGES)]
    write(inbox, "long.pdf", files.text_pdf(pages))
    write(inbox, "empty.txt", b"")
    write(inbox, "a PNG.pdf", files.scan("Turbine seven"))
    write(inbox, "a PDF.txt", files.text_pdf([f"Mangrove. {files.PROSE * 3}"]))
    sound = files.text_pdf([f"Truncation. {files.PROSE * 3}"] * 3)
    write(inbox, "truncated.pdf", sound[: len(sound) // 2])
    write(inbox, "encrypted.pdf", files.encrypted_pdf())
    write(inbox, "no pages.pdf", files.pdf_without_pages())
    write(inbox, "cyclic.pdf", files.pdf_that_contains_itself())
    write(inbox, "huge.png", files.huge_png())
    write(inbox, "bomb.docx", files.bomb_docx())
    write(inbox, "binary.bin", bytes(range(256)) * 64)
    for name in ("with spaces  .txt", "new\nline.txt", "up..down..txt", LONG_NAME):
        write(inbox, name, prose(name))
    write(inbox, "-rf --no-preserve-root.txt", prose("leading dashes"))
    write(inbox, b"caf\xe9.txt", prose("Latin 1"))
    for name in FRAIL:
        write(inbox, name, prose(name))
    drop_what_is_no_file(system)
    for number in range(COPIES):
        write(inbox, f"copy {number}.txt", prose("copies"))
    for number in range(3, 5):
        write(inbox, f"good {number}.txt", prose(f"good things {number}"))
    write(inbox, "good.pdf", files.text_pdf([f"Good. {files.PROSE * 3}"]))
    upload(system, "../../../escape.txt", prose("escape"))
    # The long document is under way when the one page comes.
    long_id = document_id("default", sha256((inbox / "long.pdf").read_bytes()).hexdigest())
    scattered = "ocr.scatter"
    system.until(lambda: scattered in stages_of(system, long_id), "the long document is being read")
    write(inbox, "one page.txt", prose("one page"))


def drop_what_is_no_file(system: System) -> None:
    inbox = system.inbox
    outside = system.folder / "outside.txt"
    outside.write_bytes(prose("secrets outside of the inbox"))
    (inbox / "link out.txt").symlink_to(outside)
    (inbox / "link loop.txt").symlink_to(inbox / "link loop.txt")
    (inbox / "link nowhere.txt").symlink_to(inbox / "there is no such file")
    (inbox / "link to folder").symlink_to(system.folder)
    write(inbox, "unreadable.txt", prose("unreadable things"))
    (inbox / "unreadable.txt").chmod(0)
    os.mkfifo(inbox / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(inbox)  # a socket's path may not be long
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
    try:
        os.mknod(inbox / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero: no end
    except PermissionError:
        (inbox / "device").symlink_to("/dev/zero")


def upload(system: System, name: str, content: bytes) -> None:
    from urllib.parse import quote
    from urllib.request import Request, urlopen

    request = Request(
        f"{system.url}/documents?name={quote(name, safe='')}",
        content,
        system.authorization(),
        method="POST",
    )
    with urlopen(request, timeout=60) as answer:
        assert answer.status == 202


def stages_of(system: System, document: str) -> list[str]:
    return [
        record.build.stage
        for record in system.records()
        if record.build is not None and record.subject == f"document:{document}"
    ]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: ascii(case.name))
def test_bad_input_has_a_recorded_reason(system: System, case: Case) -> None:
    document = system.document(case.name)

    assert document.status == case.status
    assert case.reason is not None and case.reason in (document.reason or "")
    outcomes = [
        record
        for record in system.records()
        if record.subject == f"document:{document.document_id}" and record.outcome == case.status
    ]
    assert len(outcomes) == 1
    assert outcomes[0].error


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: ascii(case.name)[:40])
def test_good_input_is_indexed_whatever_comes_with_it(system: System, case: Case) -> None:
    document = system.document(case.name)

    assert (document.status, document.reason) == ("indexed", None)
    with system.connection() as connection:
        (pages,) = connection.execute(
            "SELECT count(*) FROM search_entries WHERE document_id = ?", (document.document_id,)
        ).fetchone()
    assert pages == (LONG_PAGES if case.name == "long.pdf" else 1)


def test_what_a_file_is_follows_from_its_bytes(system: System) -> None:
    assert system.document("a PNG.pdf").media_type == "image/png"
    assert system.document("a PDF.txt").media_type == "application/pdf"


def test_a_long_document_does_not_hold_up_a_short_one(system: System) -> None:
    long, short = system.document("long.pdf"), system.document("one page.txt")
    assert long.pages == LONG_PAGES
    order = [
        record.subject.removeprefix("document:")
        for record in system.records()
        if record.build is not None and record.build.stage == "index"
    ]

    assert order.index(short.document_id) < order.index(long.document_id)


def test_the_same_bytes_a_hundred_times_are_one_document(system: System) -> None:
    copies = [item for item in system.documents() if item.name.startswith("copy ")]

    assert [(item.status, item.arrivals) for item in copies] == [("indexed", COPIES)]
    steps = stages_of(system, copies[0].document_id)
    assert steps.count("register") == COPIES
    assert [steps.count(stage) for stage in ("classify", "ocr", "nlp", "index")] == [1, 1, 1, 1]


def test_no_name_is_used_as_a_path(system: System) -> None:
    assert not [path for path in system.folder.rglob("*escape*") if path.is_file()]
    assert not (system.folder.parent / "escape.txt").exists()


def test_what_lies_outside_of_the_inbox_is_not_found(system: System) -> None:
    found = system.lineal("search", '"secrets outside"', "--json")

    assert (found.code, found.json) == (0, [])


@pytest.mark.parametrize("name", FRAIL)
def test_an_engine_that_fails_costs_its_document_only(system: System, name: str) -> None:
    _, error_class, words = FRAIL[name]
    listed = system.lineal("dead", "list", "--group", "frail", "--error", error_class, "--json")

    assert [letter["key"] for letter in listed.json] == [system.document(name).document_id]
    assert words in listed.json[0]["message"]


def test_each_malformed_event_is_a_dead_letter_that_says_why(system: System) -> None:
    listed = system.lineal("dead", "list", "--error", "PermanentFailure", "--json").json
    letters = {
        name: [item for item in listed if item["topic"] == topic and words in item["message"]]
        for name, (topic, _, words) in MALFORMED.items()
    }
    assert [name for name, found in letters.items() if not found] == []
    assert [item["id"] for item in listed if len(item["message"]) >= 2_100] == []
    for name in ("huge", "deep"):
        assert system.lineal("dead", "show", letters[name][0]["id"]).code == 0


def test_every_dead_letter_is_expected(system: System) -> None:
    letters = system.lineal("dead", "list", "--json").json
    failed = [case for case in REFUSED if case.status in ("rejected", "failed")]

    # An event that does not fit is a dead letter of each stage that takes its topic.
    events = {(item["topic"], item["partition"], item["offset"]) for item in letters}
    assert len(events) == len(failed) + len(MALFORMED)


def test_it_is_alive_and_takes_what_comes_next(system: System) -> None:
    assert system.get("/healthz") == (200, {"status": "alive"})
    assert system.get("/readyz") == (200, {"status": "ready", "reasons": []})
    write(system.inbox, "afterwards.txt", prose("a quiet afternoon"))
    system.until_final(["afterwards.txt"])

    assert system.document("afterwards.txt").status == "indexed"
    forked = "itself, two workers, and what they are forked from"
    system.until(lambda: len(system.tree()) == 4, forked)
    assert (
        system.lineal("search", '"quiet afternoon"', "--json").json[0]["name"] == "afterwards.txt"
    )
