"""Personal data is found, in all its notations, and marked as such."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.nlp.analysis import analyze_text
from lineal_consumers.nlp.config import NlpConfig
from lineal_schemas.results import Entity

Find = Callable[..., list[Entity]]


@pytest.mark.parametrize(
    ("type", "text", "shown", "value"),
    [
        ("EMAIL", "Write to Ann.Lee@Example.org.", "Ann.Lee@Example.org", "ann.lee@example.org"),
        ("EMAIL", "<a+b_c@mail.sub.example.co.uk>", "a+b_c@mail.sub.example.co.uk", None),
        ("PHONE", "Phone: (212) 555-0147", "(212) 555-0147", "+12125550147"),
        ("PHONE", "Call 617.555.0123 now", "617.555.0123", "+16175550123"),
        ("PHONE", "Reach us at +49 30 901820.", "+49 30 901820", "+4930901820"),
        ("PHONE", "Fax 6175550123", "6175550123", "+16175550123"),
        ("PHONE", "Tel. 617-555-0123  2 items", "617-555-0123", "+16175550123"),
        ("PHONE", "tel:+1-617-555-0123", "+1-617-555-0123", "+16175550123"),
        ("PHONE", "Phone:617-555-0123", "617-555-0123", "+16175550123"),
        ("PHONE", "Mobile 020 7946 0958", "020 7946 0958", "+442079460958"),
        ("US_SSN", "SSN#219-52-8841", "219-52-8841", "219-52-8841"),
        ("US_SSN", "SSN: 219-52-8841", "219-52-8841", "219-52-8841"),
        ("US_SSN", "social security number 219528841", "219528841", "219-52-8841"),
        ("US_SSN", "Ann 219-52-8841 was hired", "219-52-8841", "219-52-8841"),
        ("IBAN", "IBAN DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00", None),
        ("IBAN", "pay GB29NWBK60161331926819 BIC NWBKGB2L", "GB29NWBK60161331926819", None),
        ("IBAN", "DE89 3704 0044 0532 0130 00 BIC COBADEFF", "DE89 3704 0044 0532 0130 00", None),
        ("CREDIT_CARD", "Visa 4111 1111 1111 1111", "4111 1111 1111 1111", "4111111111111111"),
        ("CREDIT_CARD", "Amex 3782-822463-10005 ok", "3782-822463-10005", "378282246310005"),
        ("CREDIT_CARD", "paid with 5555555555554444.", "5555555555554444", "5555555555554444"),
    ],
)
def test_a_number_or_address_of_a_person_is_found_exactly(
    find: Find, type: str, text: str, shown: str, value: str | None
) -> None:
    (entity,) = find(type, text)
    assert entity.text == shown
    assert entity.personal
    if value is not None:
        assert entity.value == value


@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("CREDIT_CARD", "Card 4111 1111 1111 1112"),
        ("CREDIT_CARD", "Order number: 4111 1111 1111 1111"),
        ("CREDIT_CARD", "created 20240115123456 and 1705312345678"),
        ("CREDIT_CARD", "EAN 4006381333931"),
        ("CREDIT_CARD", "ISBN 978-3-16-148410-0"),
        ("CREDIT_CARD", "0000 0000 0000 0000"),
        ("IBAN", "IBAN DE88 3704 0044 0532 0130 00"),
        ("IBAN", "PO12 3456 7890 1234 5678"),
        ("US_SSN", "SSN: 000-12-3456"),
        ("US_SSN", "SSN: 666-12-3456 or 900-12-3456"),
        ("US_SSN", "Part no. 219-52-8841"),
        ("US_SSN", "ZIP 219528841"),
        ("US_SSN", "on 2024-05-2881"),
        ("PHONE", "Order no. 617-555-0123"),
        ("PHONE", "Total 617 555 0123 units"),
        ("PHONE", "between 2010-2015 and 1999-2004"),
        ("PHONE", "at 48.8886633 16.4300181"),
        ("PHONE", "sha 5550123617555012361755501236175550123"),
        ("PHONE", "192.168.100.200"),
        ("PHONE", "12:30:45 555 2024-01-15"),
        ("EMAIL", "foo@bar and @handle and a@b.1 and user@@example.com"),
        ("EMAIL", "3 items @ 4.50 each"),
        ("EMAIL", "ftp://user:secret@example.org/file"),
        ("PERSON", "San Diego, Virginia Beach, Hong Kong and the World Bank"),
        ("PERSON", "Invoice Date and Total Due and Payment Terms"),
        ("ADDRESS", "In 2004 Paris St. Germain won 3 games on the road."),
        ("ADDRESS", "The 12 people on the way to the court"),
    ],
)
def test_what_only_looks_like_personal_data_is_left_alone(find: Find, type: str, text: str) -> None:
    assert find(type, text) == []


def test_national_phone_numbers_follow_the_language_of_the_document(find: Find) -> None:
    german = (
        "Sehr geehrte Damen und Herren, bitte rufen Sie uns an, wenn Sie noch Fragen zu dieser "
        "Rechnung haben. Telefon: 030 901820"
    )
    assert [e.value for e in find("PHONE", german)] == ["+4930901820"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Name: Jürgen Müller\n", "Jürgen Müller"),
        ("Patient:\nGarcia, Maria L.\n", "Maria L. Garcia"),
        ("Bill To:\nJohn A. Smith\n742 Evergreen Terrace\n", "John A. Smith"),
        ("Name: Ann Lee Date: 3/4/2024\n", "Ann Lee"),
        ("From: Peter Jones <pj@example.org>\n", "Peter Jones"),
        ("We thank Mr. Okonkwo for his visit.", "Okonkwo"),
        ("Sincerely,\n\n\nLinda Olsen\nDirector", "Linda Olsen"),
        ("The report was written by Susan B. Miller last year.", "Susan B. Miller"),
    ],
)
def test_persons_are_found_where_something_announces_them(find: Find, text: str, name: str) -> None:
    assert name in [entity.value for entity in find("PERSON", text)]


def test_companies_are_not_taken_for_persons(find: Find) -> None:
    text = "Bill To:\nAcme Widgets Inc.\n\nShip To:\nFirst National Bank\n"
    assert find("PERSON", text) == []


def test_names_in_running_text_can_be_switched_off(find: Find) -> None:
    text = "Yesterday Susan Miller met Mr. Okonkwo."
    assert [e.value for e in find("PERSON", text, names_in_prose=False)] == ["Okonkwo"]


@pytest.mark.parametrize(
    "address",
    [
        "742 Evergreen Terrace\nSpringfield, IL 62704",
        "1600 Pennsylvania Avenue NW, Washington, DC 20500",
        "123 N Main St, Suite 400, Boston, MA 02110-1234",
        "P.O. Box 1234",
    ],
)
def test_us_addresses_are_found_over_their_lines(find: Find, address: str) -> None:
    (entity,) = find("ADDRESS", f"Ship to\n{address}\nThank you")
    assert entity.text == address
    assert entity.personal


def test_a_german_address_is_found(find: Find) -> None:
    text = "Bitte senden Sie die Rechnung an uns.\nHauptstraße 12, 10115 Berlin\nMit Grüßen"
    assert [e.text for e in find("ADDRESS", text)] == ["Hauptstraße 12, 10115 Berlin"]


def test_every_occurrence_of_the_same_address_is_kept(find: Find) -> None:
    text = "a@example.org, A@Example.org\fand a@example.org"
    (entity,) = find("EMAIL", text)
    assert [text[o.begin : o.end].lower() for o in entity.occurrences] == ["a@example.org"] * 3


def _luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


@given(st.text("0123456789", min_size=14, max_size=14), st.integers(1, 9))
def test_a_card_number_counts_exactly_when_its_checksum_holds(body: str, off: int) -> None:
    config = NlpConfig(language="none", key_phrases="none", document_class="none")
    number = "4" + body
    check = _luhn_digit(number)
    wrong = str((int(check) + off) % 10)

    def cards(text: str) -> list[str | None]:
        return [e.value for e in analyze_text(text, config).entities if e.type == "CREDIT_CARD"]

    assert cards(f"card {number}{check}") == [number + check]
    assert cards(f"card {number}{wrong}") == []


@given(
    st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z0-9]{1,8})?", fullmatch=True),
    st.from_regex(r"[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,5})?\.(com|org|de|co\.uk)", fullmatch=True),
    st.sampled_from(["Mail %s.", "<%s>", "(%s)", "%s,", "mailto:%s", "see\n%s\n", "„%s“"]),
)
def test_an_email_is_found_in_any_sentence(local: str, domain: str, around: str) -> None:
    config = NlpConfig(language="none", key_phrases="none", document_class="none")
    address = f"{local}@{domain}"
    entities = analyze_text(around % address, config).entities
    assert [entity.text for entity in entities if entity.type == "EMAIL"] == [address]


@given(
    st.one_of(
        st.uuids().map(str),
        st.binary(min_size=16, max_size=32).map(bytes.hex),
        st.datetimes().map(lambda moment: moment.isoformat()),
        st.lists(st.integers(0, 99), min_size=3, max_size=5).map(
            lambda version: "v" + ".".join(map(str, version))
        ),
        st.integers(10**12, 2 * 10**12).map(str),
        st.decimals(-180, 180, places=7).map(str),
    )
)
def test_codes_of_machines_are_no_personal_data(code: str) -> None:
    config = NlpConfig(language="none", key_phrases="none", document_class="none")
    found = analyze_text(f"seen {code} there", config).entities
    assert [entity for entity in found if entity.personal] == []


@pytest.mark.parametrize(
    ("type", "text", "shown", "value"),
    [
        ("DATE_OF_BIRTH", "Date of birth: 03/04/1980", "03/04/1980", "1980-03-04"),
        ("DATE_OF_BIRTH", "DOB 5 March 1980, male", "5 March 1980", "1980-03-05"),
        ("DATE_OF_BIRTH", "Date of Birth\n1980-03-05\nSex", "1980-03-05", "1980-03-05"),
        ("DATE_OF_BIRTH", "Geburtsdatum: 05.03.1980", "05.03.1980", "1980-03-05"),
        ("DATE_OF_BIRTH", "Ann Lee was born on March 5, 1980", "March 5, 1980", "1980-03-05"),
        ("PASSPORT", "Passport No: 533380006", "533380006", "533380006"),
        ("PASSPORT", "Passport number\tC01X00T47\n", "C01X00T47", "C01X00T47"),
        ("PASSPORT", "holder of passport X1234567 issued", "X1234567", "X1234567"),
        ("UK_NHS", "NHS Number: 943 476 5919", "943 476 5919", "9434765919"),
        ("UK_NHS", "NHS no. 9434765919", "9434765919", "9434765919"),
        ("DRIVER_LICENSE", "Driver's License #: D1234567", "D1234567", "D1234567"),
        ("DRIVER_LICENSE", "Driving licence no MORGA657054SM9IJ", "MORGA657054SM9IJ", None),
        ("DRIVER_LICENSE", "Driver licence: F255-921-50-094-0", "F255-921-50-094-0", None),
        ("TAX_ID", "Tax ID: 912-70-1234", "912-70-1234", "912701234"),
        ("TAX_ID", "Steuer-ID 12 345 678 901", "12 345 678 901", "12345678901"),
        ("TAX_ID", "UTR: 1234567890", "1234567890", "1234567890"),
        ("TAX_ID", "Codice fiscale: RSSMRA85T10A562S", "RSSMRA85T10A562S", None),
        ("PATIENT_ID", "Patient ID: 00123456", "00123456", "00123456"),
        ("PATIENT_ID", "MRN 00123456", "00123456", "00123456"),
        ("PATIENT_ID", "Medical record number: AB-123456", "AB-123456", "AB123456"),
        ("NATIONAL_ID", "National Insurance number: QQ 12 34 56 C", "QQ 12 34 56 C", "QQ123456C"),
    ],
)
def test_what_only_its_label_tells_is_found(
    find: Find, type: str, text: str, shown: str, value: str | None
) -> None:
    (entity,) = find(type, text)
    assert (entity.text, entity.personal) == (shown, True)
    if value is not None:
        assert entity.value == value


@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("DATE_OF_BIRTH", "The date of delivery: 03/04/1980"),
        ("PASSPORT", "A passport is needed; order 533380006"),
        ("PATIENT_ID", "The patient is 45 years old"),
        ("TAX_ID", "VAT ID: GB123456789"),
        ("DRIVER_LICENSE", "Licence: Apache-2.0, version 1234567"),
        ("UK_NHS", "NHS trust, phone 0207 946 0958"),
    ],
)
def test_a_number_without_its_label_is_left_alone(find: Find, type: str, text: str) -> None:
    assert find(type, text) == []
