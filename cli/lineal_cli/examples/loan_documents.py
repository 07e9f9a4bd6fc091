"""Made-up loans of twelve documents each, from a seed: complete, or with one planted fault.

A document has a title, labelled values in one of several wordings, sentences, and the numbers of
its pages. What a fault breaks is known, so that what is found can be compared with it.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Literal, NamedTuple, get_args

Fault = Literal["none", "name", "price", "deposits", "dates", "document", "page"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
CLASSES = (
    "application", "payslip", "bank_statement", "tax_return", "identity", "appraisal",
    "purchase_contract", "insurance", "title_report",
)  # fmt: skip
COUNTS = {"payslip": 3, "bank_statement": 2}
"""Of the other classes there is one document each: twelve in all."""
_FIRST = ("José", "Ann", "Marek", "Lucía", "Omar", "Greta", "Yuki", "Paul", "Nadia", "Tomás")
_LAST = ("García", "Whitfield", "Nowak", "Okafor", "Brandt", "Silva", "Tanaka", "Moreau", "Haddad")
_TITLES = {
    "application": ("Uniform Residential Loan Application", "Loan Application"),
    "payslip": ("Payslip", "Earnings Statement of Employee"),
    "bank_statement": ("Bank Statement", "Statement of Account"),
    "tax_return": ("Income Tax Return", "Individual Tax Return"),
    "identity": ("Identity Card Copy", "Proof of Identity"),
    "appraisal": ("Property Appraisal Report", "Appraisal of Property"),
    "purchase_contract": ("Purchase Contract", "Contract of Sale"),
    "insurance": ("Homeowner Insurance Certificate", "Certificate of Home Insurance"),
    "title_report": ("Preliminary Title Report", "Title Search Report"),
}
_SENTENCES = {
    "application": ("The borrower applies for a mortgage on the property.", "Assets and debts"),
    "payslip": ("Hours worked, overtime and withheld tax of the pay period.", "Employer copy"),
    "bank_statement": ("Deposits and withdrawals of the account.", "Opening balance and fees"),
    "tax_return": ("Adjusted gross income and deductions of the tax year.", "Refund or tax due"),
    "identity": ("Nationality, date of birth and signature of the holder.", "Issued by the state"),
    "appraisal": ("Comparable sales, condition and floor area.", "Certified appraiser"),
    "purchase_contract": ("Seller and buyer agree on the sale of the house.", "Closing and deed"),
    "insurance": ("The policy covers fire, storm and water damage.", "Premium and deductible"),
    "title_report": ("Liens, easements and the chain of title were searched.", "Vesting deed"),
}
LABELS: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "application": {
        "borrower": ("text", ("Borrower", "Name of borrower")),
        "price": ("amount", ("Purchase price", "Sales price")),
        "assets": ("amount", ("Liquid assets", "Total assets")),
    },
    "payslip": {"employee": ("text", ("Employee", "Employee name"))},
    "bank_statement": {
        "holder": ("text", ("Account holder", "Account owner")),
        "balance": ("amount", ("Closing balance", "Ending balance")),
    },
    "identity": {"name": ("text", ("Name", "Full name"))},
    "appraisal": {"date": ("date", ("Appraisal date", "Date of appraisal"))},
    "purchase_contract": {
        "price": ("amount", ("Purchase price", "Agreed price")),
        "date": ("date", ("Contract date", "Date of contract")),
    },
}
"""By class: its fields with their types, and the wordings of their labels."""
FIELD_FILES = {
    name: "\n".join(
        f'[fields.{field}]\ntype = "{kind}"\nlabels = {[label.lower() for label in labels]}\n'
        for field, (kind, labels) in fields.items()
    ).replace("'", '"')
    for name, fields in LABELS.items()
}
"""The files ``fields/CLASS.toml`` of the classes."""
PACKAGE_FILE = """\
[case]
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

[rules.name]
same = ["application.borrower", "payslip.employee", "bank_statement.holder", "identity.name"]
compare = "name"

[rules.price]
same = ["application.price", "purchase_contract.price"]
compare = "amount"

[rules.deposits]
sum = "application.assets"
of = ["bank_statement.balance"]
tolerance = 1.0

