"""Users, tokens, and who did what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.access.acts import ACTS, ROLES, UnknownAct, read_acts, read_role
from lineal.access.records import change_access
from lineal.access.tokens import create_token, list_tokens, record_of_token, revoke_token
from lineal.access.users import add_user, find_user, list_users, remove_user, set_role
from lineal.lineage.canonical import parse_record
from lineal.lineage.ledger import newest_acts
from lineal.lineage.record import RecordedStep
from lineal.proof.logged import logged_records
from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import documents_by_id
from lineal_console.messages import STEP_KINDS
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.pages.flow import subject_url
from lineal_schemas.envelope import now_us

USERS = Page("users", "Users and tokens", act="manage", section="system", order=20)
AUDIT = Page("audit", "Audit", act="manage", section="system", order=30)
_DAY_US = 86_400_000_000
_PART = 100
R = TypeVar("R")


@USERS.get()
async def show(request: PageRequest) -> Response:
    """All users and tokens."""
    return await _shown(request)


async def _shown(request: PageRequest, secret: str | None = None) -> Response:
    def look(connection: Connection) -> dict[str, Any]:
        return {"users": list_users(connection), "tokens": list_tokens(connection)[::-1]}

    found = await request.runtime.store.read(look)
    return request.render(
        "users.html", roles=ROLES, acts=ACTS, now=now_us(), secret=secret, **found
    )


@USERS.post("/add")
async def add(request: PageRequest) -> Response:
    """Add a user, with a password or without."""
    form = await request.form()
    name, password = str(form.get("name", "")).strip(), str(form.get("password", ""))
    role = _role(str(form.get("role", "")))
    kept = None
    if password:
        from lineal.access.passwords import hash_password

        kept = hash_password(password)
    await _change(
        request,
        f"user:{name}",
        lambda c: add_user(c, name, role, kept, now_us()),
        action="user added",
        role=role,
    )
    return request.redirect(USERS.url, request.text("%(name)s is added.", name=name))


@USERS.post("/role")
async def change_role(request: PageRequest) -> Response:
    """Give a user another role."""
    form = await request.form()
    name, role = str(form.get("name", "")), _role(str(form.get("role", "")))

    def change(connection: Connection) -> None:
        find_user(connection, name)
        set_role(connection, name, role)

    await _change(request, f"user:{name}", change, action="role changed", role=role)
    return request.redirect(
        USERS.url, request.text("%(name)s is %(role)s now.", name=name, role=request.text(role))
    )


@USERS.post("/remove")
async def remove(request: PageRequest) -> Response:
    """Remove a user, with their tokens and sessions."""
    name = str((await request.form()).get("name", ""))

    def change(connection: Connection) -> None:
        find_user(connection, name)
        remove_user(connection, name, now_us())

    await _change(request, f"user:{name}", change, action="user removed")
    return request.redirect(USERS.url, request.text("%(name)s is removed.", name=name))


@USERS.post("/tokens")
async def make_token(request: PageRequest) -> Response:
    """Make a token; the answer shows it, once."""
    form = await request.form()
    name = str(form.get("name", "")).strip()
    acts = frozenset().union(*(read_acts(str(item)) for item in form.getlist("act")))
    days = str(form.get("days", "365"))
    if not name or not acts or not days.isdigit() or not 1 <= int(days) <= 3660:
        raise HTTPException(
            400, request.text("A token has a name, something it may do, and 1 to 3660 days.")
        )
    user = str(form.get("user", "")) or None
    now = now_us()
    expires = now + int(days) * _DAY_US

    def change(connection: Connection) -> str:
        if user is not None:
            find_user(connection, user)
        return create_token(
            connection, name, acts, user=user, types=None, expires=expires, now=now
        )[1]  # fmt: skip

    said = record_of_token(
        ",".join(sorted(acts)), user=user, types=None, expires=expires, owner=None
    )
    secret = await _change(request, f"token:{name}", change, action="token created", **said)
    return await _shown(request, secret)


@USERS.post("/tokens/revoke")
async def revoke(request: PageRequest) -> Response:
    """End a token."""
    wanted = str((await request.form()).get("token", ""))
    await _change(
        request,
        f"token:{wanted}",
        lambda c: revoke_token(c, wanted, now_us()),
        action="token revoked",
    )
    return request.redirect(USERS.url, request.text("The token is revoked."))


@AUDIT.get()
async def audit(request: PageRequest) -> Response:
    """What people and programs did, newest first."""
    before = request.number("before", 0)

    def look(connection: Connection) -> tuple[list[tuple[int, RecordedStep]], dict[str, str]]:
        acts = newest_acts(connection, _PART + 1, before or None)
        steps = [
            (seq, step)
            for seq, canonical in logged_records(connection, acts)
            for step in parse_record(canonical).recorded()
        ]
        about = {step.subject for _, step in steps if step.subject.startswith(DOCUMENT)}
        named = documents_by_id(connection, [each.removeprefix(DOCUMENT) for each in about])
        return steps, {DOCUMENT + info.document_id: info.name for info in named}

    found, names = await request.runtime.store.read(look)
    records = sorted({seq for seq, _ in found}, reverse=True)
    older = records[_PART - 1] if len(records) > _PART else None
    shown = [item for item in found if older is None or item[0] >= older]
    return request.render(
        "audit.html",
        acts=shown,
        older=older,
        names=names,
        subject_url=subject_url,
        kinds=STEP_KINDS,
    )


async def _change(
    request: PageRequest, about: str, change: Callable[[Connection], R], **attributes: int | str
) -> R:
    return await change_access(request.runtime, request.credential, about, change, **attributes)


def _role(name: str) -> Any:
    try:
        return read_role(name)
    except UnknownAct as error:
        raise HTTPException(400, str(error)) from error
