"""De-identifies tables of values: each column by its header, or else by what is in it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

from lineal import Reject
from lineal_consumers.nlp.deidentify.dates import find_dates, shift_in_place, year_only
from lineal_consumers.nlp.deidentify.free_text import (
    OLDEST,
    Treatment,
    deidentify_text,
    family_name,
)
from lineal_consumers.nlp.deidentify.places import short_zip

_SAMPLE = 200
_MOSTLY = 0.6
_HEADERS = (
    ("KEEP", r"(?:gender|sex|race|ethnic(?:ity)?|marital(?: status)?|state|country|code|system"
             r"|value"
             r"|units?|status|class|category|type|icd\w*|loinc|snomed|rxnorm|cpt|reasoncode|drug"
             r"|medication|diagnosis|condition|procedure|test|lab|result|language)"),
    ("PATIENT", r"(?:patient|person|subject|member|beneficiary)[ _]?(?:id|no|num(?:ber)?|key"
                r"|ident(?:"
                r"ifier)?)?|mrn|medical record(?: (?:no|num(?:ber)?))?|empi|pat[ _]?id|pid"),
    ("NAME", r".*\bname\b.*|.*name$|first|last|middle|given|family|surname|maiden|prefix|suffix"
             r"|alias"
             r"|(?:primary )?(?:provider|physician|doctor|attending|surgeon|nurse|contact|next "
             r"of kin"
             r"|nok|guarantor|spouse|mother|father|author|pcp|employer|organi[sz]ation|payer"
             r"|facility"
             r"|hospital|clinic)"),
    ("ZIP", r"zip(?: ?code)?|postal ?code|zipcode|postcode"),
    ("PLACE", r".*address.*|street.*|city|town|county|fips|lat(?:itude)?|lon(?:gitude)?|lng"
              r"|birth ?place"
              r"|place of birth|location|geo.*|precinct|neighbou?rhood"),
    ("DATE", r".*\bdate\b.*|.*date$|date.*|dob|dod|birth ?day|birth(?: date)?|born|start|stop"
             r"|end|admitted"
             r"|discharged?|admission|.*time(?:stamp)?|.* at|onset"),
    ("AGE", r"age(?: (?:years|at .*))?|.* age"),
    ("PHONE", r".*phone.*|tel(?:ephone)?|mobile|cell|pager"),
    ("FAX", r"fax.*"),
    ("EMAIL", r".*e-?mail.*"),
    ("SSN", r"ssn|social(?: security.*)?|social sec.*"),
    ("HEALTH_PLAN", r".*(?:policy|subscriber|insurance|plan|member|medicare|medicaid|hicn|mbi).*"),
    ("ACCOUNT", r".*(?:account|acct|invoice|claim|billing|iban|card).*"),
    ("LICENSE", r".*(?:licen[cs]e|drivers?|passport|npi|dea|certificate).*"),
    ("VEHICLE", r".*(?:vin|plate|vehicle).*"),
    ("DEVICE", r".*(?:serial|device|udi|imei|lot).*"),
    ("URL", r".*(?:url|website|web ?site|link|homepage).*"),
    ("IP", r"ip|ip ?addr.*|.* ip"),
    ("BIOMETRIC", r".*(?:finger ?print|voice ?print|biometric|retina|iris).*"),
    ("PHOTO", r".*(?:photo|image|picture).*"),
    ("OTHER_ID", r"id|.*\bid|.*(?:identifier|accession|encounter|specimen|number|uuid|guid|user "
                 r"?name"
                 r"|login).*|ref(?:erence)?"),
)  # fmt: skip
_BY_HEADER = tuple((kind, re.compile(pattern + "$", re.IGNORECASE)) for kind, pattern in _HEADERS)
_BY_VALUE = (
    ("EMAIL", re.compile(r"[\w.%+-]+@[\w.-]+\.\w{2,24}$")),
    ("SSN", re.compile(r"\d{3}-\d{2}-\d{4}$")),
    ("PHONE", re.compile(r"(?:\+?1[-. ]?)?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?: ?x\d+)?$")),
    ("IP", re.compile(r"(?:\d{1,3}\.){3}\d{1,3}$|(?:[0-9a-f]{0,4}:){4,7}[0-9a-f]{0,4}$", re.I)),
    ("URL", re.compile(r"https?://\S+$")),
    ("DATE", re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?$|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}(?: .*)?$")),
    ("OTHER_ID", re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$"
                            r"|[A-Z]{0,4}-?\d{7,}$", re.I)),
)  # fmt: skip
_LINKING = frozenset(
    ("PATIENT", "NAME", "HEALTH_PLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "OTHER_ID")
)


def kinds_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """What each column holds: an identifier's kind, ``PATIENT``, ``TEXT`` or ``KEEP``."""
    kinds = []
    for place, name in enumerate(header):
        words = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-.]+", " ", name).strip()
        by_header = next((kind for kind, pattern in _BY_HEADER if pattern.match(words)), None)
        values = [row[place].strip() for row in rows[:_SAMPLE] if len(row) > place]
        by_value = _kind_of([value for value in values if value])
        # A column that is called harmless is looked at all the same.
        if by_header is None or (by_header == "KEEP" and by_value != "OTHER_ID"):
            kinds.append(by_value)
        else:
            kinds.append(by_header)
    return kinds


