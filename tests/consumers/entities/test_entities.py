"""What a note mentions, how it is meant, and how sure that is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from lineal.testing import StageHarness
from lineal_catalog.graph.effect import stored_mentions
from lineal_consumers.entities.config import EntitiesConfig, vocabulary_artifact
from lineal_consumers.entities.recognition import find_mentions
from lineal_consumers.entities.stage import entities
from lineal_consumers.entities.vocabulary import BadVocabulary, load_vocabulary
from lineal_schemas.documents import DocumentAnalyzed
from lineal_schemas.entities import EntitiesFound, Mention, Mentions
from lineal_schemas.results import (
    Analysis,
    DocumentClass,
    Entity,
    Page,
    Span,
    TextResult,
    Word,
)


def result_of(text: str, *words: Word) -> bytes:
    page = Page(
        number=1, begin=0, end=len(text), width=595, height=842, source="ocr", words=words
    )  # fmt: skip
    return TextResult(engines=(), text=text, pages=(page,)).to_gzip()


def analysis_of(*found: Entity) -> bytes:
    return Analysis(
        language="en", language_confidence=1.0, key_phrases=(), entities=found,
        document_class=DocumentClass(name="letter", confidence=1.0),
    ).to_gzip()  # fmt: skip


def found(text: str, config: EntitiesConfig | None = None) -> dict[str, Mention]:
    mentions = find_mentions(result_of(text), analysis_of(), config or EntitiesConfig()).mentions
    return {item.concept: item for item in mentions}


NOTE = """Chief complaint: chest pain.

Past medical history:
- hypertension
- type 2 diabetes

Family history: breast cancer. Asthma in a cousin.

