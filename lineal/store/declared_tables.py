"""The tables of every store, and those of the embedded bus, as SQLite understands them.

:mod:`lineal.store.postgres.tables` translates them. Tables of projections are declared with the
projection (:mod:`lineal.lineage.projections`).
"""

from __future__ import annotations

BUS = """
CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    partitions INTEGER NOT NULL,
    retention_seconds INTEGER,
    created INTEGER NOT NULL
);
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL REFERENCES topics (id),
    number INTEGER NOT NULL,
    first_offset INTEGER NOT NULL DEFAULT 0,
    next_offset INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, number)
);
-- position = partition id << 40 | offset: a partition is one run of the table's own b-tree, and
-- no second index has to be kept.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT,
    time INTEGER NOT NULL,
    datacontenttype TEXT NOT NULL,
    dataschema TEXT,
    partitionkey TEXT NOT NULL,
    traceparent TEXT,
    causationid TEXT,
    correlationid TEXT NOT NULL,
    data BLOB NOT NULL,
    supersedes TEXT,
    actor TEXT
);
CREATE TABLE groups (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
-- position: everything below it is done. epoch: raised whenever the owner changes, so that a
-- worker that was thought dead cannot commit what another one has taken over.
CREATE TABLE group_partitions (
    group_id INTEGER NOT NULL REFERENCES groups (id),
    partition_id INTEGER NOT NULL REFERENCES partitions (id),
    position INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    lease_until INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (group_id, partition_id)
) WITHOUT ROWID;
-- Done work beyond the position, so that a crash does not repeat it.
CREATE TABLE group_completed (
    group_id INTEGER NOT NULL,
    partition_id INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    PRIMARY KEY (group_id, partition_id, offset)
) WITHOUT ROWID;
CREATE TABLE group_members (
    group_id INTEGER NOT NULL,
    member TEXT NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (group_id, member)
) WITHOUT ROWID;
"""

LEDGER = """
-- What did a step: a stage at one version, code and configuration, with what it worked with
-- beside its input (models).
CREATE TABLE builds (
    id INTEGER PRIMARY KEY,
    stage TEXT NOT NULL,
    version TEXT NOT NULL,
    code TEXT NOT NULL,
    config TEXT NOT NULL,
    models TEXT NOT NULL,
    UNIQUE (stage, version, code, config, models)
);
-- record: canonical JSON, compressed by zlib; of version 1 perhaps as it is. digest: of the JSON.
CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY,
    build INTEGER REFERENCES builds (id),
    digest BLOB NOT NULL,
    record BLOB NOT NULL
);
CREATE INDEX ledger_by_build ON ledger (build);
-- Which records are about a subject, read or made some bytes: see lineal.store.key_index.
CREATE TABLE ledger_index (
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    size INTEGER NOT NULL,
    entries BLOB NOT NULL
);
CREATE INDEX ledger_index_by_node ON ledger_index (node, size, id);
-- How far what a broker brings is written, by source.
CREATE TABLE ledger_positions (
    source TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;
-- The log whose leaves are the records (docs/proof.md): its verifier keys, oldest first, a line
-- each; how many records its tree has; its newest checkpoint, and the newest that the witnesses of
-- the policy have signed; which process extends it, until when. There is one row.
CREATE TABLE ledger_log (
    id INTEGER PRIMARY KEY,
    keys TEXT NOT NULL,
    size INTEGER NOT NULL,
    checkpoint TEXT,
    witnessed TEXT,
    owner TEXT,
    lease_until INTEGER NOT NULL
);
-- The tiles of its tree. id = level << 40 | number; the last tile of a level grows.
CREATE TABLE ledger_tiles (
    id INTEGER PRIMARY KEY,
    hashes BLOB NOT NULL
);
"""

