"""``lineal user``: who may log in, in which role."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lineal_cli.options import (
    CommandFailed,
    DataOption,
    JsonOption,
    data_folder,
    load_settings,
)
from lineal_cli.printing import print_json, print_table, recently
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.access.users import User
    from lineal.store.connection import Connection

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Users and their roles, and an address to log in.",
)

R = TypeVar("R")

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
RoleArgument = Annotated[
    str, typer.Argument(metavar="ROLE", help="reader, uploader, reviewer, operator or owner.")
]


@app.command()
def add(
    name: NameArgument,
    role: RoleArgument,
    password: Annotated[
        bool,
        typer.Option(
            "--password/--no-password",
            help="Ask for a password, or read it from standard input; without one a user can "
            "only have tokens.",
        ),
    ] = True,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a user."""
    from lineal.access.passwords import hash_password
    from lineal.access.users import add_user
    from lineal_schemas.envelope import now_us

    chosen = _role(role)
    folder = data_folder(data)
    kept = hash_password(_read_password()) if password else None
    added = _change(
        folder,
        name,
        lambda c: add_user(c, name, chosen, kept, now_us()),
        action="user added",
        role=role,
    )
    _report(f"added {name}, {role}", added, as_json)


@app.command("list")
def list_all(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List users and their roles."""
    from lineal.access.users import list_users

    users = asyncio.run(_read(existing_data(data), list_users))
    if as_json:
        print_json([_fields(user) for user in users])
        return
    print_table(
        ("user", "role", "password", "added"),
        [
            (user.name, user.role, "yes" if user.password else "no", recently(user.created))
            for user in users
        ],
        empty="No user yet: whoever owns the data folder is the owner. "
        "`lineal user add NAME ROLE` adds others.",
    )


@app.command()
def role(
    name: NameArgument, role: RoleArgument, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Give a user another role; it holds at once, for their tokens too."""
    from lineal.access.users import find_user, set_role

    chosen = _role(role)

    def change(connection: Connection) -> User:
        set_role(connection, name, chosen)
        return find_user(connection, name)

    changed = _change(existing_data(data), name, change, action="role changed", role=role)
    _report(f"{name} is {role} now", changed, as_json)


@app.command()
def password(name: NameArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Set a user's password; whoever is logged in as that user no longer is."""
    from lineal.access.passwords import hash_password
    from lineal.access.users import find_user, set_password

    folder = existing_data(data)
    kept = hash_password(_read_password())

    def change(connection: Connection) -> User:
        set_password(connection, name, kept)
        return find_user(connection, name)

    changed = _change(folder, name, change, action="password changed")
    _report(f"{name} has a new password", changed, as_json)


@app.command()
def remove(name: NameArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Remove a user; their tokens are revoked and their sessions ended."""
    from lineal.access.users import find_user, remove_user
    from lineal_schemas.envelope import now_us

    def change(connection: Connection) -> User:
        user = find_user(connection, name)
        remove_user(connection, name, now_us())
        return user

    removed = _change(existing_data(data), name, change, action="user removed")
    _report(f"removed {name}", removed, as_json)


@app.command()
def address(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="For this user; for the owner without.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the service; 8480.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an address that logs a browser in, once, within ten minutes."""
    from lineal.access.sessions import KEY_SECONDS, new_session
    from lineal.access.users import find_user
    from lineal_schemas.envelope import now_us

    folder = existing_data(data)

    def change(connection: Connection) -> str:
        if name is not None:
            find_user(connection, name)
        return new_session(connection, "key", name, now_us())

    who = name or "owner"
    key = _change(folder, who, change, action="one-time key made")
    settings = load_settings(folder)
    url = login_address(f"http://127.0.0.1:{port or settings.port}", key)
    if as_json:
        print_json({"url": url, "seconds": KEY_SECONDS})
    else:
        typer.echo(url)


def login_address(url: str, key: str) -> str:
    """Where a browser shows a one-time key."""
    return f"{url}/login?key={key}"


def _role(name: str) -> Any:
    from lineal.access.acts import UnknownAct, read_role

    try:
        return read_role(name)
    except UnknownAct as error:
        raise typer.BadParameter(str(error), param_hint="ROLE") from error


def _read_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise CommandFailed("there is no password on standard input; --no-password adds none")
    return given


def _change(
    folder: Path, name: str, change: Callable[[Connection], R], **attributes: int | str
) -> R:
    from lineal.access.credential import owner_credential
    from lineal.access.records import change_access
    from lineal.runtime import open_runtime

    async def changed() -> R:
        async with open_runtime(load_settings(folder)) as runtime:
            return await change_access(
                runtime, owner_credential(), f"user:{name}", change, **attributes
            )

    return asyncio.run(changed())


async def _read(folder: Path, question: Callable[[Connection], R]) -> R:
    from lineal.runtime import open_runtime

    async with open_runtime(load_settings(folder)) as runtime:
        return await runtime.store.read(question)


def _fields(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "password": user.password is not None,
        "created_us": user.created,
    }


def _report(line: str, user: User, as_json: bool) -> None:
    if as_json:
        print_json(_fields(user))
    else:
        typer.echo(line)
