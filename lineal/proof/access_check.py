"""Whether users and tokens have the rights that the ledger says somebody gave them.

Records hold no password and no digest of a token: that one of these was put in the place of another
is not seen here.
"""

from __future__ import annotations

from collections.abc import Iterator

from lineal.access.tokens import record_of_token
from lineal.lineage.record import ACCESS, Attributes, Record
from lineal.proof.verification import VerificationContext
from lineal.store.connection import Connection

_USER, _TOKEN = "user:", "token:"
_REMOVED, _REVOKED = "user removed", "token revoked"


class AccessReader:
    """See :class:`lineal.proof.record_pass.RecordReader`."""

    reads_records = "access"

    def __init__(self) -> None:
        self._connection: Connection
        self._roles: dict[str, str] = {}
        """Of users, by their names."""
        self._tokens: dict[str, list[Attributes]] = {}
        """What records say of tokens of a name, since one was revoked; by name or id."""

    def begin(self, context: VerificationContext) -> None:
        self._connection = context.connection
        self._roles, self._tokens = {}, {}

    def add(self, seq: int, build: int | None, record: Record) -> None:
        if record.build is not None:
            return
        for entry in record.steps:
            if entry.kind != ACCESS:
                continue
            attributes = entry.attributes
            if entry.subject.startswith(_USER):
                self._user(entry.subject.removeprefix(_USER), attributes.get("action"),
                           attributes.get("role"))  # fmt: skip
            elif entry.subject.startswith(_TOKEN):
                name = entry.subject.removeprefix(_TOKEN)
                if attributes.get("action") == _REVOKED:
                    self._tokens[name] = []
                elif "scope" in attributes:
                    self._tokens.setdefault(name, []).append(attributes)

    def _user(self, name: str, action: object, role: object) -> None:
        if action == _REMOVED:
            self._roles.pop(name, None)
        elif role is not None:
            self._roles[name] = str(role)

    def findings(self) -> Iterator[str]:
        connection = self._connection
        users = dict(connection.execute("SELECT name, role FROM users ORDER BY name").fetchall())
        for name, role in users.items():
            if name not in self._roles:
                yield f"no record says that {name} was made a user: `lineal user remove {name}`"
            elif self._roles[name] != role:
                yield f"the user {name} is {role}, and {self._roles[name]} by the records"
        for name in sorted(self._roles.keys() - users.keys()):
            yield f"the user {name} is missing, and no record says that they were removed"
        yield from self._findings_of_tokens()

    def _findings_of_tokens(self) -> Iterator[str]:
        rows = self._connection.execute(
            "SELECT token_id, name, acts, user_name, types, expires, owner FROM api_tokens "
            "WHERE revoked IS NULL ORDER BY created"
        ).fetchall()
        for token_id, name, acts, user, types, expires, owner in rows:
            has = record_of_token(acts, user=user, types=types, expires=expires, owner=owner)
            said = [one for one in self._tokens.get(name, ()) if one["scope"] == acts]
            if not said:
                yield f"no record says that the token {name} was made for {acts or 'nothing'}"
            elif self._tokens.get(token_id) == []:
                yield f"the token {name} was revoked, and is valid again"
            # Records of before say the scope alone.
            elif not any(all(one.get(key, has[key]) == has[key] for key in has) for one in said):
                yield (
                    f"the token {name} is another user's, for other types, until another time, or "
                    "not bound to an owner as its record says"
                )
