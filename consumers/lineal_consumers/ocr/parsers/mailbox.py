"""Mail folders in one file (mbox, RFC 4155), as one mail that holds all of theirs."""

from __future__ import annotations

import re
from hashlib import sha256

_BEGIN = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]+\r?\n(?=[!-9;-~]+:)")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def folder_as_mail(data: bytes) -> bytes | None:
    """A digest (RFC 2046, 5.1.5) of the mails of a folder; None where it is one mail at most."""
    begins = list(_BEGIN.finditer(data))
    if len(begins) < 2 or begins[0].start() != 0:
        return None
    boundary = sha256(data).hexdigest().encode()
    ends = [found.start() for found in begins[1:]] + [len(data)]
    parts = [
        b"--%s\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n"
        % (boundary, _QUOTED.sub(rb"\1", data[begin.end() : end]))
        for begin, end in zip(begins, ends, strict=True)
    ]
    head = b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n" % boundary
    return head + b"".join(parts) + b"--%s--\r\n" % boundary
