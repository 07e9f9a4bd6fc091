"""How much of what identifies a person is found in health records, on a corpus with known answers.

The notes are written for this benchmark: their sentences and names are none that the rules were
written or tested with. Recall is of characters that carry an identifier and are gone from the copy;
precision is of what was taken out. The peer is a set of plain regular expressions with titles, as a
careful afternoon brings forth.
"""

from __future__ import annotations

import csv
import io
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import orjson

from benchmarks.measurement import Benchmark, Result
from lineal_consumers.nlp.deidentify.csv_records import deidentify_csv
from lineal_consumers.nlp.deidentify.fhir import FhirDeidentifier, names_of
from lineal_consumers.nlp.deidentify.free_text import Treatment, find_identifiers
from lineal_consumers.nlp.deidentify.secret import Pseudonyms

_NOTES, _PATIENTS = 400, 300
_TREATMENT = Treatment(Pseudonyms(b"benchmark" * 4, 365), True, True, 2026)
_GIVEN = (
    "Oluwaseun", "Beatrix", "Thandiwe", "Ignacio", "Marguerite", "Keanu", "Priyanka",
    "Wilhelmina", "Dashiell", "Noor", "Anneliese", "Tobias", "Rosalind", "Hiroshi",
    "Clementine", "Yusuf", "Gwendolyn", "Stellan", "Adaeze", "Lorcan", "Paloma", "Edmund",
    "Tamsin", "Farid", "Henrietta", "Casimir", "Odalys", "Ruth", "Walter", "Denise", "Harold",
    "Lucille", "Gary",
)  # fmt: skip
_FAMILY = (
    "Abernathy", "Okafor", "Villanueva", "Lindqvist", "Chowdhury", "Featherstone", "Nakamura",
    "O'Shaughnessy", "Delacroix", "Kowalczyk", "Adeyemi", "Whitcombe", "Ferreira", "Haddad",
    "Steinmetz", "Vasquez-Ortiz", "Mbeki", "Thistlewood", "Papadakis", "Ng", "Bergstrom",
    "Castellanos", "Iyer", "Donnelly", "Blackwood", "Ramachandran", "Fitzwilliam", "Sorensen",
    "Huang", "Pickett",
)  # fmt: skip
_TOWNS = ("Eau Claire", "Poughkeepsie", "Tuscaloosa", "Walla Walla", "Bangor", "Duluth", "Laredo")
_TEMPLATES = (
    "{S} {N} is a {A}-year-old retired teacher admitted {D} with worsening dyspnea.",
    "Patient {N} (MRN {M}) was brought in by her cousin {N2} on {D}.",
    "{N}, MRN#{M}, DOB {B}. Known Raynaud phenomenon and Hodgkin lymphoma in remission.",
    "pt {n} c/o chest tightness since {D}; ekg unremarkable, troponin negative.",
    "dr {l} was paged at {P} and recommended lasix 40 mg iv.",
    "Discussed with Dr. {L} of nephrology; creatinine 1.4, BUN 22, potassium 4.1.",
    "Family meeting held {D} with the patient's brother {G} and social worker {N2}, LCSW.",
    "Home is in {T}, {Z}. He can be reached on his cell {P} or {E}.",
    "Insurance: Blue Cross, member ID {H}. SSN {X}.",
    "Status post hip replacement {D}, implant serial number {V}. Trendelenburg sign absent.",
    "{LU}, {GU} - seen in follow-up {D}. BP 134/82, HR 76, strength 5/5 throughout.",
    "She has had Meniere disease for 12 years and takes betahistine 16 mg three times a day.",
    "Colonoscopy {D} showed two 4 mm polyps; Bosniak II cyst on CT. Next in 5 years.",
    "Electronically signed by {N2}, MD on {D} at 14:32.",
    "Wound culture grew Staphylococcus aureus. A Jackson-Pratt drain was left in place.",
    "Per {G}, the patient fell twice last week. {L} denies loss of consciousness.",
    "Transferred from {F} by ambulance, run number {R}. Accession {R}.",
    "Her portal is at https://records.{l2}clinic.org/p/{R}, last login from 203.0.113.{Q}.",
    "Allergies: penicillin. Medications: lisinopril 10 mg, atorvastatin 40 mg, aspirin 81 mg.",
    "The {A2}-year-old woman lives alone in {T} since her husband {G} passed away in {D2}.",
    "License plate {V2} was noted by security; driver's license {R}.",
    "Glasgow Coma Scale 15/15. Kernig sign negative. Ejection fraction 55 percent on {D}.",
)
_FORMS = (
    "%m/%d/%Y", "%m/%d/%y", "%d-%b-%Y", "%B %d, %Y", "%b %d", "%Y-%m-%d", "%d %B %Y", "%m.%d.%Y",
    "%d%b%y", "%B %dth",
)  # fmt: skip


