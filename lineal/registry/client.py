"""A client of the Confluent REST API that keeps what it has learnt: ids never change meaning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp

from lineal.registry.errors import RegistryUnavailable, SchemaRejected, UnknownSchema
from lineal.registry.settings import RegistrySettings

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_TRY_AGAIN = frozenset((401, 403, 408, 429))
"""Refused credentials are mended by people, as an outage is: no event is to blame."""


class Reference(NamedTuple):
    """Another schema that a schema uses."""

    name: str
    subject: str
    version: int


class Schema(NamedTuple):
    """A schema of the registry."""

    text: str
    references: tuple[Reference, ...]


class RegistryClient:
    """Use it as an async context manager. Many callers may ask at once: a schema is asked for once.

    All methods raise:
        RegistryUnavailable: it is away, or refuses the credentials.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._url = (settings.url or "").rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._schemas: dict[str, Schema] = {}
        self._ids: dict[tuple[str, str | None], tuple[int, Schema]] = {}
        self._asking = asyncio.Lock()

    async def schema(self, schema_id: int) -> Schema:
        """The schema of an id.

        Raises:
            UnknownSchema
        """
        return await self._schema(f"/schemas/ids/{schema_id}", f"id {schema_id}")

    async def referenced(self, reference: Reference) -> Schema:
        """A schema that another one uses.

        Raises:
            UnknownSchema
        """
        path = f"/subjects/{quote(reference.subject, safe='')}/versions/{reference.version}"
        return await self._schema(path, f"{reference.subject} version {reference.version}")

    async def written(self, subject: str, text: str | None, kind: str) -> tuple[int, Schema]:
        """The id and the schema that data of a subject is written by.

        Args:
            text: the schema, registered unless the settings forbid it; None: the newest there is.
            kind: ``AVRO``, ``JSON`` or ``PROTOBUF``.

        Raises:
            UnknownSchema: there is none, or this one is not registered.
            SchemaRejected: it is invalid or incompatible; says why.
        """
        known = self._ids.get((subject, text))
        if known is not None:
            return known
        async with self._asking:
            known = self._ids.get((subject, text))
            if known is None:
                known = await self._ask_written(subject, text, kind)
                self._ids[subject, text] = known
            return known

    async def _ask_written(self, subject: str, text: str | None, kind: str) -> tuple[int, Schema]:
        path = f"/subjects/{quote(subject, safe='')}"
        if text is None:
            answer = await self._ask("GET", f"{path}/versions/latest", f"subject {subject}")
            return int(answer["id"]), _read(answer)
        body = {"schema": text, **({} if kind == "AVRO" else {"schemaType": kind})}
        if self._settings.register_schemas:
            path += "/versions"
        answer = await self._ask("POST", path, f"this schema of subject {subject}", body)
        return int(answer["id"]), Schema(text, ())

    async def _schema(self, path: str, what: str) -> Schema:
        known = self._schemas.get(path)
        if known is not None:
            return known
        async with self._asking:
            if path not in self._schemas:
                self._schemas[path] = _read(await self._ask("GET", path, what))
            return self._schemas[path]

    async def _ask(self, method: str, path: str, what: str, body: Any = None) -> Any:
        session = self._session
        assert session is not None, "use it as an async context manager"
        try:
            async with session.request(
                method, self._url + path, json=body, headers={"Accept": _MEDIA_TYPE}
            ) as response:
                if response.status == 200:
                    return await response.json(content_type=None)
                message = _message(await response.text())
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise RegistryUnavailable(
                f"the schema registry at {self._url} does not answer: {error!r}"
            ) from error
        if status == 404:
            raise UnknownSchema(f"the schema registry has no schema for {what}")
        if status == 409:
            raise SchemaRejected(
                f"the schema registry refuses {what} as incompatible with earlier ones: {message}"
            )
        if status in _TRY_AGAIN or status >= 500:
            raise RegistryUnavailable(f"the schema registry answers {status} for {what}: {message}")
        raise SchemaRejected(f"the schema registry refuses {what}: {message}")

    async def __aenter__(self) -> RegistryClient:
        settings = self._settings
        auth = None
        if settings.username is not None:
            password = settings.password
            auth = aiohttp.BasicAuth(
                settings.username, "" if password is None else password.get_secret_value()
            )
        self._session = aiohttp.ClientSession(
            auth=auth, timeout=aiohttp.ClientTimeout(total=settings.timeout_seconds)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()


def _read(answer: Any) -> Schema:
    found: Sequence[Any] = answer.get("references") or ()
    references = (Reference(r["name"], r["subject"], int(r["version"])) for r in found)
    return Schema(answer["schema"], tuple(references))


def _message(text: str) -> str:
    try:
        fields = json.loads(text)
    except ValueError:
        return text[:500]
    return str(fields.get("message", text) if isinstance(fields, dict) else text)[:1000]
