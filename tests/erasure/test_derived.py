"""What was made of erased things elsewhere is erased too: models' samples, audio, conversations."""

from __future__ import annotations

import asyncio
import io
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

import lineal_cli.examples
from lineal import Context, stage
from lineal.access.credential import owner_credential
from lineal.erasure.erase import erase, overwrite, plan_erasure
from lineal.erasure.tables import RUNTIME_TABLES, projections_without_erasure
from lineal.lineage.projections import projected_tables
from lineal.runtime import Runtime, open_runtime
from lineal.stages import Stage
from lineal.store.objects import reference
from lineal.store.sqlite import connect
from lineal.store.tables import create_tables
from lineal_cli.main import app
from lineal_consumers.articles.stage import gather, scatter, speak
from lineal_consumers.conversation.stage import conversation
from lineal_consumers.photos.stage import arrive as photo_arrive
from lineal_consumers.photos.stage import learn as photo_learn
from lineal_consumers.photos.stage import score as photo_score
from lineal_consumers.register.stage import register
from lineal_producers.arrival import ArrivalSource, announce, store
from lineal_producers.crawl.entries import CrawlNoted, ImageEntry, PageEntry, entries
from lineal_schemas.articles import (
    ArticleHead,
    ArticlePublished,
)
from lineal_schemas.conversations import UtteranceReceived
from lineal_schemas.diagrams import Appearance
from lineal_schemas.documents import DocumentAnalyzed
from lineal_schemas.envelope import first_event
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from tests.erasure.documents import STAGES, WORDS, arrive, handle_all, settings, words_found

TEXT = WORDS[0]
needs_programs = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("espeak-ng", "opusenc", "lame")),
    reason="needs espeak-ng, opusenc and lame: apt-get install espeak-ng opus-tools lame",
)


class SamplesRequested(Payload, type="test.samples_requested", version=1):
    """Golden samples of a model are to be chosen from a text."""

    text: ObjectRef

    def partition_key(self) -> str:
        return "letters"

    def correlation_key(self) -> str:
        return "model:letters"


@stage("asking", version="1", produces=SamplesRequested)
async def asking(document: DocumentAnalyzed, ctx: Context) -> SamplesRequested:
    return SamplesRequested(text=document.text)


@stage("sampling", version="1", produces=(), record_kind="evaluate", memo=False)
async def sampling(request: SamplesRequested, ctx: Context) -> None:
    text = await ctx.objects.get(request.text, role="data")
    await ctx.objects.put(b"a sample: " + text, "application/x-npz", role="golden")
    await ctx.objects.put(b"a model", "application/x-onnx", role="model")


async def erase_subject(runtime: Runtime, subject: str) -> list[str]:
    """Erase a subject; returns what stays, in words."""
    plan = await plan_erasure(runtime, [subject])
    await erase(runtime, plan, "asked for", by=owner_credential())
    return [*plan.remains, *await overwrite(runtime)]


async def send(runtime: Runtime, payload: Payload, number: int = 1) -> None:
    event = first_event(
        payload, id=f"planted-{number}", source="test:planted", actor=owner_credential().actor
    )
    await runtime.bus.publish([(payload.type, event)])


def content(folder: Path) -> str:
    """All rows of the tables that stages and the bus write."""
    with closing(sqlite3.connect(folder / "lineal.db")) as connection:
        return "".join(
            str(row) for table in ("state", "events", "timers", "fan_in_groups", "memo")
            for row in connection.execute(f"SELECT * FROM {table}")
        )  # fmt: skip


async def test_samples_chosen_from_a_document_go_with_it_and_who_learnt_from_it_is_named(
    tmp_path: Path,
) -> None:
    async with open_runtime(settings(tmp_path)) as runtime:
        document_id = await arrive(runtime, "a.txt", f"A letter about {TEXT}.".encode())
        await arrive(runtime, "b.txt", b"A letter about gears.")
        await handle_all(runtime, [*STAGES, asking, sampling])
        assert b"a sample: " + f"A letter about {TEXT}.".encode() in await runtime.store.read(
            _objects
        )
        remains = await erase_subject(runtime, f"document:{document_id}")
        assert any("what model:letters has made of it (evaluate)" in line for line in remains)
        found = [
            line for line in (await runtime.store.read(_objects)) if line.startswith(b"a sample")
        ]
        assert found == [b"a sample: A letter about gears."]
    assert words_found(tmp_path, [TEXT]) == set()
    done = await asyncio.to_thread(
        CliRunner().invoke, app, ["verify", "--data", str(tmp_path), "--json"]
    )
    found = orjson.loads(done.stdout_bytes)["findings"]
    assert [item for item in found if item["check"] == "objects"] == []


class InvoiceBooked(Payload, type="test.invoice_booked", version=1):
    """What a stage of a user says of a document, about a subject of its own."""

    number: str
    buyer: str

    def correlation_key(self) -> str:
        return f"invoice:{self.number}"


@stage("booking", version="1", produces=InvoiceBooked)
async def booking(document: DocumentAnalyzed, ctx: Context) -> InvoiceBooked:
    return InvoiceBooked(number="77", buyer=TEXT)


async def arrive_photo(runtime: Runtime, data: bytes, piece: str) -> str:
    content = await store(runtime, io.BytesIO(data))
    source = ArrivalSource(
        name=f"{piece}.png", source=f"file:///line/{piece}.png", actor="process:test",
        occurrence="1", labels={"line": "washers", "verdict": "normal", "piece": piece},
    )  # fmt: skip
    return (await announce(runtime, source, content=content)).document_id


