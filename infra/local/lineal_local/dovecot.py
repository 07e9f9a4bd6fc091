"""A real Dovecot with users who have a password, or a token of an OAuth 2.0 server.

with Dovecot({"anna": "secret"}) as server:
    client = imaplib.IMAP4_SSL("localhost", server.tls_port, ssl_context=...server.ca_file)
    server.append("anna", b"From: ...")
"""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path

from lineal_local.availability import Unavailable, find_program
from lineal_local.certificates import CertificateAuthority
from lineal_local.ports import accepts, free_port
from lineal_local.process import ServerProcess
from lineal_local.server import LocalServer

_CONFIGURATION = """\
base_dir = {directory}/run
state_dir = {directory}/state
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{directory}/mail/%u
mail_fsync = never
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
auth_mechanisms = {mechanisms}
login_trusted_networks = 127.0.0.1
imap_capability = {capability}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
{tokens}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {directory}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={directory}/mail/%u
}}
"""
_TOKENS = """\
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {directory}/oauth2.conf
}}
"""
_OAUTH2 = """\
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
"""


class Dovecot(LocalServer):
    """One server on free ports of 127.0.0.1, without root's rights: started by root, it runs as
    another user.

    Args:
        users: passwords by user.
        introspection_url: where it asks an OAuth 2.0 server about a token (RFC 7662), so that
            users may show a token in place of a password.
        capability: what the server says it can do; empty for everything it can.
    """

    name = "dovecot"

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        introspection_url: str | None = None,
        capability: str = "",
    ) -> None:
        super().__init__()
        self.port = free_port()
        self.tls_port = free_port()
        self._users = dict(users)
        self._introspection_url = introspection_url
        self._capability = capability

    @property
    def ca_file(self) -> Path:
        """The authority that signed the server's certificate."""
        return self.directory / "ca.pem"

    def append(self, user: str, message: bytes, folder: str = "INBOX") -> None:
        """Put a message into a folder of a user, as a mail program would."""
        with imaplib.IMAP4("127.0.0.1", self.port) as client:
            client.login(user, self._users[user])
            answer, said = client.append(folder, "", "", message)
            if answer != "OK":
                raise RuntimeError(f"dovecot does not take the message: {said!r}")

    def _prepare(self) -> None:
        find_dovecot()

    def _make(self, directory: Path) -> list[ServerProcess]:
        program, runs_as = find_dovecot(), _unprivileged_user()
        entry = pwd.getpwnam(runs_as) if runs_as else pwd.getpwuid(os.geteuid())
        server = CertificateAuthority(directory).server("dovecot")
        tokens = ""
        if self._introspection_url is not None:
            tokens = _TOKENS.format(directory=directory)
            (directory / "oauth2.conf").write_text(_OAUTH2.format(url=self._introspection_url))
        lines = "".join(f"{user}:{password}\n" for user, password in self._users.items())
        (directory / "users").write_text(lines)
        configuration = directory / "dovecot.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                directory=directory,
                user=entry.pw_name,
                group=_group_name(entry.pw_gid),
                certificate=server.certificate,
                key=server.key,
                mechanisms="plain login" + (" xoauth2 oauthbearer" if tokens else ""),
                port=self.port,
                tls_port=self.tls_port,
                tokens=tokens,
                capability=self._capability,
            )
        )
        for name in ("run", "state", "mail"):
            (directory / name).mkdir()
        if runs_as is not None:
            for path in (directory, *directory.rglob("*")):
                shutil.chown(path, runs_as)
        return [
            ServerProcess(
                "dovecot",
                [program, "-F", "-c", configuration],
                log=directory / "dovecot.log",
                ready=lambda: accepts(self.port) and accepts(self.tls_port),
                directory=directory,
                user=runs_as,
            )
        ]


def find_dovecot() -> str:
    """The path of the server; Unavailable when it is not installed."""
    program = find_program("dovecot")
    if program is None:
        raise Unavailable(
            "dovecot", "install dovecot with IMAP (Debian, Ubuntu: apt install dovecot-imapd)"
        )
    return program


def _group_name(number: int) -> str:
    import grp

    return grp.getgrgid(number).gr_name


def _unprivileged_user() -> str | None:
    """Whom root runs the server as; None for anybody else, who runs it as himself."""
    return "nobody" if os.geteuid() == 0 else None
