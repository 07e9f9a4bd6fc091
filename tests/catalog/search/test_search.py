"""What a search finds and shows: the same in every store."""

from __future__ import annotations

import pytest

from lineal.store.connection import Connection
from lineal_catalog.search.check import is_as_expected
from lineal_catalog.search.entries import (
    MARK_BEGIN,
    MARK_END,
    SearchPage,
    differing_words,
    indexed_spans,
    replace_document,
    search,
)
from lineal_catalog.search.pages import spans

MARKS = str.maketrans({MARK_BEGIN: "[", MARK_END: "]"})


def index(connection: Connection, document_id: str, *texts: str, **facets: str) -> None:
    pages = [SearchPage(number, text) for number, text in enumerate(texts, 1)]
    replace_document(connection, document_id, pages, facets)


def found(connection: Connection, text: str, **filters: str) -> list[tuple[str, int]]:
    return sorted((hit.document_id, hit.page) for hit in search(connection, text, filters=filters))


def snippet(connection: Connection, text: str) -> str:
    [hit] = search(connection, text)
    return hit.snippet.translate(MARKS)


def test_case_and_diacritics_do_not_matter(connection: Connection) -> None:
    index(connection, "d", "Café Ångström naïve ЖУРНАЛ 2nd", "cafe\u0301")
    for text in ("cafe", "CAFÉ", "cafe\u0301"):
        assert found(connection, text) == [("d", 1), ("d", 2)], text
    for text in ("angstrom", "Naive", "журнал", "2nd", "ang*"):
        assert found(connection, text) == [("d", 1)], text
    assert found(connection, "2") == []


def test_a_document_is_replaced_whole(connection: Connection) -> None:
    index(connection, "d", "first", "second", language="en", kind="letter")
    index(connection, "e", "first")
    index(connection, "d", "third", language="de")
    assert found(connection, "first") == [("e", 1)]
    assert found(connection, "second") == []
    assert found(connection, "third", language="de") == [("d", 1)]
    assert found(connection, "third", language="en") == []
    assert found(connection, "third", kind="letter") == []


def test_filters_must_all_hold(connection: Connection) -> None:
    for document_id in ("d", "e"):
        index(connection, document_id, "turbine", language="en")
    connection.execute("INSERT INTO ownership VALUES (?, ?, ?)", ("d", "ann", 1))
    connection.execute("INSERT INTO labels VALUES (?, ?, ?)", ("d", "year", "2024"))
    connection.execute(
        "INSERT INTO arrivals VALUES (?, ?, ?, ?, ?)", ("e", "event", "e.pdf", "file:", 1)
    )
    connection.execute(
        "INSERT INTO registry (document_id, tenant, name, registered) VALUES (?, ?, ?, ?)",
        ("d", "default", "d.pdf", 1),
    )
    assert found(connection, "turbine", language="en") == [("d", 1), ("e", 1)]
    assert found(connection, "turbine", owner="ann", year="2024") == [("d", 1)]
    assert found(connection, "turbine", owner="ann", year="2025") == []
    assert found(connection, "turbine", name="e.pdf") == [("e", 1)]
    [hit] = search(connection, "turbine", filters={"owner": "ann"})
    assert hit.name == "d.pdf"


def test_the_best_come_first_and_no_more_than_asked_for(connection: Connection) -> None:
    index(connection, "long", "gearbox " + "other words " * 300)
    index(connection, "often", "gearbox gearbox gearbox")
    for number in range(5):
        index(connection, f"none{number}", "nothing of it")
    hits = search(connection, "gearbox")
    assert [hit.document_id for hit in hits] == ["often", "long"]
    assert hits[0].score > hits[1].score
    assert [hit.document_id for hit in search(connection, "gearbox", limit=1)] == ["often"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("réd", "The [Red] fox jumps, over a lazy dog."),
        ('"red fox"', "The [Red fox] jumps, over a lazy dog."),
        ("jump*", "The Red fox [jumps], over a lazy dog."),
        ("dog AND (fox OR cat)", "The Red [fox] jumps, over a lazy [dog]."),
        ("fox NOT cat", "The Red [fox] jumps, over a lazy dog."),
    ],
)
def test_what_was_found_is_marked(connection: Connection, text: str, expected: str) -> None:
    index(connection, "d", "The Red fox jumps, over a lazy dog.")
    assert snippet(connection, text) == expected


