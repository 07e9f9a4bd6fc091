"""What a field of a form in RTF shows: no text says which of its choices is taken."""

from __future__ import annotations

from dataclasses import dataclass, field

FIELD_WORDS = ("fftype", "ffres", "ffdefres")
_BOX, _LIST = 1, 2
_BY_DEFAULT = 25
"""Nothing was chosen by hand."""


@dataclass(slots=True)
class RichTextField:
    """A field of a form, as its control words describe it."""

    values: dict[str, int] = field(default_factory=dict)
    """Numbers by control words (:data:`FIELD_WORDS`)."""
    choices: list[str] = field(default_factory=list)

    def shown(self) -> str:
        """What a reader sees of a list or of a box; what is typed into a field is text."""
        chosen = self.values.get("ffres", _BY_DEFAULT)
        if chosen == _BY_DEFAULT:
            chosen = self.values.get("ffdefres", 0)
        kind = self.values.get("fftype", 0)
        if kind == _BOX:
            return "☒ " if chosen else "☐ "
        return self.choices[chosen] if kind == _LIST and chosen < len(self.choices) else ""
