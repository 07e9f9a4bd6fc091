"""``lineal examples run diagrams``: a web site with diagrams is crawled, searched, and changes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun

_ORDERS = ("Amazon API\nGateway", "Lambda", "DynamoDB", "Amazon SQS", "CloudWatch")
_PLAYERS = ("NGINX", "Kubernetes\nService", "Redis", "PostgreSQL")
_PHOTO = ("Our new office",)


def drawing(*captions: str) -> bytes:
    """Boxes with captions, joined by lines, as PNG."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (660, 120 + 130 * ((len(captions) + 2) // 3)), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(15)
    for number, caption in enumerate(captions):
        x, y = 20 + 215 * (number % 3), 40 + 130 * (number // 3)
        draw.rounded_rectangle((x, y, x + 175, y + 70), 6, outline="black")
        draw.multiline_text((x + 87, y + 35), caption, "black", font, anchor="mm", align="center")
        if number % 3:
            draw.line((x - 40, y + 35, x, y + 35), fill="gray", width=2)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _files() -> dict[str, bytes]:
    def page(title: str, body: str) -> bytes:
        return f"<html><head><title>{title}</title></head><body>{body}</body></html>".encode()

    return {
        "/robots.txt": b"User-agent: *\nDisallow: /internal\n",
        "/": page("Our systems", '<a href="/shop">Shop</a> <a href="/game">Game</a> '
                  '<a href="/internal">Internal</a> <img src="/office.png" alt="office">'),
        "/shop": page("The shop", '<a href="/">home</a><figure><img src="/orders.png">'
                      "<figcaption>How orders are taken and paid</figcaption></figure>"),
        "/game": page("The game", '<a href="/?session_id=7">home</a>'
                      '<img src="/players.png" alt="Where scores of players are kept">'),
        "/orders.png": drawing(*_ORDERS),
        "/players.png": drawing(*_PLAYERS),
        "/office.png": drawing(*_PHOTO),
    }  # fmt: skip


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[str]:
    """A web server of this machine alone; its address."""
    import threading
    from hashlib import sha256
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path, b"")
            status = 200 if self.path in files else 404
            tag = f'"{sha256(body).hexdigest()[:16]}"'
            if status == 200 and self.headers.get("If-None-Match") == tag:
                status, body = 304, b""
            self.send_response(status)
            kind = "image/png" if self.path.endswith(".png") else "text/html"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", tag)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A web server of an example prints nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def show(example: ExampleRun) -> list[str]:
    """A site is crawled, its diagrams are searched, and one of them is taken off the site."""
    from functools import partial

    from lineal.access.credential import owner_credential
    from lineal_catalog.diagrams.search import find_diagrams
    from lineal_producers.crawl.crawling import crawl_site
    from lineal_producers.crawl.settings import SiteSettings
    from lineal_schemas.diagrams import DiagramFound, DiagramRemoved

    files = _files()
    with serving(files) as address:
        site = SiteSettings(urls=(f"{address}/",), delay=0, private_addresses=True)
        actor = owner_credential().actor
        async with example.running(("diagrams",), {}):
            example.report("a site of three pages is crawled ...")
            first = await crawl_site(example.runtime, site, actor)
            await example.until(DiagramFound, 2)
            read = example.runtime.store.read
            by_words = await read(partial(find_diagrams, text="taking orders"))
            by_service = await read(partial(find_diagrams, services=("redis",)))
            example.report("a page is taken off, and the site is crawled again ...")
            del files["/game"], files["/players.png"]
            second = await crawl_site(example.runtime, site, actor)
            await example.until(DiagramRemoved, 1)
            left = await read(find_diagrams)
    shown = ", ".join(label.service for label in by_words[0].diagram.labels)
    return [
        f"{first.pages} pages, {first.images} images; robots.txt disallowed {first.disallowed}",
        f"{by_words[0].diagram.url} is about taking orders, and shows {shown}",
        f"{by_service[0].diagram.url} shows Redis",
        f"the second crawl: {second.unchanged_pages} pages unchanged, {second.images} images new, "
        f"{second.gone} gone; diagrams left: {len(left)}",
        "`lineal diagram search --service lambda` searches in the terminal",
    ]
