"""Nobody waits for all of somebody else's work, and what is costly leaves a worker to the rest."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lineal.workers.costs import MAX_LOAD, CostHistory, Share
from lineal.workers.fair_queue import Caller, Dequeued, FairQueue

T = TypeVar("T")

callers = st.builds(Caller, st.sampled_from(["ocr", "nlp"]), st.sampled_from(["a", "b", "c"]))


class Clock:
    """One that can be turned."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def cheap(*shares: Share) -> CostHistory:
    history = CostHistory()
    for share in shares:
        history.assume_cheap(share)
    return history


def end(queue: FairQueue[T], dequeued: Dequeued[T], load: float) -> None:
    """It has ended, was so costly, and its worker is ready for another."""
    queue.answered(dequeued, load)
    queue.ended(dequeued)


def take(queue: FairQueue[str]) -> str:
    """Take an item, which uses nothing of its limit."""
    dequeued = queue.take()
    assert dequeued is not None
    end(queue, dequeued, 0.0)
    return dequeued.item


@given(st.lists(callers))
def test_everything_is_taken_once_and_each_callers_items_in_order(added: list[Caller]) -> None:
    queue: FairQueue[tuple[Caller, int]] = FairQueue()
    for number, caller in enumerate(added):
        queue.add(caller, (caller, number))
    dequeued: list[tuple[Caller, int]] = []
    while (one := queue.take()) is not None:
        dequeued.append(one.item)
        end(queue, one, 0.0)
    assert sorted(dequeued) == sorted((caller, number) for number, caller in enumerate(added))
    for caller in set(added):
        assert [n for c, n in dequeued if c == caller] == [
            n for n, c in enumerate(added) if c == caller
        ]


def test_a_short_document_waits_for_one_part_of_a_long_one() -> None:
    queue: FairQueue[str] = FairQueue(history=cheap(Share("ocr"), Share("classify")))
    for page in range(1000):
        queue.add(Caller("ocr", "long"), f"long {page}")
    queue.add(Caller("ocr", "short"), "short")
    queue.add(Caller("classify", "new"), "new")
    assert [take(queue) for _ in range(5)] == ["long 0", "new", "short", "long 1", "long 2"]


def test_a_cheap_document_does_not_wait_for_a_thousand_costly_ones() -> None:
    queue: FairQueue[str] = FairQueue(2, cheap(Share("classify", "text")))
    for number in range(1000):
        queue.add(Caller("classify", f"hostile {number}"), "hostile", kind=f"pdf {number % 5}")
    first = queue.take()
    assert first is not None
    assert first.item == "hostile"
    # The other worker stays free for what is cheap.
    assert queue.take() is None
    queue.add(Caller("classify", "innocent"), "innocent", kind="text")
    assert take(queue) == "innocent"
    assert queue.take() is None
    end(queue, first, 1.0)
    assert take(queue) == "hostile"


def test_what_was_taken_for_cheap_and_runs_for_long_is_costly() -> None:
    """Forms and drawings are one kind to who has not looked into them."""
    clock = Clock()
    known = cheap(Share("ocr", "pdf"), Share("classify", "text"))
    queue: FairQueue[str] = FairQueue(2, known, clock=clock, costly_after=lambda _item: 1.0)
    queue.add(Caller("ocr", "a"), "drawing", kind="pdf")
    long = queue.take()
    assert long is not None
    clock.seconds += 1.5
    queue.add(Caller("ocr", "b"), "photo", kind="image")
    queue.add(Caller("ocr", "c"), "another drawing", kind="pdf")
    assert queue.take() is None
    queue.add(Caller("classify", "innocent"), "innocent", kind="text")
    assert take(queue) == "innocent"
    end(queue, long, 4.0)
    photo = queue.take()
    assert photo is not None
    assert queue.take() is None
    end(queue, photo, 4.0)
    assert take(queue) == "another drawing"


