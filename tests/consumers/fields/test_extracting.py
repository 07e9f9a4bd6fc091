"""Fields are found by labels, checked by rules, and learnt from corrected documents."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.invoices import invoice
from lineal_consumers.fields.definition import ClassFields, FieldDefinition
from lineal_consumers.fields.extracting import Reading, extract_fields
from lineal_consumers.fields.invoice import INVOICE
from lineal_consumers.fields.memory import Memory
from lineal_consumers.fields.teaching import ExampleFile, example_of
from lineal_consumers.fields.values import DateOrder, decimal_of, matches
from lineal_consumers.nlp.analysis import analyze_text
from lineal_consumers.nlp.config import NlpConfig
from lineal_schemas.fields import ExtractedField, FieldValues
from lineal_schemas.results import KeyValue, Page, Table, TextResult, Word
from tests.consumers.fields.reading import example, read_invoice


def text_reading(text: str, **page: object) -> Reading:
    made = Page(
        number=1, begin=0, end=len(text), width=0, height=0, source="parse"
    ).model_copy(update=page)  # fmt: skip
    return Reading.of(TextResult(engines=(), text=text, pages=(made,)), None)


def found(
    reading: Reading, declared: ClassFields = INVOICE, memory: Memory | None = None
) -> dict[str, ExtractedField]:
    values = extract_fields(reading, declared, "invoice", memory or Memory())
    return {field.name: field for field in values.fields}


TEXT = """Kestrel Timber Ltd
Invoice No: K-2291     Invoice date: 3 March 2026
Order No: 88-1         Due date: 02.04.2026

Oak board              120.00
Delivery                30.00
Net total              150.00
VAT 20 %                30.00
Total due              180.00
"""


def test_values_stand_beside_their_labels() -> None:
    fields = found(text_reading(TEXT))
    assert {name: field.value for name, field in fields.items() if field.value} == {
        "number": "K-2291", "date": "2026-03-03", "due_date": "2026-04-02",
        "supplier": "Kestrel Timber Ltd", "net": "150.00", "tax": "30.00", "total": "180.00",
    }  # fmt: skip
    assert not any(field.problems for field in fields.values())


def test_a_broken_sum_is_a_problem_and_makes_unsure() -> None:
    wrong = found(text_reading(TEXT.replace("180.00", "190.00")))
    assert wrong["total"].value == "190.00"
    assert wrong["total"].problems == ("it is not the sum of net and tax: 150.00 + 30.00",)
    assert wrong["total"].confidence < 0.5 < found(text_reading(TEXT))["total"].confidence


FORM = ClassFields(
    fields={
        "town": FieldDefinition(type="text", labels=("town", "town and postcode")),
        "born": FieldDefinition(type="date", labels=("date of birth",)),
        "fee": FieldDefinition(type="amount", labels=("fee",)),
    }
)


def test_labels_of_forms_are_numbered_and_values_stand_on_dotted_lines() -> None:
    text = """CITY LIBRARY
Reader card request

