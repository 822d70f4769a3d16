"""What the vision tower learns before it is spoken to: what lies in every cell of a picture.

A cell is what one visual token covers, `MERGE` x `MERGE` patches. Words are a thin signal: an ECR
names a shape once, and until the language model has learned where to look, nothing of it reaches
the tower. Asked for every cell, the tower tells 96 % of the shapes after 16,000 pictures in
small batches (docs/log.md). The heads that ask are dropped.

It starts as a convolution would: its patches are cosines, and its attention looks near. From
random weights it takes longer to tell textures (docs/log.md).

Letters: N cells of the whole batch, A attributes.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tte2_ray.mini.batch import patches
from tte2_ray.mini.media import see
from tte2_ray.mini.model import FRAME_MAX_PIXELS, IMAGE_MAX_PIXELS, MERGE, PATCH
from tte2_ray.mini.optim import Optimizer, Schedule
from tte2_ray.mini.truth import Scene, Split, Thing, sample_scene
from tte2_ray.mini.words import COLORS, REGIONS, SHAPES, TEXTURES

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import Qwen3VLVisionModel

RANKS: Final = ("nothing", "tiny", "main", "big")
PLACES: Final = tuple(region for row in REGIONS for region in row)
ATTRIBUTES: Final = (tuple(COLORS), TEXTURES, SHAPES, PLACES, RANKS)
"""What is asked of every cell, and the answers that there are."""
WEIGHTS: Final = (1.0, 1.0, 3.0, 0.3, 1.0)
"""Of each attribute in the loss: shapes are learned last, and their gradient is the smallest."""
UNKNOWN: Final = -1
COVERED: Final = 0.9
"""Of its radius: so near to a thing's centre, a cell's centre shows the thing."""


@dataclass(frozen=True, kw_only=True)
class Sights:
    """Pictures as the tower takes them, and what is true of their cells."""

    patches_PF: "torch.Tensor"
    grids: "torch.Tensor"
    answers_NA: "torch.Tensor"


def cell_answers(scene: Scene, rows: int, columns: int) -> "np.ndarray":
    """What is true of each cell, (rows * columns, A): indices of `ATTRIBUTES`, or `UNKNOWN`."""
    import numpy as np

    answers = np.full((rows * columns, len(ATTRIBUTES)), UNKNOWN)
    for cell in range(rows * columns):
        at = ((cell % columns + 0.5) / columns, (cell // columns + 0.5) / rows)
        answers[cell] = _answer(scene, _in_front(scene, at))
    return answers


def _in_front(scene: Scene, at: tuple[float, float]) -> Thing | None:
    for thing in (*scene.tinies, *scene.things):
        if math.dist(at, (thing.x, thing.y)) < COVERED * thing.radius:
            return thing
    return None


def _answer(scene: Scene, thing: Thing | None) -> tuple[int, ...]:
    if thing is None:
        return (*[UNKNOWN] * 4, RANKS.index("nothing"))
    tiny = thing in scene.tinies
    texture = UNKNOWN if tiny else TEXTURES.index(thing.texture)  # too small to show one
    rank = "tiny" if tiny else "main" if thing == scene.things[0] else "big"
    place, shape = PLACES.index(thing.region), SHAPES.index(thing.shape)
    return (list(COLORS).index(thing.color), texture, shape, place, RANKS.index(rank))


def look_at(rng: random.Random, pictures: int, *, small: bool, split: Split = "train") -> Sights:
    """So many pictures; if `small`, every third of them is no larger than a frame of a video."""
    import numpy as np
    import torch

    seen, grids, answers = [], [], []
    for number in range(pictures):
        scene = sample_scene(rng, split)
        limit = FRAME_MAX_PIXELS if small and number % 3 == 0 else IMAGE_MAX_PIXELS
        values, grid = patches(see(scene, rng, limit=limit).pixels)
        seen.append(values)
        grids.append(grid)
        answers.append(cell_answers(scene, grid[1] // MERGE, grid[2] // MERGE))
    return Sights(
        patches_PF=torch.from_numpy(np.concatenate(seen)),
        grids=torch.tensor(grids),
        answers_NA=torch.from_numpy(np.concatenate(answers)),
    )


@dataclass(frozen=True, kw_only=True)
class SightTraining:
    """How the tower learns to see; the defaults made the committed weights."""

    steps: int = 2000
    rate: float = 2.5e-3
    """Peak learning rate."""
    pictures: int = 5
    """In a process's batch. Shapes take many steps rather than many pictures."""

    def is_late(self, step: int) -> bool:
        """Whether small pictures are shown: in the second half, when shapes are known."""
        return step >= self.steps // 2

    def sights(self, seed: int, step: int, rank: int = 0, processes: int = 1) -> Sights:
        """What a process sees in `step`; the same for the same arguments."""
        rng = random.Random(f"sight/{seed}/{step * processes + rank}")
        return look_at(rng, self.pictures, small=self.is_late(step))


