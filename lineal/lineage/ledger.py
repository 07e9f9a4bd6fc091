"""The ledger in the store: append in a step's transaction, answer from indexes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b, sha256

import orjson

from lineal.lineage.projections import is_projected, project
from lineal.lineage.record import Build, Record, build_of, parse_record
from lineal.store.connection import Connection
from lineal.store.rows import insert_rows

ROOT, INPUT, OUTPUT = 0, 1, 2
_READ_AT_ONCE = 1_000
_SIGN = 1 << 63


def _root_key(root: str) -> int:
    return int.from_bytes(blake2b(root.encode(), digest_size=8).digest(), "big", signed=True)


def _digest_key(sha256_hex: str) -> int:
    key = int(sha256_hex[:16], 16)
    return key if key < _SIGN else key - 2 * _SIGN


class Ledger:
    """Appends records and brings the metadata tables up to date, in the caller's transaction."""

    def append(self, connection: Connection, records: Sequence[Record]) -> None:
        """Append records."""
        rows = _Rows(connection)
        for record in records:
            inputs = [item.sha256 for item in record.inputs]
            outputs = [item.sha256 for item in record.outputs]
            roots = [record.root, *[item.root for item in record.repeats]]
            rows.add(record.canonical(), record.build, roots, inputs, outputs)
        rows.insert()
        project(connection, records)

    def append_canonical(self, connection: Connection, records: Sequence[bytes]) -> None:
        """Append records of which there are the canonical bytes: of most, a few fields are all
        that is needed."""
        rows = _Rows(connection)
        projected = []
        for canonical in records:
            fields = orjson.loads(canonical)
            root = fields["root"]
            inputs = [item["sha256"] for item in fields["inputs"]]
            outputs = [item["sha256"] for item in fields["outputs"]]
            roots = [root, *[item["root"] for item in fields.get("repeats", ())]]
            rows.add(canonical, build_of(fields), roots, inputs, outputs)
            if is_projected(fields["kind"], root):
                projected.append(parse_record(canonical))
        rows.insert()
        project(connection, projected)


class _Rows:
    """The rows of records to be appended."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.dialect.lock_ledger(connection)
        row = connection.execute("SELECT coalesce(max(seq), 0) FROM ledger").fetchone()
        self._seq: int = row[0]
        # Not kept for the next call: a transaction that is undone takes the rows along.
        self._builds: dict[Build, int] = {}
        self._build: Build | None = None
        self._build_number: int | None = None
        self._records: list[tuple[int, int | None, bytes, bytes]] = []
        self._links: list[tuple[int, int, int]] = []

    def add(
        self,
        canonical: bytes,
        build: Build | None,
        roots: Sequence[str],
        inputs: Sequence[str],
        outputs: Sequence[str],
    ) -> None:
        """Add a record; inputs and outputs are digests."""
        self._seq = seq = self._seq + 1
        # Most records of a batch come from one stage, with one and the same build.
        if build is not self._build:
            self._build = build
            self._build_number = (
                None if build is None else _build_id(self._connection, build, self._builds)
            )
        self._records.append((seq, self._build_number, sha256(canonical).digest(), canonical))
        link = self._links.append
        for root in roots:
            link((_root_key(root), ROOT, seq))
        for digest in inputs:
            link((_digest_key(digest), INPUT, seq))
        for digest in outputs:
            link((_digest_key(digest), OUTPUT, seq))

    def insert(self) -> None:
        insert_rows(self._connection, "INSERT INTO ledger", self._records)
        # In the order of the tree: keys that fall on one page change it once.
        self._links.sort()
        insert_rows(
            self._connection, "INSERT INTO ledger_links", self._links, "ON CONFLICT DO NOTHING"
        )


def _build_id(connection: Connection, build: Build, known: dict[Build, int]) -> int:
    if build in known:
        return known[build]
    key = (
        build.stage,
        build.version,
        build.code,
        build.config,
        _models_text(build),
    )
    find = "SELECT id FROM builds WHERE (stage, version, code, config, models) = (?, ?, ?, ?, ?)"
    row = connection.execute(find, key).fetchone()
    if row is None:
        connection.execute(
            "INSERT INTO builds (stage, version, code, config, models) VALUES (?, ?, ?, ?, ?)", key
        )
        row = connection.execute(find, key).fetchone()
    known[build] = row[0]
    return known[build]


def _models_text(build: Build) -> str:
    """The models of a build as the table of builds keeps them."""
    return orjson.dumps([list(model) for model in build.models]).decode()


def records_of_root(connection: Connection, root: str) -> list[bytes]:
    """The canonical records of one document or device, in the order in which they were made; of
    those that are about many, what is about this one (:meth:`Record.about`)."""
    rows = connection.execute(
        "SELECT record FROM ledger_links JOIN ledger USING (seq) "
        "WHERE key = ? AND link = ? ORDER BY seq",
        (_root_key(root), ROOT),
    )
    # A key is eight bytes of a digest: make sure that it is this root and not a namesake.
    needle = orjson.dumps(root)
    return [_about(root, record) for (record,) in rows if needle in record]


def _about(root: str, canonical: bytes) -> bytes:
    # Facts are numbers and strings: no other list has this name.
    if b'"repeats":[' not in canonical:
        return canonical
    return parse_record(canonical).about(root).canonical()


def records_of_artifact(connection: Connection, sha256_hex: str, *, made: bool) -> list[Record]:
    """The records that made (or, with ``made=False``, read) the bytes with this digest."""
    rows = connection.execute(
        "SELECT record FROM ledger_links JOIN ledger USING (seq) "
        "WHERE key = ? AND link = ? ORDER BY seq",
        (_digest_key(sha256_hex), OUTPUT if made else INPUT),
    )
    records = [parse_record(record) for (record,) in rows]
    return [
        record
        for record in records
        if any(item.sha256 == sha256_hex for item in (record.outputs if made else record.inputs))
    ]


def records_of_model(connection: Connection, model_sha256: str) -> Iterator[Record]:
    """Everything that was made with a model."""
    rows = connection.stream(
        "SELECT record FROM builds JOIN ledger ON ledger.build = builds.id "
        "WHERE builds.models LIKE ? ORDER BY seq",
        (f"%{model_sha256}%",),
    )
    for (record,) in rows:
        yield parse_record(record)


def stale_input_events(connection: Connection, current: Build) -> frozenset[str]:
    """Ids of the input events whose newest outcome in a stage came from an older build of it.

    Outcomes of duplicates count like others: what matters is which build looked at the event last.
    """
    newest: dict[str, bool] = {}
    rows = connection.stream(
        "SELECT builds.version, builds.code, builds.config, builds.models, record "
        "FROM builds JOIN ledger ON ledger.build = builds.id "
        "WHERE builds.stage = ? ORDER BY seq",
        (current.stage,),
    )
    wanted = (current.version, current.code, current.config, _models_text(current))
    for *build, record in rows:
        is_current = tuple(build) == wanted
        fields = orjson.loads(record)
        for event_id in fields["events"]["in"]:
            newest[event_id] = is_current
        for item in fields.get("repeats", ()):
            newest[item["in"]] = is_current
    return frozenset(event_id for event_id, is_current in newest.items() if not is_current)


def all_records(connection: Connection) -> Iterator[Record]:
    """The whole ledger, in order; the connection may be used meanwhile."""
    last = 0
    while rows := connection.execute(
        "SELECT seq, record FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?", (last, _READ_AT_ONCE)
    ).fetchall():
        for _, record in rows:
            yield parse_record(record)
        last = rows[-1][0]
