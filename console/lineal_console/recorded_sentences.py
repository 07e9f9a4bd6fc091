"""Sentences that records, events and errors have in English, and that pages show in the reader's
language: whoever writes another one adds it here, with its German in ``locale/de.po``."""

from __future__ import annotations

from lineal_console.messages import N_
from lineal_console.recorded_reasons import SKIPS, STAGE_REJECTIONS

REJECTIONS = (
    N_("the arrival carries no content and no reason why"),
    N_("the file is empty"),
    N_("the file is of no known kind"),
    N_("files of type %(type)s are not read"),
    N_("the file begins as text but goes on as binary data"),
    N_("the text is too large: %(size)s MiB, at most %(most)s are read"),
    N_("looking at the file takes too long: %(spent)s"),
    N_("reading takes too long: pages %(first)s to %(last)s of the file took %(spent)s"),
    N_("HEIC pictures are read with the extra heif: pip install 'lineal[heif]'"),
    N_("ZIP archives are not read: unpack it and drop the files"),
    N_("binary workbooks (XLSB) are not read: save it as XLSX"),
    N_("this kind of Office file is not read: only DOCX, XLSX and PPTX are"),
    N_("this kind of OpenDocument file is not read: %(type)s"),
    N_(
        "Office files from before 2007 are read with LibreOffice, which is not installed: "
        "install it, or save it as DOCX, XLSX or PPTX"
    ),
    N_("Office files from before 2007 are read with LibreOffice: install it"),
    N_("LibreOffice takes longer than %(seconds)s s to read it"),
    N_("LibreOffice takes more than %(seconds)s s of processor time to read it"),
    N_("the document is encrypted"),
    N_("the document is encrypted: it can only be opened with its password"),
    N_("the document is damaged or cut off"),
    N_("the document is damaged: it has no main part"),
    N_("the document is damaged: its markup cannot be read"),
    N_("the document is damaged: LibreOffice cannot read it"),
    N_("the document declares XML entities, which Office files never do"),
    N_("the document is too large: at most %(most)s MiB are read"),
    N_("the document is too large: at most %(most)s MiB of one part are read"),
    N_("the document is too large: %(most)s MiB of markup in one file are the most that is read"),
    N_("the document is too large: at most %(most)s tags in a file of this size are read"),
    N_("the document is too large: at most %(most)s cells are read"),
    N_("the document is too large: at most %(most)s control words are read"),
    N_("the document is too deep: at most %(most)s elements inside each other are read"),
    N_("the document is too deep: at most %(most)s groups are read"),
    N_("the document holds too much text: at most %(most)s characters are read"),
    N_("the archive is damaged or cut off"),
    N_("the archive is too large: more than %(most)s entries"),
    N_("the archive unpacks to more than %(most)s MiB of markup, which are the most that is read"),
    N_("the archive is a bomb: it unpacks to far more than documents do"),
    N_("the book is damaged: it names no package"),
    N_("the book is protected against copying"),
    N_("the book has no chapters"),
    N_("the spreadsheet has no sheets"),
    N_("the presentation has no slides"),
    N_("the drawing has no pages"),
    N_("the sheet is damaged: it has at most %(most)s columns"),
    N_("the %(kind)s file is damaged: %(error)s while parsing"),
    N_("the mail is too large: at most %(most)s parts, %(depth)s inside each other, are read"),
    N_("the image is damaged"),
    N_("the image is damaged: its header cannot be read"),
    N_("the image is cut off"),
    N_("the image cannot be decoded"),
    N_("the image has no pixels"),
    N_("the image has more pixels than are allowed"),
    N_("the image has more than %(most)s pages"),
    N_("the image is too long: %(width)s x %(height)s pixels, at most %(most)s on a side are read"),
    N_("the image is too large: %(width)s x %(height)s pixels, at most %(most)s are read"),
    N_(
        "the image is too large: %(width)s x %(height)s pixels of %(colours)s colours, at "
        "most %(most)s bytes are read"
    ),
    N_(
        "the image unpacks too much: to %(unpacked)s bytes, at most %(most)s are read from a "
        "file of %(bytes)s bytes"
    ),
    N_("the PDF has no pages"),
    N_("the PDF has %(pages)s pages, at most %(most)s are read"),
    N_("the PDF is encrypted in a way that cannot be opened"),
    N_("the PDF is encrypted: it can only be opened with its password"),
    N_("the PDF is cut off: its end is missing"),
    N_("the PDF is damaged: it cannot be opened"),
    N_("the PDF is damaged: its page tree contains itself"),
    N_("the PDF is damaged: none of its pages can be loaded"),
    N_("the PDF cannot be opened"),
    N_("the PDF repeats pages: it has %(pages)s of them in %(bytes)s bytes"),
    N_("the PDF draws too much: a page has more than %(most)s operators"),
    N_("the PDF draws too much: more than %(most)s operators in %(bytes)s bytes"),
    N_("the PDF unpacks too much: a stream has more than %(most)s MB"),
    N_("a page of the PDF has %(annotations)s annotations, at most %(most)s are read"),
)
"""Why a document was rejected."""

