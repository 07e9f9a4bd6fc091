"""Messages of a real mail server arrive once, and are then moved or flagged."""

from __future__ import annotations

import asyncio
import imaplib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from imapclient import IMAPClient
from pydantic import ValidationError

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.retry import RetryPolicy
from lineal_local.dovecot import Dovecot
from lineal_producers.imap.mail_session import MailSession
from lineal_producers.imap.mailbox import MailboxWatch, message_name
from lineal_producers.imap.settings import MailboxSettings
from lineal_producers.quota.settings import QuotaSettings
from tests.producers.arrivals import arrived, content, names, until, until_named
from tests.services.dovecot import PASSWORD
from tests.services.oauth import OAuthServer

Watching = Callable[..., AbstractAsyncContextManager[MailboxWatch]]


def message(subject: str, body: str = "hello") -> bytes:
    return f"From: a@example.org\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


def in_folder(server: Dovecot, user: str, folder: str, criterion: str = "ALL") -> int:
    """How many messages are in a folder of a user."""
    with imaplib.IMAP4("127.0.0.1", server.port) as client:
        client.login(user, PASSWORD)
        if client.select(f'"{folder}"', readonly=True)[0] != "OK":
            return 0
        return len(client.search(None, criterion)[1][0].split())


@pytest.fixture
def watching(runtime: Runtime, dovecot: Dovecot, mail_user: str) -> Watching:
    @asynccontextmanager
    async def run(**given: Any) -> AsyncIterator[MailboxWatch]:
        secret = {} if "oauth" in given else {"password": PASSWORD}
        place = {"host": "localhost", "port": dovecot.tls_port, "ca": dovecot.ca_file}
        settings = MailboxSettings.model_validate({**place, "user": mail_user, **secret, **given})
        quick = RetryPolicy(first_seconds=0.05, max_seconds=0.2)
        watch = MailboxWatch(runtime, settings, reconnects=quick)
        task = asyncio.create_task(watch.run())
        try:
            yield watch
        finally:
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended

    return run


async def test_messages_arrive_as_they_were_sent_and_are_moved(
    runtime: Runtime, dovecot: Dovecot, mail_user: str, watching: Watching
) -> None:
    dovecot.append(mail_user, message("=?utf-8?q?Rechnung_f=C3=BCr_M=C3=A4rz?="))
    async with watching(move_to="Done", owner="anna", labels={"from": "mail"}):
        await until_named(runtime, "Rechnung für März.eml")
        dovecot.append(mail_user, message("told by IDLE"))
        await until_named(runtime, "Rechnung für März.eml", "told by IDLE.eml")
        await until(lambda: asyncio.to_thread(lambda: in_folder(dovecot, mail_user, "Done") == 2))
    assert in_folder(dovecot, mail_user, "INBOX") == 0
    first = (await arrived(runtime))[0]
    assert (first.data.owner, first.data.labels) == ("anna", {"from": "mail"})
    assert first.data.content is not None
    assert first.data.content.media_type == "message/rfc822"
    assert await content(runtime, first) == message("=?utf-8?q?Rechnung_f=C3=BCr_M=C3=A4rz?=")


@pytest.mark.parametrize("step", [(MailSession, "mark_ingested"), (IMAPClient, "idle")])
async def test_a_message_that_comes_before_the_wait_is_not_waited_for(
    runtime: Runtime,
    dovecot: Dovecot,
    mail_user: str,
    watching: Watching,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[type, str],
) -> None:
    """The server tells of it in its answer to the command before, and not again."""
    real = getattr(*step)
    late = [message("late")]

    def come_late(*arguments: Any) -> Any:
        if late:
            dovecot.append(mail_user, late.pop())
        return real(*arguments)

    monkeypatch.setattr(*step, come_late)
    dovecot.append(mail_user, message("early"))
    async with watching(move_to="Done", poll_seconds=3600):
        await until_named(runtime, "early.eml", "late.eml")


