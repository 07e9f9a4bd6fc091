"""A web site on this machine, of pages that a test makes, and what it was asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Body = bytes | tuple[int, dict[str, str], bytes]


class Site:
    """Serves what stands in :attr:`files`, by path; ``everything`` makes what does not."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.files: dict[str, Body] = {"/robots.txt": b"", "/sitemap.xml": (404, {}, b"")}
        self.everything: Callable[[str], Body | None] = lambda _: None
        self.asked: list[tuple[str, int]] = []
        """Paths with queries, and the status that was answered."""
        self.agents: set[str] = set()

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked if path not in ("/robots.txt", "/sitemap.xml")]


@contextmanager
def serving() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = site.files.get(self.path)
            if found is None:
                found = site.files.get(urlsplit(self.path).path)
            if found is None:
                found = site.everything(self.path) or (404, {}, b"")
            status, headers, body = found if isinstance(found, tuple) else (200, {}, found)
            kind = "image/png" if urlsplit(self.path).path.endswith(".png") else "text/html"
            headers = {"Content-Type": kind, **headers}
            if status == 200:
                etag = f'"{sha256(body).hexdigest()[:16]}"'
                headers["ETag"] = etag
                if self.headers.get("If-None-Match") == etag:
                    status, body = 304, b""
            site.asked.append((self.path, status))
            site.agents.add(self.headers.get("User-Agent", ""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def page(*links: str, images: str = "", title: str = "Page") -> bytes:
    """A page as HTML."""
    listed = "".join(f'<a href="{link}">next</a>' for link in links)
    return f"<html><head><title>{title}</title></head><body>{listed}{images}</body></html>".encode()
