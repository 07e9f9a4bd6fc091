"""The cues of each document class: titles and typical words, in four languages."""

from __future__ import annotations

from typing import NamedTuple


class Cues(NamedTuple):
    titles: tuple[str, ...]
    """Words that count in a short line near the top; worth 3."""
    words: tuple[tuple[str, float], ...]
    """Literal texts (lower case) with their weights; each counts once."""


CLASSES: dict[str, Cues] = {
    "invoice": Cues(
        ("invoice", "tax invoice", "rechnung", "facture", "factura", "fattura", "faktura",
         "factuur"),
        (
            ("invoice number", 2), ("invoice no", 2), ("invoice #", 2), ("invoice date", 2),
            ("bill to", 1.5), ("amount due", 1), ("balance due", 1), ("due date", 1),
            ("payment terms", 1), ("purchase order", 0.5), ("unit price", 1), ("subtotal", 0.7),
            ("rechnungsnummer", 2), ("rechnungsdatum", 2), ("rechnung nr", 2),
            ("rechnungs-nr", 2), ("ust-id", 1), ("zahlbar", 1), ("zahlungsziel", 1),
            ("rechnungsbetrag", 1), ("gesamtbetrag", 1), ("numéro de facture", 2), ("tva", 0.7),
            ("net à payer", 1.5), ("número de factura", 2), ("remit to", 1), ("net 30", 1),
        ),
    ),
    "receipt": Cues(
        ("receipt", "sales receipt", "quittung", "kassenbon", "reçu", "recibo", "beleg"),
        (
            ("cashier", 2), ("change due", 2), ("thank you for shopping", 2), ("cash tendered", 2),
            ("tendered", 1), ("card ending", 1), ("auth code", 1.5), ("approval code", 1.5),
            ("subtotal", 0.5), ("terminal", 0.7), ("store #", 1.5),
            ("thank you for your purchase", 1),
            ("visa", 0.5), ("mastercard", 0.5), ("amount paid", 1), ("paid in full", 1),
            ("kassierer", 2), ("receipt #", 2), ("receipt no", 2), ("change ", 0.4),
        ),
    ),
    "form": Cues(
        ("application form", "registration form", "form", "application", "questionnaire", "antrag",
         "formular", "formulaire", "employment application", "application for employment"),
        (
            ("please print", 2), ("check one", 2), ("check all that apply", 2), ("applicant", 1),
            ("date of birth", 1), ("signature of", 1), ("for office use", 2), ("( )", 1), ("[ ]",
            1),
            ("☐", 1.5), ("____", 1), ("marital status", 1), ("first name", 1), ("last name", 1),
            ("middle initial", 1), ("zip code", 0.7), ("fill in", 1), ("fill out", 1),
            ("form no", 1), ("omb no", 2), ("emergency contact", 1), ("phone number", 0.5),
            ("previous employment", 1.5), ("mailing address", 0.7), ("home address", 0.7),
            ("full name", 0.7),
        ),
    ),
    "contract": Cues(
        ("agreement", "contract", "vertrag", "contrat", "contrato", "lease", "terms and conditions",
         "non-disclosure agreement", "license agreement", "lease agreement",
         "employment agreement"),
        (
            ("this agreement", 2), ("hereinafter", 2), ("whereas", 1), ("witnesseth", 2),
            ("party of the", 1), ("the parties", 1), ("in witness whereof", 2), ("hereby agree",
            1.5),
            ("governing law", 1.5), ("indemnif", 1), ("termination", 0.5), ("confidential", 0.4),
            ("shall", 0.5), ("effective date", 0.7), ("entire agreement", 1.5),
            ("vertragspartner", 2),
            ("force majeure", 1), ("severability", 1.5),
        ),
    ),
    "resume": Cues(
        ("resume", "résumé", "curriculum vitae", "cv", "lebenslauf"),
        (
            ("work experience", 2), ("professional experience", 2), ("education", 1), ("skills", 1),
            ("references available", 2), ("bachelor", 0.7), ("career objective", 2), ("linkedin",
            1),
            ("employment history", 1.5), ("certifications", 1), ("berufserfahrung", 2),
            ("ausbildung", 1), ("gpa", 0.7), ("proficient in", 1), ("languages", 0.3),
        ),
    ),
    "statement": Cues(
        ("statement", "account statement", "bank statement", "kontoauszug", "statement of account",
         "relevé de compte", "extracto"),
        (
            ("statement period", 2), ("opening balance", 2), ("closing balance", 2),
            ("beginning balance", 2), ("ending balance", 2), ("account summary", 1.5),
            ("account number", 1), ("deposits", 1), ("withdrawals", 1), ("statement date", 1.5),
            ("minimum payment", 1), ("previous balance", 1.5), ("kontostand", 1.5), ("saldo", 1),
        ),
    ),
    "report": Cues(
        ("report", "annual report", "bericht", "rapport", "informe", "technical report", "study",
         "white paper", "executive summary", "minutes"),
        (
            ("executive summary", 2), ("table of contents", 1.5), ("introduction", 0.7),
            ("conclusion", 0.7), ("methodology", 1), ("findings", 1), ("recommendations", 1),
            ("appendix", 0.7), ("figure 1", 1), ("table 1", 0.7), ("fiscal year", 0.7),
            ("abstract", 0.7), ("references", 0.4), ("prepared for", 1), ("zusammenfassung", 1),
        ),
    ),
}  # fmt: skip
