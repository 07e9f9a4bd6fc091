"""The cues of ConText for English: phrases that say how what stands near them is meant.

Source of the method: Harkema, Dowling, Thornblade, Chapman, "ConText: An algorithm for determining
negation, experiencer, and temporal status from clinical reports", Journal of Biomedical Informatics
42 (2009); negation as in Chapman et al., "A simple algorithm for identifying negated findings and
diseases in discharge summaries", JBI 34 (2001). The phrases are written down here anew.
"""

from __future__ import annotations

from itertools import product
from typing import Literal, NamedTuple, TypeAlias

Modifier: TypeAlias = Literal["negated", "historical", "family", "uncertain"]
Direction: TypeAlias = Literal[
    "forward", "backward", "both", "none", "forward_first", "backward_first"
]
"""``forward_first``: of what follows, and where nothing does, of what stands before; and the other
way round."""


class Cue(NamedTuple):
    """A phrase, what it says, and of what."""

    phrase: str
    """In lower case; a space stands for any white space, ``#`` for a number, ``YEAR`` and ``MONTH``
    for one that is named."""
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


def _each(form: str, **words: str) -> str:
    """A form of phrases with every combination of the words that stand at its places."""
    names = list(words)
    combinations = product(*(words[name].split(",") for name in names))
    return " | ".join(form.format(**dict(zip(names, some, strict=True))) for some in combinations)


_RELATIVES = (
    "mother,father,sister,brother,aunt,uncle,grandmother,grandfather,son,daughter,cousin,wife,"
    "husband,niece,nephew,parents"
)
_FIND = "show,reveal,demonstrate,identify,find,detect"