async def test_without_a_folder_they_stay_unread_with_a_flag(
    runtime: Runtime, dovecot: Dovecot, mail_user: str, watching: Watching
) -> None:
    dovecot.append(mail_user, message("one"))
    async with watching():
        await until_named(runtime, "one.eml")
        await until(
            lambda: asyncio.to_thread(
                lambda: in_folder(dovecot, mail_user, "INBOX", "KEYWORD $LinealTaken") == 1
            )
        )
    assert in_folder(dovecot, mail_user, "INBOX", "UNSEEN") == 1
    dovecot.append(mail_user, message("two"))
    async with watching():
        await until_named(runtime, "one.eml", "two.eml")


async def test_a_message_that_is_too_large_is_rejected_with_the_limit(
    runtime: Runtime, dovecot: Dovecot, mail_user: str, watching: Watching
) -> None:
    dovecot.append(mail_user, message("large", "x" * (1 << 20)))
    async with watching(message_mb=1):
        await until_named(runtime, "large.eml")
    (found,) = await arrived(runtime)
    assert found.data.content is None
    assert "larger than 1 MB" in str(found.data.problem)


async def test_a_message_beyond_the_owners_quota_is_rejected_with_what_they_have(
    runtime: Runtime, dovecot: Dovecot, mail_user: str, watching: Watching
) -> None:
    runtime.settings = runtime.settings.with_section(QuotaSettings(documents=1))
    for name in ("one", "two"):
        dovecot.append(mail_user, message(name))
    async with watching(owner="ann"):
        await until_named(runtime, "one.eml", "two.eml")
    problems = [item.data.problem for item in await arrived(runtime)]
    assert problems[0] is None
    assert "ann has 1 documents and may have 1" in str(problems[1])


async def test_it_connects_again_when_the_server_was_killed(
    runtime: Runtime, dovecot: Dovecot, mail_user: str, watching: Watching
) -> None:
    async with watching(move_to="Done") as watch:
        dovecot.append(mail_user, message("before"))
        await until_named(runtime, "before.eml")
        await asyncio.to_thread(dovecot.kill)

        async def noticed() -> bool:
            return watch.problem is not None

        await until(noticed)
        await asyncio.to_thread(dovecot.restart)
        await asyncio.to_thread(dovecot.append, mail_user, message("after"))
        await until_named(runtime, "before.eml", "after.eml")

        async def well() -> bool:
            return watch.problem is None

        await until(well)


async def test_a_wrong_password_is_said(watching: Watching) -> None:
    async with watching(password="wrong") as watch:

        async def refused() -> bool:
            return watch.problem is not None

        await until(refused)
        assert "does not let" in str(watch.problem)
        assert "wrong" not in str(watch.problem)


async def test_a_mailbox_is_opened_with_a_token_that_is_fetched_again_when_it_ends(
    runtime: Runtime,
    dovecot: Dovecot,
    oauth: OAuthServer,
    mail_user: str,
    watching: Watching,
    tmp_path: Path,
) -> None:
    file = tmp_path / "refresh"
    file.write_text(oauth.refresh_token(mail_user))
    settings = {
        "token_url": oauth.token_url, "client_id": oauth.client_id, "refresh_token_file": str(file),
    }  # fmt: skip
    dovecot.append(mail_user, message("one"))
    before = oauth.fetched
    async with watching(move_to="Done", oauth=settings):
        await until_named(runtime, "one.eml")
        assert oauth.fetched == before + 1
        oauth.revoke()
        await asyncio.to_thread(dovecot.kill)
        await asyncio.to_thread(dovecot.restart)
        await asyncio.to_thread(dovecot.append, mail_user, message("two"))
        await until_named(runtime, "one.eml", "two.eml")
    assert oauth.fetched == before + 2
    assert file.stat().st_mode & 0o077 == 0
    # The server took the first one back when it sent the next: what is written now is the next.
    async with watching(move_to="Done", oauth=settings):
        await asyncio.to_thread(dovecot.append, mail_user, message("three"))
        await until_named(runtime, "one.eml", "two.eml", "three.eml")


