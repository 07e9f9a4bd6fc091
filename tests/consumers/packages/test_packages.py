"""A loan of twelve documents: gathered in any order, checked, scored, passed on or looked at."""

from __future__ import annotations

import gzip
import json
import random
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.store.objects import reference
from lineal.testing import StageHarness
from lineal_consumers.packages.checking import Member, check, score
from lineal_consumers.packages.comparing import is_same_name
from lineal_consumers.packages.config import PackagesConfig
from lineal_consumers.packages.definition import BadPackage, PackageDefinition
from lineal_consumers.packages.stage import gather_documents, packages
from lineal_schemas.documents import DocumentSourceDeleted
from lineal_schemas.models import ModelRef
from lineal_schemas.packages import (
    PackageCompleted,
    PackageContradiction,
    PackageContradictionResolved,
    PackageDocumentRemoved,
    PackageIncomplete,
    PackagePassed,
    PackageScored,
    PackageValue,
)
from lineal_schemas.reviews import ReviewRequested
from lineal_schemas.tables import PredictionMade
from tests.consumers.packages.loan import DEFINITION, LOAN, Loan, config_in

FIVE_DAYS = 5 * 86_400


@pytest.fixture
async def loan(tmp_path: Path) -> AsyncIterator[Loan]:
    async with made_loan(config_in(tmp_path)) as harness:
        yield Loan(harness)


def made_loan(config: PackagesConfig) -> StageHarness:
    return StageHarness(gather_documents, packages, config=config)


@pytest.mark.parametrize("seed", range(3))
async def test_a_loan_passes_when_the_last_of_twelve_is_there_in_any_order(
    loan: Loan, seed: int
) -> None:
    names = list(LOAN)
    random.Random(seed).shuffle(names)
    for name in names[:-1]:
        await loan.send(name)
    assert loan.harness.outputs(PackageCompleted) == []
    await loan.send(names[-1])
    (completed,) = loan.harness.outputs(PackageCompleted)
    assert set(completed.documents) == set(loan.ids.values())
    assert loan.harness.outputs(PackageContradiction) == []
    (passed,) = loan.harness.outputs(PackagePassed)
    assert (passed.case, passed.by) == ("LOAN-17", None)
    await loan.harness.clock.advance(2 * FIVE_DAYS)
    assert loan.harness.outputs(PackageIncomplete) == []
    assert len(loan.harness.outputs(PackageScored)) == 1
    assert loan.harness.dead_letters == []


async def test_a_contradiction_and_a_missing_document_are_named_and_a_person_is_asked(
    loan: Loan,
) -> None:
    for name in LOAN:
        if name == "statement-2":
            continue
        planted = {"price": "402000.00", "date": "2026-02-20"} if name == "contract" else None
        await loan.send(name, values=planted)
    (contradiction,) = loan.harness.outputs(PackageContradiction)
    prices = contradiction.broken
    assert prices.rule == "price"
    assert {(each.document_id, each.field) for each in prices.places} == {
        (loan.ids["application"], "price"), (loan.ids["contract"], "price")
    }  # fmt: skip
    assert all(each.box is not None and each.box.page == 2 for each in prices.places)
    assert "402000" not in contradiction.model_dump_json()
    assert loan.harness.outputs(PackageIncomplete) == []
    assert loan.harness.outputs(ReviewRequested) == []
    await loan.harness.clock.advance(FIVE_DAYS + 1)
    (incomplete,) = loan.harness.outputs(PackageIncomplete)
    assert [(one.document_class, one.count) for one in incomplete.missing] == [
        ("bank_statement", 1)
    ]
    (request,) = loan.harness.outputs(ReviewRequested)
    assert (request.subject, request.target) == ("package:mortgage/LOAN-17", "package")
    (scored,) = loan.harness.outputs(PackageScored)
    assert scored.high
    assert any("price" in one.reason for one in scored.reasons)
    assert any("bank_statement missing" in one.reason for one in scored.reasons)