CUES: tuple[Cue, ...] = (
    *_cues(
        "negated",
        "forward",
        _each("fails to {find} | failed to {find}", find=_FIND)
        + _each(
            " | {cannot} find | {cannot} have",
            cannot="could not,couldn't,cannot,can not,can't",
        )
        + """ | no | not | never | denies | denying | deny | without | without any | nil | nobody |
        no one | no known | unable to find | no reason to suspect | no suspicion of |
        no concern for | not suspicious for | no reports of | no report of | ruled out for |
        absence of | no evidence of | no evidence for | no sign of | no signs of |
        no complaints of | no longer |
        negative for | is negative for | was negative for | were negative for |
        free of | free from | lack of | lacks |
        does not have | did not have | do not have | doesn't | didn't | don't | isn't | wasn't |
        hasn't | never had | none of | neither | nor | rules out | excludes |
        does not show | did not show | not have | no history of | never developed | no new""",
    ),
    *_cues("negated", "forward_first", "denied | ruled out | excluded"),
    *_cues(
        "negated",
        "backward",
        _each("{mark} {no}", mark=":,-,–", no="no,none,denied,absent,negative,nil")
        + """ | no longer present | is no longer present | are no longer present |
        no longer seen | not a problem | is not a problem | are not a problem | is not suspected |
        could be excluded | can be excluded | could be ruled out | can be ruled out | absent |
        was ruled out | were ruled out | is ruled out | has been ruled out |
        have been ruled out | is absent | are absent | was absent | were absent |
        was excluded | has been excluded |
        is excluded | is not present | not present | is negative | was negative | were negative |
        not seen | not found | not detected | not demonstrated | not identified | not noted |
        was denied | is denied | (-) | (neg) | (negative) | free since | free for | free at |
        free after | free throughout""",
    ),
    *_cues(
        "uncertain",
        "forward",
        _each("{does} not rule out | {does} not exclude", does="does,did,do,could,can")
        + _each(" | {does} rule out | {does} exclude", does="doesn't,didn't,don't,couldn't,can't")
        + """ | not rule out | not exclude | unlikely to be | unlikely to have |
        unlikely to represent | unlikely that | doubt about | doubtful whether | query | ? |
        possible | possibly | probable | probably | suspected | suspect | suspicion of |
        suspicion for | suspicious for | concern for | concerning for | concern about | may have |
        may represent | may be | may reflect | might | might be | could be | could represent |
        cannot exclude | cannot rule out |
        rule out | r/o | evaluate for | question of | questionable | perhaps |
        not certain if | not certain whether | unclear whether | if | in case of | likely |
        most likely | presumed | appears to be | differential includes | return for | watch for |
        risk of | at risk for | to exclude | screen for | screened for | screening for |
        monitor for | monitored for | monitoring for | look out for | worried about |
        worries about | worry about | concerned about | anxious about | afraid of | fear of |
        fears""",
    ),
    *_cues("uncertain", "forward_first", "doubtful"),
    *_cues(
        "uncertain",
        "backward",
        """is suspected | was suspected | are suspected | were suspected | is possible | is likely |
        are likely | is probable | unlikely | is unlikely | seems unlikely |
        is doubtful | not been excluded | has not been excluded | have not been excluded |
        not been ruled out | have not been ruled out | was not excluded | cannot be excluded |
        cannot be ruled out | can not be ruled out | could not be excluded | is not excluded |
        not excluded | not ruled out | has not been ruled out | is questionable | to be ruled out |
        should be ruled out | in the differential | develop""",
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
        """resolved | has resolved | since resolved | have resolved | resolved in YEAR |
        was cured | went away | has gone away | is gone | are gone | was gone | were gone""",
    ),
    # A year or a time of life: of what stands before it ("fever in 2011"), and of what follows
    # where it opens the sentence.
    *_cues(
        "historical",
        "backward_first",
        _each(
            "{when} YEAR | {when} MONTH | {when} MONTH YEAR | {when} MONTH of YEAR",
            when="back in,last",
        )
        + _each(" | in {part}YEAR | in {part}MONTH YEAR | until {part}YEAR", part=",early ,late ")
        + _each(" | {ago} weeks ago | {ago} months ago | {ago} years ago", ago="#,some")
        + """ | in MONTH of YEAR | in the spring of YEAR | in the summer of YEAR |
        in the autumn of YEAR | in the fall of YEAR | in the winter of YEAR |
        in the YEARs | in the early YEARs | in the late YEARs | until last year |
        in the past | weeks ago | months ago | years ago | decades ago | long ago | last year |
        last month | last spring | last summer | last autumn | last fall | last winter |
        in childhood | during childhood | as a child | as a boy | as a girl | as a teenager |
        as a young man | as a young woman | when young | when he was young | when she was young |
        in her youth | in his youth | at age # | at the age of # | at # years of age""",
    ),
    *_cues(
        "family",
        "both",
        """family history of | family history includes | family history | family hx of | fh of |
        familial | mother | father | mother's | father's | sister | brother | aunt | uncle |
        grandmother | grandfather | grandparent | grandparents | son | daughter | cousin | parent |
        parents | sibling | siblings | sister's | brother's | relative | relatives | wife |
        husband | niece | nephew | runs in the family | in the family""",
    ),
    # They look like cues and are none.
    *_cues(
        None,
        "none",
        _each(
            "{who} {tells} | {who} who {tells}",
            who=_RELATIVES,
            tells="reports,reported,report,states,stated,state,says,said,say,tells,noticed,notices,"
            "saw,thinks,brought,describes",
        )
        + _each(
            " | {comes} {who} | {comes} his {who} | {comes} her {who} | {comes} the {who}",
            comes="in by,accompanied by,lives with,living with,according to,per",
            who=_RELATIVES,
        )
        + _each(
            " | since {when}",
            when="YEAR,MONTH,MONTH YEAR,early YEAR,late YEAR,last year,last month,last MONTH,"
            "last spring,last summer,last autumn,last fall,last winter,childhood,"
            "the age of #,age #,# weeks ago,# months ago,# years ago",
        )
        + _each(
            " | {over} the past | {over} the last year | {over} the last month | {over} the last #",
            over="over,for,during,within",
        )
        + _each(
            " | in the past {time} | in the past # {time}",
            time="day,days,week,weeks,month,months,year,years,hour,hours",
        )
        + """ | in the past few | prior to admission | prior to arrival | prior to presentation |
        previously healthy | previously well | not without | no doubt | without doubt |
        no question | without question | never denied | never denies | cannot be denied |
        no improvement | no relief | no response | no resolution | no worsening | no better |
        not improved | not improving | not improve | not relieved | not resolved | not resolve |
        not gone | not go away | not better | not worse | not controlled | no increase |
        no change | no significant change | no interval change | not only | no further |
        without difficulty | without further | gram negative | gram-negative | not necessarily |
        not cause | no suspicious change | not deny | did not deny | does not deny | do not deny |
        didn't deny | doesn't deny | not denied | if any | history taking |
        history and physical | history was obtained | present history |
        history of present illness""",
    ),
    *_cues(
        None,
        "none",
        """but | however | nevertheless | yet | though | although | except | except for |
        apart from | aside from | positive for | admits | admits to | admitted to | endorses |
        acknowledges | other than | secondary to | due to | because | because of |
        which | who | still | until | presents with | presented with | presenting with |
        complains of | complaining of | , reports | , has | , had | , with | and has | and reports |
        and complains | now has | now | currently | today | patient has | patient reports |
        the patient has | he has | she has | as a cause of | (+) | (pos) | (positive) |
        ; | . | :""",
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
