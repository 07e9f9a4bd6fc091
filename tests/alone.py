"""What failed beside other tests is run once more alone, on a machine that is quiet by then.

``--failed-alone 10`` (``make test``) does so when at most ten tests failed. The run is green when
each of them passes alone, and says in its summary which they were; more failures than that, or one
that fails again, stay red.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

PASSED = "failed beside others, passed alone"
FAILED = "failed beside others and alone"
_results = pytest.StashKey[dict[str, bool]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--failed-alone",
        type=int,
        default=0,
        metavar="MOST",
        help="run what failed side by side once more alone, when at most MOST tests failed",
    )


# After xdist's own, which waits until every process has ended and with it the servers it started.
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if (
        not config.getoption("numprocesses", 0)
        or session.exitstatus != pytest.ExitCode.TESTS_FAILED
    ):
        return
    failed = list(dict.fromkeys(_failed(config)))
    if not 0 < len(failed) <= config.getoption("failed_alone"):
        return
    config.stash[_results] = {test: _passes(config, test) for test in failed}
    if all(config.stash[_results].values()):
        session.exitstatus = pytest.ExitCode.OK


def _failed(config: pytest.Config) -> Iterator[str]:
    reporter = config.pluginmanager.getplugin("terminalreporter")
    for kind in ("failed", "error"):
        for report in reporter.stats.get(kind, []):
            yield report.nodeid


def _passes(config: pytest.Config, test: str) -> bool:
    """Whether it passes: not when it is skipped, or is no more there."""
    options = ["-c", str(config.inipath)] if config.inipath else []
    options += ["--long"] if config.getoption("long", False) else []
    print(f"\n{test}: once more, alone", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, test],
        cwd=config.rootpath, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    passed = done.returncode == 0 and "1 passed" in done.stdout.splitlines()[-1]
    if not passed:
        print(done.stdout, flush=True)
    return passed


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    results = config.stash.get(_results, {})
    if not results:
        return
    terminalreporter.section("once more, alone", bold=True)
    for test, passed in results.items():
        terminalreporter.line(f"{PASSED if passed else FAILED}: {test}", red=True)
