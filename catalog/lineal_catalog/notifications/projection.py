"""The projection of notifications: what was sent last, by rule, key and channel.

A record of the kind ``notify`` has an object of the role ``notification``, a ``notification.sent``
as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.erasure.erasures import KIND as KIND_OF_ERASURES
from lineal.lineage.projections import Projection
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal.store.objects import small_object
from lineal_schemas.notifications import NotificationSent

KIND = "notify"
ROLE = "notification"
_NOTIFICATION = "notification:"

_NOTIFICATIONS = """
CREATE TABLE notifications (
    event_id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    part TEXT NOT NULL,
    channel TEXT NOT NULL,
    sent INTEGER NOT NULL,
    content TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX notifications_by_rule ON notifications (rule, part, channel, sent);
CREATE INDEX notifications_by_time ON notifications (sent);
"""


def _apply(connection: Connection, records: Sequence[RecordedStep]) -> None:
    for record in records:
        if record.kind == KIND_OF_ERASURES:
            if record.subject.startswith(_NOTIFICATION):
                rule = record.subject.removeprefix(_NOTIFICATION)
                connection.execute("DELETE FROM notifications WHERE rule = ?", (rule,))
            continue
        made = next((item for item in record.outputs if item.role == ROLE), None)
        data = None if made is None else small_object(connection, made.sha256)
        if data is None:
            continue
        sent = NotificationSent.model_validate_json(data)
        connection.execute(
            "INSERT INTO notifications VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (record.events_out[0], sent.rule, sent.key, sent.channel, sent.sent_us, data.decode()),
        )


def last_notifications(connection: Connection) -> list[NotificationSent]:
    """Of each rule, key and channel the one that was sent last."""
    rows = connection.execute(
        "SELECT content FROM notifications AS n WHERE NOT EXISTS (SELECT 1 FROM notifications AS l "
        "WHERE l.rule = n.rule AND l.part = n.part AND l.channel = n.channel AND (l.sent > n.sent "
        "OR (l.sent = n.sent AND l.event_id > n.event_id)))"
    )
    return [NotificationSent.model_validate_json(content) for (content,) in rows.fetchall()]


def recent_notifications(connection: Connection, limit: int) -> list[NotificationSent]:
    """The newest ones, the newest first."""
    rows = connection.execute(
        "SELECT content FROM notifications ORDER BY sent DESC, event_id LIMIT ?", (limit,)
    )
    return [NotificationSent.model_validate_json(content) for (content,) in rows.fetchall()]


NOTIFICATIONS = Projection(
    "notifications",
    (Table("notifications", _NOTIFICATIONS),),
    _apply,
    kinds=frozenset({KIND, KIND_OF_ERASURES}),
)
