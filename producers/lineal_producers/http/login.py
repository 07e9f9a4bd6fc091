"""``/login`` and ``/logout``: from a one-time key, or a name and a password, to a session."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from lineal.access.sessions import SESSION_SECONDS, end_session
from lineal.runtime import Runtime
from lineal_producers.http.authentication import SESSION_COOKIE, Authentication
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in

_MAX_BYTES = 16 * 1024


_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>lineal: log in</title>
<h1>lineal</h1>
<form method="post" action="/login">
<p><label>User <input name="user" autocomplete="username" required></label>
<p><label>Password
<input name="password" type="password" autocomplete="current-password" required></label>
<p><button>Log in</button>
</form>
<p>Whoever runs lineal here logs in by the address that <code>lineal up</code> shows, or
<code>lineal user address</code>.
</html>
"""
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",  # without it browsers send `Origin: null` with the form
}


def accepts_pages(request: Request) -> bool:
    """Whether a person looks at the answer in a browser."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def login_routes(runtime: Runtime, authentication: Authentication) -> list[Route]:
    """``GET /login?key=KEY`` and ``POST /login`` with ``user`` and ``password`` (a form or JSON)
    answer 303 with the cookie of a session; a browser without a key is
    shown a form; ``POST /logout`` ends it; ``GET /session`` says who is
    logged in, and what they may do."""

    async def log_in(request: Request) -> Response:
        if request.method != "POST":
            key = request.query_params.get("key")
            if not key and accepts_pages(request):
                return HTMLResponse(_PAGE, headers=_PAGE_HEADERS)
            if not key:
                raise HTTPException(
                    401,
                    "open the address that `lineal up` shows, or `lineal user address`, "
                    "or POST user and password",
                )
            secret = await authentication.redeem_key(request.scope, key)
        else:
            name, password = await _fields(request)
            _, user = await authentication.log_in(request.scope, name, password)
            secret = await authentication.begin_session(user)
        return _opened(request, secret)

    async def log_out(request: Request) -> Response:
        if secret := request.cookies.get(SESSION_COOKIE):
            await runtime.store.write(lambda c: end_session(c, secret))
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    async def session(request: Request) -> Response:
        credential = credential_in(request)
        return JSONResponse({"actor": credential.actor, "acts": sorted(credential.acts)})

    return [
        Route("/login", log_in, methods=["GET", "POST"]),
        Route("/logout", log_out, methods=["POST"]),
        Route("/session", session),
    ]


def _opened(request: Request, secret: str) -> Response:
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=SESSION_SECONDS,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


async def _fields(request: Request) -> tuple[str, str]:
    request = limited(request, _MAX_BYTES, "a name and a password are shorter")
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            fields = await request.json()
            found = fields["user"], fields["password"]
        else:
            async with request.form(max_files=0) as form:
                found = form["user"], form["password"]
    except (ValueError, LookupError, TypeError) as error:
        raise HTTPException(400, "say who you are: user=NAME and password=PASSWORD") from error
    if not all(isinstance(value, str) for value in found):
        raise HTTPException(400, "user and password are text")
    return str(found[0]), str(found[1])