He denies fever and chills. Pneumonia cannot be excluded. He has a cough, but no rash.
"""


@pytest.mark.parametrize(
    ("concept", "polarity"),
    [
        ("chest-pain", ("affirmed",)),
        ("hypertension", ("historical",)),
        ("type-2-diabetes", ("historical",)),
        ("breast-cancer", ("family",)),
        ("asthma", ("family",)),
        ("fever", ("negated",)),
        ("chills", ("negated",)),
        ("pneumonia", ("uncertain",)),
        ("cough", ("affirmed",)),
        ("rash", ("negated",)),
    ],
)
def test_how_what_is_mentioned_is_meant(concept: str, polarity: tuple[str, ...]) -> None:
    assert found(NOTE)[concept].polarity == polarity


def test_the_longest_phrase_is_what_is_meant() -> None:
    assert set(found("Type 2 diabetes mellitus and Crohn's disease.")) == {
        "type-2-diabetes", "crohn-disease",
    }  # fmt: skip


def test_a_phrase_ends_with_its_sentence_and_page() -> None:
    assert found("He hit his chest. Pain went away.") == {}
    assert found("It hurt in the chest\fPain went away.") == {}
    assert "chest-pain" in found("He has chest\npain.")


def test_less_sure_is_what_may_stand_for_something_else() -> None:
    text = "MS and MI. Migraines. Asthma."
    scores = {concept: item.score for concept, item in found(text).items()}
    assert scores["multiple-sclerosis"] == scores["mitral-stenosis"] < 0.7
    assert 0.7 < scores["myocardial-infarction"] < scores["migraine"] < scores["asthma"] == 1
    assert found("Ms Miller said mi casa") == {}


def test_doubtful_words_make_doubtful_mentions_with_their_place() -> None:
    text = "has asthma"
    words = (Word(0, 3, 0.9, 0.1, 0.1, 0.1, 0.02, 0), Word(4, 10, 0.6, 0.3, 0.1, 0.2, 0.02, 0))
    [item] = find_mentions(result_of(text, *words), analysis_of(), EntitiesConfig()).mentions
    assert item.score == 0.6
    assert item.page == 1
    assert item.boxes == ((0.3, 0.1, 0.2, 0.02),)


def test_what_the_analysis_found_has_the_same_id_everywhere() -> None:
    def person(text: str) -> Mention:
        begin = text.index("Ann")
        entity = Entity(
            type="PERSON", text="Ann Moreau", personal=True,
            occurrences=(Span(begin, begin + 10, 0.8),),
        )  # fmt: skip
        found = find_mentions(result_of(text), analysis_of(entity), EntitiesConfig())
        return found.mentions[0]

    one, other = person("Ann Moreau came."), person("We saw Ann Moreau.")
    assert one.concept == other.concept
    assert one.concept.startswith("PERSON:")
    assert (one.name, one.kind, one.score) == ("Ann Moreau", "person", 0.8)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own.csv", "id,name,kind,synonyms\nasthma,airway asthma,condition,\nWC-1,wheelchair,,\n"),
        (
            "own.toml",
            '[concepts.asthma]\nname = "airway asthma"\n[concepts.WC-1]\nname = "wheelchair"\n',
        ),
    ],
)
def test_a_vocabulary_of_ones_own_adds_and_replaces(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    own = EntitiesConfig(vocabulary=file)
    there = found("Asthma, airway asthma, a wheelchair, a fever.", own)
    assert set(there) == {"asthma", "WC-1", "fever"}
    assert there["asthma"].text == "airway asthma"
    alone = EntitiesConfig(vocabulary=file, builtin=False)
    assert set(found("A wheelchair, a fever.", alone)) == {"WC-1"}
    digests = {vocabulary_artifact(item)[0].sha256 for item in (own, alone, EntitiesConfig())}
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "code,label\n", "first line"),
        ("b.csv", "id,name\n,fever\n", "2: a concept has an id"),
        ("c.csv", "id,name\na,b\na,c\n", "twice"),
        ("d.toml", "concepts = 1\n", "concepts.ID"),
        ("e.toml", "[concepts", "no TOML"),
        ("f.toml", '[concepts.a]\nname = "a"\nsynonyms = "b"\n', "list"),
        ("missing.csv", None, "cannot be read"),
    ],
)
def test_a_bad_vocabulary_says_what_is_wrong(
    tmp_path: Path, name: str, text: str | None, says: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadVocabulary, match=says):
        load_vocabulary(tmp_path / name, builtin=True)


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    async with StageHarness(entities, config=EntitiesConfig()) as opened:
        yield opened


async def read(harness: StageHarness, text: str, document_id: str = "d") -> EntitiesFound:
    document = DocumentAnalyzed(
        document_id=document_id, text=await harness.put(text.encode(), "text/plain"),
        result=await harness.put(result_of(text)), analysis=await harness.put(analysis_of()),
        language="en", document_class="letter", class_confidence=0.9, personal_data=False,
    )  # fmt: skip
    [made] = await harness.send(document)
    assert isinstance(made, EntitiesFound)
    return made


async def test_the_event_counts_and_its_object_names(harness: StageHarness) -> None:
    made = await read(harness, "Fever, but no cough.")
    assert (made.count, made.affirmed, made.negated) == (2, 1, 1)
    stored = Mentions.model_validate(orjson.loads(await harness.get(made.mentions)))
    assert [item.concept for item in stored.mentions] == ["fever", "cough"]
    assert made.vocabulary_sha256 == vocabulary_artifact(EntitiesConfig())[0].sha256


async def test_a_retry_or_replay_duplicates_nothing(harness: StageHarness) -> None:
    store = harness.runtime.store
    await read(harness, "Fever, but no cough.")
    first = await store.read(lambda c: stored_mentions(c, "d"))
    for _ in range(3):
        await read(harness, "Fever, but no cough.")
    assert await store.read(lambda c: stored_mentions(c, "d")) == first
    await read(harness, "A rash.")
    changed = await store.read(lambda c: stored_mentions(c, "d"))
    assert changed is not None
    assert [item.concept for item in changed.mentions] == ["rash"]


async def test_a_label_says_whom_a_note_is_about(harness: StageHarness) -> None:
    store = harness.runtime.store
    await store.write(
        lambda c: c.execute("INSERT INTO labels VALUES (?, ?, ?)", ("d", "patient", "Patient/a"))
    )
    await read(harness, "Fever.")
    found = await store.read(lambda c: stored_mentions(c, "d"))
    assert found is not None
    assert found.about == "Patient/a"
