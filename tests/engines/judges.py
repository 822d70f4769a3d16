"""A judge to try engines with: the carried reasoner with two more tokens, untrained.

Its verdicts mean nothing; what is tried is that an engine gives them as transformers does.
"""

import shutil
from pathlib import Path
from typing import Any

from PIL import Image

from tte2_ray.engines import ModelInput, resolve_model
from tte2_ray.mini.judge import add_verdicts
from tte2_ray.prompts import JUDGE_INSTRUCTION, Side, judge_messages

VERDICTS = ("no", "yes")


def make_judge(folder: Path) -> Path:
    """The reasoner with a token for "no" and one for "yes", their rows as long as others."""
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    shutil.copytree(resolve_model("mini:reasoner"), folder)
    add_verdicts(folder)
    ids = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids(list(VERDICTS))
    tensors = load_file(folder / "model.safetensors")
    rows = next(rows for name, rows in tensors.items() if name.endswith("embed_tokens.weight"))
    torch.manual_seed(0)
    rows[ids] = torch.randn(len(ids), rows.shape[1]) * rows.std()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def scores_of_transformers(folder: Path, pairs: list[tuple[ModelInput, ModelInput]]) -> list[float]:
    """`sigmoid(logit yes - logit no)` behind each pair in the plain form, one by one."""
    import torch
    from transformers import AutoProcessor, Qwen3VLForConditionalGeneration

    loader: Any = AutoProcessor
    processor = loader.from_pretrained(folder)
    model = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    no, yes = processor.tokenizer.convert_tokens_to_ids(list(VERDICTS))
    scores = []
    for query, candidate in pairs:
        turns = judge_messages(
            "plain",
            Side(text=query.text),
            Side(text=candidate.text, images=len(candidate.images)),
            JUDGE_INSTRUCTION,
        )
        text = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        inputs = processor(text=[text], images=candidate.images or None, return_tensors="pt")
        with torch.no_grad():
            logits = model(**inputs).logits[0, -1]
        scores.append(float(torch.sigmoid(logits[yes] - logits[no])))
    return scores


def picture(turn: int) -> Image.Image:
    return Image.linear_gradient("L").convert("RGB").resize((96, 96)).rotate(90 * turn)
