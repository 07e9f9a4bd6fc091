"""The checks of ``lineal verify``: of the log, and of installed packages."""

from __future__ import annotations

from lineal.plugins import plugins
from lineal.proof.ledger_check import LedgerCheck
from lineal.proof.verification import Check

ENTRY_POINTS = "lineal.checks"


def installed_checks() -> list[Check]:
    """Ours, and those of all installed packages."""
    return [LedgerCheck(), *plugins(ENTRY_POINTS).loaded.values()]