STAGES = """
-- Rows are appended and found through an index of small entries: kept in the order of the steps,
-- which is random, each would change a page of its own.
CREATE TABLE memo (
    id INTEGER PRIMARY KEY,
    step BLOB NOT NULL,
    outputs BLOB NOT NULL
);
CREATE UNIQUE INDEX memo_by_step ON memo (step);
-- Which event was the first to claim a name in a stage: what is registered once.
CREATE TABLE claims (
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    event_id TEXT NOT NULL,
    PRIMARY KEY (stage, name)
) WITHOUT ROWID;
-- Parts of fan-in groups; done_by: the event that completed the group.
CREATE TABLE fan_in_groups (
    stage TEXT NOT NULL,
    group_id TEXT NOT NULL,
    part INTEGER NOT NULL,
    event BLOB NOT NULL,
    done_by TEXT,
    done_at INTEGER,
    PRIMARY KEY (stage, group_id, part)
) WITHOUT ROWID;
CREATE INDEX fan_in_groups_by_end ON fan_in_groups (done_at) WHERE done_at IS NOT NULL;
-- What a stage keeps under a name, with the event that changed it last: that event, handled again,
-- is given what was before it. found: what events before it have found that were committed together
-- with it. removed: when the name was removed, until the row is swept.
CREATE TABLE state (
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    event_id TEXT NOT NULL,
    before BLOB,
    after BLOB,
    removed INTEGER,
    found BLOB,
    PRIMARY KEY (stage, name)
);
CREATE INDEX state_by_removal ON state (removed) WHERE removed IS NOT NULL;
-- Events that a stage sends itself when their time has come. claimed_by: the worker that publishes
-- the event just now, where the bus shares no transaction with the store.
CREATE TABLE timers (
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    due INTEGER NOT NULL,
    event BLOB NOT NULL,
    claimed_by TEXT,
    claimed_until INTEGER,
    PRIMARY KEY (stage, name)
);
CREATE INDEX timers_by_due ON timers (due);
-- What a group has handled, on a bus that may deliver twice: the second time has no effect.
CREATE TABLE handled (
    group_name TEXT NOT NULL,
    publication TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (group_name, publication)
) WITHOUT ROWID;
CREATE INDEX handled_by_time ON handled (at);
-- Events that a group has handled, by sixteen bytes of the digest of source and id: published a
-- second time, at another position, they are left out.
CREATE TABLE seen_events (
    group_name TEXT NOT NULL,
    event BLOB NOT NULL,
    position TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (group_name, event)
) WITHOUT ROWID;
CREATE INDEX seen_events_by_time ON seen_events (at);
-- Events that failed for good, and later ones of their keys that wait for them; released: the
-- position at which the event was handled after all.
CREATE TABLE waiting_events (
    stage TEXT NOT NULL,
    key TEXT NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    position TEXT NOT NULL,
    released TEXT,
    released_at INTEGER,
    PRIMARY KEY (stage, key, source, event_id)
) WITHOUT ROWID;
CREATE INDEX waiting_events_in_order ON waiting_events (stage, key, seq) WHERE released IS NULL;
CREATE INDEX waiting_events_by_release ON waiting_events (released_at)
    WHERE released_at IS NOT NULL;
-- Events that failed and are tried again after a delay: see lineal.effects.retries. ending: how it
-- ended; none: it waits.
CREATE TABLE delayed_retries (
    stage TEXT NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    first_position TEXT NOT NULL,
    position TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    delays INTEGER NOT NULL,
    delayed INTEGER NOT NULL,
    due INTEGER NOT NULL,
    ending TEXT,
    ended INTEGER,
    PRIMARY KEY (stage, source, event_id)
) WITHOUT ROWID;
CREATE INDEX delayed_retries_by_end ON delayed_retries (ended) WHERE ended IS NOT NULL;
CREATE INDEX delayed_retries_by_due ON delayed_retries (due);
-- What stages call and does not answer, by the worker that found so; stages: with commas between.
CREATE TABLE open_circuits (
    dependency TEXT NOT NULL,
    worker TEXT NOT NULL,
    stages TEXT NOT NULL,
    opened INTEGER NOT NULL,
    next_call INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (dependency, worker)
) WITHOUT ROWID;
-- Dead letters, on a bus that keeps no past.
CREATE TABLE dead_letters (
    topic TEXT NOT NULL,
    event_id TEXT NOT NULL,
    key_number INTEGER NOT NULL,
    published INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (topic, event_id)
) WITHOUT ROWID;
-- Outputs that are decided and perhaps not published yet, on a bus that shares no transaction with
-- the store; key_number and published: the position of each.
CREATE TABLE outbox (
    batch TEXT NOT NULL,
    group_name TEXT NOT NULL,
    at INTEGER NOT NULL,
    topic TEXT NOT NULL,
    key_number INTEGER NOT NULL,
    published INTEGER NOT NULL,
    nonce TEXT,
    event BLOB NOT NULL,
    PRIMARY KEY (batch, published)
) WITHOUT ROWID;
-- Who decides about a dead letter just now; see lineal.effects.letter_claims.
CREATE TABLE dead_letter_claims (
    event_id TEXT PRIMARY KEY,
    letter_time INTEGER NOT NULL,
    claimant TEXT NOT NULL,
    claimed_at INTEGER NOT NULL
) WITHOUT ROWID;
-- Who works for a group, on a bus that does not tell.
CREATE TABLE members (
    group_name TEXT NOT NULL,
    member TEXT NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (group_name, member)
) WITHOUT ROWID;
-- What was taken from buckets already: the ETag of each key.
CREATE TABLE taken_objects (
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    taken INTEGER NOT NULL,
    PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
"""

OBJECTS = """
CREATE TABLE objects (
    sha256 BLOB PRIMARY KEY,
    data BLOB NOT NULL
);
"""

PRODUCERS = """
-- What a folder watch has taken already, so that a restart does not read it again.
CREATE TABLE watched_files (
    path BLOB PRIMARY KEY,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX watched_files_by_inode ON watched_files (inode);
"""

ACCESS = """
-- password: an Argon2id hash; none for who only has tokens.
CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT,
    created INTEGER NOT NULL
) WITHOUT ROWID;
-- digest: SHA-256 of the secret. user_name: on whose behalf; none: the owner's. owner: under whose
-- name alone it puts things in.
CREATE TABLE api_tokens (
    token_id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    user_name TEXT,
    acts TEXT NOT NULL,
    types TEXT,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER,
    owner TEXT
) WITHOUT ROWID;
-- Of browsers, and the one-time keys that open one.
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    user_name TEXT,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_name);
-- Secrets of the installation, by what they are for: see lineal.store.store_secret.
CREATE TABLE store_secrets (
    purpose TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
-- What events on a shared broker are marked with: see lineal.bus.marks.
CREATE TABLE mark_keys (
    key_id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
"""

SHARED = (LEDGER, STAGES, OBJECTS, ACCESS)
"""The tables of every store without those of projections; Postgres's are translated from these."""
