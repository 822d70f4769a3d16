"""What the vision tower is asked about the cells of a picture, and how it starts."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from tte2_ray.mini.model import MERGE
from tte2_ray.mini.reasoner import load_model
from tte2_ray.mini.sight import (
    ATTRIBUTES,
    PLACES,
    RANKS,
    UNKNOWN,
    SightTraining,
    cell_answers,
    look_at,
    start_near,
    start_with_cosines,
    train_sight,
)
from tte2_ray.mini.truth import Scene, Thing


@pytest.fixture
def tower(blank: Path) -> Any:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return load_model(blank).model.visual


def said(scene: Scene, row: int, column: int) -> list[str]:
    answers = cell_answers(scene, 6, 6)[row * 6 + column]
    return ["" if a == UNKNOWN else names[a] for names, a in zip(ATTRIBUTES, answers, strict=True)]


def test_a_cell_tells_of_the_thing_in_front_of_it() -> None:
    back = Thing(color="red", texture="striped", shape="star", x=0.3, y=0.3, radius=0.3)
    main = Thing(color="blue", texture="dotted", shape="moon", x=0.5, y=0.5, radius=0.2)
    tiny = Thing(color="pink", texture="plain", shape="circle", x=0.58, y=0.58, radius=0.05)
    scene = Scene(things=(main, back), tinies=(tiny,), sign="")
    assert said(scene, 1, 1) == ["red", "striped", "star", "top left", "big"]
    assert said(scene, 2, 2) == ["blue", "dotted", "moon", "center", "main"]
    assert said(scene, 3, 3) == ["pink", "", "circle", "center", "tiny"]
    assert said(scene, 5, 5) == ["", "", "", "", "nothing"]


def test_every_cell_of_every_picture_is_asked_for() -> None:
    sights = look_at(random.Random(1), 3, small=True)
    cells = int((sights.grids[:, 1] * sights.grids[:, 2]).sum()) // MERGE**2
    assert len(sights.answers_NA) == cells == len(sights.patches_PF) // MERGE**2
    assert set(sights.answers_NA[:, ATTRIBUTES.index(RANKS)].tolist()) <= set(range(len(RANKS)))
    assert set(sights.answers_NA[:, ATTRIBUTES.index(PLACES)].tolist()) > {UNKNOWN}


def test_small_pictures_come_in_the_second_half_and_processes_see_different_ones() -> None:
    training = SightTraining(steps=2, pictures=1)
    large, small = (training.sights(0, step).grids.prod() for step in (0, 1))
    assert small < large
    seen = [training.sights(0, 0, rank, 2).patches_PF for rank in (0, 0, 1)]
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_patches_start_as_waves_that_do_not_overlap(tower: Any) -> None:
    start_with_cosines(tower)
    rows = tower.patch_embed.proj.weight.detach().flatten(1)
    alike = torch.nn.functional.normalize(rows) @ torch.nn.functional.normalize(rows).T
    assert torch.allclose(alike.diag(), torch.ones(len(rows)))
    colors = 3  # the two differences of colours are orthogonal to the sum, and so are all waves
    assert alike.fill_diagonal_(0).abs().view(len(rows) // colors, colors, -1).max() < 1e-5


def test_each_head_starts_by_looking_about_one_patch_away(tower: Any) -> None:
    from transformers.models.qwen3_vl.modeling_qwen3_vl import apply_rotary_pos_emb_vision

    start_near(tower)
    side, middle = 9, (4, 4)
    at = torch.tensor([(y, x) for y in range(side) for x in range(side)])
    looked = set()
    for block in tower.blocks:
        heads, size = block.attn.num_heads, block.attn.qkv.bias.numel() // 3 // block.attn.num_heads
        rates = 10000.0 ** (-torch.arange(size // 4) / (size // 4))
        angles = (at[:, :, None] * rates).flatten(1).repeat(1, 2)
        query, key, _ = block.attn.qkv.bias.detach().view(3, 1, heads, size)
        turned = [
            apply_rotary_pos_emb_vision(each, each, angles.cos(), angles.sin())[0]
            for each in (query.expand(len(at), -1, -1), key.expand(len(at), -1, -1))
        ]
        scores = torch.einsum("hd,khd->hk", turned[0][middle[0] * side + middle[1]], turned[1])
        for best in scores.argmax(-1):
            away = at[best] - torch.tensor(middle)
            assert 1 <= float(away.float().norm()) < 1.5
            looked.add(tuple(away.tolist()))
    assert len(looked) == 6  # three heads, and three other directions in every second layer


def test_the_tower_learns_what_lies_where(tower: Any) -> None:
    lines: list[str] = []
    before = tower.merger.linear_fc2.weight.detach().clone()
    training = SightTraining(steps=100, pictures=1)
    train_sight(tower, training, lambda _: training.sights(0, 0), lines.append)
    assert lines[0].startswith("sight step 100/100 loss ")
    assert float(lines[0].split()[-1]) < 6.0  # guessing: 3 ln 8 + ln 8 + 2 ln 4 + 0.3 ln 9 = 11.7
    assert not torch.equal(before, tower.merger.linear_fc2.weight)
