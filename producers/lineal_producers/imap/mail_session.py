"""A login at a mail server with a selected folder; every call blocks.

IMAP as of RFC 9051, IDLE of RFC 2177, MOVE of RFC 6851, UIDPLUS of RFC 4315, XOAUTH2 as Google and
Microsoft document it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from lineal.errors import LinealError
from lineal_producers.imap.access_tokens import AccessTokens
from lineal_producers.imap.settings import MailboxSettings

_CONNECT_SECONDS = 30
_ANSWER_SECONDS = 120


class MailServerError(LinealError):
    """The mail server cannot be reached, or does not do what it is asked."""


class ConnectionEnded(MailServerError):
    """The connection is of no use any more."""


class MailSession:
    """An open connection.

    Raises:
        MailServerError: it cannot be opened.
        TokenRejected, OSError: there is no secret to show.
    """

    def __init__(self, settings: MailboxSettings, tokens: AccessTokens | None) -> None:
        self._settings = settings
        self._client = _connect(settings)
        try:
            with _errors(f"{settings.host} does not let {settings.user} in"):
                _log_in(self._client, settings, tokens)
            with _errors(f"the folder {settings.folder} cannot be opened"):
                if settings.move_to and not self._client.folder_exists(settings.move_to):
                    self._client.create_folder(settings.move_to)
                selected = self._client.select_folder(settings.folder)
                self.uidvalidity = int(selected[b"UIDVALIDITY"])
            self.can_idle = bool(self._client.has_capability("IDLE"))
            self._can_move = bool(self._client.has_capability("MOVE"))
            if settings.move_to and not (self._can_move or self._client.has_capability("UIDPLUS")):
                raise MailServerError(
                    f"{settings.host} can move no messages: remove move_to, and they are flagged"
                )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection; may be called from another thread, and ends a wait there."""
        try:
            self._client.shutdown()
        except (OSError, IMAPClientError):
            return

    def waiting(self) -> list[int]:
        """The UIDs of messages that are not marked as taken, oldest first."""
        keyword = None if self._settings.move_to else self._settings.flag
        self._client._imap.response("EXISTS")  # what was told until now is found by this search
        with _errors("the folder cannot be searched"):
            found = self._client.search(["UNKEYWORD", keyword] if keyword else "ALL")
        return sorted(map(int, found))

    def size(self, uid: int) -> int | None:
        """The bytes of a message; None when it is gone."""
        with _errors("a message cannot be looked at"):
            answer = self._client.fetch([uid], ["RFC822.SIZE"])
        return int(answer[uid][b"RFC822.SIZE"]) if uid in answer else None

    def read(self, uid: int, max_bytes: int | None = None) -> bytes | None:
        """A message as it was sent, or the beginning of it; None when it is gone. It stays unread
        for its owner."""
        part = "" if max_bytes is None else f"<0.{max_bytes}>"
        with _errors("a message cannot be read"):
            answer = self._client.fetch([uid], [f"BODY.PEEK[]{part}"])
        for name, value in answer.get(uid, {}).items():
            if name.startswith(b"BODY["):
                return bytes(value)
        return None

    def mark_ingested(self, uids: Sequence[int]) -> None:
        """Move messages, or flag them; those that are gone are left out by the server."""
        folder = self._settings.move_to
        with _errors("messages that were taken cannot be moved or flagged"):
            if folder is None:
                self._client.add_flags(uids, [self._settings.flag], silent=True)
            elif self._can_move:
                self._client.move(uids, folder)
            else:
                self._client.copy(uids, folder)
                self._client.add_flags(uids, [rb"\Deleted"], silent=True)
                # Not EXPUNGE: that would delete what its owner has marked, too.
                self._client.uid_expunge(uids)

    def wait(self, seconds: float) -> None:
        """Wait until the server tells of something, or a time is up.

        A server tells of a message once, also in its answer to another command: what it has told
        since the last search is not waited for.
        """
        if self._client._imap.response("EXISTS")[1] != [None]:
            return
        with _errors("waiting for messages"):
            self._client.idle()
            self._client.idle_check(timeout=0 if self._has_read_ahead() else seconds)
            self._client.idle_done()

    def _has_read_ahead(self) -> bool:
        """Whether something came in one piece with the answer to IDLE: it has left the socket, at
        which the library would wait for it."""
        connection = self._client.socket()
        connection.setblocking(False)
        try:
            return bool(self._client._imap.file.peek(1))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            connection.settimeout(_ANSWER_SECONDS)


def _connect(settings: MailboxSettings) -> IMAPClient:
    context = ssl.create_default_context(cafile=settings.ca)
    with _errors(f"{settings.host}:{settings.connected_port} cannot be reached"):
        client = IMAPClient(
            settings.host,
            settings.connected_port,
            ssl=settings.tls == "implicit",
            ssl_context=context if settings.tls == "implicit" else None,
            timeout=SocketTimeout(_CONNECT_SECONDS, _ANSWER_SECONDS),
        )
        if settings.tls == "starttls":
            client.starttls(context)
    return client


def _log_in(client: IMAPClient, settings: MailboxSettings, tokens: AccessTokens | None) -> None:
    if tokens is None:
        client.login(settings.user, settings.read_password())
        return
    try:
        client.oauth2_login(settings.user, tokens.get())
    except LoginError:
        tokens.forget()
        raise


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Turn the library's errors into ours; those of the connection say that it has ended.

    Raises:
        MailServerError, ConnectionEnded
    """
    try:
        yield
    except (IMAPClientAbortError, OSError) as error:
        raise ConnectionEnded(f"{what}: {error}") from error
    except IMAPClientError as error:
        raise MailServerError(f"{what}: {error}") from error
