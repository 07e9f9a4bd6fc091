"""E-mails: headers as key-values, and everything that a person would see below them."""

from __future__ import annotations

import re
from pathlib import Path

from lineal_consumers.ocr.parsers.content_lines import content_lines, readable_lines, value_of
from lineal_consumers.ocr.parsers.html import html_page
from lineal_consumers.ocr.parsers.mime import MESSAGE_TYPES, MailPart
from lineal_consumers.ocr.parsers.packed_mail import WINMAIL, read_mail
from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    Picture,
    check_amount,
    engine,
    key_value,
    one_line,
)
from lineal_consumers.ocr.parsers.picture_limits import MAX_PICTURE_BYTES, has_room

_SHOWN = ("From", "To", "Cc", "Bcc", "Reply-To", "Date", "Subject")
_CARDS = ("text/vcard", "text/x-vcard", "text/directory")
_REPORTS = ("message/delivery-status", "message/disposition-notification")
_FILES = ("text/rtf", "text/richtext")
"""Texts that nobody reads as they are."""
_METHODS = {"CANCEL": "cancelled", "REPLY": "an answer", "COUNTER": "a counterproposal"}
"""What an invitation is besides an invitation (RFC 5546)."""
_EVENT = {
    "SUMMARY": "Summary", "DTSTART": "Start", "DTEND": "End", "LOCATION": "Location",
    "DESCRIPTION": "Description", "ORGANIZER": "Organizer", "ATTENDEE": "Attendee",
    "RRULE": "Repeats", "STATUS": "Status", "COMMENT": "Comment",
}  # fmt: skip
_SHOWN_COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL")
_HTML_TYPES = ("text/html", "text/x-amp-html", "text/watch-html")
_ADDRESS = re.compile(r"https?://\S+")
_FIGURES = re.compile(r"(?<!\w)[\w.,:/+-]*\d(?!\w)")
_WORD = re.compile(r"\w{3,}")
_ARMOUR = "-----BEGIN PGP MESSAGE-----"
_FEW_WORDS = 3
_MISSING_SHARE = 0.2
"""Share of the words of a mail's plain text that its HTML may lack and still be the same text."""


def read_email(path: Path) -> Parsed:
    """Headers, everything that is shown below them, and the names of attachments, as one page.

    Attachments are documents of their own (``ocr.attachments``). A message that is not attached
    but a part of the mail, as a forwarded one may be, is both.
    """
    return Parsed(engine("python-email"), [page_of_mail(read_mail(path.read_bytes()))])


def page_of_mail(mail: MailPart) -> ParsedPage:
    """The page that a mail makes."""
    page = ParsedPage("")
    fields = _fields(mail)
    names = [name for part in mail.walk() if (name := attachment_name(part))]
    if names:
        fields.append(("Attachments", ", ".join(names)))
    page.key_values = [key_value(name, value) for name, value in fields]
    lines = [f"{name}: {value}" for name, value in fields]
    _Body(page).read(mail, lines)
    page.text = "\n".join(lines)
    return page


def _fields(mail: MailPart) -> list[tuple[str, str]]:
    return [(name, value) for name in _SHOWN if (value := mail.header(name))]


def is_attached(part: MailPart) -> bool:
    """Whether a part is a file of its own and not, or not only, a part of what the mail shows."""
    if part.content_type in MESSAGE_TYPES:
        return True
    if part.parts or part.content_type.startswith("multipart/") or not part.body.strip():
        return False
    if part.disposition == "attachment":
        return "signature" not in part.content_type
    if part.content_type in _FILES:
        return True
    main = part.content_type.partition("/")[0]
    return not (
        main in ("text", "image") or part.content_type in _REPORTS or "pkcs7" in part.content_type
        or "signature" in part.content_type
    )  # fmt: skip


def attachment_name(part: MailPart) -> str:
    """What a part is called where attachments are listed; empty for one without a name that is
    none."""
    if part.content_type in MESSAGE_TYPES:
        subject = part.parts[0].header("Subject") if part.parts else ""
        return part.file_name or f"{subject or 'message'}.eml"
    return part.file_name or ("unnamed" if is_attached(part) else "")


