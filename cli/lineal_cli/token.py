"""``lineal token``: what programs show to be let in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import DataOption, JsonOption, data_folder, load_settings
from lineal_cli.printing import print_json, print_table, recently, when
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.access.tokens import ApiToken

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="API tokens: create, list and revoke."
)

_DAY_US = 86_400_000_000


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What shows it, for the records.")],
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="ACT,...",
            help="What it is for: read, upload, publish, metrics, ..., or a role, which is all "
            "that the role may do.",
        ),
    ],
    event_type: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="PATTERN", help="Publish these event types only; * and ? allowed."
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Never more than this user may do; the owner without."),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(metavar="OWNER", help="Put documents under this owner's name, and no other."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="Until it expires.")] = 365,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token. It is shown once: only its digest is kept."""
    from lineal.access.acts import UnknownAct, read_acts
    from lineal.access.credential import owner_credential
    from lineal.access.records import change_access
    from lineal.access.tokens import create_token, record_of_token
    from lineal.access.users import find_user
    from lineal.runtime import open_runtime
    from lineal.store.connection import Connection
    from lineal_schemas.envelope import now_us

    try:
        acts = read_acts(",".join(scope))
    except UnknownAct as error:
        raise typer.BadParameter(str(error), param_hint="--scope") from error
    if not acts:
        raise typer.BadParameter("a token is for something", param_hint="--scope")
    if any("," in pattern for pattern in event_type or ()):
        raise typer.BadParameter("give each pattern its own --type", param_hint="--type")
    now = now_us()
    expires = now + days * _DAY_US
    types = tuple(event_type) if event_type else None

    def change(connection: Connection) -> tuple[ApiToken, str]:
        if user is not None:
            find_user(connection, user)
        return create_token(
            connection,
            name,
            acts,
            user=user,
            types=types,
            expires=expires,
            now=now,
            owner=owner,
        )

    async def made(folder: Path) -> tuple[ApiToken, str]:
        async with open_runtime(load_settings(folder)) as runtime:
            return await change_access(
                runtime,
                owner_credential(),
                f"token:{name}",
                change,
                action="token created",
                **record_of_token(
                    ",".join(sorted(acts)), user=user, expires=expires, owner=owner,
                    types=None if types is None else ",".join(types),
                ),
            )  # fmt: skip

    token, secret = asyncio.run(made(data_folder(data)))
    if as_json:
        print_json({**_fields(token), "token": secret})
        return
    typer.echo(secret)
    typer.echo("Keep it now: it is not shown again.", err=True)


@app.command("list")
def list_all(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List tokens, without what they are."""
    from lineal.access.tokens import list_tokens
    from lineal.runtime import open_runtime
    from lineal_schemas.envelope import now_us

    async def found(folder: Path) -> list[ApiToken]:
        async with open_runtime(load_settings(folder)) as runtime:
            return await runtime.store.read(list_tokens)

    tokens = asyncio.run(found(existing_data(data)))
    if as_json:
        print_json([_fields(token) for token in tokens])
        return
    now = now_us()
    print_table(
        ("token", "id", "of", "scope", "types", "under", "state", "until", "created"),
        [
            (
                token.name,
                token.id,
                token.user or "owner",
                " ".join(sorted(token.acts)),
                " ".join(token.types or ()),
                token.owner or "",
                _state(token, now),
                "" if token.expires is None else when(token.expires).partition(" ")[0],
                recently(token.created),
            )
            for token in tokens
        ],
        empty="No token yet: `lineal token create NAME --scope upload` makes one.",
    )


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="TOKEN", help="Its name or its id.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a token; whoever shows it is refused from now on."""
    from lineal.access.credential import owner_credential
    from lineal.access.records import change_access
    from lineal.access.tokens import revoke_token
    from lineal.runtime import open_runtime
    from lineal_schemas.envelope import now_us

    async def revoked(folder: Path) -> ApiToken:
        async with open_runtime(load_settings(folder)) as runtime:
            return await change_access(
                runtime,
                owner_credential(),
                f"token:{name}",
                lambda c: revoke_token(c, name, now_us()),
                action="token revoked",
            )

    token = asyncio.run(revoked(existing_data(data)))
    if as_json:
        print_json(_fields(token))
    else:
        typer.echo(f"revoked {token.name}")


@app.command("rotate-marks")
def rotate_marks(
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Accept the marks of older keys no longer.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new key that events on a shared broker are marked with."""
    from lineal.access.credential import owner_credential
    from lineal.access.records import change_access
    from lineal.bus.marks import MarkKey, add_key, remove_key, stored_keys
    from lineal.runtime import open_runtime
    from lineal.store.connection import Connection

    def change(connection: Connection) -> tuple[MarkKey, list[str]]:
        older = stored_keys(connection)
        made = add_key(connection)
        if drop_old:
            for key in older:
                remove_key(connection, key.key_id)
        return made, [key.key_id for key in older]

    async def rotated(folder: Path) -> tuple[MarkKey, list[str]]:
        async with open_runtime(load_settings(folder)) as runtime:
            return await change_access(
                runtime, owner_credential(), "token:marks", change, action="marks rotated"
            )

    made, older = asyncio.run(rotated(existing_data(data)))
    if as_json:
        print_json({"key_id": made.key_id, "older": older, "dropped": drop_old})
    else:
        typer.echo(f"{made.key_id} marks from now on")


def _state(token: ApiToken, now: int) -> str:
    if token.revoked is not None:
        return "revoked"
    return "valid" if token.valid(now) else "expired"


def _fields(token: ApiToken) -> dict[str, Any]:
    from lineal_schemas.envelope import now_us

    return {
        "id": token.id,
        "name": token.name,
        "user": token.user,
        "owner": token.owner,
        "scope": sorted(token.acts),
        "types": None if token.types is None else list(token.types),
        "state": _state(token, now_us()),
        "created_us": token.created,
        "expires_us": token.expires,
        "revoked_us": token.revoked,
    }
