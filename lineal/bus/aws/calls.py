"""Clients of SNS, SQS and STS, and what their errors mean."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any, NoReturn

from aiobotocore.config import AioConfig
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from lineal.aws_session import aws_session
from lineal.bus.aws.address import Address
from lineal.errors import BusUnavailable, LinealError

_CONNECTIONS = 96
"""More than receive, publish and delete at the same time."""
_READ_SECONDS = 40
"""Longer than the longest long poll."""
_MAX_ATTEMPTS = 6
_MISSING = frozenset(
    {
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "ResourceNotFound",
        "ResourceNotFoundException",
    }
)
_WRONG = frozenset(
    {
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "ParameterValueInvalid",
        "ValidationError",
        "ValidationException",
        "InvalidMessageContents",
        "MessageTooLong",
    }
)


class Missing(LinealError, LookupError):
    """There is no such topic, queue or subscription."""


class RequestRejected(LinealError, ValueError):
    """AWS will never take what it was given."""


@dataclass(frozen=True, slots=True)
class Aws:
    """Open clients.

    Attributes:
        account: the account's number, part of every ARN.
        partition: of AWS: ``aws``, ``aws-cn``, ``aws-us-gov``.
    """

    sns: Any
    sqs: Any
    region: str
    account: str
    partition: str

    def topic_arn(self, resource: str) -> str:
        return f"arn:{self.partition}:sns:{self.region}:{self.account}:{resource}"

    def queue_arn(self, resource: str) -> str:
        return f"arn:{self.partition}:sqs:{self.region}:{self.account}:{resource}"


def client_config() -> AioConfig:
    """How calls are repeated: each by itself, with growing pauses.

    Not botocore's adaptive mode: one rate for all calls of a client would hold up deletions and
    extensions because of throttled receives, until the messages at work are lost.

    What botocore does for every call and need not: composing the name of the caller anew, and
    looking for mistakes in calls that are always of one form. AWS looks for them too.
    """
    return AioConfig(
        user_agent=f"lineal/{version('lineal')}",
        parameter_validation=False,
        retries={"mode": "standard", "max_attempts": _MAX_ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        read_timeout=_READ_SECONDS,
        connect_timeout=5,
    )


@contextlib.asynccontextmanager
async def connect(address: Address) -> AsyncIterator[Aws]:
    """Open the clients. Credentials come from where every AWS tool takes them.

    Raises:
        BusUnavailable: AWS cannot be reached, or does not know us.
    """
    session = aws_session()
    settings = {
        "region_name": address.region,
        "endpoint_url": address.endpoint,
        "config": client_config(),
    }
    async with contextlib.AsyncExitStack() as stack:
        try:
            sns = await stack.enter_async_context(session.create_client("sns", **settings))
            sqs = await stack.enter_async_context(session.create_client("sqs", **settings))
            sts = await stack.enter_async_context(session.create_client("sts", **settings))
        except BotoCoreError as error:
            raise BusUnavailable(f"AWS: {error}") from error
        except ValueError as error:  # an endpoint that is no URL
            raise BusUnavailable(f"AWS: {error}") from error
        sns.meta.events.register_first("request-created.sns", _encode_form)
        identity = await ask(sts.get_caller_identity)
        partition = identity["Arn"].split(":")[1]
        yield Aws(sns, sqs, address.region, identity["Account"], partition)


def _encode_form(request: AWSRequest, **_: Any) -> None:
    """botocore encodes a form to sign it, and once more to send it: a quarter of a call's CPU."""
    if isinstance(request.data, dict):
        request.data = encoded_form(request.data)


def encoded_form(fields: Mapping[str, Any]) -> bytes:
    """The same as by :func:`urllib.parse.urlencode`, which looks at each byte in Python."""
    return b"&".join(
        b"=".join((_quoted_name(name), _quoted(str(value)))) for name, value in fields.items()
    )


def _quoted(text: str) -> bytes:
    quoted = text.encode()
    if quoted.isalnum():
        return quoted
    for byte, code in _FREQUENT:
        quoted = quoted.replace(byte, code)
    return _TO_QUOTE.sub(_quote, quoted)


def _quote(found: re.Match[bytes]) -> bytes:
    return _QUOTED[found[0]]


_quoted_name = lru_cache(maxsize=1024)(_quoted)
_QUOTED = {bytes((byte,)): b"%%%02X" % byte for byte in range(256)} | {b" ": b"+"}
_FREQUENT = [(byte, _QUOTED[byte]) for byte in (bytes((b,)) for b in b'%"{}:,/[]@=+')]
"""What JSON and times are full of; the percent sign, which all codes begin with, comes first."""
_TO_QUOTE = re.compile(rb"[^A-Za-z0-9_.~%-]")


async def ask(call: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
    """Make a call.

    Raises:
        Missing: the resource does not exist. RequestRejected: AWS will never accept the request.
        BusUnavailable: anything else: AWS away, throttling for too long, no permission. None of
            that is the fault of an event.
    """
    try:
        return await call(**arguments)
    except ClientError as error:
        _translate(error)
    except (BotoCoreError, TimeoutError, OSError) as error:
        raise BusUnavailable(f"AWS: {error}") from error


def _translate(error: ClientError) -> NoReturn:
    details = error.response.get("Error", {})
    code = str(details.get("Code", ""))
    text = f"{error.operation_name}: {code}: {details.get('Message', '')}"
    if code in _MISSING:
        raise Missing(text) from error
    if code in _WRONG:
        raise RequestRejected(text) from error
    raise BusUnavailable(f"AWS: {text}") from error


def is_sender_fault(entry: Mapping[str, Any]) -> bool:
    """Whether an entry that a batch call failed for will never succeed."""
    return bool(entry.get("SenderFault")) and str(entry.get("Code", "")) in _WRONG
