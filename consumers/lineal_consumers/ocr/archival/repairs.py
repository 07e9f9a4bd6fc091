"""Changes that make a PDF conform to PDF/A-2b and that nobody sees on its pages."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from lineal_consumers.ocr.archival.objects import every_object, field_type

if TYPE_CHECKING:
    import pikepdf

_PRINT = 1 << 2
_ICC_DATE = slice(24, 36)
_FIXED_DATE = bytes.fromhex("07ea0001000100000000000000"[:24])
_INTENTS = frozenset(
    {"/RelativeColorimetric", "/AbsoluteColorimetric", "/Perceptual", "/Saturation"}
)


def make_conforming(pdf: pikepdf.Pdf, title: str | None = None) -> None:
    """Bring a PDF without obstacles into the form of PDF/A-2b: an output intent (sRGB), metadata
    that say what it is, and nothing that the standard forbids.

    Args:
        title: where it has none itself.
    """
    import pikepdf

    for item in list(every_object(pdf)):
        if not isinstance(item, pikepdf.Array):
            _repair(item)
    _repair_layers(pdf.Root)
    form = pdf.Root.get("/AcroForm")
    if form is not None and "/NeedAppearances" in form:
        del form["/NeedAppearances"]
    if "/Version" in pdf.Root:
        del pdf.Root["/Version"]
    if "/Encrypt" in pdf.trailer:
        del pdf.trailer["/Encrypt"]
    _describe(pdf, title)
    _add_output_intent(pdf)


def _repair(item: Any) -> None:
    import pikepdf

    kind, type_ = item.get("/Subtype"), item.get("/Type")
    if kind == "/Image" and "/Width" in item:
        for name in ("/Alternates", "/OPI", "/Metadata"):
            if name in item:
                del item[name]
        if item.get("/Interpolate", False):
            item["/Interpolate"] = False
        if "/Intent" in item and str(item["/Intent"]) not in _INTENTS:
            del item["/Intent"]
    elif type_ == "/FontDescriptor":
        # What they list has to be complete, and need not be there at all.
        for name in ("/CharSet", "/CIDSet"):
            if name in item:
                del item[name]
    elif kind == "/CIDFontType2":
        if "/CIDToGIDMap" not in item:
            item["/CIDToGIDMap"] = pikepdf.Name.Identity  # which it is where it is not said
    elif "/Rect" in item and (type_ == "/Annot" or kind in ("/Link", "/Widget")):
        item["/F"] = (int(item.get("/F", 0)) | _PRINT) & ~0b100100011
        looks = item.get("/AP")
        for name in ("/D", "/R"):  # how it looks while a mouse is pressed or over it
            if looks is not None and name in looks:
                del looks[name]
        if kind == "/Widget" and field_type(item) == "/Btn":
            _name_state(item)
    if "/Metadata" in item and type_ != "/Catalog":
        del item["/Metadata"]


def _name_state(button: Any) -> None:
    """The look of a button has to be that of a state with a name."""
    import pikepdf

    looks = button.get("/AP", {}).get("/N")
    if isinstance(looks, pikepdf.Stream):
        button["/AP"]["/N"] = pikepdf.Dictionary({"/Off": looks})
        button["/AS"] = pikepdf.Name.Off


def _repair_layers(root: Any) -> None:
    """Each configuration of layers has a name, and none depends on how it is looked at."""
    layers = root.get("/OCProperties")
    if layers is None:
        return
    configurations = [layers.get("/D"), *layers.get("/Configs", ())]
    for number, configuration in enumerate(item for item in configurations if item is not None):
        configuration["/Name"] = f"Layers {number + 1}"
        for name in ("/AS", "/Order"):
            if name in configuration:
                del configuration[name]


def _describe(pdf: pikepdf.Pdf, title: str | None) -> None:
    """Write the document's properties as XMP and as Info, which have to agree."""
    import pikepdf

    kept = dict(pdf.docinfo.items())
    known = ("/Title", "/Author", "/Subject", "/Keywords", "/Creator", "/Producer",
             "/CreationDate", "/ModDate")  # fmt: skip
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    if "/Metadata" in pdf.Root:
        del pdf.Root["/Metadata"]
    if title is not None and not str(kept.get("/Title", "")).strip():
        kept["/Title"] = pikepdf.String(title)
    info = pikepdf.Dictionary(
        {name: kept[name] for name in known if name in kept and _text(kept[name])}
    )
    with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
        metadata.load_from_docinfo(info)
        metadata["pdfaid:part"] = "2"
        metadata["pdfaid:conformance"] = "B"
    # And from XMP again, so that both say the same to the letter.
    with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=True) as metadata:
        metadata["pdfaid:part"] = "2"


def _text(value: Any) -> str:
    try:
        return str(value).strip("\0 ")
    except UnicodeDecodeError:
        return ""


def _add_output_intent(pdf: pikepdf.Pdf) -> None:
    import pikepdf

    profile = pikepdf.Stream(pdf, srgb_profile(), N=3)
    pdf.Root["/OutputIntents"] = pikepdf.Array(
        [
            pikepdf.Dictionary(
                Type=pikepdf.Name.OutputIntent,
                S=pikepdf.Name.GTS_PDFA1,
                OutputConditionIdentifier=pikepdf.String("sRGB"),
                RegistryName=pikepdf.String("http://www.color.org"),
                Info=pikepdf.String("sRGB"),
                DestOutputProfile=pdf.make_indirect(profile),
            )
        ]
    )


@cache
def srgb_profile() -> bytes:
    """An ICC profile of sRGB; always the same bytes."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_ICC_DATE] = _FIXED_DATE
    return bytes(profile)
