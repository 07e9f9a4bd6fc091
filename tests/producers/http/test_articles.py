"""Articles over HTTP: who may publish, and what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.etree import ElementTree

import httpx
import pytest

from lineal.access.acts import acts_of
from lineal.access.credential import Credential, credential_of
from lineal.runtime import Runtime
from lineal_producers.articles.feed import feed_of
from lineal_producers.http.application import application
from lineal_producers.http.serving import LoopbackServer, bind_loopback
from lineal_schemas.articles import ArticleHead, ArticlePublished, AudioPublished
from lineal_schemas.envelope import decode
from lineal_schemas.objects import ObjectRef
from tests.producers.http.owner import as_owner
from tests.producers.http.test_reviews import token


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    server = LoopbackServer(application(runtime), bind_loopback(0))
    await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as opened:
        yield opened
    await server.stop()


async def test_an_article_is_published_by_those_who_may(
    runtime: Runtime, client: httpx.AsyncClient
) -> None:
    given = {"id": "news", "title": "News", "language": "en"}
    assert (await client.post("/articles", params=given, content="# Hi")).status_code == 401
    owner = as_owner(runtime.settings.data)
    answer = await client.post("/articles", params=given, content="# Hi", headers=owner)
    assert answer.status_code == 202
    assert answer.json()["audio"] == "/articles/news/audio.mp3"
    (event,) = [decode(one.event) async for one in runtime.bus.read(ArticlePublished.type)]
    assert isinstance(event.data, ArticlePublished)
    assert event.data.content.media_type == "text/markdown"
    assert await runtime.objects.get(event.data.content) == b"# Hi"
    refused = await client.post("/articles", params={**given, "id": "../x"}, headers=owner)
    assert refused.status_code == 422
    assert "article_id" in refused.text
    assert (await client.get("/articles/news/audio.mp3", headers=owner)).status_code == 404
    empty = await client.get("/articles/feed.xml", headers=owner)
    assert ElementTree.fromstring(empty.content).findall("channel/item") == []


async def test_an_article_of_somebody_else_is_not_published_over(
    runtime: Runtime, client: httpx.AsyncClient
) -> None:
    given = {"id": "news", "title": "News", "language": "en"}
    ann, ben = [await token(runtime, name, "publish") for name in ("ann", "ben")]
    both = await token(runtime, "chief", "publish", "represent")
    assert (await client.post("/articles", params=given, content="1", headers=ann)).is_success
    refused = await client.post("/articles", params=given, content="2", headers=ben)
    assert refused.status_code == 403
    assert "somebody else has published it" in refused.text
    other = {**given, "id": "other"}
    assert (await client.post("/articles", params=other, content="3", headers=ben)).is_success
    for headers in (ann, both):
        again = await client.post("/articles", params=given, content="4", headers=headers)
        assert again.is_success


async def test_a_user_and_the_users_token_are_one(runtime: Runtime) -> None:
    token = Credential("token:pc of ann", acts_of("uploader"), user="ann")
    user = credential_of("user:ann", "uploader")
    for one in (token, user):
        assert one.is_actor("user:ann") and one.is_actor("token:pc of ann")
        assert one.is_actor("token:phone of ann")
        assert not one.is_actor("user:ben") and not one.is_actor("token:pc of ben")


def test_a_feed_names_each_article_with_its_audio() -> None:
    ref = ObjectRef(uri="x:", sha256="0" * 64, bytes=7, media_type="audio/mpeg")
    head = ArticleHead(title="A & B", language="en", url="https://e.org/a", published_us=0)
    audio = AudioPublished(
        article_id="a", head=head, mp3=ref, opus=None, marks=ref, seconds=1, paragraphs=1,
        spoken_anew=1, voice="v",
    )  # fmt: skip
    feed = ElementTree.fromstring(feed_of([audio], "https://e.org/pod/", "Pod"))
    item = feed.find("channel/item")
    assert item is not None
    assert item.findtext("title") == "A & B"
    assert item.findtext("pubDate") == "Thu, 01 Jan 1970 00:00:00 +0000"
    enclosure = item.find("enclosure")
    assert enclosure is not None
    assert enclosure.attrib == {
        "url": "https://e.org/pod/a/audio.mp3", "length": "7", "type": "audio/mpeg",
    }  # fmt: skip
