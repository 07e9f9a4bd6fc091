"""``lineal examples run packages``: loans of twelve documents, one with a contradiction, one with a
missing page, one in order."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun
    from lineal_cli.examples.loan_documents import Loan

_STAGES = (
    "register", "classify", "ocr.scatter", "ocr", "ocr.gather", "nlp", "fields",
    "packages.gather", "packages", "retrain", "retrain.train", "retrain.evaluate",
    "retrain.promote",
)  # fmt: skip
_EXAMPLES = 5
_LOANS = (("LOAN-1", 11, "none"), ("LOAN-2", 12, "price"), ("LOAN-3", 13, "page"))
_SOURCE = "lineal:cli/examples"


async def show(example: ExampleRun) -> list[str]:
    """Classes are taught, three loans come in, and each is checked."""
    from lineal_catalog.packages.queries import show_package
    from lineal_cli.examples.loan_documents import draw_loan
    from lineal_schemas.documents import DocumentIndexed

    async with example.running((*_STAGES, "index"), _settings()):
        taught = await _teach(example)
        before = len(await example.events_of(DocumentIndexed))
        loans = {case: draw_loan(seed, fault) for case, seed, fault in _LOANS}  # type: ignore[arg-type]
        example.report("three loans of twelve documents come ...")
        count = 0
        for case, loan in loans.items():
            count += await _put(example, case, loan)
        await example.until(DocumentIndexed, before + count)
        await example.until_idle()
        shown = [await show_package(example.runtime, f"loan/{case}", None) for case in loans]
    lines = [f"nine classes were taught by {_EXAMPLES} documents each: {taught} in all"]
    lines += [_said(case, found) for case, found in zip(loans, shown, strict=True)]
    return lines


def _settings() -> dict[str, Any]:
    from lineal_cli.examples.loan_documents import FIELD_FILES, PACKAGE_FILE

    return {
        "fields": {"classes": {name: tomllib.loads(text) for name, text in FIELD_FILES.items()}},
        "packages": {"packages": {"loan": tomllib.loads(PACKAGE_FILE)}},
    }


async def _teach(example: ExampleRun) -> int:
    from lineal.access.credential import owner_credential
    from lineal_catalog.classes.teaching import teach
    from lineal_cli.examples.loan_documents import CLASSES, example_document
    from lineal_schemas.documents import DocumentIndexed

    example.report("nine classes of documents are taught ...")
    names = {}
    for name in CLASSES:
        for number in range(_EXAMPLES):
            text = example_document(name, number)
            names[await example.put(f"example {name} {number}.txt", text.encode())] = name
    await example.until(DocumentIndexed, len(names))
    await example.runtime.flush_ledger()
    await teach(example.runtime, names, owner_credential(), _SOURCE)
    await example.until_idle()
    await example.learn("documents")
    return len(names)


async def _put(example: ExampleRun, case: str, loan: Loan) -> int:
    for document in loan.documents:
        name = f"{case} {document.name}"
        text = f"{document.text}\n"
        await example.put(name, text.encode(), case=case)
    return len(loan.documents)


def _said(case: str, found: dict[str, Any]) -> str:
    wrong = [f"{one['rule']} contradicts" for one in found["contradictions"]]
    for part in found["missing"]:
        numbers = ", ".join(map(str, part["pages"]))
        what = f"page {numbers} of the {part['document_class']}" if numbers else part
        wrong.append(f"{what} is missing")
    said = "; ".join(wrong) or "nothing is wrong"
    return f"{case} of {len(found['documents'])} documents: {found['status']}, {said}"
