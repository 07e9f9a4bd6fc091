"""The fields of invoices, as they are without any file: labels in English, German and French."""

from __future__ import annotations

from lineal_consumers.fields.definition import ClassFields, FieldDefinition

INVOICE = ClassFields(
    fields={
        "number": FieldDefinition(
            type="id",
            required=True,
            labels=(
                "invoice number", "invoice no", "invoice no.", "invoice #", "invoice id", "inv no",
                "inv #", "bill no", "bill number", "document no", "document number", "invoice",
                "invoice ref", "invoice reference", "tax invoice no", "number", "no",
                "rechnungsnummer", "rechnungs-nr", "rechnungsnr", "rechnung nr", "rechnung",
                "re-nr", "belegnummer", "beleg-nr", "rg-nr", "rechnung-nr",
                "numéro de facture", "n° de facture", "n° facture", "facture n°", "facture no",
                "facture", "référence facture", "réf facture",
            ),
        ),
        "date": FieldDefinition(
            type="date",
            required=True,
            labels=(
                "invoice date", "date of invoice", "date", "issue date", "issued", "issued on",
                "date of issue", "dated", "bill date", "billing date", "document date",
                "tax point", "rechnungsdatum", "datum", "belegdatum", "ausstellungsdatum",
                "rechnung vom",
                "date de facture", "date de facturation", "date facture", "date d'émission",
                "émise le", "facturée le", "en date du",
            ),
        ),
        "due_date": FieldDefinition(
            type="date",
            labels=(
                "due date", "payment due", "due", "due on", "pay by", "payable by", "due by",
                "payment due date", "payment date", "please pay by", "fälligkeitsdatum",
                "fällig am", "fällig", "zahlbar bis", "zahlungsziel", "zahlung bis",
                "échéance", "date d'échéance", "échéance le", "à payer avant le",
                "payable avant le", "à régler avant le", "date limite de paiement",
                "règlement avant le",
            ),
        ),
        "supplier": FieldDefinition(
            type="text",
            required=True,
            sender=True,
            labels=("supplier", "vendor", "seller", "from", "lieferant", "verkäufer", "absender",
                    "rechnungssteller", "remit to", "issued by", "payee", "fournisseur", "vendeur",
                    "émetteur"),
        ),
        "customer_number": FieldDefinition(
            type="id",
            labels=("customer no", "customer number", "customer id", "client no", "client number",
                    "account no", "account number", "account", "client id", "client ref",
                    "kundennummer", "kunden-nr", "kundennr", "kd-nr", "kunde nr", "n° client",
                    "numéro client", "numéro de client", "n° de client", "code client",
                    "référence client", "réf client"),
        ),
        "net": FieldDefinition(
            type="amount",
            labels=("net", "net total", "net amount", "subtotal", "sub total", "sub-total",
                    "total net", "total excl vat", "total excluding vat", "total before tax",
                    "amount before tax", "amount excl vat", "taxable amount", "goods total",
                    "total ex vat", "netto", "nettobetrag", "nettosumme", "zwischensumme",
                    "summe netto", "gesamt netto", "warenwert", "net value", "netto gesamt",
                    "total ht", "montant ht", "total hors taxes", "montant hors taxes",
                    "sous-total", "sous-total ht", "total net ht", "base ht"),
        ),
        "tax": FieldDefinition(
            type="amount",
            labels=("vat", "tax", "sales tax", "vat amount", "tax amount", "total vat", "gst",
                    "total tax", "value added tax", "plus vat", "mwst", "ust", "mehrwertsteuer",
                    "umsatzsteuer", "steuerbetrag", "zzgl mwst", "zzgl ust", "mwst-betrag",
                    "steuer", "hst", "tva", "montant tva", "total tva", "montant de la tva",
                    "dont tva"),
        ),
        "total": FieldDefinition(
            type="amount",
            required=True,
            sum_of=("net", "tax"),
            labels=("total", "grand total", "total due", "amount due", "balance due",
                    "invoice total", "total amount", "total incl vat", "total including vat",
                    "total payable", "amount payable", "to pay", "please pay", "gross total",
                    "total gross", "gross amount", "gross", "invoice amount", "total to pay",
                    "gesamt", "gesamtbetrag", "summe", "endbetrag", "rechnungsbetrag", "brutto",
                    "bruttobetrag", "gesamtsumme", "zu zahlen", "zahlbetrag", "summe brutto",
                    "gesamt brutto", "zu zahlender betrag", "total ttc", "montant ttc",
                    "net à payer", "total à payer", "montant à payer", "montant dû",
                    "reste à payer", "total toutes taxes comprises", "montant total"),
        ),
        "iban": FieldDefinition(
            type="iban", checksum="iban", labels=("iban", "bank account", "konto")
        ),
    },
    other_labels=(
        "order no", "order number", "purchase order", "po number", "po no", "your order",
        "delivery date", "delivery note", "service date", "order date", "ship date", "vat id",
        "vat no", "vat number", "vat reg no", "tax id", "tax number", "phone", "tel", "fax",
        "unit price", "price", "quantity", "qty", "amount", "description", "page", "terms",
        "bill to", "ship to", "invoice to", "billed to", "rechnung an", "kunde", "customer",
        "client", "sold to", "swift", "bic", "bestellnummer", "bestell-nr",
        "lieferdatum", "leistungsdatum", "lieferschein", "ust-idnr", "ust-id", "steuernummer",
        "einzelpreis", "preis", "menge", "betrag", "seite", "telefon", "lieferschein-nr",
        "auftragsnummer", "auftrags-nr", "company no", "registered no", "contract no", "reference",
        "your reference", "our reference", "project", "discount", "shipping", "freight", "paid",
        "balance brought forward", "previous balance", "vat rate", "tax rate", "skonto",
        "sort code", "routing number", "date of supply", "date of delivery", "total quantity",
        "total items", "total weight", "bestelldatum", "auftragsdatum",
        "n° de commande", "numéro de commande", "bon de commande", "bon de livraison",
        "date de livraison", "date de commande", "n° tva", "tva intracommunautaire", "n° siret",
        "siret", "siren", "facturé à", "adresse de livraison", "livré à", "prix unitaire",
        "quantité", "qté", "désignation", "acompte", "remise", "frais de port",
    ),
)  # fmt: skip

CLASSES: dict[str, ClassFields] = {"invoice": INVOICE}
"""What is declared without any file."""
