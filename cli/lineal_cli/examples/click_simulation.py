"""Made-up visits to a page: people of three kinds, and four kinds of robots, from a seed.

People read before they click: their pauses are log-normal, longer after a new target, they move the
pointer the more the longer they wait, and they hit targets near the middle. Some have a telephone
(no pointer), some only the keyboard (no place, no pointer), some are quick. Of robots, ``hammer``
clicks as fast as it can, ``metronome`` at a steady pace with some jitter, ``replay`` repeats what
one person did, and ``mimic`` draws pauses from the distribution of people's, some of them targets,
places and movements too, but each by itself: it does not read. How strong each is comes from
:class:`Robots`, so that what is learnt from need not be what is evaluated on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from lineal_schemas.clicks import ClickReceived

KINDS = ("hammer", "metronome", "replay", "mimic")
WINDOW_US = 600_000_000
_TARGETS = 40


class Robots(NamedTuple):
    """Ranges from which each robot's parameters are drawn."""

    hammer_seconds: tuple[float, float] = (0.2, 1.2)
    """Mean pause."""
    metronome_seconds: tuple[float, float] = (4.0, 20.0)
    metronome_jitter: tuple[float, float] = (0.02, 0.12)
    """Of the pause."""
    replay_clicks: tuple[int, int] = (4, 8)
    """What is repeated."""
    replay_jitter: tuple[float, float] = (0.01, 0.06)
    mimic_spread: tuple[float, float] = (0.7, 1.1)
    """Of the logarithm of the pauses."""
    mimic_moves: tuple[int, int] = (0, 60)
    mimic_skill: float = 0.4
    """The share of mimics that get each of places, targets and movements like people's."""


TRAINING = Robots()
"""What the example and the benchmark learn from."""
EVALUATION = Robots(
    hammer_seconds=(0.3, 1.6),
    metronome_seconds=(3.0, 26.0),
    metronome_jitter=(0.01, 0.15),
    replay_clicks=(3, 10),
    replay_jitter=(0.0, 0.08),
    mimic_spread=(0.6, 1.3),
    mimic_moves=(0, 90),
    mimic_skill=0.5,
)
"""What is evaluated on: other ranges, wider ones."""


class Visit(NamedTuple):
    """The clicks of a visitor within one window."""

    visitor: str
    kind: str
    """``person``, or one of :data:`KINDS`."""
    clicks: tuple[ClickReceived, ...]

    @property
    def is_robotic(self) -> bool:
        return self.kind != "person"