def test_what_runs_for_long_goes_to_the_background_while_others_wait() -> None:
    clock = Clock()
    moved: list[str] = []
    known = cheap(Share("classify", "text"), Share("ocr", "mail"))
    queue: FairQueue[str] = FairQueue(
        1,
        known,
        clock=clock,
        costly_after=lambda _item: 1.0,
        in_background=1,
        to_background=moved.append,
    )
    queue.add(Caller("ocr", "a"), "drawing", kind="pdf")
    long = queue.take()
    assert long is not None
    clock.seconds += 5.0
    assert queue.take() is None
    assert moved == [], "nothing waits"
    queue.add(Caller("classify", "innocent"), "innocent", kind="text")
    assert take(queue) == "innocent"
    assert moved == ["drawing"]
    queue.add(Caller("ocr", "b"), "another drawing", kind="pdf")
    assert queue.take() is None, "as many are costly as there are workers"
    queue.add(Caller("ocr", "b"), "mail", kind="mail")
    another = queue.take()
    assert another is not None
    queue.add(Caller("classify", "late"), "late", kind="text")
    clock.seconds += 5.0
    assert queue.take() is None
    end(queue, long, 4.0)
    assert take(queue) == "late"
    assert moved == ["drawing", "mail"]
    end(queue, another, 4.0)
    assert take(queue) == "another drawing"
    assert queue.running == 0


def test_a_kind_has_all_workers_once_it_is_known_to_be_cheap() -> None:
    queue: FairQueue[str] = FairQueue(2)
    for number in range(3):
        queue.add(Caller("ocr", str(number)), "page", kind="scan")
    first = queue.take()
    assert first is not None
    assert queue.take() is None
    end(queue, first, 0.1)
    assert queue.take() is not None
    assert queue.take() is not None


def test_a_limit_that_was_run_into_is_forgotten_after_some_cheap_tasks() -> None:
    share = Share("ocr", "scan")
    history = cheap(share)
    history.observe(share, MAX_LOAD)
    assert history.is_costly(share)
    needed = 0
    while history.is_costly(share):
        history.observe(share, 0.1)
        needed += 1
    assert 2 <= needed <= 10


def test_who_comes_after_a_thousand_of_its_own_kind_waits_for_two() -> None:
    clock = Clock()
    history = cheap(Share("ocr", "scan"))
    queue: FairQueue[str] = FairQueue(1, history, clock=clock)
    for number in range(1000):
        queue.add(Caller("ocr", f"{number}"), f"{number}", kind="scan")
    clock.seconds = 30.0
    queue.add(Caller("ocr", "last"), "last", kind="scan")
    dequeued = [take(queue) for _ in range(4)]
    assert dequeued == ["0", "last", "1", "999"]


