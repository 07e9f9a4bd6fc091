"""The page on conversations is run as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "conversation.md").read_text()
LINEAL = [sys.executable, "-m", "lineal_cli.main"]
(DIALOGUE,) = [block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
               if "[intents.order]" in block]  # fmt: skip


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LINEAL, *arguments], cwd=folder, capture_output=True, text=True, timeout=150
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("conversation")
    (made / "dialogues").mkdir()
    (made / "dialogues" / "pizza.toml").write_text(DIALOGUE)
    return made


@pytest.mark.long
def test_the_commands_of_the_page_run(folder: Path) -> None:
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(commands) == 6
    printed = {}
    for command in commands:
        done = run(folder, *shlex.split(command)[1:])
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        printed[command] = done.stdout
    example = printed["lineal examples run conversation"]
    assert "the same question is understood now" in example
    assert "appointment.book" in printed[commands[3]]


def test_an_error_says_its_line_as_the_page_shows(folder: Path) -> None:
    (shown,) = re.findall(r"`(dialogues/pizza.toml:\d+: .*?)`", PAGE)
    wrong = folder / "wrong" / "dialogues"
    wrong.mkdir(parents=True)
    (wrong / "pizza.toml").write_text(DIALOGUE.replace("{time}", "{time}{size}", 1).replace(
        'confirm = "{number} of {kind}', 'confirm = "{number} {size} of {kind}'
    ))  # fmt: skip
    done = run(wrong.parent, "dialogue", "check", "dialogues/pizza.toml")
    assert done.returncode != 0
    assert shown in " ".join(done.stderr.split())
    assert done.stderr.count("pizza.toml:") == 1  # what an answer brings is free


def test_a_daemon_replies_in_the_terminal(folder: Path) -> None:
    run(folder, "dialogue", "learn", "pizza")  # makes the data folder
    stages = ["conversation", "conversation.learn"]
    with subprocess.Popen(
        [*LINEAL, "run", *stages, "--port", "0"], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as daemon:  # fmt: skip
        try:
            done = run(
                folder, "talk", "pizza", "--say", "two funghi pizza please", "--say", "2027-03-05"
            )
        finally:
            daemon.terminate()
    assert done.stdout.splitlines() == ["On which day?", "Where to?"], done.stderr
