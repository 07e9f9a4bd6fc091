"""De-identifies FHIR resources (R4): of each element what Safe Harbor lets stay.

Elements that identify are left out or replaced by rules for their names; whatever else is text goes
through the rules for free text, so an element that nobody thought of does not pass as it is. Dates
are recognised by their form, wherever they stand.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from lineal_consumers.nlp.deidentify.free_text import OLDEST, Treatment, deidentify_text
from lineal_consumers.nlp.deidentify.places import short_zip
from lineal_consumers.nlp.deidentify.secret import shifted

_LEFT_OUT = {
    "telecom": "PHONE", "photo": "PHOTO", "identifier": "OTHER_ID", "maidenName": "NAME",
    "serialNumber": "DEVICE", "lotNumber": "DEVICE", "distinctIdentifier": "DEVICE",
    "udiCarrier": "DEVICE", "udi": "DEVICE", "deviceIdentifier": "DEVICE", "carrierHRF": "DEVICE",
    "deviceName": "DEVICE", "contact": "NAME", "position": "PLACE", "subscriberId": "HEALTH_PLAN",
    "policyHolder": "HEALTH_PLAN", "memberId": "HEALTH_PLAN", "preAuthRef": "ACCOUNT",
    "accession": "OTHER_ID", "network": "IP", "ipAddress": "IP", "signature": "BIOMETRIC",
    "qualification": "LICENSE", "alias": "NAME", "endpoint": "URL", "link": "URL",
    "implicitRules": "URL", "source": "URL", "security": "URL", "lastUpdated": "DATE",
}  # fmt: skip
"""Elements that are left out, and what they identify by."""
_NAMED = frozenset(
    ("Patient", "Practitioner", "RelatedPerson", "Person", "Organization", "Location",
     "HealthcareService", "CareTeam", "Group", "InsurancePlan")
)  # fmt: skip
"""Resources whose ``name`` names a person or place."""
_KEPT_EXTENSIONS = ("us-core-race", "us-core-ethnicity", "us-core-birthsex", "data-absent-reason",
                    "ombCategory", "detailed", "text")  # fmt: skip
_OF_PATIENT = ("subject", "patient", "beneficiary", "individual", "for")
_DATE = re.compile(r"(?P<day>\d{4}(?:-\d\d(?:-\d\d)?)?)(?P<time>T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?$")
_REFERENCE = re.compile(
    r"(?:(?:https?|urn):.*|(?P<type>[A-Z][A-Za-z]+)/(?P<id>[\w.-]+)(?P<more>/.*)?)$"
)
_CODES = re.compile(r"[\w.:/+#%^{}\[\]()*'-]{1,64}$")
_KEPT_TEXT = frozenset(
    ("resourceType", "system", "code", "unit", "status", "gender", "use", "type", "url", "intent",
     "comparator", "valueCode", "contentType", "language", "valueset", "priority", "mode", "kind",
     "criticality", "category", "currency", "version", "birthSex", "onsetString", "category",
     "linkId", "relationship", "event", "class", "outcome", "country", "state", "timezone")
)  # fmt: skip
_MASKED = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "masked",
        }
    ]
}


class FhirDeidentifier:
    """De-identifies resources one by one.

    Args:
        today: no date that is 90 years before it or more stays.
        names: by patient, the names of persons that stand in their resources.
    """

    def __init__(
        self, how: Treatment, today: date, names: Mapping[str, set[str]], counts: Counter[str]
    ) -> None:
        self._how = how
        self._today = today
        self._names = names
        self.counts = counts

    def resource(self, resource: dict[str, Any]) -> dict[str, Any]:
        """A resource, and those within it, without identifiers."""
        if resource.get("resourceType") == "Bundle":
            entries = [
                {"resource": self.resource(entry["resource"])}
                for entry in resource.get("entry", ())
                if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
            ]
            return {"resourceType": "Bundle", "type": resource.get("type", "collection"),
                    "entry": entries}  # fmt: skip
        return self._object(resource, patient_of(resource), str(resource.get("resourceType", "")))

    def _object(self, value: dict[str, Any], patient: str, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        is_resource = "resourceType" in value
        for key, item in value.items():
            if key == "text" and is_resource:  # the narrative repeats all of it, as HTML
                self.counts["NAME"] += 1
            elif key == "name" and (kind in _NAMED or isinstance(item, list | dict)):
                found |= self._name(item)
            elif key == "address" and not isinstance(item, str):
                found[key] = self._addresses(item)
            elif key == "contained" and isinstance(item, list):
                found[key] = [self._contained(one, patient) for one in item]
            elif key in ("extension", "modifierExtension") and isinstance(item, list):
                if kept := self._extensions(item, patient, kind):
                    found[key] = kept
            elif key in _LEFT_OUT or (key == "display" and "code" not in value):
                self.counts[_LEFT_OUT.get(key, "NAME")] += 1
            elif key in ("data", "url") and ("contentType" in value or key == "data"):
                found |= self._attachment(key, item, value, patient)
            elif key in ("id", "reference", "fullUrl", "versionId", "valueUri", "valueUrl", "uri"):
                if isinstance(item, str):
                    found[key] = self._reference(item, "id" if key == "versionId" else key)
            else:
                found |= self._element(key, item, patient, kind, value)
        return found

    def _element(
        self, key: str, item: Any, patient: str, kind: str, parent: dict[str, Any]
    ) -> dict[str, Any]:
        if isinstance(item, dict):
            inner = self._object(item, patient, "")
            return {key: inner} if inner or not item else {}
        if isinstance(item, list):
            made = [self._element(key, one, patient, kind, parent).get(key) for one in item]
            kept = [one for one in made if one is not None]
            return {key: kept} if kept else {}
        if key in ("birthDate", "deceasedDateTime") or isinstance(item, str):
            return self._string(key, str(item), patient, parent)
        if key in ("valueInteger", "value") and isinstance(item, int | float):
            return {key: self._number(item, parent)}
        return {key: item}

    def _string(self, key: str, text: str, patient: str, parent: dict[str, Any]) -> dict[str, Any]:
        if _DATE.match(text):
            moved = self._date(text, patient)
            return {f"_{key}": _MASKED} if moved is None else {key: moved}
        if key == "display" and "code" in parent:
            return {key: text}
        if key in _KEPT_TEXT and (_CODES.match(text) or key in ("system", "url")):
            return {key: text}
        if key == "div":
            return {}
        known = self._names.get(patient, ())
        return {key: deidentify_text(text, patient, self._how, self.counts, known)}

    def _number(self, value: float, parent: dict[str, Any]) -> float:
        unit = str(parent.get("unit", parent.get("code", ""))).lower()
        if unit not in ("a", "years", "year", "yr") or value < OLDEST:
            return value
        self.counts["AGE"] += 1
        return OLDEST

    def _date(self, text: str, patient: str) -> str | None:
        """A date of FHIR's, moved or cut; None if it would tell an age over 89."""
        self.counts["DATE"] += 1
        match = _DATE.match(text)
        assert match is not None
        parts = [int(one) for one in match["day"].split("-")]
        try:
            day = date(
                parts[0], parts[1] if len(parts) > 1 else 7, parts[2] if len(parts) > 2 else 15
            )
        except ValueError:
            return None
        if _years(day, self._today) >= OLDEST:
            self.counts["AGE"] += 1
            return None
        if not self._how.shift:
            return f"{day.year:04}"
        if len(parts) == 1:
            return match["day"]
        moved = shifted(day, self._how.pseudonyms.offset(patient))
        if _years(moved, self._today) >= OLDEST:
            return None
        return moved.isoformat()[: 7 if len(parts) == 2 else 10] + (match["time"] or "")

    def _name(self, item: Any) -> dict[str, Any]:
        self.counts["NAME"] += 1
        if not self._how.consistent:
            return {}
        text = _name_text(item)
        if isinstance(item, str):
            return {"name": self._how.pseudonyms.of("NAME", text)}
        pseudonym = {"text": self._how.pseudonyms.of("NAME", text)}
        return {"name": [pseudonym] if isinstance(item, list) else pseudonym}

    def _addresses(self, item: Any) -> Any:
        if isinstance(item, list):
            return [self._addresses(one) for one in item]
        self.counts["PLACE"] += 1
        if not isinstance(item, dict):
            return {}
        kept = {key: item[key] for key in ("use", "type", "country", "state") if key in item}
        if isinstance(item.get("postalCode"), str):
            kept["postalCode"] = short_zip(item["postalCode"])
        return kept

    def _extensions(self, items: list[Any], patient: str, kind: str) -> list[Any]:
        kept = []
        for item in items:
            if isinstance(item, dict) and str(item.get("url", "")).endswith(_KEPT_EXTENSIONS):
                kept.append(self._object(item, patient, kind))
            else:
                self.counts["OTHER_ID"] += 1
        return kept

    def _contained(self, item: Any, patient: str) -> Any:
        if not isinstance(item, dict):
            return {}
        return self._object(item, patient, str(item.get("resourceType", "")))

    def _attachment(
        self, key: str, item: Any, parent: dict[str, Any], patient: str
    ) -> dict[str, Any]:
        media = str(parent.get("contentType", ""))
        if key == "data" and media.startswith("text/plain") and isinstance(item, str):
            try:
                text = base64.b64decode(item).decode()
            except (binascii.Error, UnicodeDecodeError):
                text = ""
            known = self._names.get(patient, ())
            clean = deidentify_text(text, patient, self._how, self.counts, known)
            return {key: base64.b64encode(clean.encode()).decode()}
        self.counts["PHOTO" if key == "data" else "URL"] += 1
        return {}

    def _reference(self, text: str, key: str) -> str:
        """An id or reference by its pseudonym: the same wherever it stands, so links hold."""
        if text.startswith("#"):
            return f"#{self._how.pseudonyms.identifier(text[1:])}"
        match = _REFERENCE.match(text)
        if key != "id" and match is not None and match["type"]:
            return f"{match['type']}/{self._how.pseudonyms.identifier(match['id'])}"
        # A bundle refers to resources of its own by urn:uuid and their id.
        bare = text.rpartition(":")[2] if text.startswith("urn:") else text
        made = self._how.pseudonyms.identifier(bare)
        return made if key == "id" else f"urn:id:{made}"


