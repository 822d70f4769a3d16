"""Lessons as tensors: branches that share a media stand in one row and do not see each other.

Letters: R rows, L tokens in a row, P patches of the whole batch, F values in a patch.
A row is `prefix | branch | branch …`; a token sees its own branch and the prefix, and each branch's
positions go on where the prefix ends, so that a branch reads as if it stood alone. (The ids and
positions of one branch equal those of the model's own processor: `tests/mini/test_batch.py`.)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tte2_ray.mini.lessons import MARK_CLOSE, MARK_OPEN, Lesson
from tte2_ray.mini.media import Media
from tte2_ray.mini.model import MERGE, PATCH

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
Seen = tuple["np.ndarray", tuple[int, int, int]]
"""Patches of one media, and their grid."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What the model's forward takes, and what it should say."""

    input_ids_RL: "torch.Tensor"
    position_ids_3RL: "torch.Tensor"
    sees_R1LL: "torch.Tensor"
    labels_RL: "torch.Tensor"
    last_RB: "list[list[int]]"
    """Where each branch ends: what an embedder pools."""
    images: "tuple[torch.Tensor, torch.Tensor] | None"
    videos: "tuple[torch.Tensor, torch.Tensor] | None"

    def inputs(self) -> "dict[str, Any]":
        """Keyword arguments of the model's forward."""
        taken: dict[str, Any] = {
            "input_ids": self.input_ids_RL,
            "position_ids": self.position_ids_3RL,
            "attention_mask": self.sees_R1LL,
            "use_cache": False,  # nothing is decoded; a cache would compile anew for each layer
        }
        if self.images is not None:
            taken["pixel_values"], taken["image_grid_thw"] = self.images
        if self.videos is not None:
            taken["pixel_values_videos"], taken["video_grid_thw"] = self.videos
        return taken


