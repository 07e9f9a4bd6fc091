"""Recognises organisations by legal form, by kind, or by a label before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lineal_consumers.nlp.engines import Mention, PageText
from lineal_consumers.nlp.labels import ORGANIZATION_LABELS, labelled_values

_LEGAL_FORM = re.compile(
    r"(?<=[\w.)]),? (?:Inc|INC|Incorporated|Corp|CORP|Corporation|LLC|L\.L\.C|Ltd|LTD|Limited|LLP"
    r"|PLC|plc|GmbH|mbH|AG|KG|KGaA|OHG|SE|S\.A|SA|SARL|S\.à r\.l|SAS|S\.p\.A|SpA|S\.r\.l|Srl|B\.V"
    r"|BV|N\.V|NV|AB|Oyj?|A/S|ApS|Pty|Pvt|Co|Company(?=,? (?:Ltd|Inc|LLC)))(?:\.|(?!\w))"
    r"(?:,? (?:Ltd|Limited|KG|Inc|LLC)\b\.?)?"
)
_WORD_BACK = re.compile(r"(?:^|[\s(])((?:[^\W\d_a-z][\w&'’.-]*|\d\w{0,3}|&|and|of|für|et|de))$")
_KIND = re.compile(
    r"(?<!\w)(?:(?:[A-Z][\w'’-]{1,30} ){1,4}(?:University|Institute|Bank|Foundation|Association|"
    r"Hospital|College|Committee|Ministry|Agency|Authority|Holdings|Partners|Group|Society|Council)"
    r"|(?:University|Bank|Department|Ministry|Institute|Bureau|College|Church|Board) of "
    r"(?:the )?[A-Z][\w'’-]{1,30}(?: (?:(?:and|of|&) )?[A-Z][\w'’-]{1,30}){0,3})(?!\w)"
)
_NOT_A_NAME = frozenset(
    """
    invoice bill to from sold ship the a an this that by between and of our your vendor customer
    client dear in at on for with shares unit maker giant says said company limited parent firm de
    et & - but although while when as if after before since because is was london-based us-based
    """.split()  # noqa: SIM905 - sixty quoted words would be harder to read
)
"""Words that may precede a name, capitalised at the beginning of a line or sentence."""
_PLACES = frozenset({"west bank", "left bank", "right bank", "south bank", "outer banks"})


class OrganizationRecognizer:
    """``ORGANIZATION``: "Acme Tools Ltd", "University of Graz", "Vendor: Acme"."""

    def recognize(self, page: PageText) -> Iterator[Mention]:
        text = page.text
        for match in _LEGAL_FORM.finditer(text):
            begin = _first_word(text, match.start())
            if begin is not None:
                yield _mention(text, begin, match.end(), 0.85)
        for match in _KIND.finditer(text):
            begin = match.start()
            while (gap := text.find(" ", begin, match.end())) > 0 and (
                text[begin:gap].lower() in _NOT_A_NAME
            ):
                begin = gap + 1
            # A bare "The Bank" or "Council" names nobody.
            name = text[begin : match.end()]
            if " " in name and name.lower() not in _PLACES:
                yield _mention(text, begin, match.end(), 0.7)
        for labelled in labelled_values(text):
            if labelled.label in ORGANIZATION_LABELS and 2 <= len(labelled.value) <= 60:
                yield _mention(text, labelled.begin, labelled.end, 0.6)


def _first_word(text: str, end: int) -> int | None:
    """Where the capitalised words before a legal form begin, at most six on the same line."""
    begin = end
    for _ in range(6):
        window = max(0, begin - 40)
        match = _WORD_BACK.search(text[window:begin].rstrip(" "))
        if match is None or "\n" in text[window + match.end() : begin]:
            break
        # "... Focus Cars. Ford Motor Co.": the sentence before ends here; "J.P." does not end one.
        if begin < end and len(match[1]) > 3 and match[1].endswith("."):
            break
        begin = window + match.start(1)
    while begin < end:
        gap = text.find(" ", begin, end)
        word = text[begin : gap if gap > 0 else end]
        if word.lower().strip(".,") not in _NOT_A_NAME:
            return begin
        if gap < 0:
            return None
        begin = gap + 1
    return None


def _mention(text: str, begin: int, end: int, confidence: float) -> Mention:
    key = re.sub(r"[\s.,]+", " ", text[begin:end]).strip().casefold()
    return Mention("ORGANIZATION", begin, end, confidence, key)