[rules.dates]
dates = ["appraisal.date", "purchase_contract.date"]
within_days = 90
in_order = true
"""
"""The file ``packages/loan.toml``."""


class LoanDocument(NamedTuple):
    """A document of a loan."""

    name: str
    document_class: str
    text: str


class Loan(NamedTuple):
    """A loan, and what is wrong with it."""

    documents: tuple[LoanDocument, ...]
    fault: Fault
    broken: str | None
    """The rule that does not hold."""
    missing: tuple[str, ...]
    """As ``payslip``, or ``page 2 of appraisal``."""


def draw_document(document_class: str, values: dict[str, str], seed: str, *, pages: int = 2) -> str:
    """The text of one document, a form feed between its pages."""
    chance = random.Random(seed)  # noqa: S311
    lines = [chance.choice(_TITLES[document_class]), ""]
    rows = [
        f"{chance.choice(LABELS[document_class][field][1])}: {value}"
        for field, value in values.items()
    ]
    chance.shuffle(rows)
    sentences = list(_SENTENCES[document_class])
    chance.shuffle(sentences)
    lines += [*rows, f"Reference: R-{chance.randint(1000, 9999)}", "", *sentences]
    rest = [f"Continued, {sentence.lower()}" for sentence in sentences]
    bodies = ["\n".join(lines), *("\n".join(rest) for _ in range(pages - 1))]
    return "\f".join(
        f"{body}\n\nPage {number} of {pages}\n" for number, body in enumerate(bodies, start=1)
    )


def example_document(document_class: str, number: int) -> str:
    """An example of a class; its values are of nobody's loan."""
    values = {
        field: {"text": f"Person {number}", "amount": f"{1000 + number}.00", "date": "1 May 2020"}[
            kind
        ]
        for field, (kind, _) in LABELS.get(document_class, {}).items()
    }
    return draw_document(document_class, values, f"taught {number}")


def draw_loan(seed: int, fault: Fault) -> Loan:
    """One loan with one fault, or none."""
    chance = random.Random(f"loan {seed}")  # noqa: S311
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    other = chance.choice([name for name in _LAST if name != last])
    price = 1000 * chance.randint(200, 900)
    balances = [100 * chance.randint(80, 500) + chance.randint(0, 99) / 100 for _ in range(2)]
    appraised = date(2026, chance.randint(1, 6), chance.randint(1, 28))
    signed = appraised + timedelta(days=chance.randint(3, 60))
    assets, agreed = sum(balances), price
    if fault == "deposits":
        assets += 100 * chance.randint(10, 90)
    elif fault == "price":
        agreed += 1000 * chance.choice([-9, -3, 5, 20])
    elif fault == "dates":
        signed = appraised - timedelta(days=chance.randint(2, 30))

    def name(surname: str = last) -> str:
        forms = (
            f"{first} {surname}", f"{surname.upper()}, {first}", f"Mr {first} {surname}",
            f"{first} {surname.upper()}",
        )  # fmt: skip
        return chance.choice(forms)

    def day(value: date) -> str:
        return f"{value.day} {value:%B %Y}"

    values: dict[str, list[dict[str, str]]] = {
        "application": [{"borrower": name(), "price": f"{price:,.2f}", "assets": f"{assets:,.2f}"}],
        "payslip": [{"employee": name()} for _ in range(3)],
        "bank_statement": [
            {"holder": name(), "balance": f"{balance:,.2f}"} for balance in balances
        ],
        "identity": [{"name": f"{first} {last}"}],
        "appraisal": [{"date": day(appraised)}],
        "purchase_contract": [{"price": f"{agreed:,.2f}", "date": day(signed)}],
    }
    if fault == "name":
        wrong_class, field = chance.choice(
            [("payslip", "employee"), ("bank_statement", "holder"), ("identity", "name")]
        )
        values[wrong_class][-1][field] = f"{first} {other}"
    documents = []
    for document_class in CLASSES:
        for number in range(COUNTS.get(document_class, 1)):
            own = values.get(document_class, [{}] * 3)[number]
            text = draw_document(document_class, own, f"{seed} {document_class} {number}")
            label = f"{document_class}-{number + 1}.txt"
            documents.append(LoanDocument(label, document_class, text))
    missing: tuple[str, ...] = ()
    lost = chance.randrange(len(documents))
    if fault == "document":
        missing = (documents.pop(lost).document_class,)
    elif fault == "page":
        one = documents[lost]
        documents[lost] = one._replace(text=one.text.split("\f")[0])
        missing = (f"page 2 of {one.document_class}",)
    chance.shuffle(documents)
    broken = fault if fault in ("name", "price", "deposits", "dates") else None
    return Loan(tuple(documents), fault, broken, missing)
