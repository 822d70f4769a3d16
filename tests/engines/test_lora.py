"""An adapter that peft wrote, over the carried embedder on real vLLM: the vectors of peft."""

import asyncio
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tte2_ray.engines import (
    EmbedderConfig,
    EngineConfig,
    ModelInput,
    build_embedder,
    resolve_model,
)
from tte2_ray.prompts import embed_suffix, item_text, user_message

ECR = "<think>main red star top</think>main red star top"
PICTURES = [Image.linear_gradient("L").convert("RGB").resize((96, 96)).rotate(90 * n)
            for n in range(3)]  # fmt: skip


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA over the language model whose B is not zero, so that it changes what comes out."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    layers = r".*language_model.*\.(q_proj|v_proj|o_proj|down_proj)"
    config = LoraConfig(r=4, lora_alpha=16, target_modules=layers, init_lora_weights=False)
    model = get_peft_model(_model(), config)
    folder = tmp_path_factory.mktemp("lora")
    model.save_pretrained(folder)
    return folder


def _model():
    import torch
    from transformers import Qwen3VLForConditionalGeneration

    folder = resolve_model("mini:embedder")
    return Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)


def _expected(folder: Path | None) -> list[list[float]]:
    import torch
    from peft import PeftModel
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(resolve_model("mini:embedder"))
    model = _model()
    if folder is not None:
        model = PeftModel.from_pretrained(model, folder).merge_and_unload()
    turn = user_message(item_text(""), 1)
    prompt = processor.apply_chat_template([turn], add_generation_prompt=True, tokenize=False)
    vectors = []
    for picture in PICTURES:
        inputs = processor(text=[prompt + embed_suffix(ECR)], images=[picture], return_tensors="pt")
        with torch.no_grad():
            last = model.model(**inputs).last_hidden_state[0, -1]
        vectors.append(torch.nn.functional.normalize(last, dim=0).tolist())
    return vectors


def _cosines(some: list[list[float]], others: list[list[float]]) -> list[float]:
    return [
        sum(a * b for a, b in zip(x, y, strict=True)) for x, y in zip(some, others, strict=True)
    ]


@pytest.mark.timeout(600)
def test_an_adapter_gives_the_vectors_that_peft_gives(adapter: Path) -> None:
    expected, base = _expected(adapter), _expected(None)
    arguments = {"enforce_eager": True, "distributed_executor_backend": "uni"}
    engine = EngineConfig(
        model="mini:embedder", lora=str(adapter), dtype="float32", engine_args=arguments
    )

    async def made() -> list[list[float]]:
        # The model's own length, named as a preset of a hub model must.
        embedder = build_embedder(EmbedderConfig(engine=engine, dimension=len(base[0])))
        try:
            given = [ModelInput(text=item_text(""), images=[p]) for p in PICTURES]
            return [
                e.vector for e in await asyncio.gather(*(embedder.embed(g, ECR) for g in given))
            ]
        finally:
            embedder.close()

    vectors = asyncio.run(made())
    assert min(_cosines(vectors, expected)) > 0.999
    assert max(_cosines(vectors, base)) < 0.9, "the adapter must matter, or nothing is shown"


def test_arguments_of_the_presets_are_vllms() -> None:
    import dataclasses

    from vllm import AsyncEngineArgs

    known = {field.name for field in dataclasses.fields(AsyncEngineArgs)}
    presets = sorted((Path(__file__).parents[2] / "conf" / "models").glob("*.yaml"))
    for preset in presets:
        given = yaml.safe_load(preset.read_text())
        for role in ("reasoner", "embedder", "judge"):
            unknown = set(given[role]["engine"]["engine_args"]) - known
            assert not unknown, f"{preset.name}: {unknown}"
    assert "hf_overrides" in known, "named in a comment, for shorter vectors"
