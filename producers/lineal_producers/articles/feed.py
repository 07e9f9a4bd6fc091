"""An RSS 2.0 feed of articles that can be listened to (rssboard.org/rss-specification)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree import ElementTree  # only written here, never parsed

from lineal_schemas.articles import AudioPublished


def feed_of(audios: Iterable[AudioPublished], base_url: str, title: str) -> bytes:
    """The feed, as XML.

    Args:
        base_url: below which are ``ID/audio.mp3`` and ``ID/audio.opus``.
    """
    base = base_url.rstrip("/")
    rss = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(rss, "channel")
    _text(channel, "title", title)
    _text(channel, "link", base)
    _text(channel, "description", f"{title}, read aloud")
    _text(channel, "generator", "lineal")
    for audio in audios:
        item = ElementTree.SubElement(channel, "item")
        _text(item, "title", audio.head.title)
        if audio.head.url is not None:
            _text(item, "link", audio.head.url)
        ElementTree.SubElement(item, "guid", isPermaLink="false").text = audio.article_id
        published = datetime.fromtimestamp(audio.head.published_us / 1e6, UTC)
        _text(item, "pubDate", format_datetime(published))
        # RSS has one enclosure an item: MP3, which every player knows, where there is one.
        name, file = ("audio.mp3", audio.mp3) if audio.mp3 else ("audio.opus", audio.opus)
        if file is not None:
            ElementTree.SubElement(
                item,
                "enclosure",
                url=f"{base}/{audio.article_id}/{name}",
                length=str(file.bytes),
                type=file.media_type,
            )
    ElementTree.indent(rss)
    made: bytes = ElementTree.tostring(rss, encoding="utf-8", xml_declaration=True)
    return made


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
