"""``lineal examples run health``: from FHIR records to predictions, and a leak that is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path

    from lineal_cli.examples.example_run import ExampleRun

_DAY_US = 86_400_000_000
_STAGES = (
    "register", "deidentify", "health", "tables", "tables.score", "retrain", "retrain.train",
    "retrain.evaluate", "retrain.promote",
)  # fmt: skip
_GIVEN = ("Ada", "Bruno", "Carla", "Dmitri", "Elena", "Farah", "Gustav", "Hana")
_FAMILY = ("Almeida", "Brandt", "Costa", "Dvorak", "Eriksen", "Fontaine", "Gruber", "Haddad")
DEFINITION = """\
entity = "patient"
time = "at"
horizon_days = 365           # predicted: an emergency within a year
buckets = 32                 # a patient is in one: learnt from or tested on, never both

[columns.hba1c]
observation = "4548-4"
[columns.systolic]
observation = "8480-6"
[columns.emergency]
encounter = "EMER"
[columns.outcome_code]
observation = "99999-9"

[features.hba1c]
aggregate = "mean"
column = "hba1c"
[features.systolic]
aggregate = "mean"
column = "systolic"
[features.age]
aggregate = "max"
column = "age"
[features.emergencies]
aggregate = "sum"
column = "emergency"

[targets.emergency]
aggregate = "any"
column = "emergency"
"""
_VISIT = """\
Visit note. MRN: 483-22-971. Patient: Elena Brandt, 61 years, of Quincy, MA.
Seen on 03/14/2024 by Dr. Gustav Haddad. Tel. 617-555-0142.
Parkinson disease, stable. HbA1c 7.9 %. Next visit on 06/14/2024.
"""
_PATIENTS = """\
patient_id,last_name,birth_date,phone,hba1c
483-22-971,Brandt,1963-02-11,617-555-0142,7.9
483-22-972,Costa,1938-07-30,617-555-0143,6.4
"""
_LEAK = '\n[features.outcome]\naggregate = "max"\ncolumn = "outcome_code"\n'


def records(patients: int, seed: int) -> bytes:
    """Made-up FHIR resources, one a line: the higher HbA1c and age, the likelier an emergency in
    the last year. Code 99999-9 was entered for an early visit afterwards, by who knew the end."""
    import numpy as np

    chance = np.random.default_rng(seed)
    lines: list[dict[str, Any]] = []

    def day(number: float) -> str:
        return str(np.datetime64("2019-01-01") + np.timedelta64(int(number), "D"))

    for number in range(patients):
        name = f"p{number}"
        subject = {"reference": f"Patient/{name}"}
        age, sugar = chance.uniform(25, 85), chance.normal(6.5, 1.2)
        lines.append({
            "resourceType": "Patient", "id": name, "birthDate": day(-365 * age),
            "gender": "female" if chance.random() < 0.5 else "male",
            "name": [{"family": _FAMILY[number % 8], "given": [_GIVEN[number // 8 % 8]]}],
            "telecom": [{"system": "phone", "value": f"617-555-{number:04}"}],
            "address": [{"city": "Quincy", "state": "MA", "postalCode": "02169"}],
        })  # fmt: skip
        risk = 1 / (1 + np.exp(-(sugar - 6.5) * 1.5 - (age - 55) / 15 + 0.5))
        falls_ill = chance.random() < risk
        measured = [("4548-4", sugar, 0.3), ("8480-6", 130.0, 12.0)]
        visits = sorted(chance.uniform(0, 1000, 4))
        for at in visits:
            for code, usual, spread in measured:
                lines.append(
                    _observation(code, round(chance.normal(usual, spread), 1), day(at), subject)
                )
        lines.append(_observation("99999-9", float(falls_ill), day(visits[0]), subject))
        if falls_ill:
            lines.append({
                "resourceType": "Encounter", "status": "finished", "class": {"code": "EMER"},
                "subject": subject, "period": {"start": day(chance.uniform(1470, 1490))},
            })  # fmt: skip
    for number, line in enumerate(lines):
        line.setdefault("id", f"r{number}")
    return b"\n".join([*map(orjson.dumps, lines), b""])


def _observation(code: str, value: float, day: str, subject: dict[str, str]) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "subject": subject,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": day, "valueQuantity": {"value": value},
    }  # fmt: skip


def write_records(folder: Path, export: bytes) -> None:
    """A note, a table, a FHIR bulk export and a patient's features as files, to try commands."""
    (folder / "export").mkdir(parents=True)
    (folder / "export" / "records.ndjson").write_bytes(export)
    (folder / "visit.txt").write_text(_VISIT)
    (folder / "patients.csv").write_text(_PATIENTS)
    patient = {"hba1c": 8.4, "systolic": 138, "age": 71, "emergencies": 0}
    (folder / "patient.json").write_bytes(orjson.dumps(patient))


async def show(example: ExampleRun) -> list[str]:
    """An export is de-identified, a model learns who will have an emergency; with a planted leak
    nothing is learnt."""
    from lineal_schemas.models import ModelEvaluated
    from lineal_schemas.records import RecordDeidentified
    from lineal_schemas.tables import PredictionMade

    model = {
        "kind": "table", "target": "emergency", "task": "classification", "min_leaf_rows": 20,
        "purpose": "Who will have an emergency within a year.",
    }  # fmt: skip
    settings = {
        "deidentify": {"key_file": example.folder / "deidentify.key", "max_shift_days": 100},
        "retrain": {"models": {"emergency": model, "leaking": model}},
        "tables": {"models": {"patients": ["emergency"], "planted": ["leaking"]}},
    }
    export = records(1500, seed=1)
    write_records(example.folder / "records", export)
    async with example.running(_STAGES, settings):
        example.report("a FHIR export of 1500 patients arrives, is de-identified and encoded ...")
        document = await example.put("export.ndjson", export)
        await example.until_idle()
        await _ask(example, document, "patients", DEFINITION)
        await example.until(PredictionMade, 1)
        example.report("the same with a column that was entered by who knew the end ...")
        await _ask(example, document, "planted", DEFINITION + _LEAK)
        leak = await example.until_failed("LeakFound")
        [first, *_] = await example.events_of(RecordDeidentified)
        evaluated = await example.events_of(ModelEvaluated)
        scored = sum(one.rows for one in await example.events_of(PredictionMade))
    metrics = evaluated[0].metrics
    kinds = ", ".join(f"{count} {kind}" for kind, count in first.identifiers.items())
    return [
        f"taken out of the records: {kinds}; links and intervals hold",
        f"emergency: AUROC {metrics['auroc']:.3f} on {metrics['rows']:.0f} patients that nobody "
        "learnt from; a patient is in one part of the data, whatever arrives later",
        f"{scored} predictions with their reasons: `lineal table predictions patients`",
        f"the planted leak: nothing was learnt, for {leak}",
    ]


async def _ask(example: ExampleRun, document: str, table: str, definition: str) -> None:
    from io import BytesIO

    from lineal.access.credential import owner_credential
    from lineal_catalog.documents.deidentification import request_deidentification
    from lineal_producers.arrival import store
    from lineal_schemas.records import RecordTable

    declared = await store(example.runtime, BytesIO(definition.encode()), "application/toml")
    begin_days = 17_897  # 2019-01-01
    named = RecordTable(name=table, definition=declared, as_of_us=(begin_days + 1600) * _DAY_US)
    await request_deidentification(
        example.runtime, document, owner_credential(), "lineal:cli/examples", table=named
    )
