"""What ``lineal doctor`` says of the log: whether the newest checkpoint still holds."""

from __future__ import annotations

from lineal.errors import LinealError
from lineal.proof.ledger_check import newest_holds
from lineal.proof.trust import find_checkpoints, trusted_keys
from lineal.settings import Settings
from lineal_cli.check import Check
from lineal_cli.verifying import verification

_REMEDY = "`lineal verify` says what is wrong: do not go on from this ledger"
_SIGN = "start a daemon, or `lineal log checkpoint`"


def check_log(settings: Settings) -> Check:
    """The tree in the store against what was signed; `lineal verify` looks at the records too."""
    try:
        with verification(settings.data) as context:
            checkpoints = find_checkpoints(context, trusted_keys(context))
            if checkpoints.problems:
                return Check("log", "broken", checkpoints.problems[0], _REMEDY)
            if not checkpoints.found:
                return Check("log", "warning", "nothing was signed yet", _SIGN)
            newest = checkpoints.found[-1].opened.checkpoint
            problem = newest_holds(context.connection, newest)
    except (LinealError, OSError) as error:
        return Check("log", "warning", str(error), _SIGN)
    if problem is not None:
        return Check("log", "broken", problem, _REMEDY)
    return Check("log", "fine", f"{newest.size} records are signed as {newest.origin}")
