"""Articles that are read aloud: to listen to, sentence by sentence, and to publish."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.errors import ObjectMissing
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.stored_files import stored_file
from lineal_producers.articles.publication import publish_article, published_audio
from lineal_schemas.articles import ArticleHead, AudioPublished
from lineal_schemas.envelope import now_us

ARTICLES = Page("articles", "Articles", section="media", order=30)
_MOST = 500
_KINDS = {"mp3": "audio/mpeg", "opus": "audio/ogg"}


@ARTICLES.get()
async def articles(request: PageRequest) -> Response:
    """What can be listened to, the newest first."""
    text = request.query("q").strip()
    found = [
        audio
        for audio in (await published_audio(request.runtime)).values()
        if text.casefold() in f"{audio.article_id} {audio.head.title}".casefold()
    ]
    return request.render(
        "articles.html", articles=found[:_MOST], more=len(found) > _MOST, text=text
    )


@ARTICLES.post("/publish", act="publish")
async def publish(request: PageRequest) -> Response:
    """Have a text read aloud."""
    form = await request.form()
    title, text = str(form.get("title", "")).strip(), str(form.get("text", "")).strip()
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", title).strip("-._")[:100] or "article"
    if not text:
        raise HTTPException(422, request.text("There is nothing to read aloud."))
    try:
        head = ArticleHead.model_validate(
            {"title": title, "language": form.get("language"), "published_us": now_us()}
        )
        await publish_article(
            request.runtime, name, head, text.encode(), "text/markdown", request.credential
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise HTTPException(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return request.redirect(
        ARTICLES.url,
        request.text("The article is published; it is listed here when it was spoken."),
    )


@ARTICLES.get("/{id}")
async def article(request: PageRequest) -> Response:
    """One article, with its sentences and when each is spoken."""
    audio = await _asked(request)
    sentences: list[dict[str, Any]] = []
    with suppress(ObjectMissing):
        sentences = orjson.loads(await request.runtime.objects.get(audio.marks))
    kinds = [kind for kind in _KINDS if getattr(audio, kind) is not None]
    return request.render("article.html", audio=audio, sentences=sentences, kinds=kinds)


@ARTICLES.get("/{id}/audio.{kind}")
async def recording(request: PageRequest) -> Response:
    """Its audio."""
    audio, kind = await _asked(request), request.path("kind")
    if kind not in _KINDS:
        raise request.missing(request.text("Nothing of this kind was made."))
    return await stored_file(request, getattr(audio, kind), _KINDS[kind])


async def _asked(request: PageRequest) -> AudioPublished:
    wanted = request.path("id")
    found = (await published_audio(request.runtime, wanted)).get(wanted)
    if found is None:
        raise request.missing(request.text("There is no such article, or it was not spoken yet."))
    return found
