"""Topics with their groups and lag, as AWS shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from lineal.bus.aws.provisioning import Provisioning
from lineal.bus.protocol import GroupInfo, PartitionLag, TopicInfo
from lineal.bus.topic_names import is_dead_letter_topic

_DAY_SECONDS = 86_400


async def topic_infos(
    provisioning: Provisioning,
    dead_letters: Mapping[str, int],
    elsewhere: Collection[str],
    *,
    archived: bool,
) -> list[TopicInfo]:
    """All topics there are.

    Args:
        dead_letters: how many each dead-letter topic has.
        elsewhere: groups that workers of other processes work for.
        archived: whether topics may keep their past.
    """
    names, groups = await asyncio.gather(provisioning.topics(), provisioning.groups())
    backlogs = await asyncio.gather(*(provisioning.backlog(group.url) for group in groups))
    kept = await asyncio.gather(*(_retention(provisioning, name, archived) for name in names))
    infos = []
    for name, retention in zip(names, kept, strict=True):
        of_topic = []
        for group, backlog in zip(groups, backlogs, strict=True):
            if backlog is not None and name in group.topics:
                # A queue does not say which of its topics its messages are from.
                lag = PartitionLag(0, 0, backlog if group.topics[0] == name else 0, None)
                works_elsewhere = group.group in elsewhere
                of_topic.append(GroupInfo(group.group, name, (lag,), works_elsewhere))
        waiting = max((group.lag for group in of_topic), default=0)
        infos.append(
            TopicInfo(
                topic=name,
                partitions=0,
                events=dead_letters.get(name, waiting),
                published_last_minute=None,
                retention_seconds=retention,
                groups=tuple(of_topic),
            )
        )
    return infos


async def _retention(provisioning: Provisioning, topic: str, archived: bool) -> int | None:
    if not archived or is_dead_letter_topic(topic):
        return None
    days = await provisioning.archive_days(topic)
    return None if days is None else days * _DAY_SECONDS
