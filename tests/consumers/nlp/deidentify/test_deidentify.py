"""What identifies somebody goes, what a doctor needs stays, and links and intervals hold."""

from __future__ import annotations

import base64
import csv
import io
from collections import Counter
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lineal_consumers.nlp.deidentify.csv_records import deidentify_csv
from lineal_consumers.nlp.deidentify.dates import find_dates, shift_in_place
from lineal_consumers.nlp.deidentify.fhir import FhirDeidentifier
from lineal_consumers.nlp.deidentify.free_text import Treatment, deidentify_text
from lineal_consumers.nlp.deidentify.places import short_zip
from lineal_consumers.nlp.deidentify.secret import Pseudonyms

PSEUDONYMS = Pseudonyms(b"k" * 32, 365)
HOW = Treatment(PSEUDONYMS, consistent=True, shift=True, this_year=2026)
MASKED = Treatment(PSEUDONYMS, consistent=False, shift=False, this_year=2026)


def masked(text: str, **named: Any) -> str:
    return deidentify_text(text, "p1", MASKED, Counter(), **named)


@pytest.mark.parametrize(
    "text",
    [
        "Parkinson disease, Crohn's disease and Down syndrome.",
        "A Foley catheter was placed. Apgar score 9. Babinski sign negative.",
        "BP 120/80, strength 4/5, pain 7/10, took 1/2 tablet; platelets 250000.",
        "Started metformin 500 mg twice daily. Chest clear. Follow up with Cardiology.",
        "She is 64 years old, 165 cm, and may walk 2 miles.",
    ],
)
def test_what_a_doctor_needs_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "gone", "kind"),
    [
        ("Seen by dr. ashby today", "ashby", "NAME"),
        ("pt maria lopez was admitted", "lopez", "NAME"),
        ("CARTER, JOHN  MRN: 88-12-34", "CARTER", "NAME"),
        ("His daughter Siobhan agreed", "Siobhan", "NAME"),
        ("Reviewed with K. Okonkwo, RN", "Okonkwo", "NAME"),
        ("Dr. Parkinson agreed", "Parkinson", "NAME"),
        ("mrn 4471902", "4471902", "MRN"),
        ("Medicare ID 1EG4-TE5-MK73", "1EG4", "HEALTH_PLAN"),
        ("Pacemaker serial no. PX-99812", "99812", "DEVICE"),
        ("call 617.555.0142 x33", "0142", "PHONE"),
        ("lives in Springfield, IL", "Springfield", "PLACE"),
        ("transferred from St. Luke's Hospital", "Luke", "PLACE"),
        ("sent to jo@example.org", "jo@", "EMAIL"),
        ("a 97-year-old man", "97", "90+"),
        ("dated 14MAR2021", "14MAR", "2021"),
        ("seen on 3/14", "3/14", "DATE"),
        ("the 3rd of June '19", "June", "19"),
    ],
)
def test_what_identifies_goes(text: str, gone: str, kind: str) -> None:
    made = masked(text)
    assert gone not in made
    assert kind in made


def test_a_name_goes_wherever_it_stands_and_has_one_pseudonym() -> None:
    made = deidentify_text(
        "Mr. Adam Quist came in. QUIST, ADAM denies pain. Then quist left.", "p", HOW, Counter()
    )
    assert "quist" not in made.lower()
    assert len({word.strip(".,") for word in made.split() if word.startswith("NAME-")}) == 1


@given(
    st.dates(date(1960, 1, 1), date(2025, 12, 28)),
    st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%m-%d-%Y", "%d %B %Y", "%b %d, %Y", "%d%b%Y"]),
    st.integers(-365, 365),
)
def test_a_date_is_shifted_in_the_form_in_which_it_is_written(
    day: date, form: str, days: int
) -> None:
    assume(form != "%d %B %Y" or day.month != 5)  # May is written short and long alike
    text = f"seen on {day.strftime(form)}."
    [found] = list(find_dates(text))
    moved = shift_in_place(text, found, timedelta(days), 2026)
    assert moved == (day + timedelta(days)).strftime(form)


@given(st.text(min_size=1, max_size=30))
def test_a_patient_has_one_offset_that_is_not_nothing(patient: str) -> None:
    offset = PSEUDONYMS.offset(patient)
    assert offset == Pseudonyms(b"k" * 32, 365).offset(patient)
    assert 0 < abs(offset.days) <= 365