def train_sight(
    tower: "Qwen3VLVisionModel",
    training: SightTraining,
    sights_of: Callable[[int], Sights],
    say: Callable[[str], None],
) -> None:
    """Trains the tower to tell what lies in every cell.

    Args:
        tower: moved in place.
        training: steps and rate.
        sights_of: the batch of a step.
        say: takes one line of progress now and then.
    """
    import torch

    start_with_cosines(tower)
    start_near(tower)
    width = tower.config.out_hidden_size
    heads = torch.nn.ModuleList([torch.nn.Linear(width, len(names)) for names in ATTRIBUTES])
    optimizer = Optimizer(
        torch.nn.ModuleList([tower, heads]), Schedule(steps=training.steps, rate=training.rate)
    )
    for step in range(training.steps):
        loss = sight_loss(tower, heads, sights_of(step))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(step)
        if step % 100 == 99:
            say(f"sight step {step + 1}/{training.steps} loss {float(loss.detach()):.4f}")


def sight_loss(
    tower: "Qwen3VLVisionModel",
    heads: "torch.nn.ModuleList",
    sights: Sights,
) -> "torch.Tensor":
    """The weighted sum over attributes of the cross entropy over the cells that show each."""
    import torch
    import torch.nn.functional as F

    cells_NH = tower(sights.patches_PF, grid_thw=sights.grids).pooler_output
    losses = [
        weight * F.cross_entropy(head(cells_NH), sights.answers_NA[:, a], ignore_index=UNKNOWN)
        for a, (head, weight) in enumerate(zip(heads, WEIGHTS, strict=True))
    ]
    return torch.stack(losses).sum()


def start_with_cosines(tower: "Qwen3VLVisionModel") -> None:
    """Sets the patch embedding to the cosines of lowest frequency (JPEG's transform), each of the
    sum and of two differences of the colours."""
    import numpy as np
    import torch

    weight = tower.patch_embed.proj.weight  # (values, 3, 2, PATCH, PATCH)
    frequencies = [(u, v) for u in range(PATCH) for v in range(PATCH)]
    frequencies.sort(key=lambda f: (sum(f), abs(f[0] - f[1])))
    colors = np.array([[1, 1, 1], [1, -1, 0], [0.5, 0.5, -1]])
    colors /= np.linalg.norm(colors, axis=1, keepdims=True)
    at = np.pi * (np.arange(PATCH) + 0.5) / PATCH
    waves = []
    for u, v in frequencies[: len(weight) // 3]:
        wave = np.outer(np.cos(at * u), np.cos(at * v))
        wave *= (0.25 if u == v == 0 else 0.375) / np.linalg.norm(wave)
        waves += [np.broadcast_to(c[:, None, None, None] * wave, weight.shape[1:]) for c in colors]
    with torch.no_grad():
        weight.copy_(torch.from_numpy(np.stack(waves)))


def start_near(tower: "Qwen3VLVisionModel") -> None:
    """Sets the biases of queries and keys so that each head looks at patches about one away, in a
    direction of its own (arXiv 1911.03584: attention that begins as a convolution).

    The score of a key is the sum over rotary frequencies f of cos(f * distance from that place).
    """
    import torch

    pull = 4.0
    with torch.no_grad():
        for number, block in enumerate(tower.blocks):
            attention: Any = block.attn
            query, key, _ = attention.qkv.bias.zero_().view(3, attention.num_heads, -1)
            pairs = query.shape[1] // 2
            frequencies = 10000.0 ** (-torch.arange(pairs // 2) / (pairs // 2))
            for head in range(len(query)):
                turn = math.pi * (2 * head + number % 2) / len(query)
                for axis, away in enumerate((math.sin(turn), math.cos(turn))):
                    for i in range(2):  # the two highest; slower ones hardly tell neighbours apart
                        at, angle = axis * pairs // 2 + i, away * float(frequencies[i])
                        key[head, at] = pull
                        query[head, at] = pull * math.cos(angle)
                        query[head, at + pairs] = pull * math.sin(angle)