1.  Fee                 ..120,00
2.  Date of birth       .05.12.1988
b)  Town                ..Exeter EX4 3SR....
"""
    fields = found(text_reading(text), FORM)
    assert {name: field.value for name, field in fields.items()} == {
        "town": "Exeter EX4 3SR", "born": "1988-12-05", "fee": "120.00"
    }  # fmt: skip


def test_a_text_that_follows_a_label_of_several_words_is_its_value() -> None:
    fields = found(text_reading("Town and postcode Exeter EX4 3SR\nFee: 12.00\n"), FORM)
    assert fields["town"].value == "Exeter EX4 3SR"


def test_values_of_a_page_that_is_askew_stand_beside_their_own_labels() -> None:
    rows = [("Town", "Leeds"), ("Fee", "12.00"), ("Date of birth", "14.05.1981")]
    words: list[Word] = []
    text = ""
    for row in range(3):
        for column, shown in enumerate(rows[row]):
            x = 60.0 + 300 * column
            for part in shown.split():
                # 13 points between lines that fall by 10 points over the way to the values.
                y = 100 + 13 * row + x / 30
                words.append(
                    Word(len(text), len(text) + len(part), 0.95, x / 595, y / 842,
                         6 * len(part) / 595, 9 / 842, 2 * row + column)
                )  # fmt: skip
                text += f"{part} "
                x += 6 * len(part) + 4
    line = ("a", "long", "line", "under", "it", "shows", "how", "far", "it", "is", "turned")
    x = 60.0
    for part in line:
        words.append(
            Word(len(text), len(text) + len(part), 0.95, x / 595, (200 + x / 30) / 842,
                 6 * len(part) / 595, 9 / 842, 9)
        )  # fmt: skip
        text += f"{part} "
        x += 6 * len(part) + 4
    reading = text_reading(text, words=tuple(words), width=595, height=842)
    fields = found(reading, FORM)
    assert {name: field.value for name, field in fields.items()} == {
        "town": "Leeds", "fee": "12.00", "born": "1981-05-14"
    }  # fmt: skip


def test_what_is_required_and_not_there_is_a_problem() -> None:
    fields = found(text_reading("Invoice\nnothing else"))
    assert fields["total"].problems == ("it is required, and was not found",)
    assert fields["due_date"].problems == ()


def test_an_amount_that_alone_makes_the_sum_hold_is_taken_whatever_it_stands_beside() -> None:
    fields = found(text_reading(TEXT.replace("VAT 20 %", "Levy    ")))
    assert fields["tax"].value == "30.00"


def test_patterns_check_digits_and_columns_are_checked() -> None:
    declared = ClassFields(
        fields={
            "order": FieldDefinition(type="id", labels=("order",), pattern="PO-[0-9]+"),
            "account": FieldDefinition(type="iban", checksum="iban"),
            "sum": FieldDefinition(type="amount", labels=("sum",), sum_of_column="Price"),
        }
    )
    rows = (("Item", "Price"), ("a", "1.50"), ("b", "2.00"))
    text = "Order: 17-4\nAccount: DE89 3704 0044 0532 0130 01\nSum: 3.60\n"
    fields = found(text_reading(text, tables=(Table(rows=rows, confidence=1.0),)), declared)
    assert fields["order"].problems == ("it does not match PO-[0-9]+",)
    assert fields["account"].problems == ("its check digits are wrong (iban)",)
    assert fields["sum"].problems == ("it is not the sum of the column Price, 3.50",)


def test_what_a_person_said_goes_before_everything() -> None:
    said = (
        KeyValue(key="total", value="199,00", confidence=1.0, reviewed=True),
        KeyValue(key="due_date", value="", confidence=1.0, reviewed=True),
        KeyValue(key="number", value="9999", confidence=1.0),
    )
    fields = found(text_reading(TEXT, key_values=said))
    assert (fields["total"].value, fields["total"].source) == ("199.00", "person")
    assert (fields["due_date"].value, fields["due_date"].source) == (None, "person")
    assert fields["number"].value == "K-2291", "a parser's pair is no person's word"


FRENCH = """Menuiserie Lacombe SARL
FACTURE N° F-2026-193

Date de facturation : {day}
Échéance : 14 avril 2026
Nº client : C5592
Date de livraison : 2 février 2026

