"""English words that say nothing of what a text is about."""

from __future__ import annotations

STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being between both but
    by can could did do does down during each either else every few for from further had has have
    having he her here hers him his how i if in into is it its itself just may me might more most
    much must my no nor not now of off on once one only or other our ours out over own same she
    should so some such than that the their theirs them then there these they this those through to
    too under until up upon us very was we were what when where which while who whom whose why will
    with within without would you your yours""".split()  # noqa: SIM905
)
