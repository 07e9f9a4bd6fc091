"""`lineal schema check` stops a release that would leave somebody unable to read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lineal_cli.schema import app
from lineal_schemas import asyncapi
from lineal_schemas import export as exporting
from lineal_schemas import payload as registry
from lineal_schemas.documents import DocumentEvent
from lineal_schemas.export import Name, read_folder, render
from lineal_schemas.history import check
from lineal_schemas.payload import Payload, upcaster


class Weighed(DocumentEvent):
    grams: int


class WeighedToo(DocumentEvent):
    grams: int
    scale: str = "kitchen"


class WeighedAnew(DocumentEvent):
    kilograms: float


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    exporting.lineal_payloads()  # all of ours are registered before the registry is copied
    monkeypatch.setattr(registry, "_latest", dict(registry._latest))
    monkeypatch.setattr(registry, "_upcasters", dict(registry._upcasters))


def release(model: type[Payload], version: int = 1) -> dict[Name, dict[str, Any]]:
    """What is exported when ``model`` is ours, as version ``version`` of document.weighed."""
    registry._latest.pop("document.weighed", None)
    name = f"{model.__name__}V{version}"
    made = type(name, (model,), {"__module__": __name__}, type="document.weighed", version=version)
    return exporting.export({**exporting.lineal_payloads(), "document.weighed": made})


def files(schemas: dict[Name, dict[str, Any]]) -> dict[Name, bytes]:
    """What is committed: these, and the earlier versions of ours."""
    return {**_EARLIER, **{name: render(schema) for name, schema in schemas.items()}}


_EARLIER = {
    (type, version): content
    for (type, version), content in read_folder(exporting.committed_folder()).items()
    if type in exporting.lineal_payloads() and version < exporting.lineal_payloads()[type].version
}


def problems(committed: dict[Name, bytes], current: dict[Name, dict[str, Any]]) -> list[str]:
    return [
        f"{problem.kind}: {problem.schema}: {problem.message}"
        for problem in check(committed, current)
    ]


def test_what_was_exported_passes() -> None:
    schemas = release(Weighed)
    assert problems(files(schemas), schemas) == []


def test_an_incompatible_change_needs_a_new_version() -> None:
    [first, *_] = found = problems(files(release(Weighed)), release(WeighedAnew))
    assert all(problem.startswith("incompatible: document.weighed: ") for problem in found)
    assert "kilograms: required field added" in first
    assert "raise the version to 2 and add an upcaster" in first


def test_a_compatible_change_only_needs_a_new_export() -> None:
    [problem] = problems(files(release(Weighed)), release(WeighedToo))
    assert problem.startswith("stale: document.weighed: document.weighed.v1.json")


def test_a_new_event_only_needs_an_export() -> None:
    [problem] = problems(files(exporting.export()), release(Weighed))
    assert problem == "stale: document.weighed: document.weighed.v1.json is not there yet"


def test_a_removed_event_is_incompatible() -> None:
    [problem] = problems(files(release(Weighed)), exporting.export())
    assert problem.startswith("incompatible: document.weighed: the event type was removed")


def test_a_new_version_needs_an_upcaster_and_the_old_file() -> None:
    old, new = files(release(Weighed)), release(WeighedAnew, 2)
    committed = {**old, **files(new)}
    [problem] = problems(committed, new)
    assert problem.startswith("incompatible: document.weighed: no upcaster from version 1 to 2")

    upcaster("document.weighed", from_version=1)(lambda fields: fields)
    assert problems(committed, new) == []
    [problem] = problems(old, new)
    assert problem == "stale: document.weighed: document.weighed.v2.json is not there yet"

    [problem] = problems(files(new), new)
    assert problem.startswith("incompatible: document.weighed: document.weighed.v1.json is missing")


def test_a_version_cannot_go_back() -> None:
    committed = {**files(release(Weighed)), **files(release(WeighedAnew, 2))}
    assert "but version 2 is committed" in "".join(problems(committed, release(Weighed)))


def test_a_damaged_file_is_a_problem_and_no_crash() -> None:
    schemas = release(Weighed)
    committed = {**files(schemas), ("document.weighed", 1): b"<<<<<<< HEAD"}
    [problem] = problems(committed, schemas)
    assert problem.startswith(
        "incompatible: document.weighed: document.weighed.v1.json is not JSON"
    )


def test_stored_results_cannot_be_given_a_new_version() -> None:
    schemas = exporting.export()
    narrowed = json.loads(render(schemas["analysis", 1]))
    del narrowed["properties"]["language"]
    [problem] = problems(files({**schemas, ("analysis", 1): narrowed}), schemas)
    assert problem.startswith("incompatible: analysis: language: required field added")
    assert problem.endswith("; make the change compatible")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of committed schemas that a test may spoil."""
    folder = tmp_path / "json"
    shutil.copytree(exporting.committed_folder(), folder)
    monkeypatch.setattr(exporting, "committed_folder", lambda: folder)
    asyncapi.write(asyncapi.committed_file())
    return folder


def test_the_checkout_passes() -> None:
    result = run("check")
    assert (result.exit_code, result.stderr) == (0, "")


def test_check_fails_on_an_incompatible_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("check").exit_code == 0
    file = folder / "document.indexed.v1.json"
    file.write_text(file.read_text().replace('"minimum": 0', '"minimum": 5'))
    result = run("check")
    assert result.exit_code == 1
    assert "pages: minimum changed from 5 to 0" in result.stderr

    listed = json.loads(run("check", "--json").stdout)
    assert listed["ok"] is False
    assert [(one["schema"], one["kind"]) for one in listed["problems"]] == [
        ("document.indexed", "incompatible")
    ]


def test_check_names_the_remedy_for_a_stale_export(folder: Path) -> None:
    (folder / "document.indexed.v1.json").unlink()
    result = run("check")
    assert result.exit_code == 1
    assert "Run `lineal schema export` and commit" in result.stderr
    assert json.loads(run("export", "--json").stdout) == {
        "folder": str(folder),
        "written": ["document.indexed.v1.json"],
    }
    assert run("check").exit_code == 0
    assert json.loads(run("check", "--json").stdout) == {"ok": True, "problems": []}


def test_export_keeps_the_asyncapi_document_up_to_date(folder: Path) -> None:
    document = folder.with_name("asyncapi.json")
    right = document.read_bytes()
    for wrong in (None, right.replace(b"document.indexed", b"document.found")):
        document.unlink()
        if wrong is not None:
            document.write_bytes(wrong)
        assert run("check").exit_code == 1
        assert json.loads(run("export", "--json").stdout)["written"] == ["asyncapi.json"]
        assert document.read_bytes() == right
    assert run("check").exit_code == 0


def test_export_writes_where_it_is_told(tmp_path: Path) -> None:
    result = run("export", "--out", str(tmp_path / "new" / "folder"))
    assert result.exit_code == 0
    assert (tmp_path / "new/folder/document.arrived.v1.json").is_file()
    assert "new or changed" in result.stdout


def test_export_that_cannot_write_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("export", "--out", str(tmp_path / "file"))
    assert result.exit_code == 1
    assert "Choose another --out" in result.stderr


def test_outside_a_checkout_export_asks_where_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "in_checkout", lambda: False)
    assert run("export").exit_code == 2


def test_wrong_usage_is_exit_code_2() -> None:
    assert run("check", "--nonsense").exit_code == 2
    assert run("exprot").exit_code == 2