@pytest.mark.parametrize("handled", [True, False])
async def test_a_photo_of_a_line_goes_with_the_document(tmp_path: Path, handled: bool) -> None:
    """Also where no stage has handled the event that it began with."""
    of_photos: list[Stage] = [photo_score, photo_learn] if handled else []
    config = {"models": {"photos": {"kind": "photos"}}}
    async with open_runtime(settings(tmp_path, stages={"retrain": config})) as runtime:
        erased = await arrive_photo(runtime, f"pixels of {TEXT}".encode(), TEXT)
        kept = await arrive_photo(runtime, b"pixels of gears", "gears")
        await handle_all(runtime, [register, photo_arrive, *of_photos])
        assert f'"photo_id":"{erased}"' in content(tmp_path)
        plan = await plan_erasure(runtime, [f"document:{erased}"])
        assert set(plan.references.subjects) == {f"document:{erased}", f"photo:{erased}"}
        assert plan.remains == ()
        await erase(runtime, plan, "asked for", by=owner_credential())
        assert await overwrite(runtime) == []
        assert f'"photo_id":"{kept}"' in content(tmp_path)
    assert words_found(tmp_path, [TEXT]) == set()


async def test_a_subject_of_a_users_own_that_a_document_caused_is_named(tmp_path: Path) -> None:
    """It may be of other documents too: who erases decides."""
    async with open_runtime(settings(tmp_path)) as runtime:
        document_id = await arrive(runtime, "a.txt", b"A letter.")
        await handle_all(runtime, [*STAGES, booking])
        remains = await erase_subject(runtime, f"document:{document_id}")
        assert [line for line in remains if "invoice:77" in line] == [
            "events of invoice:77 that its steps have caused (test.invoice_booked): `lineal erase "
            "--subject invoice:77` if nothing of them may stay"
        ]
        await erase_subject(runtime, "invoice:77")
    assert words_found(tmp_path, [TEXT]) == set()


def _objects(connection: Any) -> list[bytes]:
    return [bytes(data) for (data,) in connection.execute("SELECT data FROM objects").fetchall()]


async def test_nothing_of_a_conversation_stays(tmp_path: Path) -> None:
    examples = Path(lineal_cli.examples.__path__[0])
    given = {"stages": {"conversation": {"folder": str(examples)}}}
    async with open_runtime(settings(tmp_path, **given)) as runtime:
        for number, text in enumerate(
            ["book an appointment with Dr Chen", "tomorrow", f"{TEXT} hurts"]
        ):
            said = UtteranceReceived(
                person="user:ann", dialogue="surgery", channel="web", text=text
            )
            await send(runtime, said, number)
            await handle_all(runtime, [conversation])
        other = UtteranceReceived(
            person="user:bob", dialogue="surgery", channel="web", text="book an appointment"
        )
        await send(runtime, other, 9)
        await handle_all(runtime, [conversation])
        assert TEXT in content(tmp_path)
        await erase_subject(runtime, said.correlation_key())
    assert words_found(tmp_path, [TEXT, "user:ann"]) == set()
    assert "surgery/user:bob" in content(tmp_path)


@needs_programs
async def test_nothing_of_a_spoken_article_stays(tmp_path: Path) -> None:
    async with open_runtime(settings(tmp_path)) as runtime:
        for name, text in (
            ("news", f"# {TEXT}\n\nAbout {TEXT}."),
            ("other", "# Gears\n\nThey turn."),
        ):
            data = await runtime.objects.put_file(io.BytesIO(text.encode()))
            head = ArticleHead(title=text.split("\n")[0], language="en", published_us=1)
            ref = reference(data.sha256, data.bytes, "text/markdown")
            await send(
                runtime, ArticlePublished(article_id=name, head=head, content=ref), len(name)
            )
        await handle_all(runtime, [scatter, speak, gather])
        assert TEXT in content(tmp_path)
        await erase_subject(runtime, "article:news")
    assert words_found(tmp_path, [TEXT]) == set()
    assert "They turn" in content(tmp_path)


async def test_nothing_that_a_crawl_noted_of_an_image_stays(tmp_path: Path) -> None:
    image, other = "https://example.org/a.png", "https://example.org/b.png"
    shown = Appearance(page="https://example.org/", title=f"About {TEXT}", alt=TEXT)
    plain = Appearance(page="https://example.org/2", alt="gears")
    async with open_runtime(settings(tmp_path)) as runtime:
        found = [
            ("page", shown.page, PageEntry(run="1", images=((image, shown), (other, shown)))),
            ("page", plain.page, PageEntry(run="1", images=((other, plain),))),
            *(
                (
                    "image", url,
                    ImageEntry(run="1", sha256="0" * 64, bytes=1, media_type="image/png",
                               appearances=(appearance,)),
                )
                for url, appearance in ((image, shown), (other, plain))
            ),
        ]  # fmt: skip
        noted = [
            CrawlNoted("site", what, url, entry.model_dump_json()) for what, url, entry in found
        ]
        await runtime.committer.publish((), noted)
        await erase_subject(runtime, f"image:{image}")
        assert set(await entries(runtime, "site", "image", ImageEntry)) == {other}
        assert set(await entries(runtime, "site", "page", PageEntry)) == {plain.page}
    assert words_found(tmp_path, [TEXT]) == set()


def test_every_table_says_how_it_is_erased(tmp_path: Path) -> None:
    """Whoever adds a table says it: with its projection, or in ``RUNTIME_TABLES``."""
    assert [projection.name for projection in projections_without_erasure()] == []
    projected = {table.name for table in projected_tables()}
    with closing(connect(tmp_path / "lineal.db", "normal")) as connection:
        create_tables(connection)
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in rows if not name.startswith(("sqlite_", "search_text_"))}
    assert tables - projected == set(RUNTIME_TABLES)
