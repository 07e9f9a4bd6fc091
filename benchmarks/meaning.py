"""Search by meaning: what it finds on our own pages and on AG News, beside words alone, and how
long a million vectors take; and sentence match, on frozen pairs (``data/match_pairs.json``).

The questions are frozen (``data/docs_questions.json``), and asked of the pages as they are: those
whose answer no longer stands there are named and left out. That set names one paragraph for each;
``data/docs_judgements.json`` has others that were judged to answer as well, by a stated rule, and
what is found with them is a figure of its own. On AG News, a title is to find its own
description among 500. The peer is FTS5 over the same paragraphs, any word of the question, ranked
by BM25.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.ag_news import FOLDER
from benchmarks.measurement import Benchmark, Result

_QUESTIONS = Path(__file__).parent / "data" / "docs_questions.json"
_JUDGED = Path(__file__).parent / "data" / "docs_judgements.json"
_PAIRS = Path(__file__).parent / "data" / "match_pairs.json"
_AG_NEWS = 500
_AT = 5
_MILLION, _DIMENSIONS = 1_000_000, 384
_ROUNDS = 7


class _Store:
    """Documents with vectors and words in a store, and the same paragraphs in the peer."""

    def __init__(self) -> None:
        from lineal.store.sqlite import SqliteConnection
        from lineal.store.tables import create_tables

        self.connection = sqlite3.connect(
            ":memory:", isolation_level=None, factory=SqliteConnection
        )
        create_tables(self.connection)
        self.peer = sqlite3.connect(":memory:", isolation_level=None)
        self.peer.execute(
            "CREATE VIRTUAL TABLE texts USING fts5 "
            "(text, plain UNINDEXED, tokenize = 'unicode61 remove_diacritics 2')"
        )

    def add(self, document: str, text: str) -> None:
        from lineal_catalog.meaning.effect import ParagraphVectors, replace_paragraphs
        from lineal_catalog.search.entries import replace_document
        from lineal_catalog.search.page_split import pages_to_index
        from lineal_consumers.embed.embedding import embed_text

        found = embed_text(text, "auto", 20_000)
        replace_document(self.connection, document, pages_to_index(text), {})
        change = ParagraphVectors(document, found.model, found.paragraphs, found.vectors)
        replace_paragraphs(self.connection, change)
        self.peer.executemany(
            "INSERT INTO texts VALUES (?, ?)",
            [(item.embedded_text, item.text) for item in found.paragraphs],
        )

    def finds(self, question: str, right: Callable[[str], bool]) -> bool:
        from lineal_catalog.meaning.search import find_passages

        found = find_passages(self.connection, question, limit=_AT)
        return any(right(passage.text) for passage in found)

    def peer_finds(self, question: str, right: Callable[[str], bool]) -> bool:
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question))
        rows = self.peer.execute(
            "SELECT plain FROM texts WHERE texts MATCH ? ORDER BY bm25(texts) LIMIT ?", (words, _AT)
        )
        return any(right(text) for (text,) in rows.fetchall())

    def close(self) -> None:
        self.connection.close()
        self.peer.close()


def _measure_search() -> Sequence[Result]:
    from lineal_catalog.meaning.answers import find_answers

    frozen = json.loads(_QUESTIONS.read_text())
    also = json.loads(_JUDGED.read_text())["also"]
    results = []
    with closing(_Store()) as store:
        pages = _pages()
        for name, text in pages.items():
            store.add(name, text)
        asked, judged = [], []
        for item in frozen["questions"]:
            if _plain(item["answer"]) in _plain(pages.get(item["page"], "")):
                question = item["question"]
                asked.append((question, _holds(item["answer"])))
                judged.append((question, _holds(item["answer"], *also.get(question, ()))))
            else:
                print(
                    f"  left out: {item['question']} {item['page']} does not answer it any longer"
                )
        results.append(_recall("quality.search_docs", store, asked))
        results.append(_recall("quality.search_docs_judged", store, judged))
        answered = [
            bool(find_answers(store.connection, question)) for question in frozen["unanswerable"]
        ]
        results.append(
            Result("quality.ask_unanswerable", sum(answered) / len(answered), "share answered", "0")
        )
    folder = Path(os.environ.get("LINEAL_AG_NEWS") or FOLDER)
    if not folder.is_dir():
        print(f"  no folder {folder}: AG News is not measured")
        return results
    with closing(_Store()) as store:
        rows = _news(folder / "part1.csv")
        for number, (_, text) in enumerate(rows):
            store.add(str(number), text)
        asked = [(title, _holds(text)) for title, text in rows[::2]]
        results.append(_recall("quality.search_ag_news", store, asked))
    return results


def _recall(name: str, store: _Store, asked: Sequence[tuple[str, Callable[[str], bool]]]) -> Result:
    ours = sum(store.finds(question, right) for question, right in asked) / len(asked)
    words = sum(store.peer_finds(question, right) for question, right in asked) / len(asked)
    peer = "FTS5, any of the words, BM25"
    return Result(name, ours, f"recall at {_AT}", ">= 0.9, above words", peer, words, ours / words)


def _holds(*answers: str) -> Callable[[str], bool]:
    wanted = [_plain(answer) for answer in answers]
    return lambda text: any(one in _plain(text) or _plain(text) in one for one in wanted)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[`*_]", "", text).lower().split())


def _pages() -> dict[str, str]:
    folder = Path(__file__).parents[1] / "docs"
    return {file.name: file.read_text() for file in sorted(folder.glob("*.md"))}


def _news(file: Path) -> list[tuple[str, str]]:
    import csv

    with file.open(newline="") as lines:
        rows = list(csv.reader(lines))[-_AG_NEWS:]
    return [(title, text.replace("\\", " ")) for _, title, text in rows]


def _measure_match() -> Sequence[Result]:
    from lineal_catalog.matching.match import match_sentence
    from lineal_catalog.meaning.engines import choose_engine

    pairs = json.loads(_PAIRS.read_text())
    right = opposite = plain_right = plain_opposite = 0
    engine = choose_engine("auto")
    for pair in pairs:
        sentences = pair["text"]
        wrong = {sentences[number] for number in pair["wrong"]}
        found = match_sentence(pair["sentence"], "\n\n".join(sentences))
        right += bool(found.matches) and found.matches[0].text == sentences[pair["right"]]
        opposite += any(item.text in wrong for item in found.matches)
        vectors = engine.embed([pair["sentence"], *sentences])
        nearest = int((vectors[1:] @ vectors[0]).argmax())
        plain_right += nearest == pair["right"]
        plain_opposite += nearest in pair["wrong"]
    count, peer = len(pairs), f"the cosine of {engine.model.name} alone"
    return [
        Result(
            "quality.match", right / count, "top-1", ">= 0.9",
            peer, plain_right / count, right / max(plain_right, 1),
        ),
        Result(
            "quality.match_opposite", opposite, "pairs with a match of other polarity", "0",
            peer, plain_opposite,
        ),
    ]  # fmt: skip


def _measure_million() -> Sequence[Result]:
    import numpy as np

    from lineal_catalog.meaning.neighbours import nearest
    from lineal_catalog.meaning.vector_file import VectorRows

    chance = np.random.default_rng(2026)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vectors"
        written = np.memmap(file, np.int8, "w+", shape=(_MILLION, _DIMENSIONS))
        for at in range(0, _MILLION, 50_000):
            written[at : at + 50_000] = chance.integers(
                -127, 128, (50_000, _DIMENSIONS), dtype=np.int8
            )
        written.flush()
        del written
        vectors = np.memmap(file, np.int8, "r", shape=(_MILLION, _DIMENSIONS))
        lengths = np.full(_MILLION, 1 / (73.0 * _DIMENSIONS**0.5), np.float32)
        rows = VectorRows(np.arange(_MILLION), vectors, lengths)
        wanted: Any = chance.standard_normal(_DIMENSIONS).astype(np.float32)
        wanted /= np.linalg.norm(wanted)
        times = []
        for _ in range(_ROUNDS):
            begin = time.perf_counter()
            near = nearest(rows, wanted)
            for _ in range(200):
                next(near)
            times.append(1000 * (time.perf_counter() - begin))
    return [Result("meaning.million", statistics.median(times), "ms", "< 200")]


BENCHMARKS = (
    Benchmark(
        (
            "quality.search_docs",
            "quality.search_docs_judged",
            "quality.ask_unanswerable",
            "quality.search_ag_news",
        ),
        _measure_search,
        limit_s=900,
        timed=False,
    ),
    Benchmark(("quality.match", "quality.match_opposite"), _measure_match, timed=False),
    Benchmark(("meaning.million",), _measure_million),
)
