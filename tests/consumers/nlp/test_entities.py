"""Dates, sums, percentages, links, machine addresses and organisations, with normal values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.nlp.analysis import analyze_text
from lineal_consumers.nlp.config import NlpConfig
from lineal_schemas.results import Entity

Find = Callable[..., list[Entity]]

BARE = NlpConfig(language="none", key_phrases="none", document_class="none")
FRENCH = "Nous vous remercions de votre commande, qui a été expédiée par notre service le "
GERMAN = "Wir danken Ihnen für Ihren Auftrag und liefern die bestellten Waren spätestens am "


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on 2024-03-05 at noon", "2024-03-05"),
        ("2024-03-05T10:11:12Z", "2024-03-05"),
        ("Invoice date 03/15/2024.", "2024-03-15"),
        ("15/03/2024", "2024-03-15"),
        ("March 5, 2024", "2024-03-05"),
        ("Sept. 11th, 2001", "2001-09-11"),
        ("5 March 2024", "2024-03-05"),
        ("the 1st of May 2020", "2020-05-01"),
        ("12-Mar-21", "2021-03-12"),
        ("Due date: 3/4/24", "2024-03-04"),
        ("in October 1999", "1999-10"),
        ("2024年3月5日", "2024-03-05"),
        ("1er mars 2023", "2023-03-01"),
        (FRENCH + "12 août 2021.", "2021-08-12"),
        (GERMAN + "3. Dezember 2021.", "2021-12-03"),
        (GERMAN + "03.12.2021.", "2021-12-03"),
    ],
)
def test_a_date_has_its_iso_value(find: Find, text: str, value: str) -> None:
    assert [entity.value for entity in find("DATE", text)] == [value]


@pytest.mark.parametrize(
    "text",
    [
        "2024-13-05 and 31/31/2024 and February 30, 2024",
        "version 1.2.2021 and 10.0.19045",
        "lot 10-12-15",
        "the years 2019/2020",
        "2024-01-02-03",
        "may 2024 be kind",
        "192.168.20.24",
        "1/2/3 cup",
        "978-3-16-148410-0",
    ],
)
def test_numbers_that_are_no_dates_are_left_alone(find: Find, text: str) -> None:
    # A trailing word makes the language of these scraps English.
    assert find("DATE", f"{text} and the other things that we have said before") == []


@pytest.mark.parametrize(("region", "value"), [("US", "2026-03-04"), ("GB", "2026-04-03")])
def test_the_region_decides_which_number_is_the_month(find: Find, region: str, value: str) -> None:
    text = "The meeting will take place on 03/04/2026 in the small room."
    assert [entity.value for entity in find("DATE", text, region=region)] == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Total: $1,234.50", "1234.50 USD"),
        ("1.234,56 €", "1234.56 EUR"),
        ("EUR 1.234,56", "1234.56 EUR"),
        ("£5", "5.00 GBP"),
        ("$2.5 million in cash", "2500000.00 USD"),
        ("$3B", "3000000000.00 USD"),
        ("250 USD", "250.00 USD"),
        ("CHF 12.-", "12.00 CHF"),
        ("-$40.00", "-40.00 USD"),
        ("CA$ 9.99", "9.99 CAD"),
        ("¥5000", "5000.00 JPY"),
        ("20 dollars", "20.00 USD"),
    ],
)
def test_a_sum_has_amount_and_currency(find: Find, text: str, value: str) -> None:
    assert [entity.value for entity in find("MONEY", text)] == [value]


@pytest.mark.parametrize(
    "text", ["costs $ nothing", "try 5 times", "AUSD 5", "12.50", "5 pounds of EURO"]
)
def test_numbers_without_a_currency_are_no_sums(find: Find, text: str) -> None:
    assert [e.text for e in find("MONEY", text) if e.value != "5.00 GBP"] == []


def test_percentages(find: Find) -> None:
    values = [e.value for e in find("PERCENT", "up 7.5% and 12 percent, then 3,25 %")]
    assert values == ["7.5", "12", "3.25"]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("See https://example.com/a_(b)?q=1.", "https://example.com/a_(b)?q=1"),
        ("(http://example.com/x)", "http://example.com/x"),
        ("at www.example.com/path, please", "www.example.com/path"),
        ("visit example.org today", "example.org"),
    ],
)
def test_a_link_ends_where_the_sentence_goes_on(find: Find, text: str, url: str) -> None:
    assert [entity.text for entity in find("URL", text)] == [url]


def test_the_domain_of_an_email_is_no_link_of_its_own(find: Find) -> None:
    assert find("URL", "ann@example.org") == []


def test_an_email_inside_a_link_stays_personal_data(find: Find) -> None:
    text = "https://example.com/u?mail=ann@example.org&x=1"
    assert [e.text for e in find("URL", text)] == [text]
    assert find("EMAIL", text)[0].personal


@pytest.mark.parametrize("address", ["192.168.0.1", "8.8.8.8", "2001:db8::ff00:42:8329", "fe80::1"])
def test_machine_addresses(find: Find, address: str) -> None:
    assert [entity.text for entity in find("IP_ADDRESS", f"host {address} is up")] == [address]


@pytest.mark.parametrize(
    "text", ["version 1.2.3.4", "v10.0.19.45", "300.1.1.1", "1.2.3.4.5", "at 12:30:45", "std::abc"]
)
def test_versions_and_times_are_no_machine_addresses(find: Find, text: str) -> None:
    assert find("IP_ADDRESS", text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("made by Acme Tools Ltd. in Leeds", "Acme Tools Ltd."),
        ("Vendor: Blue Sky Catering\n", "Blue Sky Catering"),
        ("she studied at the University of Graz", "University of Graz"),
        ("the Müller & Söhne GmbH", "Müller & Söhne GmbH"),
        ("He left. Ford Motor Co. said so.", "Ford Motor Co."),
    ],
)
def test_organizations(find: Find, text: str, name: str) -> None:
    assert name in [entity.text for entity in find("ORGANIZATION", text)]


@pytest.mark.parametrize("text", ["in the West Bank", "Invoice Co.", "the company", "The Group"])
def test_words_of_organizations_alone_name_none(find: Find, text: str) -> None:
    assert find("ORGANIZATION", text) == []


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d"]))
def test_every_day_written_year_first_is_read(day: date, notation: str) -> None:
    text = f"dated {day.strftime(notation)}, signed"
    assert [e.value for e in analyze_text(text, BARE).entities] == [day.isoformat()]


@given(
    st.dates(date(1900, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["%d %B %Y", "%B %d, %Y", "%b %d, %Y", "%d-%b-%Y"]),
)
def test_every_day_written_in_words_is_read(day: date, notation: str) -> None:
    text = f"dated {day.strftime(notation)}, signed"
    dates = [e.value for e in analyze_text(text, BARE).entities if e.type == "DATE"]
    assert dates == [day.isoformat()]


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_every_dollar_sum_is_read(dollars: int, cents: int) -> None:
    text = f"Total ${dollars:,}.{cents:02d} due"
    sums = [e.value for e in analyze_text(text, BARE).entities if e.type == "MONEY"]
    assert sums == [f"{dollars}.{cents:02d} USD"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Date: 03/04/2024. Deliver to 10 Downing Street, London SW1A 2AA", "2024-04-03"),
        ("Invoice date: 03/04/2024, total £ 15.00, VAT GB123456789", "2024-04-03"),
        ("Invoice 03/04/2024, due 30/04/2024", "2024-04-03"),
        ("Invoice 03/04/2024, due 04/30/2024", "2024-03-04"),
        ("Invoice 03/04/2024, mail to Springfield, IL 62704", "2024-03-04"),
        ("Invoice 03/04/2024", "2024-03-04"),
    ],
)
def test_the_document_itself_says_which_number_is_the_month(
    find: Find, text: str, value: str
) -> None:
    assert find("DATE", text)[0].value == value
