"""Characters that turn the order of a text are seen on pages, and kept in fields."""

from __future__ import annotations

from pathlib import Path

from httpx import ASGITransport, AsyncClient

from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_console.console import Console
from lineal_console.page import Page
from lineal_console.visible_text import html_with_visible_turns, with_visible_turns
from lineal_producers.http.application import application

NAME = "invoice\u202efdp.exe"


def test_each_that_turns_is_its_number_and_marks_of_direction_stay() -> None:
    turning = "".join(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
    assert with_visible_turns(turning).count("[U+") == len(turning) == 9
    arabic = "\u200fفاتورة\u200e \u061c1"
    assert with_visible_turns(arabic) == html_with_visible_turns(arabic) == arabic


def test_what_a_page_shows_is_changed_and_what_it_sends_back_is_not() -> None:
    page = (
        f'<p title="{NAME}">{NAME}</p><input name="f" value="{NAME}" aria-label="of {NAME}">'
        f'<a href="/x?q={NAME}">x</a><textarea name="t">{NAME}</textarea><b>{NAME}</b>'
    )
    seen = "invoice[U+202E]fdp.exe"
    assert html_with_visible_turns(page) == (
        f'<p title="{seen}">{seen}</p><input name="f" value="{NAME}" aria-label="of {seen}">'
        f'<a href="/x?q={NAME}">x</a><textarea name="t">{NAME}</textarea><b>{seen}</b>'
    )


async def test_a_message_with_a_name_in_it_shows_them(tmp_path: Path) -> None:
    page = Page("thing", "Thing")

    @page.get()
    async def answer(request):
        return request.render("problem.html", status=400, message=f"{NAME} is refused")

    async with open_runtime(Settings(data=tmp_path / "data")) as runtime:
        app = application(runtime)
        app.router.routes[:0] = Console(runtime, [page]).routes()
        token = (tmp_path / "data" / "api-token").read_text().strip()
        async with AsyncClient(
            transport=ASGITransport(app=app), base_url="http://127.0.0.1"
        ) as client:
            headers = {"authorization": f"Bearer {token}", "accept": "text/html"}
            shown = (await client.get("/console/thing", headers=headers)).text
    assert "invoice[U+202E]fdp.exe is refused" in shown
    assert "\u202e" not in shown