async def test_a_page_that_a_document_lacks_is_said_as_soon_as_all_documents_are_there(
    loan: Loan,
) -> None:
    for name in LOAN:
        text = "first\nPage 1 of 3\fthird\nPage 3 of 3" if name == "appraisal" else None
        await loan.send(name, text=text)
    (incomplete,) = loan.harness.outputs(PackageIncomplete)
    (part,) = incomplete.missing
    assert (part.document_class, part.pages, part.count) == ("appraisal", (2,), 1)
    assert part.document_id == loan.ids["appraisal"]
    assert loan.harness.outputs(PackagePassed) == []
    (scored,) = loan.harness.outputs(PackageScored)
    assert any("page 2 of appraisal missing" in one.reason for one in scored.reasons)
    whole = "first\nPage 1 of 3\fsecond\nPage 2 of 3\fthird\nPage 3 of 3"
    labels = {"case": "LOAN-17", "supersedes": "appraisal.pdf"}
    await loan.send("appraisal 2", text=whole, labels=labels)
    assert len(loan.harness.outputs(PackagePassed)) == 1


async def test_a_late_and_a_newer_document_mend_a_package(loan: Loan) -> None:
    for name in LOAN:
        if name != "statement-2":
            planted = {"price": "402000.00", "date": "2026-02-20"}
            await loan.send(name, values=planted if name == "contract" else None)
    await loan.harness.clock.advance(FIVE_DAYS + 1)
    assert loan.harness.outputs(PackagePassed) == []
    await loan.send("statement-2")
    await loan.send("contract 2", values=LOAN["contract"][1], document_class="purchase_contract",
                    labels={"case": "LOAN-17", "supersedes": "contract.pdf"})  # fmt: skip
    assert "price" in {one.rule for one in loan.harness.outputs(PackageContradictionResolved)}
    (passed,) = loan.harness.outputs(PackagePassed)
    assert passed.by is None
    (completed,) = loan.harness.outputs(PackageCompleted)
    assert loan.ids["statement-2"] in completed.documents
    assert loan.harness.dead_letters == []


async def test_the_same_text_counts_once_and_one_too_many_is_a_contradiction(loan: Loan) -> None:
    for name in LOAN:
        if name != "payslip-3":
            await loan.send(name)
    await loan.send("payslip-3", text="text of payslip-2")
    assert loan.harness.outputs(PackageCompleted) == []
    await loan.send("payslip-3 again", document_class="payslip")
    assert len(loan.harness.outputs(PackageCompleted)) == 1
    await loan.send("application 2", document_class="application")
    (too_many,) = loan.harness.outputs(PackageContradiction)
    assert too_many.broken.rule == "documents.application"


async def test_documents_change_their_case_and_are_replaced_at_their_source(loan: Loan) -> None:
    for name in LOAN:
        await loan.send(name)
    await loan.send("tax", labels={"case": "LOAN-18"})
    (removed,) = loan.harness.outputs(PackageDocumentRemoved)
    assert removed.case == "LOAN-17"
    (incomplete,) = loan.harness.outputs(PackageIncomplete)
    assert [one.document_class for one in incomplete.missing] == ["tax_return"]
    await loan.send("tax new", document_class="tax_return", labels={})
    await loan.harness.send(
        DocumentSourceDeleted(
            document_id=loan.ids["title"], source="test:title", arrival="x", hides=True,
            replaced_by=loan.ids["tax new"],
        )
    )  # fmt: skip
    assert loan.harness.dead_letters == []
    (last,) = loan.harness.outputs(PackageIncomplete)[-1:]
    assert [one.document_class for one in last.missing] == ["title_report"]


async def test_a_case_is_known_by_a_field_and_one_without_a_usable_name_by_none(
    loan: Loan,
) -> None:
    await loan.send("application", labels={},
                    values={**LOAN["application"][1], "loan_number": "L/9"})  # fmt: skip
    await loan.send("application 2", document_class="application", labels={},
                    values={**LOAN["application"][1], "loan_number": "L-9"})  # fmt: skip
    await loan.harness.clock.advance(FIVE_DAYS + 1)
    (incomplete,) = loan.harness.outputs(PackageIncomplete)
    assert incomplete.case == "L-9"
    assert any("no usable name" in (one.entry.reason or "") for one in loan.harness.records)


