"""Parses what a broker says about timestamps that it rejects (INVALID_TIMESTAMP).

A broker takes timestamps from ``message.timestamp.before.max.ms`` before its own time to
``message.timestamp.after.max.ms``, an hour by default, after it (KIP-937). It names both bounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lineal.kafka_client.errors import ClockAhead, RecordsRejected

_REJECTED = re.compile(
    r"Timestamp (?P<time>-?\d+) .*within \[(?P<first>-?\d+), (?P<last>-?\d+)\]", re.DOTALL
)
"""As Kafka's LogValidator words it for a record; in milliseconds since the Unix epoch."""


def rejected_timestamps(doing: str, messages: Iterable[str | None]) -> Exception:
    """The exception for refused timestamps: :class:`ClockAhead` where they are in the future, for
    no record is given a time that is far ahead of this machine's clock; else
    :class:`RecordsRejected`.

    Args:
        messages: what the broker says of each record.
    """
    texts = [text for text in messages if text]
    for text in texts:
        found = _REJECTED.search(text)
        if found is not None and (ahead := int(found["time"]) - int(found["last"])) > 0:
            hours, minutes = divmod(ahead // 60_000, 60)
            return ClockAhead(
                f"Kafka, {doing}: this machine's clock is more than {hours} h {minutes} min "
                "ahead of the broker's, which refuses timestamps in the future: set the clock right"
            )
    return RecordsRejected(f"Kafka, {doing}: InvalidTimestampError ({'; '.join(texts)})")
