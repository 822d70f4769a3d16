"""How much of each big thing of a picture lies under others.

The files of a world do not tell; its truths are sampled again from the seed, without drawing them.
"""

from collections.abc import Sequence

from tte2_ray.mini.language import look, reading_order
from tte2_ray.mini.tasks import TASKS
from tte2_ray.mini.truth import Scene, Split, Thing
from tte2_ray.mini.world import candidates_of


def hidden_share(thing: Thing, front: Sequence[Thing]) -> float:
    """How much of a thing's disc lies under the discs of others, by a grid of points; 0 to 1.

    >>> thing = Thing(color="red", texture="plain", shape="star", x=0.5, y=0.5, radius=0.1)
    >>> hidden_share(thing, []), hidden_share(thing, [thing])
    (0.0, 1.0)
    """
    steps = [i / 10 - 0.95 for i in range(20)]
    inside = [(thing.x + u * thing.radius, thing.y + v * thing.radius)
              for u in steps for v in steps if u * u + v * v < 1]  # fmt: skip
    covered = sum(
        any((x - t.x) ** 2 + (y - t.y) ** 2 < t.radius**2 for t in front) for x, y in inside
    )
    return covered / len(inside)


def hidden_by_item(seed: int, split: Split, queries: int) -> dict[str, list[float]]:
    """Of each whole picture of the world, the hidden share of its things in reading order."""
    found = {}
    for task in TASKS:
        for number in range(queries):
            for name, candidate in candidates_of(task, seed, split, number).candidates.items():
                if isinstance(candidate.truth, Scene) and candidate.crop < 0:
                    found[name] = _hidden(candidate.truth)
    return found


def _hidden(scene: Scene) -> list[float]:
    in_front = {look(t): scene.things[:i] for i, t in enumerate(scene.things)}
    return [hidden_share(t, (*in_front[look(t)], *scene.tinies))
            for t in reading_order(scene.things)]  # fmt: skip
