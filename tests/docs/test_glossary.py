"""Public names are made of the glossary's words and of ordinary ones, and of no private words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
TERMS = re.findall(r"^\| ([a-z][a-z -]*) \| (?!meaning)", GLOSSARY, re.MULTILINE)
ORDINARY = frozenset((Path(__file__).parent / "ordinary_words.txt").read_text().split())
PACKAGES = (
    "lineal", "schemas/lineal_schemas", "scoring/lineal_scoring", "edge_firmware/lineal_edge",
    "catalog/lineal_catalog", "learning/lineal_learning", "consumers/lineal_consumers",
    "producers/lineal_producers",
    "cli/lineal_cli", "console/lineal_console",
)  # fmt: skip

INSTEAD = {
    "bury": "dead_letter",
    "tell": "report, warn or to_event", "telling": "reporter", "teller": "reporter",
    "told": "reported, or to_event",
    "say": "report", "said": "message", "hear": "acknowledge", "heard": "acked",
    "whole": "group (of a fan-in)", "wholes": "groups", "gathered": "fan_in",
    "gathering": "fan_in", "holes": "gaps", "hole": "gap",
    "sightings": "confirmations", "upto": "acked_through",
    "standing": "status, watermark or stats", "standings": "statuses or watermarks",
    "custody": "in_flight", "hand": "manual", "hands": "workers",
    "settle": "commit or complete", "settled": "committed or completed", "settler": "committer",
    "settlement": "step_result", "settlements": "step_results",
    "intake": "ingest", "taker": "ingester", "taken": "seen, in_use or conflict",
    "judge": "evaluate", "judged": "evaluated", "judging": "evaluating",
    "story": "correlation_id or lineage_graph", "stories": "lineage_graphs",
    "facts": "attributes", "forms": "renditions", "moment": "position", "moments": "positions",
    "cutting": "trim", "conductor": "controller", "conducting": "controller",
    "desk": "repository", "requesting": "autorollout", "understand": "decode",
    "understanding": "decoding", "unowned": "ungrouped", "beside": "in_subprocess or shadow",
    "examine": "preflight", "examination": "preflight", "rehearse": "dry_run",
    "rehearsal": "dry_run", "misfit": "schema_error", "recurrence": "duplicate",
    "refusals": "rejections", "refused": "rejected", "refuse": "reject",
    "stretch": "range", "stretches": "ranges", "front": "preprocessor",
    "beginnings": "roots or start_offsets", "anybody": "any_caller",
    "disturb": "perturb", "disturbed": "perturb",
    "most": "max", "least": "min", "worker_killers": "poison_messages",
    "look_ahead": "prefetch", "keep_ahead": "prefetch", "take_in": "ingest",
    "taking_in": "ingest", "give_back": "nack", "given_out": "exported", "all_of": "gather_all",
    "side_by_side": "concurrency", "at_once": "batch_size or max_concurrent",
    "how_manieth": "attempt", "fact": "attribute", "door": "ingress or admission_policy",
    "doors": "ingress or admission_policies", "misfits": "invalid",
}  # fmt: skip
"""A private word, or several joined by _, and what to say instead."""

ALLOWED = {
    "story": "the former name of Payload.correlation_key(), which payloads of users have",
    "standing_by": "an attribute of producers, described in docs/extend.md",
    "whole": "the former name of Part.group_id, which payloads of users have",
    "upto_seq": "a field of what devices in the field are sent",
    "upto_event": "a field of what devices in the field are sent",
}
"""Names that were promised before, and to whom."""


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@pytest.fixture(scope="module", autouse=True)
def parsed_once() -> Iterator[None]:
    """Tests of one module go to one process: what one has parsed the others need not."""
    yield
    tree_of.cache_clear()


def parts(name: str) -> list[str]:
    """The words of a name in snake or camel case, in small letters."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def variables(tree: ast.AST) -> Iterator[str]:
    """Names of public constants, fields of public classes and parameters of public functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_") and node.name != "__init__":
                continue
            if isinstance(node, ast.ClassDef):
                yield from variables(node)
            else:
                arguments = node.args
                for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                    yield each.arg


def definitions(tree: ast.AST) -> Iterator[str]:
    """Names of public classes, functions and methods of a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ) and not node.name.startswith("_"):
            yield node.name
            if isinstance(node, ast.ClassDef):
                yield from definitions(node)


def public_names() -> Iterator[tuple[Path, str]]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            path = file.relative_to(ROOT)
            if not file.stem.startswith("_"):
                yield path, file.stem
            for name in definitions(tree_of(file)):
                yield path, name


def public_variables() -> Iterator[tuple[Path, str]]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for name in variables(tree_of(file)):
                if not name.startswith("_"):
                    yield file.relative_to(ROOT), name


def private_words(name: str) -> Iterator[str]:
    """The private words in a name, each with what to say instead."""
    joined = f"_{'_'.join(parts(name))}_"
    for word, instead in INSTEAD.items():
        if f"_{word}_" in joined:
            yield f"{word}: say {instead}"


def test_a_private_word_is_found_in_any_case_and_only_as_a_word() -> None:
    assert list(private_words("FleetTeller")) == ["teller: say reporter"]
    assert list(private_words("HTTPSettlement")) == ["settlement: say step_result"]
    assert list(private_words("take_in_all")) == ["take_in: say ingest"]
    assert list(private_words("handle_wholesale")) == []


def test_no_public_name_or_file_has_a_private_word() -> None:
    tests = ((file.relative_to(ROOT), file.stem) for file in (ROOT / "tests").rglob("*.py"))
    found = [
        f"{path}: {name}: {problem}"
        for path, name in (*public_names(), *public_variables(), *tests)
        if name not in ALLOWED
        for problem in private_words(name)
    ]
    assert not found, "\n" + "\n".join(found)


PRIVATE_PROSE = re.compile(
    r"\b(bury|buried|tellers?|telling|custody|settlers?|settlements?|rehears\w+|misfits?|doors?|"
    r"judge[sd]?|judging|judgements?|how-manieth)\b",
    re.IGNORECASE,
)


def test_no_docstring_has_a_private_word() -> None:
    found = []
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(tree_of(file)):
                if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
                    continue
                prose = re.sub(r"``.*?``", "", str(node.value.value), flags=re.DOTALL)
                found += [
                    f"{file.relative_to(ROOT)}:{node.lineno}: {word.group()}"
                    for word in PRIVATE_PROSE.finditer(prose)
                ]
    assert not found, "say it in the words of docs/glossary.md:\n" + "\n".join(found)


def test_public_names_are_made_of_the_glossary_and_of_ordinary_words() -> None:
    known = ORDINARY.union(*(parts(term) for term in TERMS)) | {
        word for name in ALLOWED for word in parts(name)
    }
    found = {
        f"{word}: {path}: {name}"
        for path, name in public_names()
        for word in parts(name)
        if word not in known
    }
    assert not found, (
        "add the word to docs/glossary.md if it is one of the field, to "
        "tests/docs/ordinary_words.txt if everybody knows it:\n" + "\n".join(sorted(found))
    )


def test_what_is_allowed_is_still_there() -> None:
    assert ALLOWED.keys() <= {name for _, name in (*public_names(), *public_variables())}


def test_the_glossary_is_in_order_and_ordinary_words_are_not_private() -> None:
    assert len(TERMS) > 50
    assert sorted(TERMS) == TERMS
    assert not ORDINARY & INSTEAD.keys()
