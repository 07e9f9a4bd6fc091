"""Pages over HTTP and by command: their images, and where on them things were found."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pikepdf
import pytest
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner

from lineal.access.tokens import create_token
from lineal.daemon import Daemon
from lineal.erasure.erase import erase, plan_erasure
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.discovery import find_stages
from lineal.workers.pool import worker_pool
from lineal_catalog.documents.queries import find_document, list_documents
from lineal_catalog.documents.visibility import restrict_source
from lineal_catalog.pages.image_cache import CachedImage, add_image
from lineal_catalog.pages.images import PageImages
from lineal_catalog.pages.page_cache import PageCache
from lineal_cli.main import app
from lineal_producers.arrival import ArrivalSource, announce, store
from lineal_producers.http.application import application
from lineal_schemas.envelope import now_us
from tests.producers.http.owner import as_owner

_PATIENCE_SECONDS = 400.0
"""For busy machines only: all of it is recognised."""
_STAGES = ["register", "classify", "ocr.scatter", "ocr", "ocr.gather", "nlp", "index"]
_LINES = (
    "Invoice number: 4711",
    "The committee met on Tuesday to discuss",
    "the annual report and agreed that the",
    "figures for the second quarter should be",
    "published together with an explanation.",
)


def _letter_pdf() -> bytes:
    """Two pages, the second with a blue square and nothing else."""
    pdf = pikepdf.new()
    font = pdf.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1,
                           BaseFont=pikepdf.Name.Helvetica)
    )  # fmt: skip
    written = "".join(
        f"BT /F 14 Tf 72 {700 - 40 * row} Td ({line}) Tj ET\n" for row, line in enumerate(_LINES)
    )
    square = "0 0 1 rg 300 400 100 100 re f"
    for content in (written + "BT /F 14 Tf 72 300 Td (ann@example.com) Tj ET", square):
        page = pdf.add_blank_page(page_size=(612, 792))
        page.obj.Contents = pdf.make_stream(content.encode())
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def _scan() -> Image.Image:
    page = Image.new("L", (1240, 900), 255)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=44)
    for row, line in enumerate(_LINES):
        pen.text((120, 100 + 110 * row), line, fill=0, font=font)
    return page


def _saved(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format=format, dpi=(150, 150), **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    scan = _scan()
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    return {
        "letter.pdf": _letter_pdf(),
        "on-its-side.jpg": _saved(scan.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90),
        "two.tif": _saved(scan, "TIFF", save_all=True, append_images=[scan.rotate(180)]),
        "noise.png": _saved(Image.fromarray(noise), "PNG"),
        "note.txt": b"A short note about bearings",
    }


@pytest.fixture(scope="module")
def read_folder(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which the files were read by the real stages."""
    folder = tmp_path_factory.mktemp("pages")

    async def read() -> None:
        async with open_runtime(_settings(folder)) as runtime:
            daemon = Daemon(runtime, find_stages(_STAGES))
            await daemon.start()
            for name, data in files.items():
                content = await store(runtime, io.BytesIO(data))
                source = ArrivalSource(
                    name=name, source=f"file:///{name}", actor="process:test", occurrence="1"
                )
                await announce(runtime, source, content=content)

            async with asyncio.timeout(_PATIENCE_SECONDS):
                statuses: list[str] = []
                while statuses != ["indexed"] * len(files):
                    await asyncio.sleep(0.05)
                    found = await runtime.store.read(list_documents)
                    statuses = [info.status for info in found]
                    assert not {"rejected", "failed"} & set(statuses), found
            await daemon.stop()

    asyncio.run(read())
    return folder


def _settings(folder: Path) -> Settings:
    return Settings(data=folder, durability="normal", workers=2)


