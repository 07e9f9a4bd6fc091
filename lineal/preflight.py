"""Checks that the bus and the object store of the settings can be reached and used; changes
nothing."""

from __future__ import annotations

from lineal.backends import brokers_of, needs, unsupported_bus, unsupported_objects
from lineal.settings import Settings


async def preflight_bus(settings: Settings) -> str:
    """What there is, in a few words.

    Raises:
        UnsupportedSetting, MalformedAddress: the settings name no bus that this lineal has.
        BusUnavailable: it cannot be reached, or does not let us in.
    """
    if settings.bus.startswith("kafka://"):
        with needs("kafka", "the bus on Kafka"):
            from lineal.bus.kafka.preflight import preflight
        return await preflight(brokers_of(settings.bus), settings.kafka)
    if settings.bus.startswith("aws:"):
        with needs("aws", "the bus on AWS"):
            from lineal.bus.aws.address import parse_address
            from lineal.bus.aws.calls import connect
        async with connect(parse_address(settings.bus)) as aws:
            return f"account {aws.account} of AWS, region {aws.region}"
    raise unsupported_bus(settings.bus)


async def preflight_objects(settings: Settings) -> str:
    """What there is, in a few words.

    Raises:
        UnsupportedSetting, MalformedBucket: the settings name no place that this lineal has.
        StoreUnavailable: it cannot be reached, or is not there.
    """
    if settings.objects.startswith("s3:"):
        with needs("aws", "a bucket for objects"):
            from lineal.store.s3 import parse_bucket, reach_bucket
        bucket = parse_bucket(settings.objects)
        async with reach_bucket(bucket):
            return f"bucket {bucket.name}" + (f", below {bucket.prefix}" if bucket.prefix else "")
    raise unsupported_objects(settings.objects)
