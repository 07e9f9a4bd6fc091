"""Buckets as a source: everything once, again only what changed, and as S3 tells of it."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lineal.aws_session import aws_session
from lineal.errors import StoreUnavailable
from lineal.runtime import Runtime
from lineal_local.aws import Emulator
from lineal_producers.s3.access_lists import AccessLists
from lineal_producers.s3.notifications import Notifications, created_objects
from lineal_producers.s3.objects import S3Object
from lineal_producers.s3.sync import SyncResult, sync
from lineal_producers.sync.patterns import Patterns
from tests.producers.arrivals import arrived, content, names, until_named
from tests.services.cut_off import cut_off_after


@pytest.fixture
async def s3(aws: Emulator) -> AsyncIterator[Any]:
    async with aws_session().create_client("s3", **aws.client_settings) as client:
        yield client


@pytest.fixture
async def sqs(aws: Emulator) -> AsyncIterator[Any]:
    async with aws_session().create_client("sqs", **aws.client_settings) as client:
        yield client


@pytest.fixture
async def bucket(aws: Emulator, s3: Any) -> str:
    name = f"source-{uuid.uuid4().hex[:12]}"
    where = {"LocationConstraint": aws.region}
    await s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    return name


async def put(s3: Any, bucket: str, **files: bytes) -> None:
    for name, data in files.items():
        await s3.put_object(Bucket=bucket, Key=name.replace("__", "/"), Body=data)


async def test_a_bucket_is_taken_once_and_then_what_changed(
    s3: Any, bucket: str, runtime: Runtime
) -> None:
    await put(s3, bucket, a=b"1", in__b=b"2", in__c=b"3")
    await s3.put_object(Bucket=bucket, Key="in/", Body=b"")
    assert await sync(s3, runtime, bucket) == SyncResult(ingested=3, left_out=1)
    assert await sync(s3, runtime, bucket) == SyncResult(unchanged=3, left_out=1)
    await put(s3, bucket, in__b=b"two", d=b"4")
    assert await sync(s3, runtime, bucket) == SyncResult(ingested=2, unchanged=2, left_out=1)
    found = await arrived(runtime)
    assert sorted([(a.name, await content(runtime, a)) for a in found]) == [
        ("a", b"1"), ("b", b"2"), ("b", b"two"), ("c", b"3"), ("d", b"4"),
    ]  # fmt: skip
    assert {a.data.source for a in found} == {
        f"s3://{bucket}/{key}" for key in ("a", "in/b", "in/c", "d")
    }


async def test_who_may_read_an_object_in_s3_may_see_its_document(
    s3: Any, aws: Emulator, runtime: Runtime
) -> None:
    """By the access lists of the objects; one that changes holds from then on."""
    bucket = f"source-{uuid.uuid4().hex[:12]}"
    await s3.create_bucket(
        Bucket=bucket,
        CreateBucketConfiguration={"LocationConstraint": aws.region},
        ObjectOwnership="ObjectWriter",
    )
    await s3.delete_public_access_block(Bucket=bucket)
    me = (await s3.list_buckets())["Owner"]["ID"]
    lists = AccessLists({me: "ann", "b" * 64: "ben"})
    await put(s3, bucket, private=b"1", public=b"2", shared=b"3")
    await s3.put_object_acl(Bucket=bucket, Key="public", ACL="public-read")
    await s3.put_object_acl(Bucket=bucket, Key="shared", GrantRead=f'id="{"b" * 64}"')
    assert await sync(s3, runtime, bucket, access_lists=lists) == SyncResult(ingested=3)
    assert await sync(s3, runtime, bucket, access_lists=lists) == SyncResult(unchanged=3)
    readers = {item.name: item.data.readers for item in await arrived(runtime)}
    assert readers["public"] is None
    assert readers["private"] == ("ann",)
    assert "ben" in (readers["shared"] or ())
    await s3.put_object_acl(Bucket=bucket, Key="public", ACL="private")
    assert await sync(s3, runtime, bucket, access_lists=lists) == SyncResult(
        ingested=1, unchanged=2
    )
    assert (await arrived(runtime))[-1].data.readers == ("ann",)


def test_who_is_not_known_here_may_see_nothing() -> None:
    grant = {"Permission": "READ", "Grantee": {"Type": "CanonicalUser", "ID": "stranger"}}
    writing = {"Permission": "WRITE", "Grantee": {"Type": "CanonicalUser", "ID": "a"}}
    assert AccessLists({"a": "ann"}).read([grant, writing]).readers == ()


async def test_a_full_sync_takes_all_under_the_same_ids(
    s3: Any, bucket: str, runtime: Runtime
) -> None:
    await put(s3, bucket, a=b"1", b=b"2")
    await sync(s3, runtime, bucket)
    assert await sync(s3, runtime, bucket, full=True) == SyncResult(ingested=2)
    found = await arrived(runtime)
    assert len(found) == 4
    assert len({item.event_id for item in found}) == 2


async def test_a_crash_right_after_an_announcement_announces_nothing_twice(
    s3: Any, bucket: str, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(s3, bucket, a=b"1", b=b"2")
    publish = runtime.bus.publish

    async def then_crash(*arguments: Any) -> None:
        await publish(*arguments)
        raise ConnectionAbortedError

    with monkeypatch.context() as patched:
        patched.setattr(runtime.bus, "publish", then_crash)
        with pytest.raises(ConnectionAbortedError):
            await sync(s3, runtime, bucket)
    await sync(s3, runtime, bucket)
    assert sorted(await names(runtime)) == ["a", "b"]


async def test_more_objects_than_a_listing_has(s3: Any, bucket: str, runtime: Runtime) -> None:
    for begin in range(0, 1010, 10):
        await asyncio.gather(
            *(put(s3, bucket, **{f"k{n}": b"same"}) for n in range(begin, begin + 10))
        )
    result = await sync(s3, runtime, bucket, patterns=Patterns(include=("k100?", "k1")))
    assert result == SyncResult(ingested=11, left_out=999)


async def test_only_what_the_patterns_want_below_the_prefix(
    s3: Any, bucket: str, runtime: Runtime
) -> None:
    keys = ("in/a.pdf", "in/deep/b.pdf", "in/c.txt", "in/draft/d.pdf", "out/e.pdf")
    for key in keys:
        await s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    wanted = Patterns(include=("*.pdf",), exclude=("draft/*",))
    result = await sync(s3, runtime, bucket, "in/", wanted)
    assert result == SyncResult(ingested=2, left_out=2)
    assert sorted(await names(runtime)) == ["a.pdf", "b.pdf"]


async def test_a_bucket_that_is_not_there_is_said(s3: Any, runtime: Runtime) -> None:
    with pytest.raises(StoreUnavailable, match="not-there"):
        await sync(s3, runtime, "not-there")


def notification(bucket: str, key: str) -> dict[str, Any]:
    item = {"key": key, "size": 1, "eTag": "e"}
    return {
        "Records": [
            {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": item}},
            {"eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": bucket}}},
        ]
    }


def test_every_way_a_notification_may_come() -> None:
    plain = notification("b", "a+name%C3%A9.pdf")
    bridged = {
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "b"}, "object": {"key": "a nameé.pdf", "etag": "e"}},
    }
    wanted = [S3Object("b", "a nameé.pdf", "e")]
    assert list(created_objects(json.dumps(plain))) == wanted
    wrapped = {"Type": "Notification", "Message": json.dumps(plain)}
    assert list(created_objects(json.dumps(wrapped))) == wanted
    assert list(created_objects(json.dumps(bridged))) == wanted
    assert list(created_objects('{"Event": "s3:TestEvent"}')) == []
    assert list(created_objects("not json")) == []


async def test_an_object_that_breaks_off_is_taken_the_next_time(
    aws: Emulator, s3: Any, bucket: str, runtime: Runtime
) -> None:
    await put(s3, bucket, a=b"x" * (1 << 20))
    async with cut_off_after(aws.endpoint_url, 300_000) as endpoint:
        settings = {**aws.client_settings, "endpoint_url": endpoint}
        async with aws_session().create_client("s3", **settings) as client:
            with pytest.raises(StoreUnavailable, match="s3://"):
                await sync(client, runtime, bucket)
    assert await arrived(runtime) == []
    assert await sync(s3, runtime, bucket) == SyncResult(ingested=1)


async def test_new_objects_are_taken_as_s3_tells_of_them(
    aws: Emulator, s3: Any, sqs: Any, bucket: str, runtime: Runtime
) -> None:
    queue = (await sqs.create_queue(QueueName=f"{bucket}-told"))["QueueUrl"]
    told = await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    await s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": told["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
            ]
        },
    )
    gone = json.dumps(notification(bucket, "never-there"))
    await sqs.send_message(QueueUrl=queue, MessageBody=gone)
    await sqs.send_message(QueueUrl=queue, MessageBody="nonsense")
    watch = Notifications(s3, sqs, queue, runtime, Patterns(exclude=("*.tmp",)), wait_seconds=1)
    watching = asyncio.create_task(watch.run())
    try:
        await put(s3, bucket, **{"one letter.txt": b"1", "in__two.txt": b"2", "three.tmp": b"3"})
        await until_named(runtime, "one letter.txt", "two.txt")
        async with asyncio.timeout(180):
            while await left(sqs, queue):
                await asyncio.sleep(0.05)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert watch.problem is None
    # What was taken on being told is not taken again by a sync.
    assert (await sync(s3, runtime, bucket)).ingested == 1


async def left(sqs: Any, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)
    return sum(int(value) for value in answer["Attributes"].values())


async def test_the_command(
    aws: Emulator, s3: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    await put(s3, bucket, **{"in__a.pdf": b"1", "in__b.txt": b"2"})
    command: list[str | Path] = [
        Path(sys.executable).with_name("lineal"), "sync", f"s3://{bucket}/in", "--json",
        "--include", "*.pdf", "--endpoint", aws.endpoint_url, "--data", tmp_path / "d",
    ]  # fmt: skip
    for options, expected in (([], (1, 0)), ([], (0, 1)), (["--full"], (1, 0))):
        ran = await asyncio.create_subprocess_exec(
            *command, *options, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await ran.communicate()
        assert ran.returncode == 0
        result = json.loads(said)
        assert (result["taken"], result["unchanged"], result["left_out"]) == (*expected, 1)


async def test_metadata_of_an_object_and_its_deletion(
    s3: Any, bucket: str, runtime: Runtime
) -> None:
    await put(s3, bucket, a=b"1", b=b"2")
    metadata = {"owner": "anna", "labels": {"year": "2024"}, "readers": ["ben"]}
    await put(s3, bucket, **{"a.metadata.json": json.dumps(metadata).encode()})
    assert await sync(s3, runtime, bucket) == SyncResult(ingested=2, left_out=1)
    assert await sync(s3, runtime, bucket) == SyncResult(unchanged=2, left_out=1)
    first = next(item.data for item in await arrived(runtime) if item.name == "a")
    assert (first.owner, first.labels, first.readers) == ("anna", {"year": "2024"}, ("ben",))
    await put(s3, bucket, **{"a.metadata.json": b'{"readers": []}'})
    assert await sync(s3, runtime, bucket) == SyncResult(ingested=1, unchanged=1, left_out=1)
    assert (await arrived(runtime))[-1].data.readers == ()
    await s3.delete_object(Bucket=bucket, Key="b")
    result = await sync(s3, runtime, bucket, deleted="hide")
    assert (result.unchanged, result.deleted) == (1, 1)
    assert (await sync(s3, runtime, bucket)).deleted == 0
    [event] = [item.event async for item in runtime.bus.read("document.source_deleted")]
    assert event.source == f"s3://{bucket}/b"