class _Note:
    """A note, and where its identifiers stand."""

    def __init__(self, text: str, places: list[tuple[int, int]]) -> None:
        self.text = text
        self.places = places


def _notes(seed: int) -> Iterator[_Note]:
    chance = random.Random(seed)
    for _ in range(_NOTES):
        given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
        sentences = chance.sample(_TEMPLATES, 7)
        text, places = "", []
        for sentence in sentences:
            for piece in re.split(r"(\{\w+\})", sentence):
                if not piece.startswith("{"):
                    text += piece
                    continue
                value, identifies = _value(piece[1:-1], given, family, chance)
                if identifies:
                    places.append((len(text), len(text) + len(value)))
                text += value
            text += chance.choice((" ", "\n"))
        yield _Note(text, places)


def _value(slot: str, given: str, family: str, chance: random.Random) -> tuple[str, bool]:
    day = date(2012, 1, 1) + timedelta(days=chance.randrange(5000))
    other = chance.choice(_FAMILY)
    digits = "".join(chance.choice("0123456789") for _ in range(10))
    found = {
        "S": chance.choice(("Mr.", "Mrs.", "Ms.")), "N": f"{given} {family}", "G": given,
        "N2": f"{chance.choice(_GIVEN)} {other}", "L": family, "n": f"{given} {family}".lower(),
        "l": other.lower(), "l2": re.sub(r"\W", "", other).lower(), "LU": family.upper(),
        "GU": given.upper(),
        "M": chance.choice((digits[:7], f"{digits[:2]}-{digits[2:4]}-{digits[4:6]}")),
        "D": day.strftime(chance.choice(_FORMS)), "D2": day.strftime("%B %Y"),
        "B": (day - timedelta(days=15000)).strftime("%m/%d/%Y"),
        "P": chance.choice((f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
                            f"{digits[:3]}.{digits[3:6]}.{digits[6:]}")),
        "E": f"{given.lower()}{digits[:2]}@mailbox.example", "T": chance.choice(_TOWNS),
        "Z": f"WI 5{digits[:4]}", "H": f"XWB{digits[:9]}",
        "X": f"{digits[:3]}-{digits[3:5]}-{digits[5:9]}",
        "V": f"ZB-{digits[:6]}", "V2": f"KJT {digits[:4]}",
        "R": f"{chance.choice('ADFS')}{digits[:7]}",
        "F": f"{other} Memorial Hospital", "Q": str(chance.randrange(1, 250)),
        "A": str(chance.randrange(30, 88)), "A2": str(chance.randrange(90, 100)),
    }[slot]  # fmt: skip
    return found, slot not in ("S", "A", "Q", "l2")


_PLAIN = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b\d{1,4}[/-]\d{1,2}[/-]\d{2,4}\b",
        r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,2}(?:, \d{4})?",
        r"\b\d{3}-\d{2}-\d{4}\b", r"\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b",
        r"[\w.+-]+@[\w-]+\.[\w.]+",
        r"\bhttps?://\S+", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", r"\b[A-Z]{0,3}-?\d{6,}\b",
        r"\b(?:Mr|Mrs|Ms|Dr|Patient)\.? [A-Z][\w'-]+(?: [A-Z][\w'-]+)?", r"\b[A-Z]{2} \d{5}\b",
        r"\b[A-Z][\w'-]+ [A-Z][\w'-]+, (?:MD|RN|LCSW)\b", r"\b9\d(?=-year-old)",
    )
)  # fmt: skip


def _plain(text: str) -> list[tuple[int, int]]:
    return [match.span() for pattern in _PLAIN for match in pattern.finditer(text)]


def _figures(notes: Sequence[_Note], found: Sequence[list[tuple[int, int]]]) -> tuple[float, float]:
    """Share of identifiers that are gone whole, and share of taken letters that had to go."""
    gone = all_of = right = taken = 0
    for note, spans in zip(notes, found, strict=True):
        cut = {at for begin, end in spans for at in range(begin, end) if note.text[at].isalnum()}
        wanted = {
            at for begin, end in note.places for at in range(begin, end) if note.text[at].isalnum()
        }
        for begin, end in note.places:
            letters = {at for at in range(begin, end) if note.text[at].isalnum()}
            # The year of a date, the state and three digits of a ZIP code may stay.
            all_of += 1
            gone += len(letters - cut) <= (2 if note.text[begin:end].startswith("WI ") else 0)
        right += len(cut & wanted)
        taken += len(cut)
    return gone / all_of, right / taken


