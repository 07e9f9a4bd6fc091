"""What a user imports from ``lineal`` itself."""

from __future__ import annotations

import subprocess
import sys

import lineal


def test_everything_that_is_promised_is_there() -> None:
    for name in lineal.__all__:
        assert getattr(lineal, name) is not None
    assert {"stage", "fan_in", "Context", "Event", "Reject", "Retry", "LinealError"} <= set(
        lineal.__all__
    )


def test_what_a_stage_raises_are_errors_of_ours() -> None:
    assert issubclass(lineal.Reject, lineal.LinealError)
    assert issubclass(lineal.Retry, lineal.LinealError)


def test_the_package_alone_loads_nothing_else() -> None:
    """Every module of ours runs it, also those of the command line that must be quick."""
    code = "import sys, lineal; print(*[name for name in sys.modules if name[:6] == 'lineal'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["lineal"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(lineal, "no_such_name")