Total HT               1\u202f234,50 €
TVA 20 %                 246,90\u00a0€
Net à payer            1\u00a0481,40 €
"""


@pytest.mark.parametrize("day", ["1er mars 2026", "1 Mars 2026", "01/03/2026"])
def test_french_invoices_are_read_too(day: str) -> None:
    fields = found(text_reading(FRENCH.format(day=day)))
    assert {name: field.value for name, field in fields.items() if field.value} == {
        "number": "F-2026-193", "date": "2026-03-01", "due_date": "2026-04-14",
        "supplier": "Menuiserie Lacombe SARL", "customer_number": "C5592",
        "net": "1234.50", "tax": "246.90", "total": "1481.40",
    }  # fmt: skip


@pytest.mark.parametrize("months", [
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "January February March April May June July August September October November December",
])  # fmt: skip
def test_months_have_their_names_in_three_languages(months: str) -> None:
    for number, month in enumerate(months.split(), 1):
        [found] = matches("date", f"le 7 {month} 2026,", DateOrder(month_first=False))
        assert found.value == f"2026-{number:02}-07"


def column_of_amounts(*amounts: str, rows: int = 1) -> str:
    """An invoice whose labels stand in one block, and its amounts under each other in another."""
    goods = "".join(f"Zigarren           {n},00\n" for n in range(1, rows + 1))
    below, blank = "\n".join(amounts), "\n" * 6
    return f"Tabakkontor Behrens\n\nAbgaben\nWare\nEndbetrag\n\n{goods}{blank}{below}\n"


def test_parts_of_a_sum_that_nothing_tells_apart_are_declared_the_largest_first() -> None:
    for amounts in (("90,00", "100,00"), ("100,00", "90,00")):
        fields = found(text_reading(column_of_amounts(*amounts, "190,00")))
        assert (fields["net"].value, fields["tax"].value) == ("100.00", "90.00")


def test_parts_of_a_sum_stand_in_the_order_that_examples_have_taught() -> None:
    text = column_of_amounts("90,00", "60,00", "150,00")
    said = FieldValues(
        document_class="invoice",
        fields=tuple(
            ExtractedField(name=name, type="amount", value=value, source="person")
            for name, value in (("tax", "90.00"), ("net", "60.00"), ("total", "150.00"))
        ),
    )
    known = text_reading(text)
    analysis = analyze_text(text, NlpConfig())
    made = example_of("a", said, INVOICE, known.result.to_gzip(), analysis.to_gzip())
    memory = Memory(examples=(ExampleFile.from_gzip(made).example,))
    for rows in (1, 2, 9, 10, 20):
        upcoming = text_reading(column_of_amounts("170,00", "160,00", "330,00", rows=rows))
        fields = found(upcoming, memory=memory)
        values = [fields[name].value for name in ("tax", "net", "total")]
        assert values == ["170.00", "160.00", "330.00"], rows


UNUSUAL = 7
"""A layout whose number and tax stand beside words that nobody would list."""


def test_one_corrected_invoice_makes_the_next_of_its_supplier_right() -> None:
    taught = Memory(examples=(example(UNUSUAL, 0),))
    reading = Reading.of(*read_invoice(UNUSUAL, 1))
    wanted = invoice(UNUSUAL, 1).values
    before = found(reading)
    assert before["number"].value != wanted["number"], "what is to be learnt is not known before"
    after = found(reading, memory=taught)
    assert {name: after[name].value for name in wanted} == wanted
    assert after["number"].examples == (f"{UNUSUAL}-0",), "the example that taught it is named"
    box = after["number"].box
    assert box is not None
    assert 0 < box.left < 1


def test_what_one_supplier_has_taught_changes_nothing_for_others() -> None:
    taught = Memory(examples=(example(UNUSUAL, 0),))
    for layout in (0, 2, 5):
        reading = Reading.of(*read_invoice(layout, 1))
        without, wanted = found(reading), invoice(layout, 1).values
        with_it = found(reading, memory=taught)
        for name, value in wanted.items():
            if without[name].value == value:
                assert with_it[name].value == value, name


def test_a_field_that_people_say_is_not_there_is_not_found_again() -> None:
    taught = Memory(examples=(example(0, 0, iban=""),))
    assert found(Reading.of(*read_invoice(0, 1)), memory=taught)["iban"].value is None


def test_the_memory_holds_no_values_but_senders() -> None:
    kept = Memory(examples=(example(0, 0),)).model_dump_json()
    values = invoice(0, 0).values
    assert values.pop("supplier") in kept
    for name, value in values.items():
        assert value not in kept, name


@pytest.mark.parametrize(
    ("text", "value", "fit"),
    [
        ("IBAN: DEO7 1711 9751 3897 3855 76", "DE07171197513897385576", 1.0),
        ("DE07 l7II 975l 3897 3855 76", "DE07171197513897385576", 1.0),
        ("GBlO NWBK 6016 1312 3456 74", "GB10NWBK60161312345674", 1.0),
        ("DE08 1711 9751 3897 3855 76", "DE08171197513897385576", 0.4),
    ],
)
def test_letters_read_for_digits_of_an_account_are_put_right_where_its_check_digits_prove_it(
    text: str, value: str, fit: float
) -> None:
    (found,) = matches("iban", text, DateOrder(month_first=False))
    assert (found.value, found.fit) == (value, fit)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,56", "1234.56"), ("1,234.56", "1234.56"), ("1 234,56", "1234.56"),
        ("1'234.50", "1234.50"), ("12,5", "12.5"), ("1.234", "1234"), ("1.234.567", "1234567"),
    ],
)  # fmt: skip
def test_numbers_of_any_country(text: str, value: str) -> None:
    assert decimal_of(text) == value


@given(st.decimals(min_value=0, max_value=10**8, places=2), st.sampled_from(["en", "de"]))
def test_an_amount_is_read_as_it_was_written(number: Decimal, language: str) -> None:
    text = f"{number:,.2f}"
    if language == "de":
        text = text.translate(str.maketrans(",.", ".,"))
    [match] = matches("amount", f"EUR {text}", DateOrder(month_first=False))
    assert Decimal(match.value) == number


@given(st.text(max_size=200))
def test_any_text_has_values_within_it(text: str) -> None:
    for kind in ("text", "id", "date", "amount", "number", "iban"):
        for match in matches(kind, text, DateOrder(month_first=True)):
            assert 0 <= match.begin < match.end <= len(text)
