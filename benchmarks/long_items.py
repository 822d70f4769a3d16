"""Long items for the miniature: texts near its context, and videos of many frames, each another."""

import random
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.work import SEED, SPLIT
from tte2_ray.mini.render import draw_scene
from tte2_ray.mini.truth import sample_scene
from tte2_ray.schema import Item

WORDS = 850
"""Of a long text; the miniature's context has 1,024 tokens, output included."""
FRAMES, FPS, SIZE = 64, 2, 64
"""Of a long video, and its pixels a side: as many frames as the presets of large models show."""
_VOCABULARY = ("red", "blue", "green", "star", "circle", "square")
"""A token each."""


def long_items(folder: Path, count: int) -> list[Item]:
    """Texts and videos, one after the other.

    Args:
        folder: where videos go; must not exist.
        count: how many items.
    """
    folder.mkdir()
    return [_video(folder, n) if n % 2 else _text(n) for n in range(count)]


def _text(number: int) -> Item:
    rng = random.Random(f"long/{SEED}/{number}")
    return Item(item_id=f"long-text-{number:05d}", text=" ".join(rng.choices(_VOCABULARY, k=WORDS)))


def _video(folder: Path, number: int) -> Item:
    """A scene that slides by."""
    import av

    rng = random.Random(f"long/{SEED}/{number}")
    picture = np.asarray(draw_scene(sample_scene(rng, SPLIT), rng, SIZE).convert("RGB"))
    path = folder / f"long-video-{number:05d}.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        for at in range(FRAMES):
            frame = np.ascontiguousarray(np.roll(picture, at, axis=1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return Item(item_id=path.stem, video_uri=path.as_uri())
