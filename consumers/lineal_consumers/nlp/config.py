"""Settings of the language stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.models import ModelName

EntityEngine = Literal["internet", "dates", "money", "organizations"]
PersonalEngine = Literal["emails", "numbers", "phones", "people", "addresses"]


class NlpConfig(BaseModel):
    """Engines of the language stage; leaving one out leaves its part of the analysis empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Literal["py3langid", "none"] = "py3langid"
    key_phrases: Literal["statistical", "none"] = "statistical"
    key_phrase_count: Annotated[int, Field(ge=1, le=200)] = 20
    entities: tuple[EntityEngine, ...] = ("internet", "dates", "money", "organizations")
    personal_data: tuple[PersonalEngine, ...] = (
        "emails",
        "numbers",
        "phones",
        "people",
        "addresses",
    )
    document_class: Literal["rules", "none"] = "rules"
    """What decides the class as long as no model learnt from labelled documents is in use."""
    class_model: ModelName | None = "documents"
    """Name of the trained classifier that decides once one is in use; None: never."""
    class_error_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Of all documents, how many may be given a wrong class without a person looking: the less, the
    more people are asked. 45 documents that a model had not learnt from show 5 %, 114 show 2 %, if
    none is wrong; with fewer people look at a part of what it is sure of, drawn by chance."""
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "US"
    """ISO 3166 country of English documents that do not show where they are from: it decides
    03/04/2026, national phone numbers, $."""
    names_in_prose: bool = True
    """Whether persons are also looked for in running text (by lists of given and family names),
    or only where a label, a title or a signature announces them."""
    seconds: Annotated[float, Field(gt=0)] = 30.0
    """Time allowed for a document, to which 0.1 s is added for every page, or for every 3,000 bytes
    of text where pages are longer."""