def _kind_of(values: Sequence[str]) -> str:
    if not values:
        return "KEEP"
    for kind, pattern in _BY_VALUE:
        if sum(pattern.match(value) is not None for value in values) >= _MOSTLY * len(values):
            return kind
    return "TEXT" if any(re.search(r"[^\W\d_]", value) for value in values) else "KEEP"


def deidentify_csv(text: str, unit: str, how: Treatment, counts: Counter[str]) -> str:
    """A table without identifiers, with as many rows and columns.

    Args:
        unit: by which dates are shifted where no column tells the patient.

    Raises:
        Reject: it is no table with a header.
    """
    try:
        dialect: type[csv.Dialect] | str = csv.Sniffer().sniff(text[:8192], ",;\t|")
    except csv.Error:
        dialect = "excel"
    try:
        rows = list(csv.reader(io.StringIO(text), dialect))
    except csv.Error as error:
        raise Reject(f"the table cannot be read: {error}") from error
    if not rows or len(rows[0]) < 1:
        raise Reject("the table has no header")
    header, body = rows[0], rows[1:]
    kinds = kinds_of(header, body)
    patient_at = _patient_column(header, kinds)
    # The names in the columns of a row are looked for in its texts.
    named = [place for place, kind in enumerate(kinds) if kind == "NAME"]
    made = io.StringIO()
    writer = csv.writer(made, dialect, lineterminator="\n")
    writer.writerow(header)
    for number, row in enumerate(body):
        patient = row[patient_at] if patient_at is not None and len(row) > patient_at else ""
        patient = patient or f"{unit}/{number}"
        known = {row[place] for place in named if len(row) > place}
        writer.writerow(
            _cell(
                value, kinds[place] if place < len(kinds) else "TEXT", patient, known, how, counts
            )
            for place, value in enumerate(row)
        )
    return made.getvalue()


def _patient_column(header: Sequence[str], kinds: Sequence[str]) -> int | None:
    if "PATIENT" in kinds:
        return kinds.index("PATIENT")
    ids = [place for place, name in enumerate(header) if name.strip().lower() == "id"]
    return ids[0] if ids else None


def _cell(
    value: str, kind: str, patient: str, known: set[str], how: Treatment, counts: Counter[str]
) -> str:
    bare = value.strip()
    if kind == "KEEP" or not bare:
        return value
    if kind == "TEXT":
        return deidentify_text(value, patient, how, counts, known)
    if kind == "DATE":
        return _date(value, patient, how, counts)
    counts["MRN" if kind == "PATIENT" else kind] += 1
    if kind == "AGE":
        years = re.match(r"\d+", bare)
        high = years is not None and int(years[0]) >= OLDEST
        counts["AGE"] -= not high
        return f"{OLDEST}+" if high else value
    if kind == "ZIP":
        return short_zip(bare)
    if how.consistent and kind in _LINKING:
        if kind in ("PATIENT", "OTHER_ID"):
            return how.pseudonyms.identifier(bare)
        return how.pseudonyms.of(kind, family_name(bare) if kind == "NAME" else bare)
    return f"[{'MRN' if kind == 'PATIENT' else kind}]"


def _date(value: str, patient: str, how: Treatment, counts: Counter[str]) -> str:
    found = sorted(find_dates(value), key=lambda one: one.begin)
    if not found:
        return deidentify_text(value, patient, how, counts)
    pieces, at = [], 0
    for one in found:
        counts["DATE"] += 1
        if one.year is not None and how.this_year - one.year > OLDEST:
            counts["AGE"] += 1
            new = "[DATE]"
        elif how.shift:
            new = shift_in_place(value, one, how.pseudonyms.offset(patient), how.this_year)
        else:
            new = year_only(one)
        pieces += [value[at : one.begin], new]
        at = one.end
    return "".join([*pieces, value[at:]])
