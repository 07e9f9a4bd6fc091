"""The cues of ConText for English: phrases that say how what stands near them is meant.

Source of the method: Harkema, Dowling, Thornblade, Chapman, "ConText: An algorithm for determining
negation, experiencer, and temporal status from clinical reports", Journal of Biomedical Informatics
42 (2009); negation as in Chapman et al., "A simple algorithm for identifying negated findings and
diseases in discharge summaries", JBI 34 (2001). The phrases are written down here anew.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Modifier: TypeAlias = Literal["negated", "historical", "family", "uncertain"]
Direction: TypeAlias = Literal["forward", "backward", "both", "none"]


class Cue(NamedTuple):
    """A phrase, what it says, and of what."""

    phrase: str
    """In lower case; a space stands for any white space, ``#`` for a number."""
    modifier: Modifier | None
    """None: it looks like a cue and is none, or it ends the scope of others."""
    direction: Direction
    ends_scopes: bool = False
    """Whether scopes of cues end here."""


def _cues(
    modifier: Modifier | None, direction: Direction, phrases: str, *, ends_scopes: bool = False
) -> list[Cue]:
    return [
        Cue(phrase.strip(), modifier, direction, ends_scopes)
        for phrase in phrases.replace("\n", " ").split("|")
        if phrase.strip()
    ]


CUES: tuple[Cue, ...] = (
    *_cues(
        "negated",
        "forward",
        """no | not | never | denies | denied | denying | deny | without | without any |
        absence of | no evidence of | no evidence for | no sign of | no signs of |
        no complaints of | no longer |
        negative for | is negative for | was negative for | were negative for |
        free of | free from | lack of | lacks | fails to reveal | failed to reveal |
        does not have | did not have | do not have | doesn't | didn't | don't | isn't | wasn't |
        hasn't | never had | none of | neither | nor | rules out | ruled out | excludes | excluded |
        does not show | did not show | not have | no history of | never developed | no new""",
    ),
    *_cues(
        "negated",
        "backward",
        """was ruled out | were ruled out | is ruled out | has been ruled out |
        have been ruled out | is absent | are absent | was absent | were absent |
        was excluded | has been excluded |
        is excluded | is not present | not present | is negative | was negative | were negative |
        not seen | not found | not detected | not demonstrated | not identified | not noted |
        was denied | is denied""",
    ),
    *_cues(
        "uncertain",
        "forward",
        """possible | possibly | probable | probably | suspected | suspect | suspicion of |
        suspicion for | suspicious for | concern for | concerning for | concern about | may have |
        may represent | may be | may reflect | might | might be | could be | could represent |
        cannot exclude | can not exclude | can't exclude | cannot rule out | can't rule out |
        could not exclude | rule out | r/o | evaluate for | question of | questionable | perhaps |
        not certain if | not certain whether | unclear whether | if | in case of | likely |
        most likely | presumed | appears to be | differential includes | return for | watch for |
        risk of | at risk for | to exclude""",
    ),
    *_cues(
        "uncertain",
        "backward",
        """is suspected | was suspected | are suspected | were suspected | is possible | is likely |
        are likely | is probable | unlikely | is unlikely | cannot be excluded |
        cannot be ruled out | can not be ruled out | could not be excluded | is not excluded |
        not excluded | not ruled out | has not been ruled out | is questionable | to be ruled out |
        should be ruled out | in the differential""",
    ),
    *_cues(
        "historical",
        "forward",
        """history of | history includes | history significant for | history is significant for |
        history: | h/o | hx of | past medical history of | past medical history includes |
        past medical history significant for | past history of | medical history of |
        previous | previously | previously had | prior | status post | s/p | former | formerly |
        in the past had | used to have | remote history of | known history of | had a history of""",
    ),
    *_cues(
        "historical",
        "backward",
        """in the past | # years ago | # months ago | years ago | months ago | a year ago |
        last year | in childhood | as a child | when young | has resolved | since resolved |
        have resolved | in her youth | in his youth | decades ago""",
    ),
    *_cues(
        "family",
        "both",
        """family history of | family history includes | family history | family hx of | fh of |
        familial | mother | father | mother's | father's | sister | brother | aunt | uncle |
        grandmother | grandfather | grandparent | grandparents | son | daughter | cousin | parent |
        parents | sibling | siblings | sister's | brother's | relative | relatives | wife |
        husband | niece | nephew""",
    ),
    # They look like cues and are none.
    *_cues(
        None,
        "none",
        """no increase | no change | no significant change | no interval change | not only |
        no further | without difficulty | without further | gram negative | gram-negative |
        not necessarily | not cause | no suspicious change | not deny | not denied | if any |
        mother reports | mother states | mother says | father reports | father states |
        father says | wife reports | husband reports | according to the mother |
        according to the father | per mother | per father | daughter reports | son reports |
        history taking | history and physical | history was obtained | present history|
        history of present illness""",
    ),
    *_cues(
        None,
        "none",
        """but | however | nevertheless | yet | though | although | except | except for |
        apart from | aside from | other than | secondary to | due to | because | because of |
        which | who | still | until | presents with | presented with | presenting with |
        complains of | complaining of | , reports | , has | , had | , with | and has | and reports |
        and complains | now has | now | currently | today | patient has | patient reports |
        the patient has | he has | she has | as a cause of | ; | . | :""",
        ends_scopes=True,
    ),
)

WORDS_OF_ABSENCE: dict[str, str] = {
    "afebrile": "fever",
    "anicteric": "jaundice",
    "asymptomatic": "symptoms",
    "atraumatic": "trauma",
    "nontender": "tenderness",
    "non-tender": "tenderness",
    "painless": "pain",
    "painfree": "pain",
    "pain-free": "pain",
    "symptom-free": "symptoms",
    "acyanotic": "cyanosis",
    "nondistended": "distension",
    "nonsmoker": "smoking",
    "non-smoker": "smoking",
}
"""Words that negate what they name by themselves."""
