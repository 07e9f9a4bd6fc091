"""E-mails: headers as key-values, the body as text, attachments by name."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_binary_file, policy
from email.message import EmailMessage, Message, MIMEPart
from pathlib import Path
from typing import Any

from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.html import visible_text
from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage, engine, key_value, one_line

_SHOWN = ("From", "To", "Cc", "Bcc", "Reply-To", "Date", "Subject")


def read_email(path: Path) -> Parsed:
    """Headers, body (plain if it has one, else the HTML) and names of attachments, as one page."""
    with path.open("rb") as file:
        message = message_from_binary_file(file, policy=policy.default)
    fields = [(name, value) for name in _SHOWN if (value := _header(message, name))]
    if names := [name for name in map(_attachment, message.walk()) if name]:
        fields.append(("Attachments", ", ".join(names)))
    body = _body(message)
    head = "\n".join(f"{name}: {value}" for name, value in fields)
    page = ParsedPage(
        f"{head}\n\n{body.text}", body.tables, [key_value(name, value) for name, value in fields]
    )
    return Parsed(engine("python-email"), [page])


def _header(message: Message[Any, Any], name: str) -> str:
    """All values of a header; one that the standard library stumbles over is taken as it is."""
    try:
        values = [str(value) for value in message.get_all(name, [])]
    except Exception:
        values = [str(raw) for key, raw in message.raw_items() if key.lower() == name.lower()]
    return one_line(", ".join(values))


def _attachment(part: MIMEPart[Any, Any]) -> str:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        subject = _header(first, "Subject") if isinstance(first, Message) else ""
        return f"{subject or 'message'}.eml"
    name = one_line(part.get_filename() or "")
    return name or ("unnamed" if part.get_content_disposition() == "attachment" else "")


def _body(message: EmailMessage) -> ParsedPage:
    parts = list(_texts(message))
    plain = "\n".join(_content(part) for part in parts if part.get_content_subtype() != "html")
    if plain.strip():
        return ParsedPage(plain)
    pages = [visible_text(_content(part)) for part in parts if part.get_content_subtype() == "html"]
    return ParsedPage(
        "\n".join(page.text for page in pages), [table for page in pages for table in page.tables]
    )


def _texts(message: MIMEPart[Any, Any]) -> Iterator[MIMEPart[Any, Any]]:
    """The text parts of the message itself: no attachments, nothing of attached messages."""
    if message.get_content_disposition() == "attachment":
        return
    if message.get_content_maintype() == "multipart":
        for part in message.iter_parts():
            yield from _texts(part)
    elif message.get_content_type() in ("text/plain", "text/html"):
        yield message


def _content(part: MIMEPart[Any, Any]) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return decode(payload, part.get_content_charset())[0]
