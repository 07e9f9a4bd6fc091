"""A real HTTP server for one file, with a will of its own."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does; may be changed while it runs."""

    data: bytes
    cut_after: list[int] = field(default_factory=list)
    """For one request after another: bytes after which the connection is cut; 0 sends all."""
    statuses: list[int] = field(default_factory=list)
    """For one request after another: an error in place of an answer; 0 answers."""
    knows_range: bool = True
    range_off_by: int = 0
    hold: threading.Event | None = None
    """Waited for before the second half is sent."""
    half_sent: threading.Event = field(default_factory=threading.Event)
    requests: list[str | None] = field(default_factory=list)
    """The Range header of every request."""
    sent: int = 0


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The file's URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            behaviour.requests.append(asked)
            status = behaviour.statuses.pop(0) if behaviour.statuses else 0
            cut = behaviour.cut_after.pop(0) if behaviour.cut_after else 0
            if status:
                self.send_error(status)
                return
            begin = 0
            if asked is not None and behaviour.knows_range:
                found = re.fullmatch(r"bytes=(\d+)-", asked)
                assert found is not None
                begin = int(found[1]) + behaviour.range_off_by
                if begin >= len(behaviour.data):
                    self.send_error(416)
                    return
                self.send_response(206)
                end = len(behaviour.data)
                self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{end}")
            else:
                self.send_response(200)
            body = behaviour.data[begin:]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if cut:
                behaviour.sent += len(body[:cut])  # before: whoever has read it looks at once
                self.wfile.write(body[:cut])
                self.close_connection = True
                self.connection.close()
                return
            half = len(body) // 2
            self.wfile.write(body[:half])
            self.wfile.flush()
            behaviour.half_sent.set()
            if behaviour.hold is not None:
                behaviour.hold.wait(30)
            behaviour.sent += len(body)
            self.wfile.write(body[half:])

        def log_message(self, format: str, *args: object) -> None:
            pass

        def handle(self) -> None:
            # the other side has gone, or we cut it ourselves
            with contextlib.suppress(OSError, ValueError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/packages/model"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
