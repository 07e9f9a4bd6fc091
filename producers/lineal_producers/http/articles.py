"""``/articles``: takes articles, and gives their audio, marks and feed."""

from __future__ import annotations

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.access.acts import NotPermitted
from lineal.runtime import Runtime
from lineal_producers.articles.feed import feed_of
from lineal_producers.articles.publication import publish_article, published_audio
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_schemas.articles import ArticleHead
from lineal_schemas.envelope import now_us

_MAX_BYTES = 4 * 1024 * 1024
_FORMS = {"audio.mp3": "mp3", "audio.opus": "opus", "marks": "marks"}


def article_routes(runtime: Runtime) -> list[Route]:
    """``POST /articles?id=&title=&language=&url=`` with the text as body, ``GET
    /articles/feed.xml?title=``, ``GET /articles/ID/audio.mp3``, ``audio.opus`` and ``marks``."""

    async def publish(request: Request) -> Response:
        given = request.query_params
        body = await limited(request, _MAX_BYTES, "an article has at most 4 MiB").body()
        try:
            head = ArticleHead.model_validate(
                {
                    "title": given.get("title", ""),
                    "language": given.get("language", "en"),
                    "url": given.get("url"),
                    "published_us": now_us(),
                }
            )
            media_type = request.headers.get("content-type", "text/markdown")
            article = await publish_article(
                runtime, given.get("id", ""), head, body, media_type, credential_in(request)
            )
        except NotPermitted as error:
            raise HTTPException(403, str(error)) from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise HTTPException(422, f"{where}: {first['msg']}") from error
        place = f"/articles/{article.article_id}"
        return JSONResponse(
            {"article_id": article.article_id, "audio": f"{place}/audio.mp3"}, status_code=202
        )

    async def feed(request: Request) -> Response:
        base = str(request.url).partition("/feed.xml")[0]
        found = await published_audio(runtime)
        title = request.query_params.get("title", "Articles")
        return Response(feed_of(found.values(), base, title), media_type="application/rss+xml")

    async def form(request: Request) -> Response:
        article_id, name = request.path_params["id"], request.path_params["form"]
        audio = (await published_audio(runtime, article_id)).get(article_id)
        if audio is None or name not in _FORMS:
            raise HTTPException(404, f"there is no {name} of an article {article_id!r} (yet)")
        ref = getattr(audio, _FORMS[name])
        if ref is None:
            raise HTTPException(404, "its encoder was not installed when the article was spoken")
        return Response(await runtime.objects.get(ref), media_type=ref.media_type)

    return [
        guarded("publish", "/articles", publish, methods=["POST"]),
        guarded("read", "/articles/feed.xml", feed),
        guarded("read", "/articles/{id}/{form}", form),
    ]
