"""The same models under transformers: an independent way from an item to its ECR and its vector.

Decoding is shared (it is the job's), prompts, processors and arithmetic are not: transformers'
own chat template, processor and forward, against what vLLM answered in the measured run.

Letters: R rows of a batch, D values.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.mini_eval.models import finished
from benchmarks.mini_eval.slots import KINDS, Kind, kind_of
from benchmarks.mini_eval.world import Eval, Turn
from tte2_ray.media import DecodedItem, MediaLimits, decode_item
from tte2_ray.pipelines.index.report import spread
from tte2_ray.prompts import embed_suffix, user_message

if TYPE_CHECKING:
    import numpy as np

ROWS = 16
"""Rows of a batch."""


def sample(eval_: Eval, each: int) -> dict[Kind, list[Turn]]:
    """`each` items of every kind, spread evenly over the corpus."""
    return {
        kind: spread([t for t in eval_.items if kind_of(eval_.truth[t.name]) == kind], each)
        for kind in KINDS
    }


class Peer:
    """A model under transformers.

    Args:
        folder: of the model.
        limits: of decoding, the job's.
        instruction: what it is asked to do with an item, the job's.
    """

    def __init__(self, folder: str, limits: MediaLimits, instruction: str) -> None:
        import torch
        from transformers import AutoProcessor, Qwen3VLForConditionalGeneration
        from transformers.utils import logging

        silence: Callable[[], None] = logging.disable_progress_bar
        silence()
        torch.set_num_threads(1)
        self._limits, self._instruction = limits, instruction
        loader: Any = AutoProcessor
        self._processor = loader.from_pretrained(folder)
        self._processor.tokenizer.padding_side = "left"
        model: Any = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        self._model: Any = model.eval()

    def ecrs(self, turns: Sequence[Turn], max_tokens: int) -> list[str]:
        """What greedy decoding writes, finished as the job does; "" where it would reject it."""
        said: list[str] = []
        for at in range(0, len(turns), ROWS):
            inputs = self._inputs(turns[at : at + ROWS], [""] * ROWS)
            out = self._model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False)
            said += [self._text(ids, max_tokens) for ids in out[:, inputs["input_ids"].shape[1] :]]
        return said

    def vectors(
        self, turns: Sequence[Turn], ecrs: Sequence[str]
    ) -> "np.ndarray[Any, np.dtype[np.float32]]":
        """The last token's hidden state, L2-normalised.

        Args:
            turns: what is embedded.
            ecrs: of each; "" embeds directly.
        """
        import numpy as np
        import torch
        import torch.nn.functional as F

        made = []
        for at in range(0, len(turns), ROWS):
            suffixes = [embed_suffix(ecr) for ecr in ecrs[at : at + ROWS]]
            with torch.no_grad():
                hidden = self._model.model(**self._inputs(turns[at : at + ROWS], suffixes))
            made.append(F.normalize(hidden.last_hidden_state[:, -1], dim=-1).numpy())
        return np.concatenate(made)

    def _text(self, ids: Any, max_tokens: int) -> str:
        ended = bool((ids == self._processor.tokenizer.eos_token_id).any())
        text = str(self._processor.decode(ids, skip_special_tokens=True)).strip()
        return finished(text, truncated=not ended and len(ids) >= max_tokens)

    def _inputs(self, turns: Sequence[Turn], suffixes: Sequence[str]) -> Any:
        """A left-padded batch; padding is masked, so that rows do not depend on each other."""
        decoded = [decode_item(turn.item, self._limits) for turn in turns]
        texts = [
            self._prompt(turn.words(seen.text, self._instruction), seen) + suffix
            for turn, seen, suffix in zip(turns, decoded, suffixes, strict=False)
        ]
        given: dict[str, Any] = {}
        if images := [image for seen in decoded for image in seen.images]:
            given["images"] = images
        if videos := [seen.video for seen in decoded if seen.video is not None]:
            given["videos"] = [video.frames for video in videos]
            given["video_metadata"] = [
                {"fps": v.fps, "frames_indices": list(v.frame_indices),
                 "total_num_frames": v.total_frames} for v in videos
            ]  # fmt: skip
            given["do_sample_frames"] = False
        return self._processor(text=texts, padding=True, return_tensors="pt", **given)

    def _prompt(self, words: str, seen: DecodedItem) -> str:
        turn = user_message(words, len(seen.images), 1 if seen.video is not None else 0)
        prompt = self._processor.apply_chat_template(
            [turn], add_generation_prompt=True, tokenize=False
        )
        return str(prompt)
