"""What happens around a stage's function: one list of wrappers, composed when the stage is bound.

A wrapper has a part before the function and one after it, each over a batch of
:class:`~lineal.stages.pipeline.invocation.Invocation`. In the order in which they run before the
function, and in the reverse order after it:

0. ``StepSpans``     where spans are exported: makes the one of each attempt
1. ``Recording``     measures; makes the lineage record of each invocation
2. ``CheckMarks``    refuses what somebody else has written to a broker of many
3. ``Transport``     fetches data that was too large for the bus; makes the events of outputs, from
   the envelope at hand, and puts away what is too large; in a replay, and after one, it has
   ``Superseding`` say which earlier outputs they replace, or withdraw, and ``Withdrawals`` pass
   that on
4. ``KnownEvents``   leaves out what the group has handled before; remembers what it handles
5. ``HeldKeys``      puts an event aside while an earlier one of its key has failed for good
6. ``FanIn``         keeps a part until its group is complete
7. ``Memoising``     takes what the same work made before; remembers new work

Then :mod:`~lineal.stages.pipeline.invoke` reads the data as the type that the stage takes, and
calls the function, under its time limit. A stage has those that it needs: ``CheckMarks`` on a
broker that others write to, ``KnownEvents`` where it has no memo, ``Memoising`` where it has one,
``FanIn`` where it is a fan-in stage, ``HeldKeys`` where it has ``on_failure="wait"``. A replay has
neither ``KnownEvents`` nor ``HeldKeys``.

An attempt at a batch runs the list once. What failed in it is handled on its own by
:meth:`lineal.stages.executor.StageExecutor.recover`, which attempts it again after a pause, and
ends with its dead letter.
"""

from lineal.stages.pipeline.compose import compose
from lineal.stages.pipeline.invocation import Invocation, Wrapper

__all__ = ["Invocation", "Wrapper", "compose"]