DOUBTS = (
    N_("a film or a sound was not read"),
    N_("a part of the text is in another file"),
    N_("something that looks like text was not read"),
    N_("recognition of the page takes too long"),
    N_("two engines read different figures"),
    N_("no text was found, though something is printed on the page"),
    N_("%(share)s of the words were read with low confidence"),
    N_("only %(share)s of what looks like text was read"),
    N_("the page is unevenly lit"),
    N_("the page is in a language whose data are not installed (%(language)s): %(package)s"),
    N_("the page is so large that it was read at %(dpi)s dpi only"),
    N_("the page is broken and could not be read"),
    N_("the page is broken and cannot be drawn"),
    N_("the page has no area"),
    N_("the page is less than %(points)s pt wide"),
    N_("a picture of more than %(most)s MB unpacked was not read"),
    N_("drawing the page takes too long: only its text layer was read"),
    N_("text is drawn that the text layer does not have"),
    N_("the text layer says other figures than are drawn"),
    N_("the text layer says other letters than are drawn"),
    N_("text of the document is hidden: it was read too"),
    N_("the sheet is hidden: it was read too"),
    N_("rows, columns or cells are hidden: they were read too"),
    N_("the slide is hidden: it was read too"),
    N_("text is on a layer that is switched off: it was read too"),
    N_("text is outside of the page: it was read too"),
    N_("text cannot be seen, by its colour, its size or what is over it: it was read too"),
    N_("a film, a sound or a model in three dimensions was not read"),
    N_("a form field shows something else than its value"),
    N_("the form is dynamic XFA: its pages are not in the file, only the values filled in"),
    N_("an object of another program that is embedded in the document was not read"),
    N_("a document that is embedded in this one was not read"),
    N_("a document inside a document that is inside this one was not read"),
    N_("a part of the text is not in the file"),
    N_("a chapter is missing in the file"),
    N_("the slide is missing in the file"),
    N_("the sheet %(name)s is missing in the file"),
    N_("a %(thing)s is missing in the file"),
    N_("chart"),
    N_("diagram"),
    N_("the document has more than %(most)s attachments"),
    N_("attachments could not be unpacked: %(error)s"),
    N_("a picture is not in the file"),
    N_("a picture is damaged"),
    N_("the picture %(name)s is missing in the file"),
    N_("picture %(name)s: %(doubt)s"),
    N_("a picture of the kind %(kind)s was not read"),
    N_("pictures in the format %(format)s are not read"),
    N_("the page holds more pictures than are read"),
    N_("the mail holds more pictures than are read"),
    N_("there was no time for all pictures of the document"),
    N_("the mail is encrypted"),
    N_("the mail is encrypted, or signed so that it cannot be read"),
    N_("pages in more than %(most)s pages are not read"),
    N_(
        "%(formulas)s formulas have no stored value and are shown themselves: open the "
        "workbook in a spreadsheet program and save it"
    ),
    N_("a document may begin here"),
    N_("the machine reads other words here now than those a person has corrected"),
    N_("it is required, and was not found"),
    N_("its label is there, and no box was found beside it"),
    N_("not sure"),
    N_("it does not match %(pattern)s"),
    N_("its check digits are wrong (%(checksum)s)"),
    N_("it is not the sum of %(fields)s: %(values)s"),
    N_("it is not the sum of the column %(column)s, %(total)s"),
    N_("missing: %(what)s"),
)
"""Why a page, or a value, is doubtful."""

NOTIFIED = (
    N_("over: %(text)s"),
    N_("%(waiting)s for a person (%(parts)s)"),
    N_("1 item waits"),
    N_("%(number)s items wait"),
    N_("%(waiting)s for a decision (%(parts)s)"),
    N_("1 dead letter waits"),
    N_("%(number)s dead letters wait"),
    N_("an item has waited for a person for %(hours)s hours"),
    N_("%(group)s has %(lag)s events still to handle"),
    N_("%(number)s groups have events still to handle: %(groups)s"),
    N_("the rollout %(rollout)s was aborted: %(reason)s"),
    N_("the certificate of %(name)s expires on %(day)s"),
    N_("the certificate of %(name)s expired on %(day)s"),
    N_("%(number)s certificates have expired, or soon do: %(names)s"),
    N_("the webhook answered %(status)s"),
    N_("the webhook cannot be reached: %(error)s"),
    N_("the mail server answered %(status)s"),
    N_("the mail server did not take it: %(error)s"),
    N_("too many of its devices failed"),
    N_("by hand"),
    N_("superseded by %(rollout)s"),
)
"""What notifications say, and why one was not delivered."""

ERRORS = (
    N_("%(who)s has confirmed it already"),
    N_("%(who)s has corrected it already"),
    N_("%(who)s works on it since %(seconds)s s"),
    N_("%(who)s has answered meanwhile"),
    N_("somebody else has just taken it"),
    N_("you have answered already: another person has to look as well"),
    N_("document %(document)s has not been read yet: ask again later"),
    N_("what %(item)s is about was erased"),
    N_("the stage `review` has not answered: `lineal up` runs it"),
    N_(
        "a box to redact on page %(page)s lies beside it: its left, top, width and height are "
        "fractions of the page, from 0 to 1"
    ),
    N_("a saved search has a name of 1 to %(most)s characters"),
    N_("%(who)s may not %(act)s: that takes the role %(role)s, or a token with this scope"),
    N_("%(who)s has %(number)s saved searches: remove some first"),
    N_("the job %(job)s is closed"),
    N_("there is nothing to label: the job would have no items"),
    N_("nobody has labelled anything of this job"),
    N_("%(item)s has a known answer and is no item of the job"),
    N_("the label says nothing"),
    N_("%(label)s is none of %(classes)s"),
    N_("no labelling job is called %(name)s: `lineal labels list` lists them"),
)
"""Why an act of somebody was refused."""

FIELDS = (
    N_("number"), N_("date"), N_("due_date"), N_("supplier"), N_("customer_number"), N_("net"),
    N_("tax"), N_("total"), N_("iban"),
)  # fmt: skip
"""Names of the fields that invoices have without a definition of one's own."""

SENTENCES = (*REJECTIONS, *DOUBTS, *NOTIFIED, *ERRORS, *STAGE_REJECTIONS, *SKIPS, *FIELDS)