def patient_of(resource: Mapping[str, Any]) -> str:
    """The id of the patient whom a resource is of; of others its own."""
    if resource.get("resourceType") == "Patient":
        return str(resource.get("id", ""))
    for key in _OF_PATIENT:
        about = resource.get(key)
        if isinstance(about, dict) and isinstance(about.get("reference"), str):
            return str(about["reference"]).rpartition("/")[2].rpartition(":")[2]
    return str(resource.get("id", ""))


def names_of(resource: Mapping[str, Any]) -> set[str]:
    """The names of a resource, as texts."""
    found = set()
    items = resource.get("name")
    for item in items if isinstance(items, list) else [items]:
        if isinstance(item, dict | str):
            found.add(_name_text(item))
    for item in resource.get("contact", ()) if isinstance(resource.get("contact"), list) else ():
        if isinstance(item, dict) and isinstance(item.get("name"), dict):
            found.add(_name_text(item["name"]))
    return {name for name in found if name}


def _name_text(item: Any) -> str:
    if isinstance(item, list):
        return " ".join(_name_text(one) for one in item)
    if isinstance(item, dict):
        given = item.get("given")
        words = [*(given if isinstance(given, list) else ()), item.get("family") or ""]
        text = " ".join(str(one) for one in words if one)
        return text or str(item.get("text") or "")
    return str(item or "")


def _years(day: date, today: date) -> int:
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))
