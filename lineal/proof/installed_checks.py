"""The checks of ``lineal verify``: of the log, of what follows from it, and of packages."""

from __future__ import annotations

from lineal.plugins import plugins
from lineal.proof.access_check import AccessReader
from lineal.proof.event_check import EventReader
from lineal.proof.index_check import BuildReader, IndexReader
from lineal.proof.ledger_check import LedgerCheck
from lineal.proof.object_check import NamedObjectReader, ObjectCheck
from lineal.proof.projection_check import ProjectionReader
from lineal.proof.record_pass import RecordPass, RecordReader
from lineal.proof.structure_check import StructureCheck
from lineal.proof.verification import Check

ENTRY_POINTS = "lineal.checks"


def installed_checks() -> list[Check]:
    """The checks and record readers of lineal and of all installed packages."""
    found = plugins(ENTRY_POINTS).loaded.values()
    readers: list[RecordReader] = [
        IndexReader(),
        BuildReader(),
        ProjectionReader(),
        NamedObjectReader(),
        EventReader(),
        AccessReader(),
    ]
    readers += [item for item in found if isinstance(item, RecordReader)]
    checks = [item for item in found if not isinstance(item, RecordReader)]
    return [LedgerCheck(), StructureCheck(), RecordPass(readers), ObjectCheck(), *checks]


def checks_before_rebuild() -> list[Check]:
    """The checks of what ``lineal rebuild`` reads: the database, the ledger, and objects."""
    return [LedgerCheck(), StructureCheck(), ObjectCheck()]
