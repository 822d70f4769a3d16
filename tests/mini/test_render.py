"""What is drawn varies in all that the truth does not know, and in nothing else."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from tte2_ray.mini.render import (
    CLIP_FPS,
    crop_thing,
    draw_clip,
    draw_lines,
    draw_page,
    draw_scene,
)
from tte2_ray.mini.render.pixels import ground_of
from tte2_ray.mini.render.things import draw_thing
from tte2_ray.mini.truth import Clip, Event, Page, Scene, Thing
from tte2_ray.mini.words import COLORS, SHAPES

LOOKS, SIZE = 60, 160
"""How many drawings are compared, and their side in pixels."""
RED = Thing(color="red", texture="plain", shape="circle", x=0.3, y=0.4, radius=0.185)
BLUE = Thing(color="blue", texture="plain", shape="circle", x=0.7, y=0.4, radius=0.15)
TINY = Thing(color="green", texture="plain", shape="circle", x=0.5, y=0.8, radius=0.055)
EMPTY = Scene(things=(), tinies=(), sign="")
SCENE = Scene(things=(RED,), tinies=(TINY,), sign="park")
CLIP = Clip(actors=(RED, BLUE), events=(Event(actor=1, verb="vanishes", argument=""),), tiny=TINY)
PAGE = Page(kind="memo", city="rome", footer="paid",
            lines=(("chairs", 24), ("ropes", 10), ("keys", 77), ("tents", 35)))  # fmt: skip
BLANK = Page(kind="", city="", lines=(), footer="")

Draw = Callable[[random.Random], np.ndarray]
DRAWS: dict[str, Draw] = {
    "scene": lambda rng: np.asarray(draw_scene(SCENE, rng, SIZE)),
    "clip": lambda rng: draw_clip(CLIP, rng, SIZE // 2),
    "page": lambda rng: np.asarray(draw_page(PAGE, rng, SIZE)),
    "lines": lambda rng: np.asarray(draw_lines(PAGE, 1, rng, SIZE)),
}


def drawn(draw: Draw, looks: int = LOOKS) -> Iterator[np.ndarray]:
    """Pixels by several states of the random generator, in floating point."""
    for seed in range(looks):
        yield draw(random.Random(seed)).astype(float)


def scenes(scene: Scene) -> list[np.ndarray]:
    return list(drawn(lambda rng: np.asarray(draw_scene(scene, rng, SIZE))))


def inside(pixels: np.ndarray, thing: Thing) -> np.ndarray:
    """A square within a circle, away from its edge: (pixels, 3)."""
    side = pixels.shape[1]
    half, x, y = int(thing.radius * side * 0.5), int(thing.x * side), int(thing.y * side)
    return pixels[y - half : y + half, x - half : x + half].reshape(-1, 3)


def spread(values: list[float]) -> float:
    return max(values) - min(values)


@pytest.mark.parametrize("kind", DRAWS)
def test_a_generator_in_the_same_state_draws_the_same_and_another_does_not(kind: str) -> None:
    one, same, other = (DRAWS[kind](random.Random(seed)) for seed in (1, 1, 2))
    assert one.dtype == np.uint8
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_drawings_have_the_size_that_was_asked_for() -> None:
    sizes = {kind: draw(random.Random(1)).shape for kind, draw in DRAWS.items()}
    assert sizes == {
        "scene": (SIZE, SIZE, 3),
        "clip": (2 * CLIP_FPS, SIZE // 2, SIZE // 2, 3),  # a second still, and one for the event
        "page": (SIZE * 4 // 3, SIZE, 3),
        "lines": (SIZE // 3, SIZE, 3),
    }
    fewer = draw_clip(CLIP, random.Random(1), SIZE // 2, every=4)
    assert len(fewer) == 2 * CLIP_FPS / 4


@pytest.mark.parametrize("thing", [RED, TINY])
def test_the_shade_of_a_colour_varies_and_stays_that_colour(thing: Thing) -> None:
    means = [inside(pixels, thing).mean(0) for pixels in scenes(SCENE)]
    strongest = int(np.argmax(COLORS[thing.color]))
    assert spread([mean[strongest] for mean in means]) > 15
    for mean in means:
        away = {name: float(np.abs(mean - rgb).max()) for name, rgb in COLORS.items()}
        assert min(away, key=lambda name: away[name]) == thing.color


def test_an_actor_keeps_its_shade_through_a_clip_and_has_another_in_the_next() -> None:
    clips = list(drawn(DRAWS["clip"], 20))
    shades = [[inside(frame, RED)[:, 0].mean() for frame in frames] for frames in clips]
    assert all(spread(of_one) < 3 for of_one in shades), "grain moves a mean by less than one"
    assert spread([of_one[0] for of_one in shades]) > 15


@pytest.mark.parametrize("thing", [RED, TINY])
def test_the_size_of_a_thing_varies_a_little(thing: Thing) -> None:
    strongest = int(np.argmax(COLORS[thing.color]))

    def area(pixels: np.ndarray) -> float:
        others = np.delete(pixels, strongest, axis=2).max(2)  # grounds and strokes are all but grey
        return float((pixels[:, :, strongest] - others > 50).sum())

    areas = [area(pixels) for pixels in scenes(replace(SCENE, sign=""))]
    assert 1.2 < max(areas) / min(areas) < 1.5


@pytest.mark.parametrize("shape", SHAPES)
def test_what_has_a_direction_is_turned(shape: str) -> None:
    silhouettes = set()
    for seed in range(20):
        canvas = Image.new("RGB", (SIZE, SIZE), "black")
        draw_thing(random.Random(seed), canvas, replace(RED, shape=shape))
        silhouettes.add((np.asarray(canvas).max(2) > 0).tobytes())
    assert len(silhouettes) == 1 if shape in ("circle", "ring") else len(silhouettes) > 5


def test_grounds_are_of_any_brightness_shaded_and_scribbled_on() -> None:
    grounds = list(drawn(lambda rng: np.asarray(ground_of(rng, SIZE, SIZE)), 100))
    middles = [float(np.median(ground)) for ground in grounds]
    tints = [np.median(ground, (0, 1)).round() for ground in grounds]
    assert any(spread(list(tint)) > 6 for tint in tints)
    assert min(middles) < 60
    assert max(middles) > 220
    assert spread([round(middle / 16) for middle in middles]) > 8
    # One colour in every row, or in every column: no stroke crosses it.
    clean = [(g == g[:, :1]).all() or (g == g[:1]).all() for g in grounds]
    assert 0.2 < np.mean(clean) < 0.6
    shaded = [not (g == g[0, 0]).all() for g, c in zip(grounds, clean, strict=True) if c]
    assert 0.2 < np.mean(shaded) < 0.8


@pytest.mark.parametrize("kind", ["scene", "clip"])
def test_pictures_and_clips_stand_on_such_grounds(kind: str) -> None:
    corners = [np.median(pixels.reshape(-1, *pixels.shape[-3:])[0, :16, -16:])
               for pixels in drawn(DRAWS[kind], 20)]  # fmt: skip
    assert min(corners) < 80
    assert max(corners) > 200


def test_paper_is_of_any_white_and_often_ruled() -> None:
    papers = [pixels[10:-10, SIZE // 2 :] for pixels in
              drawn(lambda rng: np.asarray(draw_page(BLANK, rng, SIZE)))]  # fmt: skip
    whites = [float(np.median(paper)) for paper in papers]
    assert min(whites) > 220
    assert spread(whites) > 8
    ruled = [max(np.median(paper) - paper.mean(axis).mean(-1).min() for axis in (0, 1)) > 9
             for paper in papers]  # fmt: skip
    assert 0.2 < np.mean(ruled) < 0.7


GRAINY: dict[str, tuple[Draw, set[int]]] = {
    "scene": (lambda rng: inside(DRAWS["scene"](rng), RED), {0, 2, 5}),
    "clip": (lambda rng: inside(DRAWS["clip"](rng)[0], RED), {0, 2, 5}),
    "page": (lambda rng: np.asarray(draw_page(BLANK, rng, SIZE))[-9:, :, 2], {0, 2, 4}),
    "lines": (lambda rng: np.asarray(draw_lines(BLANK, 0, rng, SIZE))[-9:, :, 2], {0, 2, 4}),
}


@pytest.mark.parametrize("kind", GRAINY)
def test_the_grain_is_none_fine_or_coarse(kind: str) -> None:
    draw, levels = GRAINY[kind]
    found = [round(float(np.median(pixels.std(0)))) for pixels in drawn(draw)]
    counts = {level: found.count(level) for level in set(found)}
    assert set(counts) >= levels
    assert all(counts[level] > LOOKS / 8 for level in levels)


def test_grain_differs_from_frame_to_frame() -> None:
    still = [frames[0] != frames[1] for frames in drawn(DRAWS["clip"], 20)]
    assert 4 < sum(bool(differs.mean() > 0.3) for differs in still) < 20
    assert any(not differs.any() for differs in still)


def boxes_of_signs() -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of what a sign adds to an empty picture, in pixels."""
    found, signs = [], scenes(replace(EMPTY, sign=16 * "l"))  # whose width fonts differ in most
    for bare, signed in zip(scenes(EMPTY), signs, strict=True):
        ys, xs = np.nonzero(np.abs(signed - bare).max(2) > 60)
        found.append((int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())))
    return found


