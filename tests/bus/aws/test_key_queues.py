"""Messages of a key are handed out in order, and slow keys leave room for others."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lineal.bus.aws.key_queues import KeyQueues
from tests.long import examples

KEYS = st.sampled_from("abcd")


@dataclass(eq=False)
class Message:
    key: str
    number: int


class KeyQueuesMachine(RuleBasedStateMachine):
    """Against the plainest model: a list of each key's messages, and which of them are out."""

    def __init__(self) -> None:
        super().__init__()
        self.queues: KeyQueues[Message] = KeyQueues(lambda message: message.key)
        self.of_key: dict[str, list[Message]] = {key: [] for key in "abcd"}
        self.out: list[Message] = []
        self.count = 0

    def waiting(self, key: str) -> list[Message]:
        return [message for message in self.of_key[key] if message not in self.out]

    def is_busy(self, key: str) -> bool:
        return any(message.key == key for message in self.out)

    @rule(key=KEYS, count=st.integers(1, 10))
    def add(self, key: str, count: int) -> None:
        for _ in range(count):
            self.count += 1
            message = Message(key, self.count)
            self.of_key[key].append(message)
            self.queues.add(message)

    @rule(limit=st.integers(0, 12))
    def take(self, limit: int) -> None:
        idle = {key for key in self.of_key if self.waiting(key) and not self.is_busy(key)}
        taken = self.queues.take(limit)
        assert len(taken) <= limit
        for message in taken:
            assert self.waiting(message.key)[0] is message, "in order, and none twice"
            self.out.append(message)
        first = {message.key for message in taken[: len(idle)]}
        assert len(first) == min(limit, len(idle)) and first <= idle, "idle keys come first"
        if not taken and limit:
            behind = len(self.out) - len({message.key for message in self.out})
            more = any(self.waiting(key) for key in self.of_key)
            assert not more or behind >= limit, "nothing is held back without need"

    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        some = data.draw(st.lists(st.sampled_from(self.out), unique_by=id)) if self.out else []
        self.queues.finish(some)
        self.queues.finish(some)
        for message in some:
            self.out.remove(message)
            self.of_key[message.key].remove(message)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        every = [message for messages in self.of_key.values() for message in messages]
        some = data.draw(st.lists(st.sampled_from(every), max_size=3)) if every else []
        removed = self.queues.remove(some)
        expected = {
            id(later)
            for message in some
            for later in self.of_key[message.key]
            if later.number >= message.number
        }
        assert {id(message) for message in removed} == expected and len(removed) == len(expected)
        for key in self.of_key:
            numbers = [message.number for message in removed if message.key == key]
            assert numbers == sorted(numbers)
        self.forget(removed)

    @rule()
    def remove_behind(self) -> None:
        expected = [id(m) for key in self.of_key if self.is_busy(key) for m in self.waiting(key)]
        removed = self.queues.remove_behind()
        assert sorted(map(id, removed)) == sorted(expected)
        self.forget(removed)

    def forget(self, messages: list[Message]) -> None:
        for message in messages:
            self.of_key[message.key].remove(message)
            if message in self.out:
                self.out.remove(message)

    @invariant()
    def ready_are_idle_keys_with_messages(self) -> None:
        idle = [key for key in self.of_key if self.waiting(key) and not self.is_busy(key)]
        assert self.queues.ready == len(idle)


TestKeyQueues = KeyQueuesMachine.TestCase
TestKeyQueues.settings = settings(max_examples=examples(150), stateful_step_count=40)


def test_a_slow_key_leaves_room_for_others() -> None:
    queues: KeyQueues[Message] = KeyQueues(lambda message: message.key)
    for number in range(10):
        queues.add(Message("slow", number))
    assert len(queues.take(4)) == 3, "the rest is left for others"
    queues.add(Message("other", 0))
    assert [message.key for message in queues.take(2)] == ["other"]