class _CountingWorkers:
    """Real workers, and how often they were asked."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.tasks = 0

    async def run(self, function: Callable[..., Any], *arguments: object, **given: Any) -> Any:
        self.tasks += 1
        return await self.pool.run(function, *arguments, **given)

    def allow_reading(self, paths: Iterable[Path]) -> None:
        self.pool.allow_reading(paths)


class _Service:
    def __init__(
        self, runtime: Runtime, workers: _CountingWorkers, client: httpx.AsyncClient
    ) -> None:
        self.runtime, self.workers, self.client = runtime, workers, client

    async def get(self, path: str, **given: Any) -> httpx.Response:
        return await self.client.get(f"/documents/{path}", **given)

    async def shown(self, path: str) -> Image.Image:
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return Image.open(io.BytesIO(answer.content))


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[_Service]:
    async with open_runtime(_settings(folder)) as runtime:
        pool = worker_pool(runtime.settings)
        pool.start()
        workers = _CountingWorkers(pool)
        transport = httpx.ASGITransport(application(runtime, workers=workers))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8480", headers=as_owner(folder)
        ) as client:
            yield _Service(runtime, workers, client)
        await pool.close()


@pytest.fixture
async def service(read_folder: Path) -> AsyncIterator[_Service]:
    async with serving(read_folder) as found:
        yield found


def _span(quoted: dict[str, Any]) -> tuple[int, int]:
    return quoted["begin"], quoted["end"]


def _darkness(image: Image.Image, box: list[float]) -> float:
    """Share of dark pixels in a box in fractions of the page."""
    gray = np.asarray(image.convert("L"))
    height, width = gray.shape
    left, top, across, down = box
    part = gray[
        round(top * height) : round((top + down) * height),
        round(left * width) : round((left + across) * width),
    ]
    return float((part < 128).mean())


@pytest.mark.parametrize("name", ["letter.pdf", "on-its-side.jpg", "two.tif"])
async def test_words_have_their_places_on_the_image_at_any_width(
    service: _Service, name: str
) -> None:
    page = (await service.get(f"{name}/pages/1")).json()
    number = next(word for word in page["words"] if word["text"] == "4711")
    for width in (400, 900):
        image = await service.shown(f"{name}/pages/1/image?width={width}")
        assert image.width == width
        assert abs(image.height / width - page["height"] / page["width"]) < 0.01
        assert _darkness(image, number["box"]) > 0.1
        # To the right of the last word of the line there is only paper.
        left, top, across, down = number["box"]
        assert _darkness(image, [left + across * 1.3, top, across, down]) == 0


async def test_a_page_says_what_was_found_and_where(service: _Service) -> None:
    page = (await service.get("letter.pdf/pages/1")).json()
    assert (page["number"], page["pages"], page["source"]) == (1, 2, "text-layer")
    assert page["text"].startswith("Invoice number: 4711")
    for word in page["words"]:
        assert page["text"][word["begin"] - page["begin"] : word["end"] - page["begin"]]
    (field,) = (item for item in page["fields"] if item["key"].startswith("Invoice number"))
    assert field["value"] == "4711"
    (email,) = (item for item in page["entities"] if item["type"] == "EMAIL")
    ((box,),) = (item["boxes"] for item in email["occurrences"])
    word = next(word for word in page["words"] if word["text"] == "ann@example.com")
    assert box == pytest.approx(word["box"], abs=1e-4)
    listed = (await service.get("letter.pdf/pages")).json()
    assert [item["number"] for item in listed] == [1, 2]
    assert [item["doubts"] for item in listed] == [[], []]


async def test_pages_are_shown_in_their_colours_and_the_second_is_the_second(
    service: _Service,
) -> None:
    image = (await service.shown("letter.pdf/pages/2/image?width=612")).convert("RGB")
    assert image.getpixel((350, 792 - 450)) == (0, 0, 255)
    assert image.getpixel((100, 100)) == (255, 255, 255)


async def test_frames_of_a_picture_are_its_pages_each_upright(service: _Service) -> None:
    """The second was scanned upside down."""
    for number in (1, 2):
        page = (await service.get(f"two.tif/pages/{number}")).json()
        image = await service.shown(f"two.tif/pages/{number}/image?width=620&format=webp")
        assert image.format == "WEBP"
        first = next(word for word in page["words"] if word["text"] == "Invoice")
        assert first["box"][1] < 0.3
        assert _darkness(image, first["box"]) > 0.1


async def test_an_image_is_drawn_once(read_folder: Path) -> None:
    for expected in (1, 0):  # the second service finds what the first has kept
        async with serving(read_folder) as service:
            answers = await asyncio.gather(
                *(service.get("letter.pdf/pages/1/image?width=333") for _ in range(4))
            )
            assert service.workers.tasks == expected
            assert len({answer.content for answer in answers}) == 1


async def test_what_cannot_be_shown_is_answered_with_the_reason(service: _Service) -> None:
    for path, code, reason in (
        ("note.txt/thumbnail", 404, "no pages to look at"),
        ("letter.pdf/pages/3/image", 404, "pages 1 to 2"),
        ("letter.pdf/pages/3", 404, "pages 1 to 2"),
        ("letter.pdf/pages/1/image?width=0", 400, "width is"),
        ("letter.pdf/pages/1/image?width=99999", 400, "width is"),
        ("letter.pdf/pages/1/image?format=gif", 400, "png, webp"),
        ("nothing/thumbnail", 404, "no document"),
    ):
        answer = await service.get(path)
        assert (answer.status_code, reason in answer.text) == (code, True), answer.text


async def test_forms_that_are_made_when_they_are_asked_for(service: _Service) -> None:
    for path, media_type, begin in (
        ("letter.pdf/hocr", "application/xhtml+xml", b"<?xml"),
        ("two.tif/alto", "application/xml", b"<?xml"),
        ("two.tif/textract", "application/json", b"{"),
        ("on-its-side.jpg/pdfa", "application/pdf", b"%PDF-1.7"),
    ):
        answer = await service.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(media_type)
        assert "attachment" in answer.headers["content-disposition"]
        assert answer.content.startswith(begin)
    assert "pdfa" in (await service.get("letter.pdf/gif")).text


async def test_a_summary_quotes_documents_with_page_and_box(service: _Service) -> None:
    answer = await service.client.get("/summary?document=letter.pdf&sentences=1&topics=0")
    report = answer.json()
    (quoted,) = report["summary"]
    assert quoted["text"].startswith("The committee met on Tuesday")
    assert (quoted["name"], quoted["page"]) == ("letter.pdf", 1)
    page = (await service.get("letter.pdf/pages/1")).json()
    assert page["text"][quoted["begin"] : quoted["end"]].split() == quoted["text"].split()
    words = [word for word in page["words"] if word["begin"] in range(*_span(quoted))]
    assert quoted["boxes"][0][:2] == pytest.approx(words[0]["box"][:2], abs=0.01)
    found = (await service.client.get("/summary?q=committee")).json()
    assert {item["name"] for item in found["documents"]} == {
        "letter.pdf", "on-its-side.jpg", "two.tif",
    }  # fmt: skip
    for query, code in (("document=nothing", 404), ("q=unheardof", 404), ("sentences=0", 400),
                        ("q=a&document=letter.pdf", 400)):  # fmt: skip
        assert (await service.client.get(f"/summary?{query}")).status_code == code


async def test_only_those_see_a_page_who_may_see_the_document(service: _Service) -> None:
    runtime = service.runtime
    info = await runtime.store.read(partial(find_document, wanted="letter.pdf"))
    source = "file:///letter.pdf"
    await runtime.store.write(lambda c: restrict_source(c, info.document_id, source, ["token:ben"]))
    paths = ("thumbnail", "pages", "pages/1", "pages/1/image", "hocr")
    for who, code in (("ben", 200), ("cleo", 404)):
        _, secret = await runtime.store.write(
            partial(
                create_token, name=who, acts=frozenset({"read"}), user=None, types=None,
                expires=None, now=now_us(),
            )
        )  # fmt: skip
        headers = {"authorization": f"Bearer {secret}"}
        answers = [await service.get(f"{info.document_id}/{path}", headers=headers)
                   for path in paths]  # fmt: skip
        assert [answer.status_code for answer in answers] == [code] * len(paths)
        summary = await service.client.get("/summary?q=committee", headers=headers)
        assert ("letter.pdf" in summary.text) is (code == 200)
    await runtime.store.write(lambda c: restrict_source(c, info.document_id, source, None))


async def test_the_cache_is_bounded_and_loses_what_was_not_used_for_longest(
    service: _Service,
) -> None:
    runtime = service.runtime
    info = await runtime.store.read(partial(find_document, wanted="two.tif"))
    await runtime.store.write(lambda c: c.execute("DELETE FROM page_images"))
    gone: list[str] = []
    for number in range(10):
        image = CachedImage(f"{number:064x}", 100, 1, 1)
        gone += await runtime.store.write(
            partial(add_image, document_id=info.document_id, page=1, form=f"{number}.png",
                    image=image, made_after=0, now=number, max_bytes=500)
        )  # fmt: skip
    kept = await runtime.store.read(
        lambda c: c.execute("SELECT sha256, bytes FROM page_images ORDER BY used").fetchall()
    )
    assert sum(size for _, size in kept) <= 500
    assert gone + [sha256 for sha256, _ in kept] == [f"{number:064x}" for number in range(10)]
    # An image may be the very picture that it shows: that one is never deleted.
    (original,) = await runtime.store.read(
        lambda c: c.execute("SELECT sha256 FROM registry WHERE name = 'two.tif'").fetchone()
    )
    assert not await runtime.store.write(
        partial(add_image, document_id="erased meanwhile", page=1, form="1.png",
                image=CachedImage(original, 9, 1, 1), made_after=0, now=99, max_bytes=500)
    )  # fmt: skip
    await runtime.store.write(lambda c: c.execute("DELETE FROM page_images"))


async def test_images_are_erased_with_their_document(
    files: dict[str, bytes], read_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(read_folder, folder)
    async with serving(folder) as service:
        runtime = service.runtime
        info = await runtime.store.read(partial(find_document, wanted="noise.png"))
        images = PageImages(runtime, service.workers, PageCache())
        made = [await images.image(info, 1, width, "png") for width in (64, 200)]
        digests = [image.sha256 for image in made if image.sha256]
        assert await runtime.objects.existing(digests) == set(digests)
        assert {image.sha256 is not None and len(image.data) > 64 << 10 for image in made} == {
            True, False,
        }  # fmt: skip
        subject = f"document:{info.document_id}"
        await erase(runtime, await plan_erasure(runtime, [subject]), "test")
        assert await runtime.objects.existing(digests) == set()
        assert (await service.get(f"{info.document_id}/thumbnail")).status_code == 410
        # One that was being drawn meanwhile is not kept either.
        late = CachedImage(digests[0], 9, 1, 1)
        await runtime.store.write(
            partial(add_image, document_id=info.document_id, page=1, form="1.png", image=late,
                    made_after=0, now=1, max_bytes=500)
        )  # fmt: skip
        rows = await runtime.store.read(
            lambda c: c.execute(
                "SELECT count(*) FROM page_images WHERE document_id = ?", (info.document_id,)
            ).fetchone()
        )
        assert rows == (0,)


def test_a_command_writes_them_to_files(read_folder: Path, tmp_path: Path) -> None:
    def lineal(*arguments: str) -> Any:
        return CliRunner().invoke(app, [*arguments, "--data", str(read_folder)])

    for form, options, name, width in (
        ("image", ["--page", "2", "--width", "500"], "page.png", 500),
        ("thumbnail", [], "thumbnail.webp", 256),
    ):
        target = tmp_path / name
        answer = lineal("show", "letter.pdf", "--as", form, *options, "-o", str(target))
        assert answer.exit_code == 0, answer.output
        with Image.open(target) as image:
            assert image.width == width
    answer = lineal("show", "letter.pdf", "--as", "page", "--page", "2")
    assert b'"number":2' in answer.stdout_bytes
    answer = lineal("show", "two.tif", "--as", "hocr")
    assert "4711" in answer.output
    answer = lineal("summarize", "letter.pdf", "--json")
    assert answer.exit_code == 0, answer.output
    assert "committee" in orjson.loads(answer.stdout_bytes)["summary"][0]["text"]
    assert "[p. 1]" in lineal("summarize", "letter.pdf", "--topics", "1").output
    assert "no document" in lineal("summarize", "nothing").output
    for arguments, reason in (
        (["note.txt", "--as", "image"], "no pages to look at"),
        (["letter.pdf", "--as", "image", "--page", "9"], "pages 1 to 2"),
        (["letter.pdf", "--as", "image", "-o", "page.gif"], ".png or .webp"),
        (["letter.pdf", "--as", "gif"], "none of original, text"),
    ):
        answer = lineal("show", *arguments)
        assert answer.exit_code != 0 and reason in answer.output
