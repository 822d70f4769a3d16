"""How many tokens a model will read of an input, told from its folder: no engine is started.

Text is counted by the model's own tokenizer where its folder is here, else by the character; what
stands for pixels follows from patch and merge sizes, as Qwen-VL processors have it. It is an
estimate: the chat template around the input is taken as a constant.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tte2_ray.engines.models import resolve_model
from tte2_ray.engines.protocols import ModelInput

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEMPLATE_TOKENS = 12
"""Marks of the user's and the assistant's turn."""
FRAME_TEXT_TOKENS = 8
"""The time and the marks that stand around a pair of frames."""
CHARS_PER_TOKEN = 4.0
"""Of English text, where the tokenizer is not here."""


@dataclass(frozen=True)
class TokenCounter:
    """Counts for one model.

    Args:
        model: `mini:<role>`, a folder, or a name on the hub.
    """

    model: str

    def prompt_tokens(self, given: ModelInput, suffix: str = "") -> int:
        """Text and visual tokens of a user turn, and of what the assistant's turn begins with."""
        text = self._text_tokens(given.text) + self._text_tokens(suffix)
        frames = -(-len(given.video.frames) // self._pair) if given.video else 0
        return text + self.visual_tokens(given) + TEMPLATE_TOKENS + FRAME_TEXT_TOKENS * frames

    def visual_tokens(self, given: ModelInput) -> int:
        """Tokens that stand for pixels."""
        found = sum(self._cells(image.height, image.width) for image in given.images)
        if given.video is not None:
            count, height, width = given.video.frames.shape[:3]
            found += -(-count // self._pair) * self._cells(height, width)
        return found

    def _cells(self, height: int, width: int) -> int:
        side = self._side
        return max(1, round(height / side)) * max(1, round(width / side))

    def _text_tokens(self, text: str) -> int:
        if not text:
            return 0
        if self._tokenizer is None:
            return round(len(text) / CHARS_PER_TOKEN)
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    @cached_property
    def context(self) -> int:
        """Tokens that the model was made for, prompt and output; 0 where it is not known."""
        text = self._config.get("text_config", self._config)
        return int(text.get("max_position_embeddings", 0))

    @cached_property
    def _folder(self) -> Path:
        return Path(resolve_model(self.model))

    @cached_property
    def _config(self) -> dict[str, Any]:
        file = self._folder / "config.json"
        described: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
        return described

    @cached_property
    def _vision(self) -> dict[str, Any]:
        vision: dict[str, Any] = self._config.get("vision_config", {})
        return vision

    @cached_property
    def _side(self) -> int:
        """Pixels along the side of what one token stands for; Qwen3-VL's where it is not known."""
        merge = self._vision.get("spatial_merge_size", 2)
        return int(self._vision.get("patch_size", 16)) * int(merge)

    @cached_property
    def _pair(self) -> int:
        """Frames that one token stands for."""
        return int(self._vision.get("temporal_patch_size", 2))

    @cached_property
    def _tokenizer(self) -> "Tokenizer | None":
        from tokenizers import Tokenizer

        file = self._folder / "tokenizer.json"
        return Tokenizer.from_file(str(file)) if file.is_file() else None
