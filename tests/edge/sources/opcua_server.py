"""A real OPC UA server (asyncua's) with a pump's nodes, with or without a history of them."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from asyncua import ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.validator import CertificateValidator
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from cryptography.x509.oid import ExtendedKeyUsageOID

_GOOD, _SENSOR_FAILURE = ua.UInt32(0), ua.UInt32(0x808C0000)
BEGIN = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)


class Identity(NamedTuple):
    """A certificate of an application, and its key."""

    uri: str
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> Identity:
        found = cls(f"urn:{name}", folder / f"{name}.der", folder / f"{name}.pem")
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        made = setup_self_signed_certificate(
            found.key, found.certificate, found.uri, "localhost", uses, {"commonName": name}
        )
        asyncio.run(made)
        return found


class _Users(UserManager):
    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = passwords

    def get_user(
        self, iserver: Any, username: Any = None, password: Any = None, certificate: Any = None
    ) -> User | None:
        if username is not None and self._passwords.get(username) == password:
            return User(role=UserRole.User)
        return None


class OpcUaServer:
    """Runs in a thread until it is stopped; its values are set by the test."""

    def __init__(
        self,
        port: int,
        *,
        history: bool = False,
        identity: Identity | None = None,
        users: dict[str, str] | None = None,
    ) -> None:
        """``identity``: certificate and key; the server then speaks Basic256Sha256 alone, signed
        and encrypted, to ``users`` alone, and wants certificates that are of their application."""
        self._identity = identity
        self._users = users
        self.url = f"opc.tcp://127.0.0.1:{port}"
        self._history = history
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(60)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = Server(user_manager=None if self._users is None else _Users(self._users))
        # its standard nodes, read from a file once they have been made once
        await server.init(shelf_file=Path(tempfile.gettempdir()) / "lineal-tests-opcua-nodes")
        server.set_endpoint(self.url)
        if self._identity is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            await server.set_application_uri(self._identity.uri)
            await server.load_certificate(self._identity.certificate)
            await server.load_private_key(self._identity.key)
            server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
            server.set_certificate_validator(CertificateValidator())
            server.set_identity_tokens([ua.UserNameIdentityToken])
        space = await server.register_namespace("urn:pump")
        self._nodes: dict[str, Any] = {}
        for name, value in (("Pressure", 0.0), ("Flow", 0.0), ("Name", "pump")):
            node = await server.nodes.objects.add_variable(
                ua.NodeId.from_string(f"ns={space};s=Pump.{name}"), name, value
            )
            self._nodes[name] = node
            at = ua.DateTime.fromtimestamp((BEGIN - timedelta(hours=1)).timestamp(), UTC)
            data = ua.DataValue(ua.Variant(value), ua.StatusCode(_GOOD), at)
            await node.write_value(data)
        self._storage: Any = server.iserver.history_manager.storage
        async with server:
            if self._history:
                for name in ("Pressure", "Flow"):
                    await server.historize_node_data_change(
                        self._nodes[name], period=timedelta(days=9999)
                    )
            self._ready.set()
            await self._stop.wait()

    def write(self, name: str, value: float, second: float, *, good: bool = True) -> None:
        """A value that was measured so many seconds after BEGIN."""
        moment = BEGIN + timedelta(seconds=second)
        at = ua.DateTime.fromtimestamp(moment.timestamp(), UTC)
        data = ua.DataValue(
            ua.Variant(value, ua.VariantType.Double),
            ua.StatusCode(_GOOD if good else _SENSOR_FAILURE),
            SourceTimestamp=at,
        )
        self._call(self._write(name, data))

    async def _write(self, name: str, data: ua.DataValue) -> None:
        await self._nodes[name].write_value(data)
        # its history follows its nodes as a subscription does, and misses what comes in between
        while self._history and not any(
            one.SourceTimestamp == data.SourceTimestamp
            for one in self._storage._datachanges[self._nodes[name].nodeid]
        ):
            await asyncio.sleep(0.001)

    def _call(self, call: Any) -> None:
        asyncio.run_coroutine_threadsafe(call, self._loop).result(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