def test_zip_codes_keep_three_digits_where_enough_people_live() -> None:
    assert short_zip("02139-1234") == "021"
    assert short_zip("03601") == "000"
    assert short_zip("87901") == "000"


PATIENT = {
    "resourceType": "Patient", "id": "p1", "text": {"div": "<div>Amary Zolt</div>"},
    "identifier": [{"system": "http://hospital/mrn", "value": "MRN-9912"}],
    "name": [{"family": "Zolt", "given": ["Amary"]}], "birthDate": "1958-05-03",
    "gender": "female", "telecom": [{"value": "617-555-0100"}],
    "address": [{"line": ["1 Elm Street"], "city": "Quincy", "state": "MA", "postalCode": "02169"}],
}  # fmt: skip
OBSERVATION = {
    "resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1",
    "display": "Amary Zolt"}, "effectiveDateTime": "2021-03-04T10:00:00-05:00",
    "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4", "display": "HbA1c"}]},
    "valueQuantity": {"value": 7.1, "unit": "%"}, "note": [{"text": "zolt was fasting"}],
    "somethingNew": "ask Amary at 617-555-0100",
}  # fmt: skip
REPORT = {
    "resourceType": "DiagnosticReport", "id": "d1", "subject": {"reference": "Patient/p1"},
    "presentedForm": [{"contentType": "text/plain",
                       "data": base64.b64encode(b"Amary Zolt, seen 3/4/2021").decode()}],
}  # fmt: skip


def fhir(*resources: dict[str, Any]) -> list[dict[str, Any]]:
    made = FhirDeidentifier(HOW, date(2026, 1, 1), {"p1": {"Amary Zolt"}}, Counter())
    return [made.resource(one) for one in resources]


def test_fhir_keeps_values_links_and_intervals_and_nothing_that_identifies() -> None:
    patient, observation, report = fhir(PATIENT, OBSERVATION, REPORT)
    whole = orjson.dumps([patient, observation]).decode().lower()
    for word in ("zolt", "amary", "9912", "quincy", "elm", "0100", "02169", "2021-03-04", 'p1"'):
        assert word not in whole
    assert observation["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert observation["valueQuantity"] == OBSERVATION["valueQuantity"]
    assert observation["code"] == OBSERVATION["code"]
    assert patient["address"] == [{"state": "MA", "postalCode": "021"}]
    before = date(2021, 3, 4) - date(1958, 5, 3)
    seen = date.fromisoformat(observation["effectiveDateTime"][:10])
    assert seen - date.fromisoformat(patient["birthDate"]) == before
    text = base64.b64decode(report["presentedForm"][0]["data"]).decode()
    assert "Zolt" not in text
    assert f"{seen.month}/{seen.day}/{seen.year}" in text


def test_a_date_of_birth_that_tells_an_age_over_89_is_left_out() -> None:
    [patient] = fhir({**PATIENT, "birthDate": "1931-05-03"})
    assert "birthDate" not in patient
    assert "1931" not in orjson.dumps(patient).decode()


def test_a_table_is_read_by_its_headers_and_by_what_is_in_it() -> None:
    source = (
        "patient_id,DOB,SSN,FIRST,LAST,GENDER,ZIP,STATE,ICD10,note,unnamed\n"
        "a1,1950-03-04,999-12-3456,Zed,Quux,F,02139,MA,E11.9,quux seen 3/4/21,zed@example.org\n"
        "a1,1950-03-04,999-12-3456,Zed,Quux,F,02139,MA,I10,stable,zed@example.org\n"
    )
    counts: Counter[str] = Counter()
    made = deidentify_csv(source, "doc", HOW, counts)
    first, second = csv.DictReader(io.StringIO(made))
    for word in ("a1,", "1950-03-04", "3456", "Zed", "zed", "quux", "02139", "3/4/21"):
        assert word not in made
    assert first["patient_id"] == second["patient_id"]
    assert first["DOB"] == second["DOB"]
    assert (first["GENDER"], first["ZIP"], first["ICD10"], second["note"]) == (
        "F", "021", "E11.9", "stable",
    )  # fmt: skip
    assert first["unnamed"] == "[EMAIL]"
    assert counts["DATE"] == 3