class Pool(RuleBasedStateMachine):
    """Workers that take from a queue, against a model of what waits."""

    workers = 3
    in_background = 2

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.history = CostHistory()
        self.queue: FairQueue[tuple[Caller, str, int]] = FairQueue(
            self.workers,
            self.history,
            clock=self.clock,
            costly_after=lambda _item: 4.0,
            in_background=self.in_background,
            to_background=lambda item: self.background.append(item),
        )
        self.running: list[Dequeued[tuple[Caller, str, int]]] = []
        self.background: list[tuple[Caller, str, int]] = []
        """All that ever went there."""
        self.waiting: Counter[tuple[Caller, str, int]] = Counter()
        self.number = 0

    @rule(caller=callers, kind=st.sampled_from(["scan", "text"]), assumed=st.booleans())
    def add(self, caller: Caller, kind: str, assumed: bool) -> None:
        if assumed:
            self.history.assume_cheap(Share(caller.stage, kind))
        self.number += 1
        item = (caller, kind, self.number)
        self.waiting[item] += 1
        self.queue.add(caller, item, kind)

    @precondition(lambda self: len(self.running) < self.workers + self.in_background)
    @rule()
    def take(self) -> None:
        dequeued = self.queue.take()
        # What has run for long went to the background before.
        front = [each for each in self.running if not each.in_background]
        may_run = [
            item
            for item in self.waiting
            if len(front) < self.workers
            and (
                not self.history.is_costly(Share(item[0].stage, item[1]))
                or (
                    sum(each.costly for each in front) < self.workers - 1
                    and sum(each.costly for each in self.running) < self.workers
                )
            )
        ]
        assert (dequeued is not None) == bool(may_run)
        if dequeued is not None:
            assert dequeued.item in may_run
            del self.waiting[dequeued.item]
            self.running.append(dequeued)

    @precondition(lambda self: self.running)
    @rule(load=st.one_of(st.none(), st.floats(0, 4)))
    def end(self, load: float | None) -> None:
        dequeued = self.running.pop(0)
        if load is not None:  # it ran
            self.queue.answered(dequeued, load)
        self.queue.ended(dequeued)

    @rule(seconds=st.floats(0, 10))
    def turn_the_clock(self, seconds: float) -> None:
        self.clock.seconds += seconds

    @invariant()
    def a_worker_is_left_to_what_is_cheap(self) -> None:
        """But where more was taken for cheap, and runs for long, than goes to the background."""
        front = [each for each in self.running if not each.in_background]
        short = [each for each in front if self.clock.seconds < each.long_at]
        assert sum(each.costly for each in short) < self.workers
        assert len(front) <= self.workers

    @invariant()
    def the_background_is_bounded(self) -> None:
        behind = [each for each in self.running if each.in_background]
        assert len(behind) <= self.in_background
        assert all(each.costly and each.item in self.background for each in behind)
        assert self.queue.running == len(self.running)

    def teardown(self) -> None:
        assert Counter(self.queue.take_all()) == self.waiting


TestPool = Pool.TestCase


@given(
    costly=st.sets(st.sampled_from(["a", "b", "c"])),
    arriving=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3),
    seconds=st.sampled_from([0.0, 5.0]),
    workers=st.integers(1, 3),
)
def test_nothing_waits_for_ever_however_much_comes_behind_it(
    costly: set[str], arriving: list[str], seconds: float, workers: int
) -> None:
    history = CostHistory()
    clock = Clock()
    queue: FairQueue[int] = FairQueue(workers, history, clock=clock)
    for kind in "abc":
        history.observe(Share("ocr", kind), 1.0 if kind in costly else 0.0)
        for number in range(5):
            queue.add(Caller("ocr", f"{kind} {number}"), 0, kind)
    left = 15
    for turn in range(1, 400):
        for number, kind in enumerate(arriving):
            queue.add(Caller("ocr", f"{turn} {number}"), turn, kind)
        clock.seconds += seconds
        dequeued = queue.take()
        assert dequeued is not None
        left -= dequeued.item == 0
        end(queue, dequeued, 1.0 if dequeued.share.kind in costly else 0.0)
        if not left:
            return
    raise AssertionError(f"{left} of 15 still wait")


def test_who_brings_a_thousand_documents_leaves_others_their_share() -> None:
    """A group has a turn for each turn of another, however many callers it brings."""
    queue: FairQueue[str] = FairQueue(history=cheap(Share("ocr", "scan")))
    for number in range(1000):
        queue.add(Caller("ocr", f"ann {number}", "ann"), "ann", kind="scan")
    for number in range(5):
        for page in range(4):
            queue.add(Caller("ocr", f"ben {number}", "ben"), f"ben {number} {page}", kind="scan")
    taken = [take(queue) for _ in range(44)]
    assert sum(item.startswith("ben") for item in taken) == 20
    assert {take(queue) for _ in range(10)} == {"ann"}


@given(st.lists(st.tuples(callers, st.sampled_from(["", "ann", "ben"]))))
def test_groups_change_the_order_and_lose_nothing(added: list[tuple[Caller, str]]) -> None:
    queue: FairQueue[int] = FairQueue()
    for number, (caller, group) in enumerate(added):
        queue.add(caller._replace(group=group), number)
    taken = []
    while (one := queue.take()) is not None:
        taken.append(one.item)
        end(queue, one, 0.0)
    assert sorted(taken) == list(range(len(added)))
