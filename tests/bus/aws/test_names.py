"""Every topic and group has a name on AWS, and it can be read back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.bus.aws.address import MalformedAddress, parse_address
from lineal.bus.aws.names import (
    InvalidName,
    dead_letter_queue_resource,
    group_of_resource,
    identifier,
    queue_resource,
    reading_begun,
    reading_resource,
    topic_of_resource,
    topic_resource,
)
from lineal.bus.topic_names import is_topic_name

TOPICS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,40}", fullmatch=True)
ALLOWED = re.compile(r"[A-Za-z0-9_-]+\.fifo")


@given(TOPICS)
def test_a_topic_has_a_name_that_can_be_read_back(topic: str) -> None:
    assert is_topic_name(topic)
    resource = topic_resource("lineal-", topic)
    assert ALLOWED.fullmatch(resource)
    assert topic_of_resource("lineal-", resource) == topic
    assert topic_of_resource("other-", resource) is None


@given(st.lists(TOPICS, min_size=2, max_size=2, unique=True))
def test_two_topics_never_share_a_name(topics: list[str]) -> None:
    assert topic_resource("p", topics[0]) != topic_resource("p", topics[1])


@given(st.from_regex(r"[a-z]+(\.[a-z_]+){0,2}", fullmatch=True).filter(lambda g: len(g) < 40))
def test_a_groups_queue_is_told_from_what_belongs_to_it(group: str) -> None:
    assert group_of_resource("p-", queue_resource("p-", group)) == group
    assert group_of_resource("p-", dead_letter_queue_resource("p-", group)) is None
    reading = reading_resource("p-", 1_700_000_000, "abc")
    assert (group_of_resource("p-", reading), reading_begun("p-", reading)) == (None, 1_700_000_000)
    assert reading_begun("p-", queue_resource("p-", group)) is None


def test_a_name_that_is_too_long_is_said() -> None:
    with pytest.raises(InvalidName):
        queue_resource("p-", "x" * 80)
    with pytest.raises(InvalidName):
        topic_resource("p-", "/" * 100)


@given(st.text(min_size=1))
def test_any_key_becomes_a_message_group(key: str) -> None:
    assert re.fullmatch(r"[!-~]{1,128}", identifier(key))
    assert identifier(key) == identifier(key)


@pytest.mark.parametrize(
    "url",
    [
        "aws://",
        "aws://eu-central-1/topic",
        "aws://eu-central-1?archive_days=0",
        "aws://eu-central-1?archive_days=366",
        "aws://eu-central-1?wait_seconds=21",
        "aws://eu-central-1?prefix=a.b",
        "aws://eu-central-1?perfix=a",
    ],
)
def test_a_wrong_address_is_said(url: str) -> None:
    with pytest.raises(MalformedAddress):
        parse_address(url)


def test_an_address_says_everything() -> None:
    address = parse_address(
        "aws://eu-west-1?endpoint=http://localhost:1&prefix=p-&archive_days=30&wait_seconds=5"
    )
    assert (address.region, address.endpoint, address.prefix) == (
        "eu-west-1", "http://localhost:1", "p-",
    )  # fmt: skip
    assert (address.archive_days, address.wait_seconds) == (30, 5)
