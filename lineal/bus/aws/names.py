"""The names of SNS topics and SQS queues for the topics and groups of the bus.

Names of SNS topics and SQS queues are letters, digits, ``-`` and ``_``. A dot becomes ``-``; what
else a topic may have in its name becomes ``_x`` and two hexadecimal digits, so that every name can
be read back. ``--`` marks resources that belong to a group and are no group themselves.
"""

from __future__ import annotations

import re
from hashlib import sha256

from lineal.errors import LinealError

_FIFO = ".fifo"
_MAX_TOPIC = 256
_MAX_QUEUE = 80
_MAX_IDENTIFIER = 128
_PLAIN = re.compile(r"[A-Za-z0-9_.]")
_ESCAPED = re.compile(r"_x([0-9A-F]{2})")
_IDENTIFIER = re.compile(r"""[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}""")
_DEAD = "--dead"
_READING = "--reading-"


class InvalidName(LinealError, ValueError):
    """A topic or group cannot be called this on AWS."""


def topic_resource(prefix: str, topic: str) -> str:
    """The name of a topic's SNS topic.

    Raises:
        InvalidName: it would be too long.
    """
    name = f"{prefix}{_escape(topic)}{_FIFO}"
    if len(name) > _MAX_TOPIC:
        raise InvalidName(f"topic {topic!r}: SNS takes names of at most {_MAX_TOPIC} letters")
    return name


def topic_of_resource(prefix: str, resource: str) -> str | None:
    """The topic whose SNS topic has this name; None if it is none of ours."""
    if not resource.startswith(prefix) or not resource.endswith(_FIFO):
        return None
    return _unescape(resource[len(prefix) : -len(_FIFO)])


def queue_resource(prefix: str, group: str) -> str:
    """The name of a group's queue.

    Raises:
        InvalidName: it would be too long.
    """
    return _queue_name(prefix, group, "")


def dead_letter_queue_resource(prefix: str, group: str) -> str:
    """The name of the queue that SQS moves a group's poison messages to.

    Raises:
        InvalidName: it would be too long.
    """
    return _queue_name(prefix, group, _DEAD)


def _queue_name(prefix: str, group: str, suffix: str) -> str:
    name = f"{prefix}{_escape(group)}{suffix}{_FIFO}"
    if len(name) > _MAX_QUEUE or "--" in _escape(group):
        raise InvalidName(
            f"group {group!r}: with its prefix its name on SQS may have {_MAX_QUEUE} letters, "
            "and no two dots in a row"
        )
    return name


def group_of_resource(prefix: str, resource: str) -> str | None:
    """The group whose queue has this name; None if it is no group's queue."""
    if not resource.startswith(prefix) or not resource.endswith(_FIFO):
        return None
    middle = resource[len(prefix) : -len(_FIFO)]
    return None if "--" in middle else _unescape(middle)


def reading_resource(prefix: str, begun: int, nonce: str) -> str:
    """The name of a queue that lives for one reading. ``begun``: seconds since the Unix epoch."""
    return f"{prefix}{_READING}{begun}-{nonce}{_FIFO}"


def reading_begun(prefix: str, resource: str) -> int | None:
    """When the reading began whose queue has this name; None if it is not such a queue."""
    if not resource.startswith(f"{prefix}{_READING}"):
        return None
    begun = resource[len(prefix) + len(_READING) :].partition("-")[0]
    return int(begun) if begun.isdigit() else None


def identifier(text: str) -> str:
    """Text as SNS and SQS take it for a message group or a deduplication id: itself where they
    would, else its digest."""
    if _IDENTIFIER.fullmatch(text):
        return text
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _escape(name: str) -> str:
    if not name.isascii():
        raise InvalidName(f"{name!r}: names on AWS are ASCII")
    escaped = name.replace("_x", "_x5Fx")
    return "".join(
        letter if _PLAIN.match(letter) else f"_x{ord(letter):02X}" for letter in escaped
    ).replace(".", "-")


def _unescape(name: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name.replace("-", "."))
