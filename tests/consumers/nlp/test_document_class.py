"""Documents of the usual kinds are told apart by rules."""

from __future__ import annotations

import pytest

from lineal_consumers.nlp.analysis import analyze_text
from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.nlp.document_class import RuleClassifier

DOCUMENTS = {
    "invoice": """ACME TOOLS INC.
INVOICE
Invoice Number: INV-42   Invoice Date: 03/15/2024
Bill To: Jane Roe
Widget    2   $10.00   $20.00
Gadget    1   $5.00    $5.00
Subtotal $25.00  Tax $2.00
Amount Due: $27.00   Due Date: 04/14/2024""",
    "receipt": """CORNER SHOP
Store #114  Cashier: 07
Milk 1.99
Bread 2.49
SUBTOTAL $4.48
TOTAL $4.48
CASH TENDERED $5.00
CHANGE DUE $0.52
Thank you for shopping with us""",
    "form": """Application for Employment
Please print.
First Name: ____________  Last Name: ____________
Date of Birth: ____________
Marital Status: [ ] single [ ] married
Emergency contact: ____________
Signature of applicant: ____________""",
    "letter": """12 March 2024

Dear Ms. Roe,

I am writing to tell you that your request has been granted by the board of the foundation.
We look forward to working with you.

Yours sincerely,
John Smith""",
    "contract": """SERVICE AGREEMENT
This Agreement is made between Acme Inc. (hereinafter "Provider") and Roe Ltd.
WHEREAS the parties wish to work together, the parties hereby agree as follows:
1. The Provider shall deliver the services. 2. Termination. 3. Governing law.
IN WITNESS WHEREOF the parties have signed this Agreement.""",
    "resume": """Jane Roe
Curriculum Vitae
Work Experience
2019-2024 Engineer at Acme
Education
Bachelor of Science, GPA 3.8
Skills: Python, SQL""",
    "email": """From: Jane Roe <jane@example.org>
To: john@example.org
Subject: Friday
Date: Tue, 5 Mar 2024 10:00:00 +0000

Can we move the meeting to Friday?""",
    "statement": """FIRST BANK
Account Statement
Statement Period: 01/01/2024 to 01/31/2024
Account Number: 00012345
Opening Balance $1,000.00
Deposits $200.00  Withdrawals $50.00
Closing Balance $1,150.00""",
    "report": """Annual Report 2023
Executive Summary
This report presents the findings of the year. Methodology is in the appendix.
Table of Contents
1 Introduction 2 Findings 3 Recommendations 4 Conclusion""",
    "article": """Solar panels on farms

Farmers in the Rhine Valley are putting solar panels above their apple trees this year. The panels
shade the trees in summer, and the valley has had many hot summers of late. A group of scientists
found that trees under the panels need less water than those that stand in the open sun all day.
They watched twelve farms over three years and say that most farmers want to go on with it now.""",
    "other": "Room 12\nQuiet please",
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_typical_document_is_recognised(kind: str) -> None:
    found = analyze_text(DOCUMENTS[kind], NlpConfig()).document_class
    assert found.name == kind
    assert 0 < found.confidence <= 1
    assert found.classifier == "rules"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("invoice", "Rechnung\nRechnungsnummer: 42\nRechnungsdatum: 05.03.2024\nZahlbar sofort"),
        ("invoice", "FACTURE\nNuméro de facture : 42\nTVA 20 %\nNet à payer 120,00 €"),
        ("letter", "Sehr geehrte Frau Roe,\n\nvielen Dank.\n\nMit freundlichen Grüßen\nJ. Smith"),
    ],
)
def test_other_languages(kind: str, text: str) -> None:
    assert analyze_text(text, NlpConfig()).document_class.name == kind


def test_more_evidence_makes_surer() -> None:
    little = analyze_text("Invoice\nThank you", NlpConfig()).document_class
    much = analyze_text(DOCUMENTS["invoice"], NlpConfig()).document_class
    assert little.name == much.name == "invoice"
    assert little.confidence < much.confidence


def test_a_title_that_stands_alone_below_the_addresses_counts() -> None:
    above = "Ms Ellen Carter\nHarbour Way 16\nBristol\nOkafor Catering\n12 Mill Lane\nExeter\nUK\n"
    lines = f"{above}Bill A631\nDebtor 59\nTax invoice\nCable 6 82.02\nBalance 25.50\n"
    assert RuleClassifier().classify([lines], []).name == "invoice"
    inside = lines.replace("Tax invoice", "Thank you for the tax invoice that you have sent")
    assert RuleClassifier().classify([inside], []).name == "other"
