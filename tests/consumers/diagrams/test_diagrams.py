"""From images to diagrams, corrections, and diagrams that go."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from lineal.testing import StageHarness
from lineal_catalog.diagrams.search import find_diagrams
from lineal_consumers.diagrams.config import DiagramsConfig
from lineal_consumers.diagrams.recognition import recognise
from lineal_consumers.diagrams.stage import diagrams
from lineal_consumers.diagrams.vocabulary import WrongVocabulary, services_in
from lineal_schemas.diagrams import (
    Appearance,
    DiagramCorrected,
    DiagramFound,
    DiagramRemoved,
    ImageFound,
    ImageGone,
)

URL = "https://example.org/a.png"


def drawn(*captions: str, size: tuple[int, int] = (640, 400)) -> bytes:
    """Boxes with captions, in two rows, joined by lines."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(15)
    for number, caption in enumerate(captions):
        x, y = 20 + 210 * (number % 3), 50 + 170 * (number // 3)
        draw.rectangle((x, y, x + 180, y + 70), outline="black")
        draw.multiline_text((x + 90, y + 35), caption, "black", font, anchor="mm", align="center")
        if number % 3:
            draw.line((x - 30, y + 35, x, y + 35), fill="gray")
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def services(data: bytes, further: bytes | None = None) -> dict[str, int]:
    found = recognise(data, further, (), 120, 10_000_000, 60)
    assert found is not None
    return {label.service: label.score for label in found.labels}


class Crawl:
    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness

    async def show(self, data: bytes, url: str = URL, **said: str) -> list[object]:
        place = Appearance(page="https://example.org/", **said)
        content = await self.harness.put(data, "image/png")
        found = ImageFound(url=url, content=content, appearances=(place,), crawled_us=1)
        return list(await self.harness.send(found))

    async def search(self, text: str = "", *names: str) -> list[str]:
        ask = partial(find_diagrams, text=text, services=names)
        hits = await self.harness.runtime.store.read(ask)
        return [hit.diagram.url for hit in hits]


@pytest.fixture
async def crawl() -> AsyncIterator[Crawl]:
    async with StageHarness(diagrams, config=DiagramsConfig(icons=False)) as harness:
        yield Crawl(harness)


def test_services_are_recognised_by_names_and_aliases() -> None:
    found = services(drawn("DynamoDB", "Simple Storage\nService", "Lambda", "RabbitMQ", "Orders"))
    assert set(found) == {"Amazon DynamoDB", "Amazon S3", "AWS Lambda", "RabbitMQ"}
    assert min(found.values()) >= 40


def test_of_names_within_names_the_longest_counts() -> None:
    found = services(drawn("Kinesis Data\nFirehose", "Azure Cache\nfor Redis", "Lambda"))
    assert set(found) == {"Amazon Data Firehose", "Azure Cache for Redis", "AWS Lambda"}


def test_a_file_brings_further_services() -> None:
    further = b'[[service]]\nname = "Frobnicator"\naliases = ["Frob Engine"]\n'
    assert "Frobnicator" in services(drawn("Frob Engine", "Redis"), further)
    with pytest.raises(WrongVocabulary, match=r"mine\.toml: service\.0\.name"):
        services_in(b"[[service]]\nalias = 'x'", "mine.toml")


async def test_two_services_make_a_diagram_and_one_does_not(crawl: Crawl) -> None:
    (found,) = await crawl.show(drawn("DynamoDB", "Lambda"), caption="Orders are taken")
    assert isinstance(found, DiagramFound)
    assert (found.width, found.height, found.methods) == (640, 400, ("text",))
    label = next(item for item in found.labels if item.service == "AWS Lambda")
    left, top, right, bottom = label.boxes[0]
    assert 230 < left < right < 410
    assert 50 < top < bottom < 120
    assert await crawl.show(drawn("Redis", "Orders"), "https://example.org/b.png") == []
    assert await crawl.show(drawn("Redis", size=(100, 100)), "https://example.org/c.png") == []
    assert await crawl.search() == [URL]


async def test_diagrams_are_found_by_use_case_and_by_services(crawl: Crawl) -> None:
    other = "https://example.org/b.png"
    await crawl.show(drawn("DynamoDB", "Lambda"), caption="How orders are taken in a shop")
    await crawl.show(drawn("Redis", "Lambda"), other, alt="sessions of players in a game")
    assert await crawl.search("shop orders") == [URL]
    assert await crawl.search("game") == [other]
    assert await crawl.search("", "lambda") == [URL, other]
    assert await crawl.search("", "aws lambda", "DYNAMODB") == [URL]
    assert await crawl.search("game", "dynamodb") == []
    assert await crawl.search("aeroplanes") == []


async def test_a_diagram_goes_with_its_image(crawl: Crawl) -> None:
    await crawl.show(drawn("DynamoDB", "Lambda"))
    gone = ImageGone(url=URL, reason="not found", crawled_us=2)
    (removed,) = await crawl.harness.send(gone)
    assert isinstance(removed, DiagramRemoved)
    assert removed.reason == "image gone"
    assert await crawl.search() == []
    assert await crawl.harness.send(gone) == []
    never = gone.model_copy(update={"url": "https://example.org/never.png"})
    assert await crawl.harness.send(never) == []


async def test_a_diagram_that_is_replaced_by_a_photo_is_removed(crawl: Crawl) -> None:
    await crawl.show(drawn("DynamoDB", "Lambda"))
    (removed,) = await crawl.show(drawn("A picture"))
    assert isinstance(removed, DiagramRemoved)
    assert removed.reason == "too few services"
    assert await crawl.search() == []


async def test_a_persons_word_lasts_as_long_as_the_image(crawl: Crawl) -> None:
    (found,) = await crawl.show(drawn("DynamoDB", "Lambda"))
    assert isinstance(found, DiagramFound)
    said = DiagramCorrected(
        url=URL, content=found.content, services=("AWS Lambda", "My Own"), by="user:x",
        corrected_us=1,
    )  # fmt: skip
    assert await crawl.harness.send(said) == []  # nobody is known to have said it
    (corrected,) = await crawl.harness.send(said, actor="user:ann")
    assert isinstance(corrected, DiagramFound)
    assert {label.service: (label.score, label.by) for label in corrected.labels} == {
        "AWS Lambda": (100, "person"), "My Own": (100, "person"),
    }  # fmt: skip
    # the page says something else of it
    (again,) = await crawl.show(drawn("DynamoDB", "Lambda"), caption="new words")
    assert isinstance(again, DiagramFound)
    assert [label.by for label in again.labels] == ["person", "person"]
    (other,) = await crawl.show(drawn("DynamoDB", "Kafka"))
    assert isinstance(other, DiagramFound)
    assert {label.service for label in other.labels} == {"Amazon DynamoDB", "Apache Kafka"}
    (none,) = await crawl.harness.send(
        said.model_copy(update={"content": other.content, "services": ()}), actor="user:ann"
    )
    assert isinstance(none, DiagramRemoved)
    # a correction of an image that is another one by now changes nothing
    late = said.model_copy(update={"corrected_us": 3})
    assert await crawl.harness.send(late, actor="user:ann") == []


@pytest.mark.parametrize("data", [b"", b"no image", drawn("Redis")[:300]])
async def test_what_is_no_image_is_rejected_with_a_reason(crawl: Crawl, data: bytes) -> None:
    assert await crawl.show(data) == []
    (letter,) = crawl.harness.dead_letters
    assert "no image that can be read" in letter.message


def test_the_vocabulary_has_every_name_once() -> None:
    from lineal_consumers.diagrams.vocabulary import aliases, vocabulary

    names = [(alias.words, alias.service) for alias in aliases(vocabulary(None))]
    words = [word for word, _ in names]
    assert len(set(words)) == len(words), {word for word in words if words.count(word) > 1}


def pattern(seed: int) -> Image.Image:
    """An icon: three shapes on a ground of one colour."""
    chance = random.Random(seed)
    image = Image.new("RGB", (64, 64), tuple(chance.choices(range(60, 200), k=3)))
    draw = ImageDraw.Draw(image)
    for shape in (draw.ellipse, draw.rectangle, draw.ellipse):
        x, y, size = chance.randint(4, 30), chance.randint(4, 30), chance.randint(12, 28)
        shape((x, y, x + size, y + size), fill=tuple(chance.choices(range(256), k=3)))
    return image


async def test_icons_of_a_vocabulary_are_found_at_any_size(tmp_path: Path) -> None:
    entries = []
    for number in range(6):
        pattern(number).save(tmp_path / f"{number}.png")
        entries.append(f'[[service]]\nname = "Service {number}"\nicons = ["{number}.png"]')
    file = tmp_path / "services.toml"
    file.write_text("\n".join(entries))
    image = Image.new("RGB", (500, 320), "white")
    for number, size, left, top in ((0, 40, 30, 40), (2, 64, 200, 70), (5, 110, 340, 150)):
        image.paste(pattern(number).resize((size, size)), (left, top))
    data = io.BytesIO()
    image.save(data, "PNG")
    config = DiagramsConfig(vocabulary=file)
    async with StageHarness(diagrams, config=config) as harness:
        (found,) = await Crawl(harness).show(data.getvalue())
        assert isinstance(found, DiagramFound)
        assert {(label.service, label.by) for label in found.labels} == {
            ("Service 0", "icon"), ("Service 2", "icon"), ("Service 5", "icon"),
        }  # fmt: skip
        assert found.methods == ("text", "icon")
        box = next(label.boxes[0] for label in found.labels if label.service == "Service 5")
        assert box == pytest.approx((340, 150, 450, 260), abs=6)