def test_of_a_long_text_the_place_is_shown_that_answers_best(connection: Connection) -> None:
    filler = " ".join(f"w{number}" for number in range(200))
    index(connection, "d", f"gearbox {filler} oil in the gearbox {filler}")
    shown = snippet(connection, "gearbox oil")
    assert "[oil] in the [gearbox]" in shown
    assert shown.startswith(" … ") and shown.endswith(" … ")
    assert len(shown.split()) < 40


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("東京都港区の請求書番号四七一一", ["請求書", "東京", "京都", "番号 港区", "請求*"]),
        ("本合同由北京供应商与上海采购方签订", ["北京", "供应商", "采购"]),
        ("สัญญาฉบับนี้ทำขึ้นที่กรุงเทพ", ["กรุงเทพ", "สัญญา"]),
        ("계약서는 서울에서 체결되었습니다", ["서울", "계약서", "체결"]),
        ("第3号A社のテスト", ["A社", "3号", "テスト"]),
    ],
)
def test_words_without_spaces_around_them_are_found(
    connection: Connection, text: str, queries: list[str]
) -> None:
    index(connection, "d", text)
    index(connection, "e", "".join(reversed(text)))
    for query in queries:
        assert ("d", 1) in found(connection, query), query
        assert ("e", 1) not in found(connection, query), query


def test_a_part_of_a_long_text_without_spaces_is_found_and_shown(connection: Connection) -> None:
    index(connection, "d", "これはの文章です。" * 3_000 + "支払期限は来月末日です。")
    assert found(connection, "支払期限") == [("d", 1)]
    assert "[支払期限]は来月末日です。" in snippet(connection, "支払期限")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("the co\u00adoperation agree\u00adment", "cooperation agreement"),
        ("the of\ufb01ce", "office"),
        ("ＩＮＶＯＩＣＥ ４７１１", "invoice 4711"),
        ("invoice", "ｉｎｖｏｉｃｅ"),
        ("\u2f47\u672c", "日本"),
        ("\u2ed8空", "青空"),
        ("ﾃｽﾄ", "テスト"),
        ("u\u0308ber", "über"),
        ("ο λογαριασμός πληρώθηκε", "ΛΟΓΑΡΙΑΣΜΟΣ"),
        ("ο λογαριασμός πληρώθηκε", '"λογαριασμοσ πληρωθηκε"'),
        ("τῷ λόγῳ", "τω"),
        ("счёт за ёлку", "счет ёлку"),
        ("die Straße", "STRASSE"),
        ("eine Strasse", "straße"),
        ("Købmand", "kobmand"),
        ("100 złoty", "zloty"),
        ("Đồng Nai", "dong"),
        ("IŞIK", "ışık"),
        ("œuvre", "oeuvre"),
        ("فَاتُورَة", "فاتوره"),
        ("فـــاتورة", "فاتورة"),
        ("أحمد", "احمد"),
        ("کتاب علی", "كتاب علي"),
        ("رقم ٢٠٢٤", "2024"),
        ("שָׁלוֹם", "שלום"),
        ("ᲐᲜᲒᲐᲠᲘᲨᲘ", "ანგარიში"),
    ],
)
def test_what_looks_alike_is_found(connection: Connection, text: str, query: str) -> None:
    index(connection, "d", text)
    assert found(connection, query) == [("d", 1)]


def test_a_word_that_a_line_divides_is_found_and_shown_as_it_stands(connection: Connection) -> None:
    index(connection, "d", "Of this docu-\nment the well-\nknown Über-\ngabe ends. 2026-\n11")
    for query in ("document", "docu ment", "docum*", "uebergabe OR übergabe", "well-known"):
        assert found(connection, query) == [("d", 1)], query
    assert found(connection, "202611") == []
    assert snippet(connection, "document").startswith("Of this [docu-\nment] the")
    assert snippet(connection, "known").startswith("Of this docu-\nment the well-\n[known]")


def test_what_is_found_by_another_form_is_shown_as_it_stands(connection: Connection) -> None:
    index(connection, "d", "ο λογαριασμός πληρώθηκε χθες το πρωί")
    assert snippet(connection, "πληρωθηκε") == "ο λογαριασμός [πληρώθηκε] χθες το πρωί"


def test_entries_of_before_are_found_and_no_fault(connection: Connection) -> None:
    """Those of earlier versions know no forms beside those that stand in the text."""
    index(connection, "d", "die Straße nach Ørsted")
    (kept,) = indexed_spans(connection, "d")
    connection.execute("UPDATE search_text SET text = ?", ("die Straße nach Ørsted",))
    if connection.dialect.name == "postgres":
        words = "'die':1 'strasse':2 'nach':3 'ørsted':4"
        connection.execute("UPDATE search_text SET words = CAST(? AS tsvector)", (words,))
    assert found(connection, "straße ørsted") == [("d", 1)]
    assert list(differing_words(connection)) == []
    assert is_as_expected(indexed_spans(connection, "d"), [kept])
    connection.execute("UPDATE search_text SET text = ?", ("die Strasse nach Ørsted",))
    assert not is_as_expected(indexed_spans(connection, "d"), [kept])


def test_entries_without_the_words_that_lines_divide_are_no_fault() -> None:
    assert is_as_expected([(1, "docu-\nment")], [(1, next(spans("docu-\nment")))])
    assert not is_as_expected([(1, next(spans("docu-\nment")) + "s")], [(1, "docu-\nment")])
    assert not is_as_expected([(1, "docu-\nmint")], [(1, next(spans("docu-\nment")))])
