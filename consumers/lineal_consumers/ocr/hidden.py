"""What of a document is hidden: one rule for all kinds of documents.

Hidden is text that the file has and that nobody sees who opens or prints it. It is read like any
other: it is found, and can be redacted, since whoever gets the file has it too. And the page says
so by one of these doubts, at its place where pages have places. What was deleted under review is
read too, and says itself that it is (``Deleted by Ann: ...``); text that is in the file to be found
in a scan (an invisible layer over its picture) is not hidden: what it says is seen.
"""

from __future__ import annotations

HIDDEN_TEXT = "text of the document is hidden: it was read too"
HIDDEN_SHEET = "the sheet is hidden: it was read too"
HIDDEN_CELLS = "rows, columns or cells are hidden: they were read too"
HIDDEN_SLIDE = "the slide is hidden: it was read too"
HIDDEN_LAYER = "text is on a layer that is switched off: it was read too"
OUTSIDE = "text is outside of the page: it was read too"
UNSEEN = "text cannot be seen, by its colour, its size or what is over it: it was read too"

SMALLEST = 2.0
"""Points; what is written smaller is not seen."""
