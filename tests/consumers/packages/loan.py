"""A loan of twelve documents, as they come onto the bus once they are analysed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lineal.testing import StageHarness
from lineal_consumers.packages.config import PackagesConfig
from lineal_consumers.packages.definition import read_file
from lineal_schemas.documents import DocumentAnalyzed, DocumentArrived, PageBox
from lineal_schemas.fields import DocumentFieldsExtracted, ExtractedField, FieldValues
from lineal_schemas.payload import Payload

DEFINITION = """
[case]
label = "case"
field = "loan_number"
due = "P5D"

[documents.application]
max = 1
[documents.payslip]
min = 3
[documents.bank_statement]
min = 2
[documents.tax_return]
[documents.identity]
[documents.appraisal]
[documents.purchase_contract]
[documents.insurance]
[documents.title_report]

[rules.borrower]
same = ["application.borrower", "payslip.employee", "bank_statement.holder", "identity.name"]
compare = "name"

[rules.price]
same = ["application.price", "purchase_contract.price"]
compare = "amount"

[rules.deposits]
sum = "application.assets"
of = ["bank_statement.balance"]
tolerance = 1.0

[rules.order]
dates = ["appraisal.date", "purchase_contract.date"]
within_days = 90
in_order = true

[risk.factors.large]
field = "application.price"
above = 1000000
weight = 0.2
reason = "a large loan"
"""

LOAN: dict[str, tuple[str, dict[str, str]]] = {
    "application": (
        "application",
        {"borrower": "José García", "price": "420000.00", "assets": "60000.00"},
    ),
    "payslip-1": ("payslip", {"employee": "GARCIA, JOSE"}),
    "payslip-2": ("payslip", {"employee": "Mr Jose Garcia"}),
    "payslip-3": ("payslip", {"employee": "J. Garcia"}),
    "statement-1": ("bank_statement", {"holder": "Jose Garcia", "balance": "45000.00"}),
    "statement-2": ("bank_statement", {"holder": "Jose Garcia", "balance": "15000.50"}),
    "tax": ("tax_return", {}),
    "identity": ("identity", {"name": "José García"}),
    "appraisal": ("appraisal", {"date": "2026-01-10"}),
    "contract": ("purchase_contract", {"price": "420000.00", "date": "2026-02-20"}),
    "insurance": ("insurance", {}),
    "title": ("title_report", {}),
}
"""By the name of each document: its class, and what its fields say."""


def config_in(folder: Path, text: str = DEFINITION) -> PackagesConfig:
    """The configuration with the loan's definition, read from a file."""
    file = folder / "mortgage.toml"
    file.write_text(text)
    return PackagesConfig(packages={"mortgage": read_file(file)})


class Loan:
    """Sends documents of a loan to the stages."""

    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness
        self.ids: dict[str, str] = {}

    async def send(
        self,
        name: str,
        *,
        values: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        text: str | None = None,
        document_class: str | None = None,
    ) -> list[Payload]:
        """Have a document arrive and be analysed; what the stages emit."""
        known_class, known = LOAN.get(name.partition(" ")[0], ("", {}))
        document_class = document_class or known_class
        labels = {"case": "LOAN-17"} if labels is None else labels
        arrived = DocumentArrived(
            name=f"{name}.pdf", source=f"test:{name}", labels=dict(labels),
            content=await self.harness.put(name.encode()),
        )  # fmt: skip
        self.ids[name] = arrived.document_id
        out = await self.harness.send(arrived)
        written = await self.harness.put((text or f"text of {name}").encode(), "text/plain")
        analysis = await self.harness.put(f"{name} {document_class}".encode())
        out += await self.harness.send(
            DocumentAnalyzed(
                document_id=arrived.document_id, text=written, result=analysis, analysis=analysis,
                language="en", document_class=document_class, class_confidence=0.9,
                personal_data=True,
            )
        )  # fmt: skip
        box = PageBox(page=2, left=0.1, top=0.2, width=0.3, height=0.02)
        fields = FieldValues(
            document_class=document_class,
            fields=tuple(
                ExtractedField(name=key, type="text", value=value, box=box)
                for key, value in (known if values is None else values).items()
            ),
        )
        if not fields.fields:
            return out
        stored = await self.harness.put(fields.model_dump_json().encode(), "application/json")
        return out + await self.harness.send(
            DocumentFieldsExtracted(
                document_id=arrived.document_id, document_class=document_class, text=written,
                result=analysis, analysis=analysis, fields=stored, values={},
            )
        )  # fmt: skip
