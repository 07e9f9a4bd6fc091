"""`lineal produce`: producers in a process of their own, as a deployment runs them."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from tests.cli.processes import lineal, running


def test_http_and_folder_put_events_on_the_bus_without_any_stage(tmp_path: Path) -> None:
    assert lineal(tmp_path, "topics", "create", "parcels").returncode == 0
    with running(tmp_path, "produce", "http", "folder", "--port", "0") as daemon:
        ready = daemon.line(lambda line: bool(line.get("ready")))
        assert ready["producers"] == ["folder", "http"]
        event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "parcels",
                 "data": {"kg": 2}}  # fmt: skip
        request = urllib.request.Request(
            f"{ready['url']}/events",
            data=json.dumps(event).encode(),
            headers={
                "content-type": "application/cloudevents+json",
                "authorization": f"Bearer {(tmp_path / 'data' / 'api-token').read_text().strip()}",
            },
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 202
        (tmp_path / "inbox" / "note.txt").write_text("a note")
        tailed = lineal(tmp_path, "tail", "parcels", "--from", "beginning", "--limit", "1")
        assert json.loads(tailed.stdout)["id"] == "1"
        while True:  # the folder is watched: sooner or later the file is there
            found = lineal(tmp_path, "tail", "document.arrived", "--from", "0", "--no-follow")
            if found.returncode == 0 and found.stdout:
                break
        assert json.loads(found.stdout)["data"]["name"] == "note.txt"
        assert daemon.stop() == 0


def test_it_needs_to_be_told_what(tmp_path: Path) -> None:
    assert lineal(tmp_path, "produce").returncode == 2
    assert lineal(tmp_path, "produce", "telegraph").returncode == 2