def patches(pixels: "np.ndarray") -> "tuple[np.ndarray, tuple[int, int, int]]":
    """Pixels (T, H, W, 3) as normalised patches (P, F) in Qwen3-VL's order, and their grid."""
    import numpy as np

    if len(pixels) % 2:
        pixels = np.concatenate([pixels, pixels[-1:]])
    t, h, w = len(pixels) // 2, pixels.shape[1] // PATCH, pixels.shape[2] // PATCH
    values = (pixels.astype(np.float32) / 255.0 - 0.5) / 0.5
    cut = values.reshape(t, 2, h // MERGE, MERGE, PATCH, w // MERGE, MERGE, PATCH, 3)
    laid = cut.transpose(0, 2, 5, 3, 6, 8, 1, 4, 7)
    return laid.reshape(t * h * w, -1), (t, h, w)


@dataclass
class _Row:
    ids: list[int]
    positions: list[tuple[int, int, int]]
    segments: list[int]
    labels: list[int]
    ends: list[int]


class Encoder:
    """Turns lessons into batches.

    Args:
        tokenizer: the miniature's own.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self.tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        names = ("image_pad", "video_pad", "vision_start", "vision_end", "endoftext")
        self._id: dict[str, Any] = {n: tokenizer.convert_tokens_to_ids(f"<|{n}|>") for n in names}

    def ids(self, text: str) -> list[int]:
        """Token ids of `text`, remembered."""
        if text not in self._known:
            if len(self._known) > 50_000:
                self._known.clear()
            self._known[text] = self.tokenizer(text, add_special_tokens=False).input_ids
        return self._known[text]

    def length(self, lesson: Lesson) -> int:
        """About how many tokens the row of `lesson` has."""
        media = lesson.media
        seen = 0 if media is None else media.pixels[..., 0].size // (PATCH * MERGE) ** 2
        opening = len(self.ids(lesson.opening)) if lesson.opening else 0
        return (
            seen
            + opening
            + sum(len(self.ids(t)) + len(self.ids(a)) + 8 for t, a in lesson.branches)
        )

    def batch(self, lessons: Sequence[Lesson], answers: bool = True) -> Batch:
        """The lessons as tensors.

        Args:
            lessons: any mixture.
            answers: whether the ECRs stand in the rows; without them a branch ends where the
                assistant would begin to speak, which is where a direct embedder pools.
        """
        import torch

        images: list[Seen] = []
        videos: list[Seen] = []
        rows = []
        for lesson in lessons:
            grid = None
            if lesson.media is not None:
                values, grid = patches(lesson.media.pixels)
                (videos if lesson.media.timestamps_s else images).append((values, grid))
            rows.append(self._row(lesson, grid, answers))
        length = max(len(r.ids) for r in rows)
        ids = torch.full((len(rows), length), self._id["endoftext"])
        labels = torch.full((len(rows), length), IGNORED)
        positions = torch.zeros((3, len(rows), length), dtype=torch.long)
        segments = torch.full((len(rows), length), -1)
        for i, row in enumerate(rows):
            n = len(row.ids)
            ids[i, :n], labels[i, :n] = torch.tensor(row.ids), torch.tensor(row.labels)
            positions[:, i, :n] = torch.tensor(row.positions).T
            segments[i, :n] = torch.tensor(row.segments)
        before = torch.ones(length, length, dtype=torch.bool).tril()
        same = segments[:, :, None] == segments[:, None, :]
        sees = before & (same | (segments == 0)[:, None, :])
        return Batch(input_ids_RL=ids, position_ids_3RL=positions, sees_R1LL=sees[:, None],
                     labels_RL=labels, last_RB=[r.ends for r in rows],
                     images=_stack(images), videos=_stack(videos))  # fmt: skip

    def _row(self, lesson: Lesson, grid: tuple[int, int, int] | None, answers: bool) -> _Row:
        row = _Row([], [], [], [], [])
        self._say(row, "<|im_start|>user\n", 0)
        if lesson.media is not None and grid is not None:
            self._show(row, lesson.media, grid)
        if lesson.opening:
            self._say(row, lesson.opening, 0)
        start = row.positions[-1][0] + 1
        for number, (text, answer) in enumerate(lesson.branches, 1):
            asked = f"{text}<|im_end|>\n<|im_start|>assistant\n"
            at = self._ask(row, asked, number, start)
            if answers:
                self._say(row, f"{answer}<|im_end|>", number, at, spoken=True)
            row.ends.append(len(row.ids) - 1)
        return row

    def _ask(self, row: _Row, text: str, segment: int, at: int) -> int:
        """What the user says; what a mark in it says is the label where it stands."""
        said, *marked = re.split(f"{MARK_OPEN}([^{MARK_CLOSE}]*){MARK_CLOSE}", text)
        at = self._say(row, said, segment, at)
        for word, more in zip(marked[::2], marked[1::2], strict=True):
            first = len(row.labels)
            at = self._say(row, more, segment, at)
            row.labels[first] = self.ids(word)[0]
        return at

    def _say(
        self, row: _Row, text: str, segment: int, at: int | None = None, spoken: bool = False
    ) -> int:
        ids = self.ids(text)
        at = at if at is not None else (max(row.positions[-1]) + 1 if row.positions else 0)
        row.ids += ids
        row.positions += [(p, p, p) for p in range(at, at + len(ids))]
        row.segments += [segment] * len(ids)
        row.labels += ids if spoken else [IGNORED] * len(ids)
        return at + len(ids)

    def _show(self, row: _Row, media: Media, grid: tuple[int, int, int]) -> None:
        t, h, w = grid[0], grid[1] // MERGE, grid[2] // MERGE
        self._say(row, "<|vision_start|>", 0)
        for frame in range(t):
            if media.timestamps_s:
                self._say(row, f"<{media.timestamps_s[frame]:.1f} seconds><|vision_start|>", 0)
            at = max(row.positions[-1]) + 1
            pad = self._id["video_pad" if media.timestamps_s else "image_pad"]
            row.ids += [pad] * (h * w)
            row.positions += [(at, at + y, at + x) for y in range(h) for x in range(w)]
            row.segments += [0] * (h * w)
            row.labels += [IGNORED] * (h * w)
            if media.timestamps_s:
                self._say(row, "<|vision_end|>", 0)
        self._say(row, "<|vision_end|>", 0)


def _stack(
    parts: list[Seen],
) -> "tuple[torch.Tensor, torch.Tensor] | None":
    import numpy as np
    import torch

    if not parts:
        return None
    values = torch.from_numpy(np.concatenate([p for p, _ in parts]))
    return values, torch.tensor([g for _, g in parts])