def _measure_text() -> tuple[tuple[float, float], tuple[float, float]]:
    notes = list(_notes(20261))
    ours = [[(one.begin, one.end) for one in find_identifiers(note.text)] for note in notes]
    return _figures(notes, ours), _figures(notes, [_plain(note.text) for note in notes])


def _measure_structured() -> tuple[float, float]:
    """Share of identifying values that are gone, and of the clinical values that stay."""
    chance = random.Random(7)
    gone = identifying = kept = clinical = 0
    for number in range(_PATIENTS):
        given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
        born = date(1940, 1, 1) + timedelta(days=chance.randrange(25000))
        seen = date(2019, 1, 1) + timedelta(days=chance.randrange(2000))
        digits = "".join(chance.choice("0123456789") for _ in range(9))
        street, town = f"{digits[:3]} {family} Lane", chance.choice(_TOWNS)
        hba1c = round(chance.uniform(4.5, 11), 1)
        patient = {
            "resourceType": "Patient", "id": f"pt-{digits}", "birthDate": born.isoformat(),
            "name": [{"family": family, "given": [given]}], "gender": "female",
            "telecom": [{"value": f"555-{digits[:3]}-{digits[3:7]}"}],
            "identifier": [{"value": f"MRN{digits}"}],
            "address": [{"line": [street], "city": town, "state": "WI",
                         "postalCode": f"5{digits[:4]}"}],
        }  # fmt: skip
        observation = {
            "resourceType": "Observation", "id": f"ob-{number}-{digits}", "status": "final",
            "subject": {"reference": f"Patient/pt-{digits}", "display": f"{given} {family}"},
            "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
            "effectiveDateTime": seen.isoformat(), "valueQuantity": {"value": hba1c, "unit": "%"},
            "device": {"display": f"Analyzer of {given}"},
            "note": [{"text": f"{given} phoned 555-{digits[:3]}-{digits[3:7]} about it"}],
        }  # fmt: skip
        made = FhirDeidentifier(
            _TREATMENT, date(2026, 1, 1), {f"pt-{digits}": names_of(patient)}, Counter()
        )
        text = orjson.dumps([made.resource(patient), made.resource(observation)]).decode()
        rows = io.StringIO()
        writer = csv.writer(rows)
        writer.writerow(("PatientID", "FirstName", "Surname", "BirthDate", "Street", "Town",
                         "Phone", "HbA1c", "Icd10", "Comment"))  # fmt: skip
        phone = f"555-{digits[:3]}-{digits[3:7]}"
        writer.writerow((f"pt-{digits}", given, family, born.isoformat(), street, town, phone,
                         hba1c, "E11.9",
                         f"{given} {family} was seen on {seen:%m/%d/%Y}"))  # fmt: skip
        table = deidentify_csv(rows.getvalue(), "doc", _TREATMENT, Counter()).partition("\n")[2]
        for copy, secrets, values in (
            (text, (given, family, born.isoformat(), digits, street, town, seen.isoformat(),
                    f"5{digits[:4]}", phone), ("female", "4548-4", str(hba1c), "WI")),
            (table, (f"pt-{digits}", given, family, born.isoformat(), street, town, phone,
                     f"{seen:%m/%d/%Y}"), (str(hba1c), "E11.9")),
        ):  # fmt: skip
            identifying += len(secrets)
            gone += sum(
                re.search(rf"(?<!\w){re.escape(one)}(?!\w)", copy) is None for one in secrets
            )
            clinical += len(values)
            kept += sum(value in copy for value in values)
    return gone / identifying, kept / clinical


def _measure() -> Sequence[Result]:
    (recall, precision), (peer_recall, peer_precision) = _measure_text()
    structured, kept = _measure_structured()
    print(f"  free text: recall {recall:.4f}, precision {precision:.4f} (plain regular expressions "
          f"{peer_recall:.4f}, {peer_precision:.4f}); structured: {structured:.4f} gone, "
          f"{kept:.4f} of values kept")  # fmt: skip
    peer = "plain regular expressions"
    return [
        Result("quality.deidentify.text_recall", recall, "", ">= 0.95", peer, peer_recall,
               recall / peer_recall),
        Result("quality.deidentify.text_precision", precision, "", "exists", peer, peer_precision,
               precision / peer_precision),
        Result("quality.deidentify.structured_recall", structured, "", ">= 0.98"),
        Result("quality.deidentify.structured_kept", kept, "", "exists"),
    ]  # fmt: skip


BENCHMARKS = (
    Benchmark(
        tuple(
            f"quality.deidentify.{figure}"
            for figure in ("text_recall", "text_precision", "structured_recall", "structured_kept")
        ),
        _measure,
        timed=False,
    ),
)
