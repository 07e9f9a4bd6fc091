"""search, documents, show and lineage: questions about what is there."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import FILES, Lineal, id_of

LETTER = FILES["letter.txt"].decode()


def test_documents_says_where_each_stands(lineal: Lineal, filled: Path) -> None:
    answer = lineal("documents", "--data", filled, "--json")
    assert answer.code == 0
    assert {document["name"]: document for document in answer.json} == {
        "letter.txt": {
            "document_id": id_of("letter.txt"),
            "name": "letter.txt",
            "status": "indexed",
            "reason": None,
            "owner": "ada",
            "labels": {"year": "l"},
            "tags": [],
            "label_sources": {},
            "pages": 2,
            "arrivals": 2,
        },
        "note.txt": {
            "document_id": id_of("note.txt"),
            "name": "note.txt",
            "status": "indexed",
            "reason": None,
            "owner": "ada",
            "labels": {"year": "n"},
            "tags": [],
            "label_sources": {},
            "pages": 1,
            "arrivals": 1,
        },
        "refused.txt": {
            "document_id": id_of("refused.txt"),
            "name": "refused.txt",
            "status": "rejected",
            "reason": "the file is encrypted",
            "owner": "ada",
            "labels": {"year": "r"},
            "tags": [],
            "label_sources": {},
            "pages": None,
            "arrivals": 1,
        },
        "broken.txt": {
            "document_id": id_of("broken.txt"),
            "name": "broken.txt",
            "status": "failed",
            "reason": "ValueError",
            "owner": "ada",
            "labels": {"year": "b"},
            "tags": [],
            "label_sources": {},
            "pages": None,
            "arrivals": 1,
        },
    }


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (["--status", "failed"], {"broken.txt"}),
        (["--status", "processing"], set()),
        (["--owner", "bert"], {"letter.txt"}),
        (["--label", "year=n"], {"note.txt"}),
        (["--label", "year=n", "--owner", "bert"], set()),
    ],
)
def test_documents_are_filtered(
    lineal: Lineal, filled: Path, filters: list[str], names: set[str]
) -> None:
    answer = lineal("documents", "--data", filled, "--json", *filters)
    assert answer.code == 0
    assert {document["name"] for document in answer.json} == names


@pytest.mark.parametrize("wrong", [["--status", "lost"], ["--label", "year"], ["--limit", "0"]])
def test_documents_refuses_filters_it_does_not_know(
    lineal: Lineal, filled: Path, wrong: list[str]
) -> None:
    assert lineal("documents", "--data", filled, *wrong).code == 2


def test_documents_in_a_pipe_is_one_line_each(lineal: Lineal, filled: Path) -> None:
    heading, *lines = lineal("documents", "--data", filled).text.splitlines()
    assert heading.split("\t")[:3] == ["document_id", "name", "status"]
    assert len(lines) == len(FILES)
    assert all(len(line.split("\t")) == len(heading.split("\t")) for line in lines)


def test_search_finds_the_page_and_shows_it(lineal: Lineal, filled: Path) -> None:
    answer = lineal("search", "gearbox*", "--data", filled, "--json")
    assert answer.code == 0
    (hit,) = answer.json
    assert hit.pop("score") > 0
    assert hit == {
        "document_id": id_of("letter.txt"),
        "name": "letter.txt",
        "page": 2,
        "snippet": "Second page about gearboxes.",
    }


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        (["turbine OR bearings"], {("letter.txt", 1), ("note.txt", 1)}),
        (["about"], {("letter.txt", 2), ("note.txt", 1)}),
        (["about", "--filter", "owner=bert"], {("letter.txt", 2)}),
        (["about", "--filter", "class=invoice"], set()),
        (["about", "--filter", "class=letter", "--filter", "year=n"], {("note.txt", 1)}),
        (['"farm owner"'], {("letter.txt", 1)}),
        (["owner", "farm"], {("letter.txt", 1)}),
    ],
)
def test_search_combines_words_and_filters(
    lineal: Lineal, filled: Path, query: list[str], pages: set[tuple[str, int]]
) -> None:
    answer = lineal("search", "--data", filled, "--json", *query)
    assert answer.code == 0
    assert {(hit["name"], hit["page"]) for hit in answer.json} == pages


@pytest.mark.parametrize("query", [['"'], ["about", "AND"], ["(about"], ["OR", "about"]])
def test_search_says_what_it_would_have_passed_over(
    lineal: Lineal, filled: Path, query: list[str]
) -> None:
    answer = lineal("search", "--data", filled, *query)
    assert answer.code == 2
    assert "TEXT" in answer.err
    assert answer.out == b""


def test_search_gives_no_more_than_the_limit(lineal: Lineal, filled: Path) -> None:
    assert len(lineal("search", "about", "--limit", "1", "--data", filled, "--json").json) == 1


def test_search_for_people_has_no_control_characters(lineal: Lineal, filled: Path) -> None:
    answer = lineal("search", "gearboxes", "--data", filled)
    assert "Second page about gearboxes." in answer.text
    assert answer.text.replace("\n", "").replace("\t", "").isprintable()


@pytest.mark.parametrize("form", ["original", "text"])
def test_show_gives_out_the_exact_bytes(lineal: Lineal, filled: Path, form: str) -> None:
    answer = lineal("show", "letter.txt", "--as", form, "--data", filled)
    assert (answer.code, answer.out) == (0, FILES["letter.txt"])


def test_show_as_json_is_text_layout_and_analysis_in_one_object(
    lineal: Lineal, filled: Path
) -> None:
    shown = lineal("show", id_of("letter.txt")[:10], "--as", "json", "--data", filled).json
    assert shown["text"] == LETTER
    assert [page["number"] for page in shown["pages"]] == [1, 2]
    assert shown["language"] == "en"
    assert shown["document_class"]["name"] == "letter"
    assert [phrase["text"] for phrase in shown["key_phrases"]] == ["wind turbine"]
    assert shown["entities"] == []


def test_show_writes_a_file_and_leaves_nothing_beside_it(
    lineal: Lineal, filled: Path, working: Path
) -> None:
    answer = lineal("show", "letter.txt", "--as", "text", "-o", "out.txt", "--data", filled)
    assert (answer.code, answer.out) == (0, b"")
    assert [path.name for path in working.iterdir()] == ["out.txt"]
    assert (working / "out.txt").read_bytes() == FILES["letter.txt"]


def test_show_does_not_touch_a_file_when_the_object_is_damaged(
    lineal: Lineal, data: Path, working: Path
) -> None:
    # Of a document that was read there is a second copy, as its text in the database.
    name = "broken.txt"
    digest = sha256(FILES[name]).hexdigest()
    original = data / "objects" / digest[:2] / digest[2:]
    original.chmod(0o644)
    original.write_bytes(b"something else")
    (working / "out.txt").write_text("mine")
    answer = lineal("show", name, "--as", "original", "-o", "out.txt", "--data", data)
    assert answer.code == 1
    assert "digest" in answer.err
    assert [path.read_text() for path in working.iterdir()] == ["mine"]


def test_show_says_why_a_form_is_missing(lineal: Lineal, filled: Path) -> None:
    answer = lineal("show", "note.txt", "--as", "csv", "--data", filled)
    assert (answer.code, answer.out) == (1, b"")
    assert "neither tables nor key-values" in answer.err
    assert "original, text, json" in answer.err
    refused = lineal("show", "refused.txt", "--as", "text", "--data", filled)
    assert refused.code == 1
    assert "the file is encrypted" in refused.err


def test_show_gives_the_original_of_a_document_that_failed(lineal: Lineal, filled: Path) -> None:
    answer = lineal("show", "broken.txt", "--as", "original", "--data", filled)
    assert (answer.code, answer.out) == (0, b"BROKEN")


def test_show_summary_has_the_timeline(lineal: Lineal, filled: Path) -> None:
    shown = lineal("show", "letter.txt", "--data", filled, "--json").json
    assert shown["owners"] == ["ada", "bert"]
    assert set(shown["forms"]) == {"original", "text", "json", "csv"}
    stages = [(step["stage"], step["outcome"]) for step in shown["timeline"]]
    # The second arrival may be settled while the first is still being read.
    assert stages[0] == ("register", "done")
    assert sorted(stages) == [
        ("index", "done"),
        ("reading", "done"),
        ("register", "done"),
        ("register", "skipped"),
    ]
    for_people = lineal("show", "letter.txt", "--data", filled).text
    assert "ada, bert" in for_people
    assert "reading" in for_people


@pytest.mark.parametrize("command", ["show", "lineage"])
def test_a_document_nobody_knows_is_an_error_that_says_what_to_do(
    lineal: Lineal, filled: Path, command: str
) -> None:
    answer = lineal(command, "nosuch", "--data", filled)
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err == "lineal: no document 'nosuch': `lineal documents` lists them\n"


def test_lineage_json_is_the_records_of_the_ledger(lineal: Lineal, filled: Path) -> None:
    answer = lineal("lineage", "letter.txt", "--data", filled, "--json")
    assert answer.code == 0
    records = answer.json
    assert {record["root"] for record in records} == {f"document:{id_of('letter.txt')}"}
    by_stage = {record["stage"]: record for record in records if record["outcome"] == "done"}
    assert set(by_stage) == {"register", "reading", "index"}
    # Canonical: what is printed is what is digested.
    for record in records:
        assert orjson.dumps(record, option=orjson.OPT_SORT_KEYS) in answer.out
    made = {item["sha256"] for item in by_stage["reading"]["outputs"]}
    read = {item["sha256"] for item in by_stage["index"]["inputs"]}
    assert read <= made
    assert by_stage["index"]["waited"] > 0
    assert "  waited " in lineal("lineage", "letter.txt", "--data", filled).text


def test_lineage_of_an_event_is_that_of_its_subject(lineal: Lineal, filled: Path) -> None:
    of_document = lineal("lineage", "letter.txt", "--data", filled, "--json").json
    event_id = of_document[0]["events"]["in"][0]
    assert lineal("lineage", event_id, "--data", filled, "--json").json == of_document
    assert "no document" in lineal("lineage", "no-such-event", "--data", filled).err
    assert (
        "nothing is on record of 'order:x-9'"
        in lineal("lineage", "order:x-9", "--data", filled).err
    )


def test_lineage_tree_has_every_step_with_what_it_read_and_made(
    lineal: Lineal, filled: Path
) -> None:
    tree = lineal("lineage", "broken.txt", "--data", filled).text
    assert "broken.txt" in tree
    assert tree.index("register 1  done") < tree.index("reading 1  failed")
    assert "error ValueError" in tree
    assert "read  content" in tree


def test_lineage_mermaid_draws_every_step_once(lineal: Lineal, filled: Path) -> None:
    drawing = lineal("lineage", "note.txt", "--data", filled, "--mermaid").text
    assert drawing.startswith("flowchart TD\n")
    for stage in ("register", "reading", "index"):
        assert drawing.count(f'["{stage} 1<br/>done"]') == 1
    assert drawing.count("arrival0(") == 1


def test_lineage_of_bytes_says_who_made_and_who_read_them(lineal: Lineal, filled: Path) -> None:
    records = lineal("lineage", "note.txt", "--data", filled, "--json").json
    result = next(
        item["sha256"]
        for record in records
        for item in record["outputs"]
        if item["role"] == "result"
    )
    found = lineal("lineage", "--object", result, "--data", filled, "--json").json
    assert [record["stage"] for record in found["made"]] == ["reading"]
    assert found["read"] == []
    assert lineal("lineage", "--object", "0" * 64, "--data", filled).code == 1


@pytest.mark.parametrize(
    "wrong",
    [[], ["note.txt", "--object", "0" * 64], ["--object", "abc"], ["x", "--mermaid", "--json"]],
)
def test_lineage_is_asked_about_one_thing(lineal: Lineal, filled: Path, wrong: list[str]) -> None:
    assert lineal("lineage", "--data", filled, *wrong).code == 2