async def test_a_model_of_a_table_raises_the_risk(tmp_path: Path) -> None:
    config = config_in(tmp_path, DEFINITION + '\n[risk]\ntable = "loans"\n')
    async with made_loan(config) as harness:
        loan = Loan(harness)
        for name in LOAN:
            await loan.send(name)
        assert harness.outputs(ReviewRequested) == []
        rows = [
            {"entity": "LOAN-17", "value": 0.83, "reasons": [{"feature": "income"}]},
            {"entity": "LOAN-99", "value": 0.9, "reasons": []},
        ]
        data = gzip.compress("\n".join(map(json.dumps, rows)).encode())
        await harness.send(
            PredictionMade(
                table="loans", model=ModelRef(name="loans", version=3, sha256="0" * 64), as_of_us=1,
                bucket=0, rows=2, content=await harness.put(data), mean=0.8,
            )
        )  # fmt: skip
        (scored,) = harness.outputs(PackageScored)[-1:]
        assert (scored.score, scored.high) == (0.83, True)
        assert scored.model is not None
        assert "income" in scored.reasons[-1].reason
        assert len(harness.outputs(ReviewRequested)) == 1


DATES = ["2026-01-01", "2026-02-01", "2026-03-01"]
MEMBERS = st.builds(
    Member,
    document_id=st.sampled_from(["a" * 8, "b" * 8, "c" * 8, "d" * 8]),
    document_class=st.sampled_from(["appraisal", "purchase_contract", "letter"]),
    values=st.dictionaries(
        st.sampled_from(["date", "price"]),
        st.sampled_from(DATES).map(lambda value: PackageValue(value=value)),
    ),
    fields=st.just(reference("0" * 64, 1, "application/json")),
    supersedes=st.sampled_from(["", "a" * 6, "b" * 6]),
    added_us=st.integers(0, 2),
)


def replacing(document_id: str, named: str) -> Member:
    nothing = reference("0" * 64, 1, "application/json")
    return Member(
        document_id=document_id, document_class="appraisal", supersedes=named, added_us=1,
        fields=nothing,
    )  # fmt: skip


@pytest.mark.parametrize("count", [2, 3])
def test_of_those_that_name_each_other_in_a_circle_one_is_left(count: int) -> None:
    ids = [f"{number}" * 8 for number in range(count)]
    members = [replacing(one, ids[place - 1]) for place, one in enumerate(ids)]
    definition = PackageDefinition.model_validate(tomllib.loads(DEFINITION))
    documents = check(definition, members).documents
    assert [one.document_id for one in documents if one.why_not != "replaced"] == ids[-1:]


@given(st.lists(MEMBERS, unique_by=lambda one: one.document_id), st.randoms())
def test_what_is_found_depends_on_no_order_and_of_what_replaces_something_is_left(
    members: list[Member], order: random.Random
) -> None:
    definition = PackageDefinition.model_validate(tomllib.loads(DEFINITION))
    shuffled = order.sample(members, len(members))
    found = check(definition, members)
    assert found == check(definition, shuffled)
    assert {one.document_id for one in found.documents} == {one.document_id for one in members}
    assert not members or any(one.why_not != "replaced" for one in found.documents)
    assert 0 <= score(definition, members, found, None).score <= 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Dr. José García", "GARCIA, Jose", True),
        ("Anna Maria Smith", "A. M. Smith", True),
        ("John Q. Public", "John Public", True),
        ("John Public", "Jane Public", False),
        ("John Quincy Public", "John Public", False),
        ("Müller GmbH", "MUELLER GMBH", True),
        ("Müller GmbH", "Muller GmbH", True),
        ("Mueller GmbH", "Muller GmbH", False),
        ("Jørgen Sæther", "Joergen Saether", True),
        ("Łukasz Wójcik", "LUKASZ WOJCIK", True),
        ("Sean O’Brien", "Sean OBrien", True),
        ("Sean O'Brien", "O Brien, Sean", True),
        ("Ömer Kaya", "O. Kaya", True),
        ("", "Ann", False),
    ],
)
def test_names_are_the_same_whatever_their_form(one: str, other: str, same: bool) -> None:
    assert is_same_name(one, other) is same
    assert is_same_name(other, one) is same


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('due = "P5D"', 'due = "soon"', "line 5: case.due"),
        ("max = 1", "min = 3\nmax = 1", "line 7: documents.application"),
        ("tolerance = 1.0", "tolerence = 1.0", "line 31: rules.deposits.tolerence"),
        ('"identity.name"', '"passport.name"', "[documents.passport]"),
        ('"identity.name"', '"identity"', "is to be CLASS.FIELD"),
    ],
)
def test_errors_of_a_file_say_the_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in DEFINITION
    with pytest.raises(BadPackage) as error:
        config_in(tmp_path, DEFINITION.replace(old, new))
    assert said in str(error.value)
