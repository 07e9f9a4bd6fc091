"""A registry of the few answers that tests need, over real HTTP; it can be away."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class StubRegistry:
    """Answers by method and path. Use it as a context manager."""

    def __init__(self, answers: dict[str, tuple[int, Any]]) -> None:
        self.asked: list[str] = []
        self.away = False
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                what = f"{self.command} {self.path}"
                stub.asked.append(what)
                missing = (404, {"error_code": 40403, "message": "Schema not found"})
                status, body = (503, {}) if stub.away else answers.get(what, missing)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            do_GET = do_POST = answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
