"""``lineal match``: which sentences of a text say the same as another one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import CommandFailed, JsonOption
from lineal_cli.printing import plain, print_json

if TYPE_CHECKING:
    from lineal_catalog.meaning.engines import EngineName
    from lineal_schemas.matching import MatchedSentence


def match(
    sentence: Annotated[str, typer.Argument(metavar="SENTENCE", help="What is looked for.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A text file; - for the standard input.")
    ],
    engine: Annotated[
        str, typer.Option(help="auto, minilm or classical: see docs/meaning.md.")
    ] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Find the sentences of a text that say the same as SENTENCE.

    What speaks of the same thing but means it otherwise (denied, past, of the family, only
    possible) is no match: it is listed as contrary.
    """
    from lineal.stages import Reject
    from lineal_catalog.matching.match import match_sentence
    from lineal_catalog.meaning.engine import EngineMissing

    if engine not in ("auto", "minilm", "classical"):
        raise typer.BadParameter("auto, minilm or classical", param_hint="--engine")
    chosen: EngineName = engine  # type: ignore[assignment]
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(
            f"{file} cannot be read as text ({error}): put other files with `lineal put`, and "
            "match with `lineal show DOC --as text`"
        ) from error
    try:
        found = match_sentence(sentence, text, chosen)
    except (Reject, EngineMissing) as error:
        raise CommandFailed(str(error)) from error
    if as_json:
        print_json(
            {
                "sentence": sentence,
                "polarity": found.polarity,
                "matches": [item.model_dump() for item in found.matches],
                "contrary": [item.model_dump() for item in found.contrary],
                "null": found.null.model_dump(),
            }
        )
        return
    for item in found.matches:
        typer.echo(_line(item))
    if not found.matches:
        typer.echo("no sentence is meant alike")
    if found.contrary:
        typer.echo("contrary:")
    for item in found.contrary:
        typer.echo(_line(item))


def _line(item: MatchedSentence) -> str:
    return f"p={item.p_text:.2g}  {' '.join(item.polarity)}  {plain(item.text)}"
