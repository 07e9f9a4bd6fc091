"""S3's errors as ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from botocore.exceptions import ClientError

from lineal.errors import LinealError, StoreUnavailable
from lineal.store.s3 import AWAY

_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})


class ObjectDeleted(LinealError, LookupError):
    """The object is not in the bucket any more."""


@contextlib.contextmanager
def errors(what: str) -> Iterator[None]:
    """Turn S3's errors into ours.

    Raises:
        ObjectDeleted, StoreUnavailable
    """
    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        if str(told.get("Code")) in _MISSING:
            raise ObjectDeleted(f"{what} is not there") from error
        raise StoreUnavailable(f"{what}: {told.get('Code')}: {told.get('Message')}") from error
    except AWAY as error:
        raise StoreUnavailable(f"{what}: {error}") from error
