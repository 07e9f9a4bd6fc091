"""Publishes articles, and finds the audio that was made of them."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

from lineal.access.acts import NotPermitted, role_for
from lineal.access.credential import Credential
from lineal.admission import admit, publish
from lineal.bus.protocol import Selection
from lineal.errors import UnknownTopic
from lineal.events_on_topic import events_on_topic, read_admitted
from lineal.runtime import Runtime
from lineal_producers.admission_policies import ARTICLES
from lineal_producers.arrival import store
from lineal_schemas.articles import ArticleHead, ArticlePublished, AudioPublished
from lineal_schemas.envelope import first_event
from lineal_schemas.ids import arrival_id

_SOURCE = "lineal:articles"
MEDIA_TYPES = {
    ".md": "text/markdown", ".markdown": "text/markdown", ".html": "text/html",
    ".htm": "text/html", ".txt": "text/plain",
}  # fmt: skip
"""Of an article's file, by the ending of its name."""


async def publish_article(
    runtime: Runtime,
    article_id: str,
    head: ArticleHead,
    content: bytes,
    media_type: str,
    by: Credential,
) -> ArticlePublished:
    """Store an article and put it on the bus; durable on return.

    Args:
        by: who publishes it.

    Raises:
        NotPermitted: somebody else has published the article of this id, and they may not
            represent others.
        pydantic.ValidationError: the id is none.
    """
    await _require_own(runtime, article_id, by)
    stored = await store(runtime, BytesIO(content), media_type)
    article = ArticlePublished(article_id=article_id, head=head, content=stored)
    identifier = arrival_id(_SOURCE, stored.sha256, f"{article_id}\n{head.model_dump_json()}")
    event = admit(
        first_event(article, id=identifier, source=_SOURCE),
        ARTICLES,
        payload=article,
        actor=by.actor,
    )
    await publish(runtime.bus, runtime.objects, [(article.type, event)])
    return article


async def _require_own(runtime: Runtime, article_id: str, by: Credential) -> None:
    if by.may("represent"):
        return
    with suppress(UnknownTopic):
        selection = Selection(key=article_id)
        async for delivery in read_admitted(runtime, ArticlePublished.type, selection):
            actor = delivery.event.actor  # none in the place of one that was erased
            if actor is not None and not by.is_actor(actor):
                raise NotPermitted(
                    f"{by.actor} may not publish the article {article_id!r} again: somebody else "
                    f"has published it, and that takes the role {role_for('represent')}"
                )


async def published_audio(
    runtime: Runtime, article_id: str | None = None
) -> dict[str, AudioPublished]:
    """The newest audio of each article, or of one, by its id; the articles published last first."""
    found: dict[str, AudioPublished] = {}
    async for event in events_on_topic(runtime, AudioPublished, article_id):
        found[event.data.article_id] = event.data
    newest = sorted(found.values(), key=lambda one: (-one.head.published_us, one.article_id))
    return {audio.article_id: audio for audio in newest}
