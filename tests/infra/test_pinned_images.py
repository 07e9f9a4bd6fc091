"""Container images of others are pinned by digest, by a script that asks their registries."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.pin_images import FILES, Image, NotResolved, images_in, pinned, resolve

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


class _Registry(BaseHTTPRequestHandler):
    """A registry that wants an anonymous token, as Docker Hub does."""

    def do_HEAD(self) -> None:
        if self.headers.get("Authorization") != "Bearer anonymous":
            self.send_response(401)
            host = self.headers["Host"]
            self.send_header(
                "WWW-Authenticate", f'Bearer realm="http://{host}/token",service="r",scope="pull"'
            )
        elif self.path == "/v2/some/image/manifests/1.0" and "index" in self.headers["Accept"]:
            self.send_response(200)
            self.send_header("Docker-Content-Digest", DIGEST)
        else:
            self.send_response(404)
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"token": "anonymous"}).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_every_tag_gets_the_digest_that_its_registry_names(registry: str) -> None:
    text = f"    image: {registry}/some/image:1.0\n    image: lineal:0.1.0\n    image: lineal\n"
    made = pinned(text, resolve)
    assert made == text.replace(":1.0\n", f":1.0@{DIGEST}\n")
    assert images_in(made) == [Image(f"{registry}/some/image", "1.0", DIGEST)]
    with pytest.raises(NotResolved, match="404"):
        resolve(Image(f"{registry}/some/image", "2.0", None))


def test_what_is_pinned_stays_until_it_is_to_be_renewed() -> None:
    text = f"ARG PYTHON_IMAGE=python:3.12-slim@{DIGEST}\nFROM debian:12 AS build\n"
    made = pinned(text, lambda image: OTHER)
    assert made == text.replace("debian:12", f"debian:12@{OTHER}")
    assert DIGEST not in pinned(text, lambda image: OTHER, renew=True)


def test_the_script_knows_all_images_that_we_use_and_none_is_without_a_version() -> None:
    found = [image for file in FILES for image in images_in(Path(file).read_text())]
    names = {image.name for image in found}
    assert {"python", "apache/kafka", "postgres", "eclipse-mosquitto"} <= names
    named = sum(
        line.strip().startswith(("image:", "FROM ")) and "lineal" not in line
        for file in FILES
        for line in Path(file).read_text().splitlines()
    )
    through_arguments = 4  # FROM ${PYTHON_IMAGE}, twice in each Dockerfile, of one ARG
    assert len(found) == named - through_arguments + 2
    assert all(image.tag != "latest" for image in found)