def test_a_sign_is_in_one_of_three_fonts_along_either_edge() -> None:
    boxes = boxes_of_signs()
    assert groups([right - left for left, _, right, _ in boxes], apart=3) == 3
    assert groups([top for _, top, _, _ in boxes], apart=SIZE // 2) == 2
    assert spread([left for left, *_ in boxes]) > SIZE / 4


def groups(values: list[int], apart: int) -> int:
    """How many groups of lengths there are, with gaps of `apart` pixels or more between them."""
    ordered = sorted(values)
    return 1 + sum(b - a >= apart for a, b in pairwise(ordered))


WIDE = 4 * SIZE
PRINTED: dict[str, Draw] = {
    "lines": lambda rng: np.asarray(draw_lines(PAGE, 0, rng, WIDE))[: WIDE // 7],
    "page": lambda rng: np.asarray(draw_page(PAGE, rng, WIDE))[WIDE * 2 // 9 : WIDE * 3 // 8],
}
"""Where a line of print stands: the first goods, and the city."""


@pytest.mark.parametrize("kind", PRINTED)
def test_print_varies_in_font_ink_and_place(kind: str) -> None:
    lefts, lengths, inks = [], [], []
    for pixels in drawn(PRINTED[kind], 30):
        line = pixels[:, : WIDE * 2 // 3].max(2)
        columns = np.nonzero((line < 110).any(0))[0]
        lefts.append(int(columns.min()))
        lengths.append(int(columns.max() - columns.min()))
        inks.append(float(np.percentile(line[line < 110], 20)))
    assert groups(lengths, apart=4) == 2
    assert spread(lefts) > 0.03 * WIDE
    assert spread(inks) > 25


def test_a_page_prints_its_words_in_other_places_each_time() -> None:
    def ink(part: np.ndarray, axis: int) -> int:
        return int(np.nonzero((part.max(2) < 110).any(axis))[0].min())

    pages = list(drawn(DRAWS["page"], 30))
    assert spread([ink(page, axis=1) for page in pages]) > 0.02 * SIZE * 4 / 3
    assert spread([ink(page[: SIZE // 5], axis=0) for page in pages]) > 0.03 * SIZE
    footers = [page[-SIZE * 4 // 3 // 10 :] for page in pages]
    assert spread([ink(footer, axis=0) for footer in footers]) > 0.3 * SIZE


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.5), (0.1, 0.5), (0.93, 0.93)])
def test_a_close_up_is_a_square_around_its_thing_within_the_picture(x: float, y: float) -> None:
    thing = replace(RED, x=x, y=y, radius=0.1)
    picture = Image.fromarray(np.indices((SIZE, SIZE)).sum(0).astype(np.uint8))
    close = crop_thing(picture, thing)
    side = 2 * thing.radius * 1.3 * SIZE
    assert abs(close.width - side) <= 2
    assert abs(close.height - side) <= 2
    at_x, at_y = (min(max(v * SIZE, side / 2), SIZE - side / 2) - side / 2 for v in (x, y))
    assert close.getpixel((0, 0)) == int(at_x) + int(at_y)