def visits(
    count: int, *, seed: int, robots: Robots, share: float = 0.3, begin_us: int = 0
) -> Iterator[Visit]:
    """So many visits, each of a visitor of their own.

    Args:
        share: of robots, of the four kinds alike.
        begin_us: of a window, microseconds since the Unix epoch.
    """
    for number in range(count):
        chance = random.Random(f"{seed} {number}")  # noqa: S311
        kind = KINDS[chance.randrange(4)] if chance.random() < share else "person"
        visitor = f"v{seed}-{number}"
        start = begin_us + chance.randrange(WINDOW_US // 4)
        made = _person(chance) if kind == "person" else _robot(kind, chance, robots)
        clicks = []
        at = float(start)
        for pause, target, place, moves in made:
            at += pause * 1e6
            if at >= begin_us + WINDOW_US:
                break
            clicks.append(
                ClickReceived(
                    visitor=visitor, target=f"t{target}", at_us=int(at),
                    x=None if place is None else place[0],
                    y=None if place is None else place[1], moves=moves,
                )
            )  # fmt: skip
        if clicks:
            yield Visit(visitor, kind, tuple(clicks))


_Click = tuple[float, int, tuple[float, float] | None, int | None]


def _person(chance: random.Random) -> list[_Click]:
    device = chance.choices(("pointer", "telephone", "keyboard"), (0.6, 0.33, 0.07))[0]
    quick = chance.random() < 0.1
    middle = chance.gauss(1.0 if quick else 2.2, 0.4)
    spread = chance.uniform(0.5, 1.0)
    anywhere = chance.random() < 0.1  # they tap wherever the thumb is
    target = chance.randrange(_TARGETS)
    clicks: list[_Click] = []
    for _ in range(min(80, 2 + int(chance.expovariate(1 / 14)))):
        again = chance.random() < 0.25
        pause = chance.lognormvariate(middle, spread)
        if again:
            pause = 0.15 + pause * 0.3  # another click on the same
        else:
            target = (
                target + chance.choice((1, 1, 2, 3, -1, chance.randrange(_TARGETS)))
            ) % _TARGETS
            pause += 0.4
        place = None if device == "keyboard" else (_near(chance, 0.5), _near(chance, 0.5))
        if place is not None and anywhere:
            place = chance.random(), chance.random()
        moves = None
        if device == "pointer":
            moves = (
                int(chance.expovariate(1.0) * (3 + 6 * pause)) if not again else chance.randrange(4)
            )
        elif device == "telephone":
            moves = 0
        clicks.append((pause, target, place, moves))
    return clicks


def _near(chance: random.Random, middle: float) -> float:
    return min(1.0, max(0.0, chance.gauss(middle, 0.14)))


def _robot(kind: str, chance: random.Random, robots: Robots) -> list[_Click]:
    if kind == "replay":
        return _replay(chance, robots)
    place = (chance.random(), chance.random()) if chance.random() < 0.4 else None
    targets = chance.sample(range(_TARGETS), chance.randint(1, 8))
    clicks: list[_Click] = []
    if kind == "hammer":
        mean = chance.uniform(*robots.hammer_seconds)
        for _ in range(chance.randint(20, 120)):
            clicks.append((chance.expovariate(1 / mean), chance.choice(targets),
                           place or (chance.random(), chance.random()), 0))  # fmt: skip
    elif kind == "metronome":
        pause = chance.uniform(*robots.metronome_seconds)
        jitter = chance.uniform(*robots.metronome_jitter)
        for _ in range(chance.randint(10, 40)):
            clicks.append((max(0.1, chance.gauss(pause, pause * jitter)), chance.choice(targets),
                           place or (chance.random(), chance.random()), 0))  # fmt: skip
    else:
        clicks += _mimic(chance, robots)
    return clicks


def _mimic(chance: random.Random, robots: Robots) -> list[_Click]:
    middle, spread = chance.gauss(2.0, 0.4), chance.uniform(*robots.mimic_spread)
    near, walks = chance.random() < robots.mimic_skill, chance.random() < robots.mimic_skill
    moving = chance.random() < robots.mimic_skill
    least, most = robots.mimic_moves
    target = chance.randrange(_TARGETS)
    clicks: list[_Click] = []
    for _ in range(chance.randint(10, 40)):
        pause = chance.lognormvariate(middle, spread)
        target = (target + chance.choice((0, 1, 1, 2, -1))) % _TARGETS if walks else (
            chance.randrange(_TARGETS)
        )  # fmt: skip
        place = (_near(chance, 0.5), _near(chance, 0.5)) if near else (
            chance.random(), chance.random()
        )  # fmt: skip
        moves = int(chance.expovariate(1.0) * 6 * pause) if moving else chance.randint(least, most)
        clicks.append((pause, target, place, moves))
    return clicks


def _replay(chance: random.Random, robots: Robots) -> list[_Click]:
    wanted = chance.randint(*robots.replay_clicks)
    recorded: list[_Click] = []
    while len(recorded) < wanted:
        recorded += _person(chance)
    recorded = recorded[:wanted]
    jitter = chance.uniform(*robots.replay_jitter)
    return [
        (max(0.05, pause * chance.gauss(1, jitter)), target, place, moves)
        for _ in range(chance.randint(4, 10))
        for pause, target, place, moves in recorded
    ]
