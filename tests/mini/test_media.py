"""Media as a processor gets them: drawn in many sizes, often compressed, fitted to the limits."""

import random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tte2_ray.mini import media
from tte2_ray.mini.media import compressed, fit, see, still
from tte2_ray.mini.model import FRAME_MAX_PIXELS, IMAGE_MAX_PIXELS, PAGE_MAX_PIXELS
from tte2_ray.mini.truth import (
    Clip,
    Page,
    Scene,
    Thing,
    Truth,
    sample_clip,
    sample_page,
)

RED = Thing(color="red", texture="plain", shape="square", x=0.25, y=0.3, radius=0.185)
BLUE = Thing(color="blue", texture="plain", shape="square", x=0.75, y=0.7, radius=0.125)
SCENE = Scene(things=(RED, BLUE), tinies=(), sign="")
CLIP: Clip = sample_clip(random.Random(1), "train", 2)
PAGE: Page = sample_page(random.Random(1), "train")
PICTURE = Image.fromarray(
    np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
).resize((256, 192), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("truth", [SCENE, CLIP, PAGE])
def test_a_generator_in_the_same_state_shows_the_same_and_another_does_not(truth: Truth) -> None:
    one, same, other = (see(truth, random.Random(seed)) for seed in (1, 1, 2))
    assert one.pixels.dtype == np.uint8
    assert np.array_equal(one.pixels, same.pixels)
    assert one.timestamps_s == same.timestamps_s
    assert not np.array_equal(one.pixels, other.pixels)


def test_media_have_the_sizes_that_the_models_look_at() -> None:
    for seed in range(12):
        rng = random.Random(seed)
        assert see(SCENE, rng).pixels.shape == (1, 96, 96, 3)
        assert see(PAGE, rng).pixels.shape == (1, 128, 96, 3)
        assert see(CLIP, rng).pixels.shape == (6, 64, 64, 3)  # three seconds, two frames of each
        assert see(SCENE, rng, limit=48 * 48).pixels.shape == (1, 48, 48, 3)
    assert (IMAGE_MAX_PIXELS, PAGE_MAX_PIXELS, FRAME_MAX_PIXELS) == (96 * 96, 128 * 96, 64 * 64)


@pytest.mark.parametrize(
    ("given", "limit", "fitted"),
    [
        ((160, 160), 96 * 96, (96, 96)),
        ((100, 100), 96 * 96, (96, 96)),
        ((30, 30), 96 * 96, (96, 96)),  # scaled up
        ((120, 160), 96 * 128, (96, 128)),
        ((120, 40), 96 * 32, (96, 32)),
        ((200, 100), 96 * 96, (128, 64)),
        ((900, 10), 64 * 64, (608, 16)),  # never thinner than a patch
    ],
)
def test_a_picture_is_scaled_to_whole_patches_in_its_shape(
    given: tuple[int, int], limit: int, fitted: tuple[int, int]
) -> None:
    assert fit(Image.new("RGB", given), limit).size == fitted


def test_a_fitted_picture_shows_all_of_it() -> None:
    halves = Image.new("RGB", (150, 150), "white")
    halves.paste("black", (0, 0, 75, 150))
    pixels = np.asarray(fit(halves, 96 * 96))
    assert pixels[:, :40].max() < 20
    assert pixels[:, 56:].min() > 235


def test_as_often_as_not_a_picture_loses_something_on_its_way() -> None:
    looked = [compressed(random.Random(seed), PICTURE) for seed in range(60)]
    kept = [seen is PICTURE for seen in looked]
    assert 15 < sum(kept) < 45
    losses = []
    for seen in (seen for seen, whole in zip(looked, kept, strict=True) if not whole):
        assert (seen.size, seen.mode) == (PICTURE.size, "RGB")
        losses.append(float(np.abs(np.asarray(seen, float) - np.asarray(PICTURE, float)).mean()))
    assert 0.2 < min(losses) < max(losses) < 15
    assert max(losses) > 1.3 * min(losses), "it is compressed more or less"


def test_stills_and_frames_come_through_the_compression(monkeypatch: pytest.MonkeyPatch) -> None:
    """A double of compression marks what went through it."""
    monkeypatch.setattr(media, "compressed", lambda rng, p: Image.new("RGB", p.size, "lime"))
    for truth in (SCENE, CLIP, PAGE):
        assert (see(truth, random.Random(1)).pixels == (0, 255, 0)).all()
    assert (still(random.Random(1), PICTURE, 96 * 96).pixels == (0, 255, 0)).all()


@pytest.mark.parametrize(("crop", "color"), [(0, "red"), (1, "blue")])
def test_a_close_up_shows_one_thing_alone(crop: int, color: str) -> None:
    strongest = ("red", "green", "blue").index(color)
    for seed in range(12):
        (pixels,) = see(SCENE, random.Random(seed), crop).pixels.astype(float)
        height, width = pixels.shape[:2]
        assert 48 * 48 <= height * width <= IMAGE_MAX_PIXELS
        assert height % 16 == width % 16 == 0
        middle = pixels[height // 3 : height * 2 // 3, width // 3 : width * 2 // 3].mean((0, 1))
        assert int(middle.argmax()) == strongest
        other = 2 - strongest
        seen = pixels[:, :, other] - pixels[:, :, strongest] > 60
        assert seen.mean() < 0.02, "nothing of the other"
    small = see(SCENE, random.Random(0), crop, limit=48 * 48)
    assert small.pixels.shape == (1, 48, 48, 3)


def test_a_videos_frames_are_taken_at_other_times_each_time() -> None:
    videos = [see(CLIP, random.Random(seed)) for seed in range(30)]
    for video in videos:
        assert len(video.timestamps_s) == len(video.pixels) / 2
        assert list(video.timestamps_s) == sorted(set(video.timestamps_s))
        assert 0 <= video.timestamps_s[0] < 1
        assert 2 < video.timestamps_s[-1] < 3
    assert len({video.timestamps_s for video in videos}) >= 4
    assert see(SCENE, random.Random(1)).timestamps_s == ()


def test_media_are_drawn_in_many_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: dict[str, set[int]] = {"draw_scene": set(), "draw_page": set(), "draw_clip": set()}

    def recorded(name: str) -> Any:
        """What draws, and writes down how large: the fitted pixels hardly tell."""
        real = getattr(media, name)

        def draw(truth: Truth, rng: random.Random, size: int) -> Any:
            sizes[name].add(size)
            return real(truth, rng, size)

        return draw

    for name in sizes:
        monkeypatch.setattr(media, name, recorded(name))
    for seed in range(20):
        for truth in (SCENE, PAGE, CLIP):
            see(truth, random.Random(seed))
    assert all(len(found) > 8 for found in sizes.values())
    assert all(max(found) > 1.2 * min(found) for found in sizes.values())
