"""The web application: uploads, events and answers, behind a check of who asks."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from lineal.access.slowdown import Slowdown, TooManyAttempts
from lineal.errors import LinealError, StoreDamaged, StoreUnavailable
from lineal.health import Health, health_routes, metrics
from lineal.plugins import plugins
from lineal.runtime import Runtime
from lineal.stages.services import Workers
from lineal_catalog.pages.page_cache import PageCache
from lineal_producers.http.answers import answer_routes
from lineal_producers.http.articles import article_routes
from lineal_producers.http.authentication import Authentication, NotAuthenticated
from lineal_producers.http.cases import case_routes
from lineal_producers.http.classes import class_routes
from lineal_producers.http.conversations import conversation_routes
from lineal_producers.http.deidentification import deidentification_routes
from lineal_producers.http.descriptions import description_routes
from lineal_producers.http.diagrams import diagram_routes
from lineal_producers.http.errors import not_authenticated, not_written, to_response
from lineal_producers.http.events import event_route
from lineal_producers.http.fields import field_routes
from lineal_producers.http.graph import graph_routes
from lineal_producers.http.guard import guarded
from lineal_producers.http.label_jobs import label_job_routes
from lineal_producers.http.login import login_routes
from lineal_producers.http.matching import match_routes
from lineal_producers.http.meaning import meaning_routes
from lineal_producers.http.packages import package_route
from lineal_producers.http.pages import page_routes
from lineal_producers.http.protection import Protection, is_loopback
from lineal_producers.http.redaction import redaction_routes
from lineal_producers.http.regions import region_routes
from lineal_producers.http.restyling import restyling_routes
from lineal_producers.http.reviews import review_routes
from lineal_producers.http.slides import slide_routes
from lineal_producers.http.summaries import summary_route
from lineal_producers.http.table_questions import table_question_routes
from lineal_producers.http.transcripts import transcript_routes
from lineal_producers.http.uploads import upload_route


def application(
    runtime: Runtime,
    health: Health | None = None,
    more_routes: Sequence[BaseRoute] = (),
    *,
    slowdown: Slowdown | None = None,
    workers: Workers | None = None,
) -> Starlette:
    """All routes of ``lineal up``.

    Args:
        health: what ``/readyz`` asks; without it there are no routes for health.
        more_routes: those of others; each asks for its act (:func:`guarded`).
        slowdown: makes those wait who show what is wrong.
        workers: where pages are drawn; without them, no page is shown as an image.

    Raises:
        TokenMissing: other machines reach the address, and there is no token they would need.
        WrongConfiguration: the token can be guessed.
    """
    settings = runtime.settings
    if not is_loopback(settings.listen) and not _has_token(runtime):
        raise TokenMissing(
            f"other machines reach {settings.listen}: set LINEAL_HTTP_TOKEN to a secret they show, "
            "or listen on 127.0.0.1"
        )
    authentication = Authentication(runtime, slowdown)
    pages = PageCache()
    routes = [
        *_installed_routes(runtime),
        guarded("read", "/", _directory),
        *login_routes(runtime, authentication),
        upload_route(runtime),
        event_route(runtime),
        package_route(runtime),
        *field_routes(runtime),
        *page_routes(runtime, workers, pages),
        *redaction_routes(runtime),
        *class_routes(runtime),
        *description_routes(runtime),
        *case_routes(runtime),
        *deidentification_routes(runtime),
        *answer_routes(runtime, workers),
        summary_route(runtime, workers),
        *restyling_routes(runtime),
        *region_routes(runtime),
        *slide_routes(runtime),
        *table_question_routes(runtime),
        *meaning_routes(runtime),
        *match_routes(runtime, workers),
        *graph_routes(runtime),
        *review_routes(runtime),
        *label_job_routes(runtime),
        *conversation_routes(runtime),
        *transcript_routes(runtime),
        *article_routes(runtime),
        *diagram_routes(runtime),
        *_health_routes(runtime, health),
        *more_routes,
    ]
    found = _protected(settings.listen, routes, authentication)
    found.state.page_cache = pages  # the console looks at the same documents
    return found


def monitoring_application(
    runtime: Runtime,
    health: Health,
    more_routes: Sequence[BaseRoute] = (),
    *,
    slowdown: Slowdown | None = None,
) -> Starlette:
    """Only health and metrics, without documents: what a daemon without producers serves."""
    authentication = Authentication(runtime, slowdown)
    routes = [*_health_routes(runtime, health), *more_routes]
    return _protected(runtime.settings.listen, routes, authentication)


def _installed_routes(runtime: Runtime) -> list[BaseRoute]:
    """What installed packages add: each entry point of ``lineal.routes`` is a function that makes
    routes for a runtime. Each route asks for its act (:func:`guarded`)."""
    makers = plugins("lineal.routes").loaded.values()
    return [route for make in makers for route in make(runtime)]


class TokenMissing(LinealError, ValueError):
    """The service would be open to other machines without a token."""


def _has_token(runtime: Runtime) -> bool:
    token = runtime.settings.http_token
    return token is not None and bool(token.get_secret_value())


def _health_routes(runtime: Runtime, health: Health | None) -> list[BaseRoute]:
    if health is None:
        return []
    return [*health_routes(health), guarded("metrics", "/metrics", metrics(runtime))]


def _protected(
    listen: str, routes: Sequence[BaseRoute], authentication: Authentication
) -> Starlette:
    loopback = is_loopback(listen)
    return Starlette(
        routes=routes,
        middleware=[Middleware(Protection, authentication=authentication, loopback=loopback)],
        exception_handlers={
            HTTPException: to_response,
            NotAuthenticated: not_authenticated,
            TooManyAttempts: not_authenticated,
            OSError: not_written,
            StoreUnavailable: not_written,
            StoreDamaged: not_written,
            Exception: not_written,
        },
    )


async def _directory(request: Request) -> Response:
    return JSONResponse(
        {
            "service": "lineal",
            "upload": "POST /documents (a form with files, or a body with ?name=)",
            "events": "POST /events (CloudEvents: structured, batched, or ce-* headers and data)",
            "documents": "GET /documents, /documents/ID, /documents/ID/FORM "
            "(original, text, json, csv, pdf, redacted, deidentified, pdfa, hocr, alto, textract)",
            "redact": "POST /documents/ID/redactions",
            "classes": "GET /classes, POST /documents/ID/class",
            "tags": "GET /tags, POST /documents/ID/description",
            "packages": "GET /cases, /cases/CASE, POST /cases/CASE/check",
            "deidentify": "POST /documents/ID/deidentifications",
            "split": "POST /documents/ID/split",
            "fields": "GET and POST /documents/ID/fields",
            "pages": "GET /documents/ID/pages, /documents/ID/pages/N, "
            "/documents/ID/pages/N/image?width=, /documents/ID/thumbnail",
            "search": "GET /search?q=WORDS, /similar?q=TEXT",
            "ask": "GET /ask?q=QUESTION",
            "match": "POST /match, /documents/ID/match",
            "summary": "GET /summary?document=ID, ?q=WORDS, ?label=K=V; sentences=, topics=",
            "restylings": "POST /restylings (a form with files and a request), GET /restylings/ID",
            "regions": "POST /regions/runs (JSON lines, one job a line), GET /regions/runs/RUN",
            "slides": "GET /slides, /slides/ID, /slides/ID/heatmap, /slides/ID/heatmap/Z/X/Y.png",
            "what-if": "POST /tables/TABLE/questions, GET /tables/TABLE/questions/ID",
            "reviews": "GET /reviews, POST /reviews/next, /reviews/ITEM/complete",
            "talk": "POST /conversations/DIALOGUE, GET /conversations/DIALOGUE?after=TIME; "
            "GET /tickets, POST /tickets/ID/answer",
            "speech": "WebSocket /transcripts",
            "articles": "POST /articles?id=&title=, GET /articles/feed.xml, "
            "/articles/ID/audio.mp3, /articles/ID/audio.opus, /articles/ID/marks",
            "diagrams": "GET /diagrams?q=USE+CASE&service=NAME, POST /diagrams (a correction)",
            "health": "GET /healthz, /readyz, /metrics",
            "session": "GET /session, POST /login, /logout",
        }
    )