TAKER = """
import asyncio, json, os, signal, sys
from pathlib import Path
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_producers.imap.mail_session import MailSession
from lineal_producers.imap.mailbox import MailboxWatch
from lineal_producers.imap.mail_session import MailSession
from lineal_producers.imap.settings import MailboxSettings

steps = int(sys.argv[3])

def step():
    global steps
    steps -= 1
    if steps == 0:
        os.kill(os.getpid(), signal.SIGKILL)

async def main(data, settings):
    async with open_runtime(Settings(data=data, durability="normal")) as runtime:
        publish, mark, wait = runtime.bus.publish, MailSession.mark_ingested, MailSession.wait

        async def published(outputs, effects=()):
            step()
            await publish(outputs, effects)
            step()

        def marked(self, uids):
            mark(self, uids)
            step()

        def waited(self, seconds):
            os.kill(os.getpid(), signal.SIGTERM)
            wait(self, seconds)

        runtime.bus.publish = published
        MailSession.mark_ingested, MailSession.wait = marked, waited
        await MailboxWatch(runtime, MailboxSettings.model_validate(settings)).run()

asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
"""


@pytest.mark.parametrize("move_to", ["Done", None])
async def test_killed_between_any_two_steps_no_message_is_lost_or_arrives_twice(
    dovecot: Dovecot, mail_user: str, tmp_path: Path, move_to: str | None
) -> None:
    subjects = [f"{number}" for number in range(4)]
    for subject in subjects:
        dovecot.append(mail_user, message(subject))
    settings = {
        "host": "localhost", "port": dovecot.tls_port, "ca": str(dovecot.ca_file),
        "user": mail_user, "password": PASSWORD, "move_to": move_to,
    }  # fmt: skip
    # Each try is killed one step later than the one before; the last runs until nothing is left.
    for steps in (1, 2, 3, 5, 0):
        arguments = [sys.executable, "-c", TAKER, str(tmp_path), json.dumps(settings), str(steps)]
        ended = await asyncio.to_thread(
            subprocess.run, arguments, timeout=60, check=False, env=os.environ
        )
        assert ended.returncode == (-signal.SIGKILL if steps else -signal.SIGTERM)
    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        assert sorted(await names(runtime)) == [f"{subject}.eml" for subject in subjects]
    criterion = "ALL" if move_to else "KEYWORD $LinealTaken"
    assert in_folder(dovecot, mail_user, move_to or "INBOX", criterion) == len(subjects)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": None}, "one of password"),
        ({"password_file": "also"}, "one of password"),
        ({"tls": "none", "host": "mail.example.org"}, "this machine only"),
        (
            {
                "password": None,
                "oauth": {
                    "token_url": "http://example.org", "client_id": "x", "refresh_token_file": "y",
                },
            },
            "not https",
        ),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_said(wrong: dict[str, Any], said: str) -> None:
    mailbox = {"host": "localhost", "user": "u", "password": "p", **wrong}
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate({"imap": {"mailboxes": [mailbox]}})


@pytest.mark.parametrize(
    ("subject", "name"),
    [("a/b\\c", "a b c.eml"), ("", "message.eml"), ("x" * 500, f"{'x' * 120}.eml")],
)
def test_a_document_is_named_by_its_subject(subject: str, name: str) -> None:
    assert message_name(message(subject)) == name


@given(st.binary(max_size=200))
@example(b"Subject: =?utf-8?q?=00?=")
@example(b"Subject: =?unknown?b?////?=\n x")
def test_whatever_a_header_holds_there_is_a_name(header: bytes) -> None:
    name = message_name(b"Subject: " + header + b"\r\n\r\n")
    assert name.endswith(".eml")
    assert name.isprintable()
    assert name.encode()
