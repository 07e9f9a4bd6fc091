"""Pins container images by digest: what a tag names today is what is built from and started later.

    python infra/pin_images.py            pin what has no digest yet
    python infra/pin_images.py --renew    take what the tags name now
    python infra/pin_images.py --check    name those without a digest, and fail if there are any

Writes ``NAME:TAG@sha256:...`` into the Dockerfiles and docker-compose.yml. A digest is that of the
image's index, so it holds for every architecture. It is asked of the image's own registry, by the
protocol of the OCI distribution specification; nothing is downloaded.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FILES = (ROOT / "Dockerfile", ROOT / "edge_firmware" / "Dockerfile", ROOT / "docker-compose.yml")

_LINE = re.compile(
    r"^(?P<before>FROM\s+|ARG\s+\w*IMAGE=|\s*image:\s*)"
    r"(?P<name>[a-z0-9][\w.-]*(?::\d+(?=/))?[\w./-]*):(?P<tag>[\w.-]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.MULTILINE,
)
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_SECONDS = 30
_LOOPBACK = ("localhost", "127.0.0.1")
"""Registries that speak HTTP, as they do for docker."""


class Image(NamedTuple):
    """An image that a file names."""

    name: str
    tag: str
    digest: str | None


class NotResolved(Exception):
    """A registry does not say what a tag names."""


Resolve = Callable[[Image], str]


def images_in(text: str) -> list[Image]:
    """The images of others that a file names: not those that are built here."""
    return [
        Image(found["name"], found["tag"], found["digest"])
        for found in _LINE.finditer(text)
        if not _own(found["name"])
    ]


def pinned(text: str, resolve: Resolve, *, renew: bool = False) -> str:
    """The file with a digest behind every tag."""

    def pin(found: re.Match[str]) -> str:
        image = Image(found["name"], found["tag"], found["digest"])
        if _own(image.name) or (image.digest is not None and not renew):
            return found[0]
        return f"{found['before']}{image.name}:{image.tag}@{resolve(image)}"

    return _LINE.sub(pin, text)


def resolve(image: Image) -> str:
    """What a tag names in its registry.

    Raises:
        NotResolved: the registry cannot be reached, or does not know it.
    """
    registry, repository = _place(image.name)
    scheme = "http" if registry.partition(":")[0] in _LOOPBACK else "https"
    address = f"{scheme}://{registry}/v2/{repository}/manifests/{image.tag}"
    headers = {"Accept": _ACCEPT}
    try:
        try:
            return _digest(address, headers)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
            token = _token(error.headers.get("WWW-Authenticate", ""))
            return _digest(address, {**headers, "Authorization": f"Bearer {token}"})
    except (OSError, ValueError, KeyError) as error:
        raise NotResolved(f"{image.name}:{image.tag}: {error}") from error


def _own(name: str) -> bool:
    return name == "lineal"


def _place(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first):
        return first, rest
    return "registry-1.docker.io", name if slash else f"library/{name}"


def _digest(address: str, headers: dict[str, str]) -> str:
    request = urllib.request.Request(address, headers=headers, method="HEAD")  # noqa: S310
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
        found = str(answer.headers.get("Docker-Content-Digest", ""))
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", found):
        raise ValueError("the registry names no digest")
    return found


def _token(challenge: str) -> str:
    """An anonymous token, of whom the registry names for it."""
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = fields.pop("realm")
    asked = urllib.parse.urlsplit(realm)
    if asked.scheme != "https" and asked.hostname not in _LOOPBACK:
        raise ValueError(f"no token is asked for at {realm}")
    query = urllib.parse.urlencode(fields)
    with urllib.request.urlopen(f"{realm}?{query}", timeout=_SECONDS) as answer:  # noqa: S310
        return str(json.load(answer)["token"])


def main(arguments: list[str]) -> int:
    """The exit code: 1 if an image has no digest, or could not be resolved."""
    left = []
    for file in FILES:
        text = file.read_text()
        if "--check" not in arguments:
            try:
                made = pinned(text, resolve, renew="--renew" in arguments)
            except NotResolved as error:
                print(f"not pinned: {error}", file=sys.stderr)
            else:
                if made != text:
                    file.write_text(made)
                    print(f"wrote {file.name}")
        left += [
            f"{file.name}: {image.name}:{image.tag}"
            for image in images_in(file.read_text())
            if image.digest is None
        ]
    for line in left:
        print(f"without a digest: {line}", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
