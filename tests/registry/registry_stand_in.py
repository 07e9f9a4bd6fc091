"""A stand-in for a schema registry: Confluent's REST API over a dictionary, without compatibility
rules. The long tests have a real one."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote


class RegistryStandIn:
    """Use it as a context manager."""

    def __init__(self) -> None:
        self._schemas: list[str] = []
        """By id, from 1."""
        self._subjects: dict[str, list[int]] = {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                path = [unquote(part) for part in self.path.partition("?")[0].split("/")[1:]]
                status, answer = registry.answered(path, json.loads(body) if body else None)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            do_GET = do_POST = answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answered(self, path: list[str], body: Any) -> tuple[int, Any]:
        """The status and the body of an answer."""
        missing = 404, {"error_code": 40403, "message": "Schema not found"}
        match path:
            case ["schemas", "ids", number] if 0 < int(number) <= len(self._schemas):
                return 200, {"schema": self._schemas[int(number) - 1]}
            case ["subjects", subject, "versions"]:
                if body["schema"] not in self._schemas:
                    self._schemas.append(body["schema"])
                found = self._schemas.index(body["schema"]) + 1
                versions = self._subjects.setdefault(subject, [])
                if found not in versions:
                    versions.append(found)
                return 200, {"id": found}
            case ["subjects", subject, "versions", "latest"] if subject in self._subjects:
                found = self._subjects[subject][-1]
                return 200, {"id": found, "schema": self._schemas[found - 1]}
        return missing

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
