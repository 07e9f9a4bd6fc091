"""Sessions of AWS clients that share what describes the services."""

from __future__ import annotations

from functools import cache

from aiobotocore.session import AioSession, get_session
from botocore.loaders import Loader, create_loader


def aws_session() -> AioSession:
    """A new session. Its clients take credentials from where every AWS tool takes them."""
    session = get_session()
    loader = _loader(session.get_config_variable("data_path"))
    session.register_component("data_loader", loader)
    return session


@cache
def _loader(data_path: str | None) -> Loader:
    """Reads megabytes of JSON for the first client of a process, a tenth of a second, and keeps
    them: botocore's own reads them again for each session."""
    return create_loader(data_path)