class _Body:
    """Walks the parts of a mail and writes what is shown of them."""

    def __init__(self, page: ParsedPage) -> None:
        self._page = page

    def read(self, mail: MailPart, lines: list[str]) -> None:
        """Add what is shown below the headers of a mail."""
        lines.append("")
        self._show(mail, lines)

    def _show(self, part: MailPart, lines: list[str]) -> None:
        check_amount(sum(map(len, lines)))
        if "pkcs7-mime" in part.content_type:
            self._page.doubt("the mail is encrypted, or signed so that it cannot be read")
        elif part.disposition == "attachment":
            return
        elif part.content_type in MESSAGE_TYPES:
            for inner in part.parts:
                lines += ["", *(f"{name}: {value}" for name, value in _fields(inner))]
                self.read(inner, lines)
        elif part.subtype == "alternative" and part.parts:
            self._alternative(part, lines)
        elif part.content_type == "multipart/encrypted":
            self._page.doubt("the mail is encrypted")
        elif part.content_type == WINMAIL:
            self._winmail(part, lines)
        elif part.parts:
            for inner in part.parts:
                self._show(inner, lines)
        else:
            self._leaf(part, lines)

    def _leaf(self, part: MailPart, lines: list[str]) -> None:
        if is_attached(part):
            return
        main = part.content_type.partition("/")[0]
        if part.content_type == "text/calendar":
            lines += _event_lines(part.text())
        elif part.content_type in _CARDS:
            text, pictures = readable_lines(part.text())
            lines.append(text)
            self._page.pictures += pictures
        elif part.content_type in _HTML_TYPES:
            page, _, _ = html_page(part.content(), part.charset)
            lines.append(page.text)
            self._page.tables += page.tables
            self._page.pictures += page.pictures
        elif main == "text" or part.content_type in _REPORTS:
            text = part.text()
            lines.append(text)
            if _ARMOUR in text:
                self._page.doubt("the mail is encrypted")
        elif main == "image":
            self._picture(part)

    def _winmail(self, part: MailPart, lines: list[str]) -> None:
        """What Outlook packed, where the mail does not say the same in a way for everybody."""
        packed: list[str] = []
        for inner in part.parts:
            self._show(inner, packed)
        if not set(" ".join(packed).split()) <= set(" ".join(lines).split()):
            lines += packed

    def _picture(self, part: MailPart) -> None:
        name = attachment_name(part) or part.content_type
        data = part.content()
        if len(data) > MAX_PICTURE_BYTES or not has_room(self._page):
            self._page.doubt("the mail holds more pictures than are read")
        else:
            self._page.pictures.append(Picture(name, data))

    def _alternative(self, part: MailPart, lines: list[str]) -> None:
        """The plain text where it says all that the HTML says, else the HTML, which is what people
        see, and the plain text behind it where it says something of its own: many words, or
        figures. Invitations besides, as they hold the time and the place."""
        plain: list[str] = []
        rich: list[str] = []
        spare: list[str] = []
        invitations: list[str] = []
        for inner in part.parts:
            kind = inner.content_type
            if kind == "text/calendar":
                invitations += _event_lines(inner.text())
            elif kind in _HTML_TYPES[1:]:
                self._show(inner, spare)  # the same for other programs
            elif kind.startswith("text/") and kind != "text/html":
                self._show(inner, plain)
            else:
                self._show(inner, rich)
        in_plain, in_rich = _words(plain), _words(rich)
        if not in_plain:
            lines += rich or spare
        elif in_rich <= in_plain and not _other_figures(rich, plain):
            lines += plain
        else:
            lines += rich
            if _says_more(in_plain, in_rich) or _other_figures(plain, rich):
                lines += plain
        known = _words(lines)
        lines += [line for line in invitations if not _words([line]) <= known]


def _says_more(these: set[str], those: set[str]) -> bool:
    return len(these - those) > max(_FEW_WORDS, _MISSING_SHARE * len(these))


def _other_figures(these: list[str], those: list[str]) -> bool:
    """Whether there are figures in some lines that are not in others; addresses of pages, which
    plain text spells out, have many."""
    found = [_FIGURES.findall(_ADDRESS.sub("", "\n".join(lines))) for lines in (these, those)]
    return not set(found[0]) <= set(found[1])


def _words(lines: list[str]) -> set[str]:
    return {word.lower() for line in lines for word in _WORD.findall(line)}


def _event_lines(calendar: str) -> list[str]:
    """What a person is shown of an invitation (RFC 5545): what, when, where and who."""
    lines: list[str] = []
    components: list[str] = []
    for line in content_lines(calendar):
        head, _, value = line.partition(":")
        name, _, parameters = head.partition(";")
        name = name.strip().upper()
        if name == "BEGIN":
            components.append(value.strip().upper())
        elif name == "END" and components:
            components.pop()
        elif name == "METHOD" and (said := _METHODS.get(value.strip().upper())):
            lines.append(f"Invitation: {said}")
        elif name in _EVENT and components[-1:] and components[-1] in _SHOWN_COMPONENTS:
            shown = value_of(head, value)
            if name.startswith("DT"):
                shown = _time(shown)
                if zone := re.search(r'TZID="?([^";:]+)', parameters, re.IGNORECASE):
                    shown = f"{shown} {zone[1]}"
            person = re.search(r'CN="?([^";:]+)', parameters, re.IGNORECASE)
            if person:
                shown = f"{person[1]} <{re.sub('(?i)^mailto:', '', shown)}>"
            lines.append(f"{_EVENT[name]}: {shown.strip()}")
    return lines


def _time(stamp: str) -> str:
    """A time of an invitation in ISO 8601."""
    match = re.match(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d*(Z?))?$", one_line(stamp))
    if match is None:
        return stamp
    year, month, day, hour, minute, utc = match.groups()
    clock = f" {hour}:{minute}{' UTC' if utc else ''}" if hour else ""
    return f"{year}-{month}-{day}{clock}"
