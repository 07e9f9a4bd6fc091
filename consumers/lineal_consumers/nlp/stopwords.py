"""Stop words, which neither begin nor end a key phrase."""

from __future__ import annotations

from functools import cache

# The library's English list holds a thousand entries, "computer" and "microsoft" among them;
# these are function words, auxiliaries and what newspapers, letters and forms say all the time.
_ENGLISH = frozenset(
    """
    a about above according across actually after afterwards again against ago all almost alone
    along already also although always am amid among an and another any anybody anyhow anyone
    anything anyway anywhere are around as aside ask asked asking at away back be became because
    become becomes been before beforehand began begin behind being below beside besides best
    better between beyond both bring brought but by call called came can cannot come comes coming
    could couldn't dear despite did didn't do does doesn't doing done don't down due during each
    eg either else elsewhere enough especially etc even ever every everybody everyone everything
    everywhere except far few fewer first five following for former formerly four from full
    further gave get gets getting give given gives giving go goes going gone good got great had
    hadn't has hasn't have haven't having he hence her here hereby herein hereof hereto hers
    herself hi high him himself his how however i ie if in include included includes including
    indeed inside instead into is isn't it its itself just keep keeps kept kind know known last
    later latest latter least left less let lets like likely little long look looking lot made
    mainly make makes making many may maybe me mean means meanwhile might mine more moreover most
    mostly mr mrs ms much must my myself namely near nearly need needs neither never nevertheless
    new next nine no nobody none nonetheless nor not nothing now nowhere of off often oh ok old on
    once one ones only onto or other others otherwise ought our ours ourselves out outside over
    own part per perhaps please plus possible put quite rather re really recently regarding right
    said same saw say saying says second see seem seemed seems seen set seven several shall she
    should shouldn't show shows since six so some somebody somehow someone something sometime
    sometimes somewhat somewhere soon still such take taken takes taking tell ten than thank
    thanks that the their theirs them themselves then there thereafter thereby therefore therein
    thereof thereto these they thing things third this those though three through throughout thus
    till to today together told tomorrow too took toward towards tried tries try trying two under
    unless until up upon us use used uses using usually various very via want wanted wants was
    wasn't way we well went were weren't what whatever when whenever where whereas whereby wherein
    wherever whether which while who whoever whole whom whose why will with within without won't
    would wouldn't yes yesterday yet you your yours yourself yourselves
    monday tuesday wednesday thursday friday saturday sunday
    january february march april may june july august september october november december
    """.split()  # noqa: SIM905 - three hundred quoted words would be unreadable
)


@cache
def stopwords(language: str) -> frozenset[str]:
    """The stop words of a language (ISO 639-1), in lower case.

    A language without a list gets the English one: it does no harm elsewhere, and texts of an
    undetermined language (forms, tables) mostly have English words in them.
    """
    if language in ("en", "und"):
        return _ENGLISH
    from stop_words import StopWordError, get_stop_words  # type: ignore[import-untyped]

    try:
        return frozenset(word.lower() for word in get_stop_words(language))
    except StopWordError:
        return _ENGLISH
